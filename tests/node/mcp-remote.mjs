// `mcp-remote` for the sign-in tests: started, and what it keeps.

import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { later } from './support.mjs';

const bridge = join(dirname(createRequire(import.meta.url).resolve('mcp-remote/package.json')), 'dist/proxy.js');

/** `mcp-remote`, whose wish to open a browser ends up here. */
export class Bridge {
  said = [];

  constructor(farport, folder) {
    const opener = join(folder, 'opener');
    writeFileSync(opener, '#!/bin/sh\nexit 0\n');
    chmodSync(opener, 0o700);
    this.transport = new StdioClientTransport({
      command: process.execPath,
      args: [bridge, farport.url, '--allow-http', '--transport', 'http-only'],
      // No desktop, and a browser that does nothing: the user copies the URL from the terminal.
      env: { ...getDefaultEnvironment(), BROWSER: opener, MCP_REMOTE_CONFIG_DIR: folder },
      stderr: 'pipe',
    });
    const asked = later('mcp-remote asking for a sign-in', 60_000);
    let url;
    createInterface({ input: this.transport.stderr }).on('line', (line) => {
      this.said.push(line);
      if (/^https?:\/\/\S+\/authorize\?/.test(line)) url = new URL(line);
      // Before that, it may not listen at its callback yet, and this person is quick.
      if (url && line.includes('Waiting for authorization')) asked.resolve(url);
    });
    this.asked = asked.promise;
    // Without a sign-in, no test awaits this promise.
    this.asked.catch(() => {});
    this.client = new Client({ name: 'farport-tests', version: '1.0.0' });
    this.connected = this.client.connect(this.transport, { timeout: 50_000 });
    this.connected.catch(() => {});
  }
}

/** What `mcp-remote` has kept in the file with this ending. */
export function kept(folder, ending) {
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(ending));
  assert.equal(files.length, 1, `one ${ending} among ${files}`);
  return JSON.parse(readFileSync(join(folder, files[0]), 'utf8'));
}

/** The browser opens the callback of `mcp-remote` itself. The result only says that it did. */
export function callbackOf(url, page) {
  const redirect = new URL(url.searchParams.get('redirect_uri'));
  return {
    next() {
      const back = later('the browser being back at mcp-remote', 60_000);
      page.on('request', (request) => {
        const at = new URL(request.url());
        if (at.host === redirect.host && at.pathname === redirect.pathname) back.resolve(at.searchParams);
      });
      return back.promise;
    },
  };
}
