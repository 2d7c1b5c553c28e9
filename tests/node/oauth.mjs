// What the sign-in tests share: farport itself, a client's callback, and what clients keep.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { later } from './support.mjs';

/**
 * `farport demo` with these arguments, on a free port. `environment` is added to a small one.
 * With `settings`, it runs in a folder where they are its farport.toml. What it prints is kept, with its
 * whole log, for the tests that look for secrets in it.
 */
export async function demo(args, environment = {}, settings = undefined) {
  const binary = process.env.FARPORT_BIN;
  assert.ok(binary, 'FARPORT_BIN is not set: run these tests with `cargo xtask clients`');
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', FARPORT_LOG: 'debug', ...environment };
  const cwd = settings && mkdtempSync(join(tmpdir(), 'farport-demo-'));
  if (cwd) writeFileSync(join(cwd, 'farport.toml'), settings);
  const child = spawn(binary, ['demo', '--port', '0', ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  // A test that failed on the way to `stop` leaves nothing running.
  const kill = () => child.kill();
  process.once('exit', kill);
  for (const handle of [child, child.stdout, child.stderr]) handle.unref();
  const printed = [];
  const ready = later('farport being ready', 20_000);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      printed.push(line);
      const url = /http:\/\/\S+\/mcp\b/.exec(line);
      if (url) ready.resolve(url[0]);
    });
  }
  const early = ended.then(([code]) => { throw new Error(`farport ended with ${code}:\n${printed.join('\n')}`); });
  const url = await Promise.race([ready.promise, early]);
  early.catch(() => {});
  return {
    url,
    origin: new URL(url).origin,
    printed,
    prints: /INFO[^\n]* responded status=200/,
    secrets: [],
    // The process that revokes a token rejects it at once.
    believes: 0,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
      if (cwd) rmSync(cwd, { recursive: true });
    },
  };
}

/** An HTTP server on a port of loopback. `handle` may be set later. */
export async function listen(handle) {
  const server = createServer(handle);
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {
    server,
    origin: `http://localhost:${server.address().port}`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** A client's callback on loopback: gives the parameters with which a browser arrives. */
export async function callbackServer() {
  let waiting;
  const { origin, stop } = await listen((request, response) => {
    const url = new URL(request.url, origin);
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>Back</title>');
    if (url.pathname === '/callback') waiting?.resolve(url.searchParams);
  });
  return {
    url: `${origin}/callback`,
    next() {
      waiting = later('the browser being back at the callback', 60_000);
      return waiting.promise;
    },
    stop,
  };
}

/** Registers a client with this metadata, and returns the registration. */
export async function register(origin, metadata) {
  const response = await fetch(`${origin}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token_endpoint_auth_method: 'none', ...metadata }),
  });
  const client = await response.json();
  assert.equal(response.status, 201, JSON.stringify(client));
  return client;
}

/** An `OAuthClientProvider` of either npm library, which keeps everything in memory. */
export class Keeper {
  authorizationUrls = [];
  #kept = {};

  constructor(redirectUrl, name, authentication = 'none') {
    this.redirectUrl = redirectUrl;
    this.clientMetadata = {
      client_name: name,
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: authentication,
    };
  }

  state() {
    this.expectedState = crypto.randomUUID();
    return this.expectedState;
  }

  clientInformation() { return this.#kept.client; }
  saveClientInformation(client) { this.#kept.client = client; }
  tokens() { return this.#kept.tokens; }
  saveTokens(tokens) { this.#kept.tokens = tokens; }
  codeVerifier() { return this.#kept.verifier; }
  saveCodeVerifier(verifier) { this.#kept.verifier = verifier; }
  discoveryState() { return this.#kept.discovery; }
  saveDiscoveryState(discovery) { this.#kept.discovery = discovery; }
  redirectToAuthorization(url) { this.authorizationUrls.push(url); }

  invalidateCredentials(scope) {
    if (scope === 'all') this.#kept = {};
    else delete this.#kept[scope];
  }
}

/** Posts a form to an endpoint of farport as the client that `information` describes. */
export function asClient(origin, path, information, fields) {
  const { client_id, client_secret } = information;
  const body = new URLSearchParams({ client_id, ...(client_secret && { client_secret }), ...fields });
  return fetch(`${origin}${path}`, { method: 'POST', body });
}

/** The status of a request to `url` with this access token, and how it is challenged. */
export async function knock(url, token) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'knock', version: '1' } },
    }),
  });
  await response.text();
  return { status: response.status, challenge: response.headers.get('www-authenticate') };
}
