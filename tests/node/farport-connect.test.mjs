// `farport connect`: a client that only knows stdio reaches /mcp and /sse through it, and the
// reference server of the protocol's own project, over both transports.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { basics } from './features.mjs';
import { connectWith, SDK1 } from './sdk1.mjs';
import { MCP_URL, SSE_URL, text } from './support.mjs';

const config = mkdtempSync(join(tmpdir(), 'farport-connect-'));
after(() => rmSync(config, { recursive: true }));

function through(url, ...flags) {
  return new StdioClientTransport({
    command: process.env.FARPORT_BIN,
    args: ['connect', url, ...flags],
    env: { ...getDefaultEnvironment(), FARPORT_CONFIG_DIR: config },
    stderr: 'inherit',
  });
}

for (const [name, url, ...flags] of [
  ['farport connect to /mcp', MCP_URL],
  ['farport connect to /sse', SSE_URL, '--transport', 'sse-only'],
]) {
  basics({ ...SDK1, name, connect: (handlers) => connectWith(through(url, ...flags), handlers) });
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json');

for (const [transport, path] of [['streamableHttp', '/mcp'], ['sse', '/sse']]) {
  test(`server-everything over ${transport}`, async () => {
    const port = await freePort();
    const server = spawn(process.execPath, [join(dirname(manifest), 'dist/index.js'), transport], {
      env: { ...process.env, PORT: String(port) },
      stdio: 'ignore',
    });
    try {
      const url = `http://localhost:${port}${path}`;
      for (;;) {
        assert.equal(server.exitCode, null, 'the server runs');
        const there = await fetch(`http://localhost:${port}/`).catch(() => undefined);
        if (there) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      const asked = [];
      const client = await connectWith(through(url, '--transport', 'http-first'), {
        'sampling/createMessage': async (request) => {
          asked.push(request.method);
          return { model: 'test', role: 'assistant', content: { type: 'text', text: 'sampled' } };
        },
        'elicitation/create': async () => ({ action: 'decline' }),
        'roots/list': async () => ({ roots: [] }),
      });
      const { tools } = await client.listTools();
      const echo = await client.callTool({ name: 'echo', arguments: { message: 'through' } });
      assert.match(text(echo), /through/);
      const sampling = tools.find(({ name }) => /sampl/i.test(name) && !/agentic|async/i.test(name));
      if (sampling) {
        await client.callTool({ name: sampling.name, arguments: { prompt: 'hello', maxTokens: 10 } });
        assert.deepEqual(asked, ['sampling/createMessage']);
      }
      const { resources } = await client.listResources();
      assert.ok(resources.length > 0);
      await client.readResource({ uri: resources[0].uri });
      await client.close();
    } finally {
      server.kill('SIGKILL');
    }
  });
}
