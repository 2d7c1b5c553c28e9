// `mcp-remote`: a client that only knows stdio reaches /mcp and /sse through it.

import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';

import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { basics } from './features.mjs';
import { connectWith, SDK1 } from './sdk1.mjs';
import { MCP_URL, SSE_URL } from './support.mjs';

const bridge = join(dirname(createRequire(import.meta.url).resolve('mcp-remote/package.json')), 'dist/proxy.js');
const config = mkdtempSync(join(tmpdir(), 'farport-mcp-remote-'));
after(() => rmSync(config, { recursive: true }));

function through(url, ...flags) {
  return new StdioClientTransport({
    command: process.execPath,
    args: [bridge, url, '--allow-http', '--silent', ...flags],
    env: { ...getDefaultEnvironment(), MCP_REMOTE_CONFIG_DIR: config },
    stderr: 'inherit',
  });
}

for (const [name, url, ...flags] of [
  ['mcp-remote to /mcp', MCP_URL, '--transport', 'http-only'],
  ['mcp-remote to /sse', SSE_URL, '--transport', 'sse-only'],
]) {
  basics({ ...SDK1, name, losesReports: true, connect: (handlers) => connectWith(through(url, ...flags), handlers) });
}
