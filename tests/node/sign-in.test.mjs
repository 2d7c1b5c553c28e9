// Real clients sign in through a real browser: with farport's own sign-in, at a certified OpenID
// provider, and at a stand-in of GitHub.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import * as client2 from '@modelcontextprotocol/client';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { Person, skip, startBrowser } from './browser.mjs';
import { soon } from './farport.mjs';
import { asClient, callbackServer, Keeper, knock } from './oauth.mjs';
import { Bridge, callbackOf, kept } from './mcp-remote.mjs';
import { text } from './support.mjs';
import { devLogin, github, oidc } from './upstreams.mjs';

const IDENTITY = { name: 'farport-tests', version: '1.0.0' };

/** The two libraries. Both prove themselves with a secret, so that they may introspect their tokens. */
const LIBRARIES = [
  {
    name: 'sdk 1.x',
    unauthorized: UnauthorizedError,
    client: () => new Client(IDENTITY),
    transport: (url, authProvider) => new StreamableHTTPClientTransport(url, { authProvider }),
    finish: (transport, answer) => transport.finishAuth(answer.get('code')),
  },
  {
    name: 'client 2.x',
    unauthorized: client2.UnauthorizedError,
    client: () => new client2.Client(IDENTITY, { versionNegotiation: { mode: 'auto' } }),
    transport: (url, authProvider) => new client2.StreamableHTTPClientTransport(url, { authProvider }),
    // It checks `iss` itself.
    finish: (transport, answer) => transport.finishAuth(answer),
  },
];

const UPSTREAMS = [
  { name: 'farport itself', start: devLogin, pages: ['Sign in', 'Allow access'] },
  { name: 'an OpenID provider', start: oidc, pages: ['Allow access'] },
  { name: 'GitHub', start: github, pages: ['Allow access'] },
];

/** The calculator works. */
async function calculates(client) {
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map(({ name }) => name).sort(), ['add', 'calculate', 'whoami']);
  assert.equal(text(await client.callTool({ name: 'add', arguments: { a: 2, b: 3 } })), '5');
}

describe('sign-in', { skip }, () => {
  let browser;
  before(async () => { browser = await startBrowser(); });
  after(() => browser?.close());

  for (const { name, start, pages } of UPSTREAMS) {
    describe(`at ${name}`, () => {
      let farport;
      before(async () => { farport = await start(); });
      after(() => farport?.stop());
      // At the same time: a Worker may take ten seconds to hear that a token is no more.
      describe('somebody with', { concurrency: 3 }, () => {
        for (const library of LIBRARIES) {
          test(`${library.name} signs in, refreshes, is revoked and signs in again`, () => (
            called(libraryLives, library, browser, farport, pages)));
          test(`${library.name} says no`, () => called(libraryIsDenied, library, browser, farport));
        }
        // One after the other: both would listen on the same port.
        describe('mcp-remote', { concurrency: 1 }, () => {
          test('mcp-remote signs in, refreshes, is revoked and signs in again', () => bridgeLives(browser, farport, pages));
          test('mcp-remote says no', () => bridgeIsDenied(browser, farport));
        });
        test('any of them cancels at the provider', { skip: name === 'farport itself' }, () => (
          called(cancelled, LIBRARIES[0], browser, farport)));
      });
      test('nothing that farport prints has a secret in it', () => {
        const printed = farport.printed.join('\n');
        assert.match(printed, farport.prints);
        for (const secret of farport.secrets) assert.ok(!printed.includes(secret), 'a secret is in the log');
      });
    });
  }
});

/** Runs `scenario` with its own callback server. */
async function called(scenario, library, browser, farport, ...rest) {
  const callback = await callbackServer();
  try {
    await scenario(library, browser, farport, callback, ...rest);
  } finally {
    await callback.stop();
  }
}

/** Opens a connection that requires a sign-in. Returns it with the URL for the user. */
async function refusedAt(library, farport, keeper) {
  const transport = library.transport(new URL(farport.url), keeper);
  const before = keeper.authorizationUrls.length;
  await assert.rejects(library.client().connect(transport), library.unauthorized);
  assert.equal(keeper.authorizationUrls.length, before + 1, 'the person is sent to sign in');
  return { transport, url: keeper.authorizationUrls.at(-1) };
}

async function signsIn(library, farport, keeper, person, callback) {
  const { transport, url } = await refusedAt(library, farport, keeper);
  assert.equal(url.origin, farport.origin);
  const answer = await person.authorize(url, callback);
  assert.equal(answer.get('state'), keeper.expectedState);
  assert.equal(answer.get('iss'), farport.origin);
  assert.equal(answer.get('error'), null);
  await library.finish(transport, answer);
  const client = library.client();
  await client.connect(library.transport(new URL(farport.url), keeper));
  farport.secrets.push(keeper.tokens().access_token, keeper.tokens().refresh_token, answer.get('code'));
  return client;
}

async function libraryLives(library, browser, farport, callback, pages) {
  const keeper = new Keeper(callback.url, `Tests of ${library.name}`, 'client_secret_post');
  const person = await Person.with(browser, farport);
  const post = (path, fields) => asClient(farport.origin, path, keeper.clientInformation(), fields);
  const { status, challenge } = await knock(farport.url);
  assert.equal(status, 401);
  assert.match(challenge, /resource_metadata="[^"]+\/\.well-known\/oauth-protected-resource\/mcp"/);

  const client = await signsIn(library, farport, keeper, person, callback);
  assert.deepEqual(person.seen.slice(0, pages.length), pages);
  await calculates(client);
  const first = keeper.tokens();
  const described = await (await post('/introspect', { token: first.access_token })).json();
  assert.equal(described.active, true);
  assert.equal(described.sub, farport.subject, 'the token belongs to the signed-in user');
  assert.equal(described.aud, farport.url);

  // The access token is revoked: the client gets a new one without the user.
  assert.equal((await post('/revoke', { token: first.access_token })).status, 200);
  assert.equal((await knock(farport.url, first.access_token)).status, 401);
  await soon(farport, async () => {
    await calculates(client);
    assert.notEqual(keeper.tokens().access_token, first.access_token);
  });
  const second = keeper.tokens();
  assert.notEqual(second.refresh_token, first.refresh_token, 'refresh tokens rotate');
  assert.equal(keeper.authorizationUrls.length, 1);
  assert.equal((await knock(farport.url, second.access_token)).status, 200);
  farport.secrets.push(second.access_token, second.refresh_token);

  // Without the refresh token nothing of the grant is left.
  assert.equal((await post('/revoke', { token: second.refresh_token })).status, 200);
  assert.equal((await knock(farport.url, second.access_token)).status, 401);
  await soon(farport, () => assert.rejects(client.listTools(), library.unauthorized));
  assert.equal(keeper.authorizationUrls.length, 2, 'the person is sent to sign in again');
  assert.equal(keeper.tokens(), undefined);
  await client.close();

  const again = await signsIn(library, farport, keeper, person, callback);
  await calculates(again);
  await again.close();
  await person.close();
}

async function libraryIsDenied(library, browser, farport, callback) {
  const keeper = new Keeper(callback.url, `Tests of ${library.name}`);
  const person = await Person.with(browser, farport);
  const { transport, url } = await refusedAt(library, farport, keeper);
  const answer = await person.authorize(url, callback, { decision: 'deny' });
  assert.equal(answer.get('error'), 'access_denied');
  assert.equal(answer.get('state'), keeper.expectedState);
  assert.equal(answer.get('iss'), farport.origin);
  assert.equal(answer.get('code'), null);
  await transport.close();
  assert.equal(keeper.tokens(), undefined);
  await person.close();
}

async function cancelled(library, browser, farport, callback) {
  const keeper = new Keeper(callback.url, 'Tests of cancelling');
  const person = await Person.with(browser, { ...farport, upstream: farport.cancel });
  const { url } = await refusedAt(library, farport, keeper);
  const answer = await person.authorize(url, callback);
  assert.equal(answer.get('error'), 'access_denied');
  assert.equal(answer.get('code'), null);
  await person.close();
}

async function bridgeLives(browser, farport, pages) {
  const folder = mkdtempSync(join(tmpdir(), 'farport-mcp-remote-'));
  const person = await Person.with(browser, farport);
  const running = [];
  const signIn = async () => {
    const remote = new Bridge(farport, folder);
    running.push(remote);
    const url = await remote.asked;
    await person.authorize(url, callbackOf(url, person.page));
    await remote.connected;
    return remote;
  };
  try {
    const remote = await signIn();
    assert.deepEqual(person.seen.slice(0, pages.length), pages);
    await calculates(remote.client);
    const first = kept(folder, 'tokens.json');
    const information = kept(folder, 'client_info.json');
    const revoke = (token) => asClient(farport.origin, '/revoke', information, { token });

    assert.equal((await revoke(first.access_token)).status, 200);
    assert.equal((await knock(farport.url, first.access_token)).status, 401);
    await soon(farport, async () => {
      await calculates(remote.client);
      assert.notEqual(kept(folder, 'tokens.json').access_token, first.access_token);
    });
    const second = kept(folder, 'tokens.json');
    farport.secrets.push(...[first, second].flatMap((one) => [one.access_token, one.refresh_token]));

    assert.equal((await revoke(second.refresh_token)).status, 200);
    assert.equal((await knock(farport.url, second.access_token)).status, 401);
    await remote.client.close();

    const again = await signIn();
    await calculates(again.client);
  } catch (error) {
    error.message += `\nmcp-remote said:\n${running.flatMap(({ said }) => said).join('\n')}`;
    throw error;
  } finally {
    for (const { client } of running) await client.close();
    await person.close();
    rmSync(folder, { recursive: true });
  }
}

async function bridgeIsDenied(browser, farport) {
  const folder = mkdtempSync(join(tmpdir(), 'farport-mcp-remote-'));
  const person = await Person.with(browser, farport);
  const remote = new Bridge(farport, folder);
  try {
    const url = await remote.asked;
    const answer = await person.authorize(url, callbackOf(url, person.page), { decision: 'deny' });
    assert.equal(answer.get('error'), 'access_denied');
    assert.equal(answer.get('code'), null);
  } finally {
    await remote.client.close();
    await person.close();
    rmSync(folder, { recursive: true });
  }
}
