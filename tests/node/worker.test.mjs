// The state of a Worker in real workerd: sessions and sign-ins outlive workerd, one-time values work
// once, and no client can use the session of another.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';

import { soon } from './farport.mjs';
import { authorize, redeem, token } from './visitor.mjs';
import { worker } from './wrangler.mjs';

const WORKERS = process.env.FARPORT_WORKERS;
const RACERS = 100;
const INITIALIZE = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
};

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
  const opened = await ask(origin, 'initialize', INITIALIZE, { token });
  assert.equal(opened.status, 200, JSON.stringify(opened.json));
  const session = opened.headers.get('mcp-session-id');
  assert.match(session, /^[0-9a-f]{32}$/);
  return session;
}

const add = (origin, a, b, how) => ask(origin, 'tools/call', { name: 'add', arguments: { a, b } }, how);
const said = ({ json }) => json.result?.content[0].text;

/** Returns whether a file below `folder` contains `text`. */
function isIn(folder, text) {
  const { status, stderr } = spawnSync('grep', ['-rqaF', '--', text, folder], { encoding: 'utf8' });
  assert.ok(status === 0 || status === 1, stderr);
  return status === 0;
}

/** Runs `sql` on the database of the only object of this class in `persist`. */
function change(persist, className, sql) {
  const files = readdirSync(persist, { recursive: true }).filter((file) => (
    file.includes(`-${className}/`) && file.endsWith('.sqlite') && !file.endsWith('/metadata.sqlite')));
  assert.equal(files.length, 1, `one database of ${className} among ${files}`);
  const database = new DatabaseSync(join(persist, files[0]));
  database.exec(sql);
  database.close();
}

describe('a public Worker', () => {
  const persist = mkdtempSync(join(tmpdir(), 'farport-worker-'));
  let server;
  before(async () => { server = await worker(join(WORKERS, 'calculator'), persist); });
  after(async () => {
    await server.kill();
    rmSync(persist, { recursive: true, force: true });
  });

  test('a session continues after workerd was killed', async () => {
    const session = await open(server.origin);
    assert.equal(said(await add(server.origin, 1, 2, { session })), '3');
    await server.kill();
    server = await worker(join(WORKERS, 'calculator'), persist, { port: server.port });
    assert.equal(said(await add(server.origin, 3, 4, { session })), '7');
  });

  test('a session that was never opened is unknown, and the request stores nothing', async () => {
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
      assert.ok(!isIn(join(place, 'v3/do'), '"clientInfo"'));
    } finally {
      await brief.kill();
      rmSync(place, { recursive: true, force: true });
    }
  });

  test('a network opens so many sessions a minute, and a refused one creates no object', async () => {
    const variables = { FARPORT_SESSIONS_PER_MINUTE: '3' };
    const folder = mkdtempSync(join(tmpdir(), 'farport-worker-'));
    const limited = await worker(join(WORKERS, 'calculator'), folder, { variables });
    try {
      for (let opened = 0; opened < 3; opened += 1) await open(limited.origin);
      const refused = await ask(limited.origin, 'initialize', INITIALIZE);
      assert.equal(refused.status, 429, JSON.stringify(refused.json));
      assert.ok(Number(refused.headers.get('retry-after')) > 0);
      const streamed = await fetch(`${limited.origin}/sse`, { headers: { accept: 'text/event-stream' } });
      assert.equal(streamed.status, 429);
      await streamed.body?.cancel();
      const objects = readdirSync(folder, { recursive: true }).filter((file) => (
        file.includes('-FarportSession/') && file.endsWith('.sqlite') && !file.endsWith('/metadata.sqlite')));
      assert.equal(objects.length, 3, `${objects}`);
    } finally {
      await limited.kill();
      rmSync(folder, { recursive: true, force: true });
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

describe('a Worker whose tools remember', () => {
  const persist = mkdtempSync(join(tmpdir(), 'farport-worker-'));
  const start = (port) => worker(join(WORKERS, 'fixture'), persist, { port });
  const note = (text, session) => ask(server.origin, 'tools/call', { name: 'test_note', arguments: { text } }, { session });
  let server;
  before(async () => { server = await start(); });
  after(async () => {
    await server.kill();
    rmSync(persist, { recursive: true, force: true });
  });

  test('the data of a session outlives workerd, is isolated, and is deleted with it', async () => {
    const [mine, other] = [await open(server.origin), await open(server.origin)];
    assert.equal(said(await note('anemone', mine)), 'anemone');
    assert.equal(said(await note('begonia', mine)), 'anemone, begonia');
    assert.equal(said(await note('camellia', other)), 'camellia');
    await server.kill();
    server = await start(server.port);
    assert.equal(said(await note('dahlia', mine)), 'anemone, begonia, dahlia');
    assert.ok(isIn(persist, 'anemone'), 'it is on disk');
    const ended = await fetch(server.url, { method: 'DELETE', headers: { 'mcp-session-id': mine } });
    assert.equal(ended.status, 204);
    assert.equal((await note('erica', mine)).status, 404);
    assert.equal(said(await note('erica', other)), 'camellia, erica');
    const end = Date.now() + 20_000;
    while (isIn(persist, 'anemone')) {
      assert.ok(Date.now() < end, 'the data of the session still exists');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(isIn(persist, 'camellia'));
  });

  test('nothing is lost between calls at the same time', async () => {
    const session = await open(server.origin);
    await Promise.all(Array.from({ length: 50 }, (_, number) => note(String(number), session)));
    assert.equal(said(await note('last', session)).split(', ').length, 51);
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

  test('only signed-in users can call tools', async () => {
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
    const began = Date.now();
    const all = await Promise.all(Array.from({ length: RACERS }, () => token(server.origin, fields)));
    // Two seconds after the last success, a request with the same token repeats a response that was lost.
    const most = 1 + Math.floor((Date.now() - began) / 2000);
    const served = all.filter(({ status }) => status === 200).length;
    assert.ok(served >= 1 && served <= most, `${served} were served, at most ${most} may be`);
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

  test('an operation of the store that fails midway leaves nothing behind', async () => {
    const code = await authorize(server.origin, 'alice');
    const other = await authorize(server.origin, 'bob');
    const { json } = await redeem(server.origin, other);
    const fields = { grant_type: 'refresh_token', client_id: other.client.client_id, refresh_token: json.refresh_token };
    const restarted = async (sql) => {
      await server.kill();
      change(persist, 'FarportStore', sql);
      server = await start(server.port);
    };
    // It is the last of what is written: the code has been used up, and an access token been written, by then.
    await restarted(`CREATE TRIGGER full BEFORE INSERT ON refresh_tokens BEGIN SELECT RAISE(ABORT, 'full'); END`);
    for (const failed of [await redeem(server.origin, code), await token(server.origin, fields)]) {
      assert.ok(failed.status >= 500, JSON.stringify(failed));
    }
    // The log comes on its own way.
    await soon({ believes: 10_000 }, () => assert.match(server.printed.join('\n'), /\bfull\b/, 'that is what failed'));
    await restarted('DROP TRIGGER full');
    for (const good of [await redeem(server.origin, code), await token(server.origin, fields)]) {
      assert.equal(good.status, 200, JSON.stringify(good.json));
    }
  });

  test('no token, code or key is in what workerd keeps', async () => {
    const code = await authorize(server.origin, 'alice');
    const { json } = await redeem(server.origin, code);
    for (const secret of [code.code, json.access_token, json.refresh_token, variables.FARPORT_MASTER_KEY]) {
      assert.ok(!isIn(persist, secret));
    }
  });
});
