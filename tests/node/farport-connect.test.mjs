// `farport connect`: a client that only knows stdio reaches /mcp and /sse through it, and the
// reference server of the protocol's own project, and the Python SDK's, over both transports.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

import { basics } from './features.mjs';
import { connectWith, SDK1 } from './sdk1.mjs';
import { MCP_URL, SSE_URL, freePort, reportsTo, text } from './support.mjs';

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
  // What the proxy writes at once, the SDK reads at once.
  basics({ ...SDK1, name, losesReports: true, connect: (handlers) => connectWith(through(url, ...flags), handlers) });
}

const manifest = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json');

/** Waits until `server` accepts connections on a port. */
async function serves(server, port) {
  for (;;) {
    assert.equal(server.exitCode, null, 'the server runs');
    if (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

for (const [transport, path] of [['streamableHttp', '/mcp'], ['sse', '/sse']]) {
  test(`server-everything over ${transport}`, async () => {
    const port = await freePort();
    const server = spawn(process.execPath, [join(dirname(manifest), 'dist/index.js'), transport], {
      env: { ...process.env, PORT: String(port) },
      stdio: 'ignore',
    });
    try {
      const url = `http://localhost:${port}${path}`;
      await serves(server, port);
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

const python = process.env.FARPORT_PYTHON;
const noPython = python ? false : 'no Python with the packages of tests/python: run these tests with `cargo xtask clients`';

for (const [transport, path] of [['streamable-http', '/mcp'], ['sse', '/sse']]) {
  test(`the Python SDK's server over ${transport}`, { skip: noPython }, async () => {
    const port = await freePort();
    const server = spawn(python, [process.env.FARPORT_PYTHON_SERVER, transport, String(port)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    let client;
    try {
      await serves(server, port);
      client = await connectWith(through(`http://127.0.0.1:${port}${path}`), {
        'sampling/createMessage': async ({ params }) => ({
          model: 'test', role: 'assistant', content: { type: 'text', text: `re: ${params.messages[0].content.text}` },
        }),
        'elicitation/create': async () => ({ action: 'accept', content: { name: 'Ada' } }),
        'roots/list': async () => ({ roots: [{ uri: 'file:///home/ada' }] }),
      });
      assert.equal(client.getServerVersion().name, 'python');
      assert.equal(client.getInstructions(), 'Ask away.');
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map(({ name }) => name).sort(), ['count', 'echo', 'fail', 'greet', 'roots', 'think']);
      const call = (name, args = {}, options) => client.callTool({ name, arguments: args }, undefined, options);

      assert.equal(text(await call('echo', { message: 'grüße 𝄞' })), 'Echo: grüße 𝄞');
      const steps = reportsTo(client);
      const logged = [];
      client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => { logged.push(params.data); });
      const counted = await call('count', { to: 3 }, { onprogress: () => {} });
      assert.equal(counted.structuredContent.result, 3);
      assert.deepEqual(steps.map(({ progress }) => progress), [1, 2, 3]);
      assert.deepEqual(logged, ['at 1', 'at 2', 'at 3']);
      assert.equal(text(await call('greet')), 'Hello Ada');
      assert.equal(text(await call('think', { prompt: 'why' })), 're: why');
      assert.deepEqual((await call('roots')).structuredContent.result, ['file:///home/ada']);
      const failed = await call('fail');
      assert.equal(failed.isError, true);
      assert.match(text(failed), /on purpose/);

      const { resourceTemplates } = await client.listResourceTemplates();
      assert.equal(resourceTemplates[0].uriTemplate, 'test://greeting/{name}');
      const { contents } = await client.readResource({ uri: 'test://greeting/ada' });
      assert.equal(contents[0].text, 'Good morning, ada');
      const { messages } = await client.getPrompt({ name: 'review', arguments: { code: 'x' } });
      assert.equal(messages[0].content.text, 'Please review x');
      await assert.rejects(client.getPrompt({ name: 'nothing' }));
    } finally {
      await client?.close();
      server.kill('SIGKILL');
    }
  });
}
