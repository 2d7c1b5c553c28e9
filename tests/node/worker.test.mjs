// What a Worker keeps, in real workerd: sessions and sign-ins outlive it, one-time things are used
// once, and nobody gets into another's session.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { register } from './oauth.mjs';
import { worker } from './wrangler.mjs';

const WORKERS = process.env.FARPORT_WORKERS;
const REDIRECT = 'http://localhost:39999/callback';
const RACERS = 100;

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

/** Asks the server at `origin`; gives the response, with its JSON. */
async function ask(origin, method, params, { session, token, id = 1 } = {}) {
  const response = await fetch(`${origin}/mcp`, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...(session && { 'mcp-session-id': session }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text ? JSON.parse(text) : undefined };
}

async function open(origin, token) {
  const opened = await ask(origin, 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  }, { token });
  assert.equal(opened.status, 200, JSON.stringify(opened.json));
  const session = opened.headers.get('mcp-session-id');
  assert.match(session, /^[0-9a-f]{32}$/);
  return session;
}

const add = (origin, a, b, how) => ask(origin, 'tools/call', { name: 'add', arguments: { a, b } }, how);
const said = ({ json }) => json.result?.content[0].text;

/** A browser without a window: follows pages and redirects, and keeps cookies. */
class Visitor {
  #cookies = new Map();

  async go(url, init = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { ...init, redirect: 'manual', headers: { ...init.headers, ...(cookie && { cookie }) } });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      this.#cookies.set(name, value);
    }
    return { response, page: await response.text() };
  }

  /** Fills in the first form of a page, or the first that has the button `press`. */
  async submit(url, page, fields, press) {
    const forms = page.matchAll(/<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g);
    for (const [, action, inside] of forms) {
      if (press && !inside.includes(`value="${press}"`)) continue;
      const body = new URLSearchParams();
      for (const [input] of inside.matchAll(/<(?:input|button)[^>]*>/g)) {
        const attribute = (name) => new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1];
        const name = attribute('name');
        if (!name) continue;
        if (attribute('type') === 'hidden') body.append(name, unescaped(attribute('value') ?? ''));
        else if (press && attribute('value') === press) body.append(name, press);
        else if (fields[name] !== undefined) body.append(name, fields[name]);
      }
      return this.go(new URL(unescaped(action), url), {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(url).origin },
        body,
      });
    }
    throw new Error(`no form in ${page}`);
  }
}

const unescaped = (text) => text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** Signs `login` in at `origin`, as far as the authorization code. */
async function authorize(origin, login) {
  const client = await register(origin, {
    client_name: 'Race',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
  });
  const verifier = base64url(randomBytes(32));
  const asked = new URL(`${origin}/authorize`);
  asked.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: REDIRECT,
    code_challenge: base64url(createHash('sha256').update(verifier).digest()),
    code_challenge_method: 'S256',
    resource: `${origin}/mcp`,
    state: 'state',
  });
  const visitor = new Visitor();
  let { response, page } = await visitor.go(asked);
  let url = asked.href;
  for (let step = 0; step < 8; step += 1) {
    const next = response.headers.get('location')
      ?? /http-equiv="refresh"[^>]*url=([^"]*)"/i.exec(page)?.[1]
      ?? /url=(.*)/i.exec(response.headers.get('refresh') ?? '')?.[1];
    if (next) {
      const target = new URL(unescaped(next), url);
      if (target.href.startsWith(REDIRECT)) {
        assert.equal(target.searchParams.get('iss'), origin);
        assert.ok(target.searchParams.has('code'), target.href);
        return { client, verifier, code: target.searchParams.get('code') };
      }
      url = target.href;
      ({ response, page } = await visitor.go(target));
      continue;
    }
    assert.equal(response.status, 200, page);
    const consent = page.includes('value="allow"') ? 'allow' : undefined;
    ({ response, page } = await visitor.submit(url, page, { name: login }, consent));
  }
  throw new Error(`no code came of it: ${response.status} ${page}`);
}

const redeem = (origin, { client, verifier, code }) => token(origin, {
  grant_type: 'authorization_code', client_id: client.client_id, redirect_uri: REDIRECT, code_verifier: verifier, code,
  resource: `${origin}/mcp`,
});

async function token(origin, fields) {
  const response = await fetch(`${origin}/token`, { method: 'POST', body: new URLSearchParams(fields) });
  return { status: response.status, json: await response.json() };
}

describe('a public Worker', () => {
  const persist = mkdtempSync(join(tmpdir(), 'farport-worker-'));
  let server;
  before(async () => { server = await worker(join(WORKERS, 'calculator'), persist); });
  after(async () => {
    await server.kill();
    rmSync(persist, { recursive: true, force: true });
  });

  test('a session goes on after workerd was killed', async () => {
    const session = await open(server.origin);
    assert.equal(said(await add(server.origin, 1, 2, { session })), '3');
    await server.kill();
    server = await worker(join(WORKERS, 'calculator'), persist, { port: server.port });
    assert.equal(said(await add(server.origin, 3, 4, { session })), '7');
  });

  test('a session that nobody opened is unknown, and asking leaves nothing behind', async () => {
    const session = '00112233445566778899aabbccddeeff';
    for (let again = 0; again < 2; again += 1) {
      assert.equal((await add(server.origin, 1, 2, { session })).status, 404);
    }
    const ended = await open(server.origin);
    const gone = await fetch(server.url, { method: 'DELETE', headers: { 'mcp-session-id': ended } });
    assert.equal(gone.status, 204);
    assert.equal((await add(server.origin, 1, 2, { session: ended })).status, 404);
  });

  test('a session ends when it was idle for too long, and leaves nothing behind', async () => {
    const variables = { FARPORT_SESSION_IDLE_SECS: '2' };
    const place = mkdtempSync(join(tmpdir(), 'farport-worker-'));
    const brief = await worker(join(WORKERS, 'calculator'), place, { variables });
    try {
      const session = await open(brief.origin);
      assert.equal(said(await add(brief.origin, 1, 2, { session })), '3');
      await new Promise((resolve) => setTimeout(resolve, 6000));
      assert.equal((await add(brief.origin, 1, 2, { session })).status, 404);
      const search = () => execFileSync('grep', ['-rlaF', '--', '"clientInfo"', join(place, 'v3/do')]);
      assert.throws(search, ({ status }) => status === 1, 'grep finds nothing');
    } finally {
      await brief.kill();
      rmSync(place, { recursive: true, force: true });
    }
  });

  test('what a client says under the names of the Worker\'s own headers counts for nothing', async () => {
    const session = await open(server.origin);
    const other = '00112233445566778899aabbccddeeff';
    const response = await fetch(server.url, {
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        'mcp-session-id': other,
        'farport-object-session': session,
        'farport-object-opens': '1',
        'farport-object-operation': '1',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    });
    assert.equal(response.status, 404);
  });

  test('a page elsewhere is not let in', async () => {
    for (const path of ['/mcp', '/sse', '/health']) {
      const response = await fetch(`${server.origin}${path}`, { headers: { origin: 'https://evil.example' } });
      assert.equal(response.status, 403, path);
    }
  });

  test('fifty clients at once each get their own answers', async () => {
    const clients = Array.from({ length: 50 }, async (_, number) => {
      const session = await open(server.origin);
      for (let round = 0; round < 3; round += 1) {
        assert.equal(said(await add(server.origin, number, 1000 * round, { session })), String(number + 1000 * round));
      }
    });
    await Promise.all(clients);
  });
});

describe('a Worker with sign-in', () => {
  const persist = mkdtempSync(join(tmpdir(), 'farport-worker-'));
  const variables = { FARPORT_MASTER_KEY: randomBytes(32).toString('base64') };
  const start = (port) => worker(join(WORKERS, 'sign-in'), persist, { variables, port });
  let server;
  before(async () => { server = await start(); });
  after(async () => {
    await server.kill();
    rmSync(persist, { recursive: true, force: true });
  });

  test('lets in who has signed in, and nobody else', async () => {
    const bare = await add(server.origin, 1, 2);
    assert.equal(bare.status, 401);
    assert.match(bare.headers.get('www-authenticate'), /resource_metadata="http:\/\/localhost/);
    const { json } = await redeem(server.origin, await authorize(server.origin, 'alice'));
    const mine = await open(server.origin, json.access_token);
    assert.equal(said(await add(server.origin, 1, 2, { session: mine, token: json.access_token })), '3');
    // Another user has no way into it.
    const bob = await redeem(server.origin, await authorize(server.origin, 'bob'));
    const foreign = await add(server.origin, 1, 2, { session: mine, token: bob.json.access_token });
    assert.equal(foreign.status, 404);
    assert.equal((await add(server.origin, 1, 2, { session: mine })).status, 401);
  });

  test('of a hundred who redeem one code, one succeeds', async () => {
    const code = await authorize(server.origin, 'alice');
    const all = await Promise.all(Array.from({ length: RACERS }, () => redeem(server.origin, code)));
    const good = all.filter(({ status }) => status === 200);
    assert.equal(good.length, 1);
    const errors = new Set(all.filter(({ status }) => status !== 200).map(({ status, json }) => `${status} ${json.error}`));
    assert.deepEqual([...errors], ['400 invalid_grant']);
    // The replay has revoked what the code gave.
    assert.equal((await add(server.origin, 1, 2, { token: good[0].json.access_token })).status, 401);
  });

  test('of a hundred who use one refresh token, one family lives', async () => {
    const code = await authorize(server.origin, 'alice');
    const first = await redeem(server.origin, code);
    const fields = { grant_type: 'refresh_token', client_id: code.client.client_id, refresh_token: first.json.refresh_token };
    const all = await Promise.all(Array.from({ length: RACERS }, () => token(server.origin, fields)));
    assert.equal(all.filter(({ status }) => status === 200).length, 1);
  });

  test('a sign-in and its session go on after workerd was killed', async () => {
    const code = await authorize(server.origin, 'alice');
    const { json } = await redeem(server.origin, code);
    const session = await open(server.origin, json.access_token);
    await server.kill();
    server = await start(server.port);
    const how = { session, token: json.access_token };
    assert.equal(said(await add(server.origin, 3, 4, how)), '7');
    const renewed = await token(server.origin, {
      grant_type: 'refresh_token', client_id: code.client.client_id, refresh_token: json.refresh_token,
    });
    assert.equal(renewed.status, 200, JSON.stringify(renewed.json));
  });

  test('no token, code or key is in what workerd keeps', async () => {
    const code = await authorize(server.origin, 'alice');
    const { json } = await redeem(server.origin, code);
    for (const secret of [code.code, json.access_token, json.refresh_token, variables.FARPORT_MASTER_KEY]) {
      const search = () => execFileSync('grep', ['-rlaF', '--', secret, persist]);
      assert.throws(search, ({ status }) => status === 1, 'grep finds nothing');
    }
  });
});
