// Each provider that farport knows by name, set up from a file, the environment or a flag: a person
// signs in there, tools answer as that person, and both sides' tokens are renewed.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';

import { Person, skip, startBrowser } from './browser.mjs';
import { soon } from './farport.mjs';
import { asClient, callbackServer, Keeper, knock } from './oauth.mjs';
import { PROVIDERS } from './presets.mjs';
import { text } from './support.mjs';

const transport = (farport, keeper) => new StreamableHTTPClientTransport(new URL(farport.url), { authProvider: keeper });
const client = () => new Client({ name: 'farport-tests', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });

/** Starts a sign-in and completes it. Returns the parameters of the callback, and the transport. */
async function askedToSignIn(browser, farport, keeper, callback, upstream) {
  const asked = transport(farport, keeper);
  await assert.rejects(client().connect(asked), UnauthorizedError);
  const person = await Person.with(browser, { ...farport, upstream });
  try {
    return { asked, answer: await person.authorize(keeper.authorizationUrls.at(-1), callback) };
  } finally {
    await person.close();
  }
}

/** What the tool knows of who calls it, which has to be all that is `expected`. */
async function isKnown(connected, expected) {
  const known = JSON.parse(text(await connected.callTool({ name: 'whoami', arguments: {} })));
  const { claims, ...rest } = expected;
  for (const [name, value] of Object.entries(rest)) assert.deepEqual(known[name], value, name);
  for (const [name, value] of Object.entries(claims ?? {})) assert.deepEqual(known.claims[name], value, name);
  assert.equal(known.acts_at_provider, true, 'the tool can act for the user there');
}

describe('providers', { skip }, () => {
  let browser;
  before(async () => { browser = await startBrowser(); });
  after(() => browser?.close());

  for (const { name, way, start, strangers } of PROVIDERS) {
    describe(`${name}, by ${way}`, () => {
      let farport;
      let callback;
      before(async () => {
        farport = await start(way);
        callback = await callbackServer();
      });
      after(async () => {
        await callback?.stop();
        await farport?.stop();
      });

      test('tools act for the signed-in user, and tokens are refreshed', async () => {
        const keeper = new Keeper(callback.url, `Tests of ${name}`, 'client_secret_post');
        const { asked, answer } = await askedToSignIn(browser, farport, keeper, callback, farport.upstream);
        assert.equal(answer.get('error'), null, answer.get('error_description'));
        await asked.finishAuth(answer);
        const connected = client();
        await connected.connect(transport(farport, keeper));
        await isKnown(connected, farport.user);
        // The provider's token ends sooner than a tool needs it for: each time it is another one.
        const before = farport.renewals();
        await isKnown(connected, farport.user);
        await isKnown(connected, farport.user);
        assert.equal(farport.renewals(), before + 2);

        // The client renews what it has of farport, and is the same person to it.
        const first = keeper.tokens();
        const post = (path, fields) => asClient(farport.origin, path, keeper.clientInformation(), fields);
        assert.equal((await post('/revoke', { token: first.access_token })).status, 200);
        assert.equal((await knock(farport.url, first.access_token)).status, 401);
        await soon(farport, async () => {
          await isKnown(connected, farport.user);
          assert.notEqual(keeper.tokens().refresh_token, first.refresh_token);
        });
        assert.equal(keeper.authorizationUrls.length, 1, 'the person hears nothing of it');
        await connected.close();
        farport.secrets.push(first.access_token, keeper.tokens().refresh_token, answer.get('code'));
        farport.check();
      });

      if (strangers) test('who may not sign in does not', async () => {
        const keeper = new Keeper(callback.url, `Tests of ${name}`);
        const { answer } = await askedToSignIn(browser, farport, keeper, callback, farport.stranger);
        assert.equal(answer.get('error'), 'access_denied');
        assert.equal(answer.get('code'), null);
      });

      test('nothing that farport prints has a secret in it', () => {
        const printed = farport.printed.join('\n');
        assert.match(printed, farport.prints);
        for (const secret of farport.secrets) assert.ok(!printed.includes(secret), 'a secret is in the log');
      });
    });
  }
});
