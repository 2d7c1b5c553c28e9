// `farport connect` and `farport login` sign in to farport's own server through a real browser; what
// `mcp-remote` has signed in to is taken over.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import { Person, skip, startBrowser } from './browser.mjs';
import { Bridge, callbackOf, kept } from './mcp-remote.mjs';
import { knock } from './oauth.mjs';
import { later, text } from './support.mjs';
import { devLogin } from './upstreams.mjs';

const IDENTITY = { name: 'farport-tests', version: '1.0.0' };

describe('farport signs in', { skip }, () => {
  let browser;
  let server;
  before(async () => {
    browser = await startBrowser();
    server = await devLogin();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  const within = (name, what, why = false) => test(name, { skip: why }, async () => {
    const machine = new Machine();
    const person = await Person.with(browser, server);
    try {
      await what(machine, person, server);
      machine.hasNoSecret(server.secrets);
    } catch (error) {
      error.message += `\nfarport said:\n${machine.said.join('\n')}`;
      throw error;
    } finally {
      await machine.stop();
      await person.close();
    }
  });

  within('connect: signs in, renews, is revoked, signs in again', connectLives);
  within('login, status, connect, logout: the token is dead afterwards', loginLives);
  within('the keyring of a desktop keeps the tokens', keptInKeyring, noKeyring());
  within('connect reports that the user denied access', saysNo);
  within('a sign-in of mcp-remote is taken over, and renewed', takesOver);
  test('nothing that the server prints has a secret in it', () => {
    const printed = server.printed.join('\n');
    assert.ok(server.secrets.length > 4);
    for (const secret of server.secrets) assert.ok(!printed.includes(secret), 'a secret is in the log');
  });
});

/** A machine with its own settings, which logs the URLs of pages instead of opening them. */
class Machine {
  folder = mkdtempSync(join(tmpdir(), 'farport-machine-'));
  said = [];
  #clients = [];

  constructor() {
    const opener = join(this.folder, 'opener');
    writeFileSync(opener, '#!/bin/sh\nprintf "%s\\n" "$#" "$1" > "$0.new" && mv "$0.new" "$0.page"\n');
    chmodSync(opener, 0o700);
    this.env = {
      ...getDefaultEnvironment(),
      BROWSER: opener,
      FARPORT_CONFIG_DIR: join(this.folder, 'farport'),
      MCP_REMOTE_CONFIG_DIR: join(this.folder, 'mcp-remote'),
      NO_COLOR: '1',
    };
    this.page = `${opener}.page`;
  }

  /** The page that is opened next. */
  async opened() {
    const deadline = Date.now() + 20_000;
    while (!existsSync(this.page)) {
      assert.ok(Date.now() < deadline, 'a page is opened');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const [count, address] = readFileSync(this.page, 'utf8').split('\n');
    rmSync(this.page);
    assert.equal(count, '1');
    return new URL(address);
  }

  #listen(stream) {
    createInterface({ input: stream }).on('line', (line) => this.said.push(line));
  }

  /** A client through `farport connect`, and the promise that it has connected. */
  connect(url, ...flags) {
    const transport = new StdioClientTransport({
      command: process.env.FARPORT_BIN,
      args: ['connect', url, ...flags],
      env: this.env,
      stderr: 'pipe',
    });
    this.#listen(transport.stderr);
    const client = new Client(IDENTITY);
    this.#clients.push(client);
    const connected = client.connect(transport, { timeout: 50_000 });
    connected.catch(() => {});
    return { client, connected };
  }

  /** Runs `farport` to its end: what it printed, and how it ended. */
  run(...args) {
    const child = spawn(process.env.FARPORT_BIN, args, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    child.stdout.on('data', (chunk) => { printed += chunk; });
    this.#listen(child.stderr);
    return once(child, 'close').then(([code]) => ({ code, printed }));
  }

  /** The only sign-in that is kept, and a way to change it. */
  kept() {
    const folder = join(this.env.FARPORT_CONFIG_DIR, 'sign-ins');
    const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
    assert.equal(files.length, 1, `one sign-in among ${files}`);
    const path = join(folder, files[0]);
    return { path, record: JSON.parse(readFileSync(path, 'utf8')) };
  }

  change(how) {
    const { path, record } = this.kept();
    how(record);
    writeFileSync(path, JSON.stringify(record));
  }

  hasNoSecret(secrets) {
    const said = this.said.join('\n');
    for (const secret of secrets) assert.ok(!said.includes(secret), 'a secret is in what farport says');
  }

  async stop() {
    for (const client of this.#clients) await client.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** Goes through the pages, until the browser is back at farport. */
async function authorize(machine, person, how) {
  const url = await machine.opened();
  return person.authorize(url, callbackOf(url, person.page), how);
}

async function calculates(client) {
  assert.equal(text(await client.callTool({ name: 'add', arguments: { a: 2, b: 3 } })), '5');
}

/** Has the server take a token back. */
async function revoke(server, record, token) {
  const body = new URLSearchParams({ client_id: record.client.id, token });
  const response = await fetch(`${server.origin}/revoke`, { method: 'POST', body });
  assert.equal(response.status, 200);
}

function remember(server, { tokens }) {
  server.secrets.push(tokens.access, tokens.refresh);
  return tokens;
}

async function connectLives(machine, person, server) {
  const { client, connected } = machine.connect(server.url);
  const answer = await authorize(machine, person);
  assert.equal(answer.get('iss'), server.origin);
  await connected;
  assert.deepEqual(person.seen.slice(0, 2), ['Sign in', 'Allow access']);
  await calculates(client);
  const first = remember(server, machine.kept().record);
  assert.equal((await knock(server.url, first.access)).status, 200);

  // The server revokes the access token: farport gets another one without the user.
  await revoke(server, machine.kept().record, first.access);
  assert.equal((await knock(server.url, first.access)).status, 401);
  await calculates(client);
  const second = remember(server, machine.kept().record);
  assert.notEqual(second.access, first.access);
  assert.notEqual(second.refresh, first.refresh);

  // The token expires soon: the next process refreshes it before its first request.
  await client.close();
  machine.change(({ tokens }) => {
    const now = Math.floor(Date.now() / 1000);
    Object.assign(tokens, { obtained_at: now - 3600, expires_at: now + 30 });
  });
  const next = machine.connect(server.url);
  await next.connected;
  await calculates(next.client);
  const third = remember(server, machine.kept().record);
  assert.notEqual(third.access, second.access);
  assert.equal((await knock(server.url, third.access)).status, 200);

  // The grant is revoked: the user signs in again, and the client does not notice.
  await revoke(server, machine.kept().record, third.refresh);
  const calling = calculates(next.client);
  calling.catch(() => {});
  await authorize(machine, person);
  await calling;
  assert.notEqual(remember(server, machine.kept().record).access, third.access);
}

async function loginLives(machine, person, server) {
  const signedIn = machine.run('login', server.url);
  await authorize(machine, person);
  const { code, printed } = await signedIn;
  assert.deepEqual([code, printed], [0, `Signed in to ${server.url}\n`]);
  const { client: { id } } = machine.kept().record;
  const { access, refresh } = remember(server, machine.kept().record);
  assert.equal((await knock(server.url, access)).status, 200);

  const status = JSON.parse((await machine.run('status', '--json')).printed);
  const [one] = status.sign_ins;
  assert.equal(status.sign_ins.length, 1);
  assert.deepEqual(
    [one.server, one.issuer, one.signed_in, one.renews, one.in_keyring],
    [server.url, server.origin, true, true, false],
  );
  const shown = (await machine.run('status')).printed;
  assert.match(shown, /signed in, token valid for .*, refreshed automatically/);
  for (const secret of [access, refresh]) assert.ok(!shown.includes(secret));

  const { client, connected } = machine.connect(server.url);
  await connected;
  await calculates(client);
  await client.close();
  assert.ok(!existsSync(machine.page), 'nobody is asked again');

  const ended = await machine.run('logout', server.url);
  assert.match(ended.printed, /signed out; the server revoked the tokens/);
  assert.equal((await knock(server.url, access)).status, 401);
  const renewed = await fetch(`${server.origin}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh, client_id: id }),
  });
  assert.equal((await renewed.json()).error, 'invalid_grant');
  assert.deepEqual(JSON.parse((await machine.run('status', '--json')).printed).sign_ins, []);
}

async function saysNo(machine, person, server) {
  const { connected } = machine.connect(server.url);
  const answer = await authorize(machine, person, { decision: 'deny' });
  assert.equal(answer.get('error'), 'access_denied');
  await assert.rejects(connected, /refused the sign-in: .*access_denied.*farport login/s);
  assert.ok(machine.said.some((line) => line.includes('access_denied')), machine.said.join('\n'));
}

async function takesOver(machine, person, server) {
  mkdirSync(machine.env.MCP_REMOTE_CONFIG_DIR);
  const remote = new Bridge(server, machine.env.MCP_REMOTE_CONFIG_DIR);
  try {
    const url = await remote.asked;
    await person.authorize(url, callbackOf(url, person.page));
    await remote.connected;
  } finally {
    await remote.client.close();
  }
  const theirs = kept(machine.env.MCP_REMOTE_CONFIG_DIR, 'tokens.json');
  server.secrets.push(theirs.access_token, theirs.refresh_token);

  const { client, connected } = machine.connect(server.url);
  await connected;
  await calculates(client);
  // Renewing it needs the client that mcp-remote registered, and from then on it is farport's own.
  const { client_id: id } = kept(machine.env.MCP_REMOTE_CONFIG_DIR, 'client_info.json');
  await revoke(server, { client: { id } }, theirs.access_token);
  await calculates(client);
  const { record } = machine.kept();
  const ours = remember(server, record);
  assert.equal(record.client.id, id);
  assert.notEqual(ours.access, theirs.access_token);
  assert.equal((await knock(server.url, ours.access)).status, 200);
  assert.ok(!existsSync(machine.page), 'nobody is asked again');
}

/** Why there is no keyring here to test with, if so. */
function noKeyring() {
  const missing = ['dbus-daemon', 'gnome-keyring-daemon'].filter((program) => spawnSync(program, ['--version']).error);
  return missing.length > 0 && `no ${missing.join(', no ')}`;
}

/** A session of a desktop: a bus, and a keyring on it that has been unlocked. */
async function session(machine) {
  const bus = spawn('dbus-daemon', ['--session', '--nofork', '--print-address'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [address] = await once(createInterface({ input: bus.stdout }), 'line');
  machine.env = {
    ...machine.env, DBUS_SESSION_BUS_ADDRESS: address, HOME: machine.folder, XDG_RUNTIME_DIR: machine.folder,
  };
  // The keyring then runs in the background, and ends with the bus.
  const keyring = spawn('gnome-keyring-daemon', ['--unlock', '--components=secrets'], {
    env: machine.env, stdio: ['pipe', 'ignore', 'ignore'],
  });
  keyring.stdin.end('password');
  const [code] = await once(keyring, 'exit');
  assert.equal(code, 0, 'the keyring starts');
  return { async stop() {
    bus.kill();
    if (bus.exitCode === null && bus.signalCode === null) await once(bus, 'exit');
  } };
}

/** A model's key is kept on request, used for its base URL only, and forgotten. */
async function keptModelKey(machine, server) {
  const seen = [];
  const model = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(500).end();
  });
  await new Promise((resolve) => model.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${model.address().port}/v1`;
  const key = 'sk-kept-in-the-keyring';
  server.secrets.push(key);
  const chat = (...args) => machine.run('chat', server.url, '--keyring', '--base-url', base, '--model', 'm', ...args, 'hello');
  try {
    machine.env.MODEL_KEY = key;
    // The model answers with an error; its key is kept before.
    assert.equal((await chat('--key-env', 'MODEL_KEY', '--keep-key')).code, 7);
    delete machine.env.MODEL_KEY;
    assert.equal((await chat()).code, 7);
    assert.deepEqual(seen, [`Bearer ${key}`, `Bearer ${key}`]);
    assert.equal((await machine.run('chat', '--forget-key', base)).code, 0);
    assert.equal((await chat()).code, 7);
    assert.equal(seen.at(-1), undefined);
  } finally {
    model.close();
  }
}

async function keptInKeyring(machine, person, server) {
  const desktop = await session(machine);
  try {
    const signedIn = machine.run('login', server.url, '--keyring');
    await authorize(machine, person);
    assert.equal((await signedIn).code, 0);
    const { path, record } = machine.kept();
    assert.equal(record.tokens, null);
    const { client, connected } = machine.connect(server.url);
    await connected;
    await calculates(client);
    await client.close();
    const [one] = JSON.parse((await machine.run('status', '--json')).printed).sign_ins;
    assert.deepEqual([one.signed_in, one.in_keyring, one.renews], [true, true, true]);

    await keptModelKey(machine, server);

    // Without the keyring there is nothing to present, and that is said.
    await desktop.stop();
    const lost = machine.connect(server.url);
    await assert.rejects(lost.connected, /cannot use the keyring of this system/);
    assert.equal(readFileSync(path, 'utf8').includes(record.client.id), true, 'the record stays');
  } finally {
    await desktop.stop();
  }
}
