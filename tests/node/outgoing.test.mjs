// What a Worker asks of others, under their real names: clients' metadata documents and identity
// providers. It runs in workerd, and whatever it fetches is answered here.

import assert from 'node:assert/strict';
import { createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { authorize, redeem, REDIRECT, request, token } from './visitor.mjs';

const FOLDER = join(process.env.FARPORT_WORKERS, 'sign-in');
// The one that wrangler has.
const { Miniflare, Response } = createRequire(process.env.FARPORT_WRANGLER)('miniflare');

/** Where clients reach the Worker. */
const ORIGIN = 'https://mcp.example';
const GOOD = 'https://client.example/metadata.json';
const CREDENTIALS = { id: 'farport-at-provider', secret: randomBytes(24).toString('hex') };

const document = (client_id, more = {}) => ({
  client_id,
  client_name: 'Notes',
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code', 'refresh_token'],
  ...more,
});

/** Answers of others, by method and URL. What was asked is kept. */
class World {
  asked = [];

  constructor(endpoints) {
    this.endpoints = endpoints;
  }

  answer = async (request) => {
    const { origin, pathname } = new URL(request.url);
    const line = `${request.method} ${origin}${pathname}`;
    this.asked.push(line);
    const endpoint = this.endpoints[line];
    const answer = endpoint && await endpoint(new URLSearchParams(await request.text()), request.headers);
    if (answer instanceof Response) return answer;
    return Response.json(answer ?? { error: 'not found' }, { status: answer ? 200 : 404 });
  };
}

/** The modules of a build, by their paths. */
function modulesIn(build) {
  const names = readdirSync(build, { recursive: true }).filter((name) => /\.(js|wasm)$/.test(name));
  return Object.fromEntries(names.map((name) => [name, name.endsWith('.js')
    ? { type: 'esm', contents: readFileSync(join(build, name), 'utf8') }
    : { type: 'wasm', contents: readFileSync(join(build, name)) }]));
}

/** Runs `body` with the Worker in workerd, with these variables, in a world of these endpoints. */
async function inWorkerd(variables, endpoints, body) {
  const world = new World(endpoints);
  const name = 'sign-in';
  const build = join(FOLDER, 'build');
  const classOf = (exportName) => ({ type: 'durable-object', worker: name, exportName });
  const texts = { FARPORT_MASTER_KEY: randomBytes(32).toString('base64'), ...variables };
  const config = {
    name,
    compatibilityDate: /"compatibility_date": "([^"]+)"/.exec(readFileSync(join(FOLDER, 'wrangler.jsonc'), 'utf8'))[1],
    manifest: {
      mainModule: 'index.js',
      modulesRoot: build,
      modules: modulesIn(build),
    },
    env: {
      ...Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, { type: 'text', value }])),
      FARPORT_SESSION: classOf('FarportSession'),
      FARPORT_STORE: classOf('FarportStore'),
    },
    exports: {
      FarportSession: { type: 'durable-object', storage: 'sqlite' },
      FarportStore: { type: 'durable-object', storage: 'sqlite' },
    },
  };
  const outboundService = { type: 'fetcher', handler: world.answer };
  const worker = new Miniflare({ upstream: ORIGIN, cf: false, logRequests: false, workers: [{ config, dev: { outboundService } }] });
  try {
    await body((url, init) => worker.dispatchFetch(url, init), world);
  } finally {
    await worker.dispose();
  }
}

/** An OpenID provider at the addresses that Google's are at. */
function google() {
  const issuer = 'https://accounts.google.com';
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const code = randomBytes(12).toString('hex');
  const upstream = `ya29.${randomBytes(12).toString('hex')}`;
  let nonce;
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = (claims) => {
    const text = `${part({ alg: 'RS256', kid: 'one' })}.${part(claims)}`;
    return `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')}`;
  };
  const user = { sub: '110169484474386276334', name: 'Alice Doe', email: 'alice@example.com', email_verified: true };
  return {
    variables: {
      FARPORT_AUTH_PROVIDER: 'google', GOOGLE_CLIENT_ID: CREDENTIALS.id, GOOGLE_CLIENT_SECRET: CREDENTIALS.secret,
    },
    at: `${issuer}/o/oauth2/v2/auth`,
    subject: user.sub,
    endpoints: {
      [`GET ${issuer}/.well-known/openid-configuration`]: () => ({
        issuer,
        authorization_endpoint: `${issuer}/o/oauth2/v2/auth`,
        token_endpoint: 'https://oauth2.googleapis.com/token',
        userinfo_endpoint: 'https://openidconnect.googleapis.com/v1/userinfo',
        jwks_uri: 'https://www.googleapis.com/oauth2/v3/certs',
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      }),
      'POST https://oauth2.googleapis.com/token': (form) => {
        assert.equal(form.get('code'), code);
        const now = Math.floor(Date.now() / 1000);
        const claims = { iss: issuer, aud: CREDENTIALS.id, iat: now, exp: now + 300, nonce, ...user };
        return { access_token: upstream, token_type: 'Bearer', expires_in: 3600, id_token: signed(claims) };
      },
      'GET https://openidconnect.googleapis.com/v1/userinfo': () => user,
      'GET https://www.googleapis.com/oauth2/v3/certs': () => ({
        keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }],
      }),
    },
    /** Whose browser is sent here goes back with a code. */
    answer(parameters) {
      nonce = parameters.get('nonce');
      return code;
    },
    wanted: [`GET ${issuer}/.well-known/openid-configuration`, 'POST https://oauth2.googleapis.com/token'],
  };
}

/** GitHub's own addresses. */
function github() {
  const code = randomBytes(10).toString('hex');
  const upstream = `gho_${randomBytes(18).toString('hex')}`;
  const only = (answer) => (_, headers) => (headers.get('authorization') === `Bearer ${upstream}` ? answer : undefined);
  const endpoints = {
    'POST https://github.com/login/oauth/access_token': (form) => {
      assert.equal(form.get('client_secret'), CREDENTIALS.secret);
      assert.equal(form.get('code'), code);
      return { access_token: upstream, token_type: 'bearer', scope: 'read:user,user:email' };
    },
    // GitHub refuses who does not say what they are.
    'GET https://api.github.com/user': (form, headers) => (
      headers.get('user-agent') ? only({ id: 583231, login: 'alice', name: 'Alice' })(form, headers) : undefined),
    'GET https://api.github.com/user/emails': only([{ email: 'alice@example.com', primary: true, verified: true }]),
  };
  return {
    variables: {
      FARPORT_AUTH_PROVIDER: 'github', GITHUB_CLIENT_ID: CREDENTIALS.id, GITHUB_CLIENT_SECRET: CREDENTIALS.secret,
    },
    at: 'https://github.com/login/oauth/authorize',
    subject: '583231',
    endpoints,
    answer: () => code,
    wanted: Object.keys(endpoints),
  };
}

/** What the tool knows of who has this token. */
async function whoami(send, access) {
  const response = await send(`${ORIGIN}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${access}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'whoami',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: {
        name: 'whoami',
        arguments: {},
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
  });
  assert.equal(response.status, 200);
  return JSON.parse((await response.json()).result.content[0].text);
}

describe('outgoing', () => {
  for (const [name, make] of [['Google', google], ['GitHub', github]]) {
    test(`a client that is the URL of its document signs in at ${name}`, async () => {
      const there = make();
      const endpoints = { ...there.endpoints, [`GET ${GOOD}`]: () => document(GOOD) };
      await inWorkerd(there.variables, endpoints, async (send, world) => {
        const provider = (url) => {
          assert.equal(`${url.origin}${url.pathname}`, there.at);
          assert.equal(url.searchParams.get('client_id'), CREDENTIALS.id);
          assert.equal(url.searchParams.get('redirect_uri'), `${ORIGIN}/callback`);
          const back = new URL(url.searchParams.get('redirect_uri'));
          back.search = new URLSearchParams({
            code: there.answer(url.searchParams), state: url.searchParams.get('state'),
          });
          return back;
        };
        const client = { client_id: GOOD };
        const code = await authorize(ORIGIN, 'alice', { client, provider, send });
        const { status, json } = await redeem(ORIGIN, code, send);
        assert.equal(status, 200, JSON.stringify(json));
        const known = await whoami(send, json.access_token);
        assert.equal(known.subject, there.subject);
        assert.equal(known.email, 'alice@example.com');
        assert.equal(known.acts_at_provider, true);
        const fields = { grant_type: 'refresh_token', ...client, refresh_token: json.refresh_token };
        assert.equal((await token(ORIGIN, fields, send)).status, 200);
        for (const line of [`GET ${GOOD}`, ...there.wanted]) {
          assert.equal(world.asked.filter((asked) => asked === line).length, 1, `${line} among ${world.asked}`);
        }
      });
    });
  }

  test('a document that is not what it has to be is not used', async () => {
    const at = (name) => `https://client.example/${name}.json`;
    let over = false;
    const endless = () => new Response(new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (over) controller.close();
        else controller.enqueue(new Uint8Array(1024).fill(0x20));
      },
    }), { headers: { 'content-type': 'application/json' } });
    const cases = {
      other: () => document(GOOD),
      large: () => document(at('large'), { note: 'x'.repeat(5 * 1024) }),
      endless,
      moved: () => new Response(null, { status: 302, headers: { location: GOOD } }),
      missing: undefined,
      secret: () => document(at('secret'), { client_secret: 'shared' }),
    };
    const endpoints = Object.fromEntries(Object.entries(cases).map(([name, answer]) => [`GET ${at(name)}`, answer]));
    await inWorkerd(github().variables, { ...endpoints, [`GET ${GOOD}`]: () => document(GOOD) }, async (send, world) => {
      for (const name of Object.keys(cases)) await isRefused(send, at(name));
      over = true;
      assert.deepEqual(world.asked, Object.keys(endpoints), 'each was asked for once, and nothing else');
    });
  });

  test('a client ID metadata document must have a public name and https', async () => {
    await inWorkerd(github().variables, {}, async (send, world) => {
      for (const place of [
        'http://client.example', 'https://localhost', 'https://localhost:8787', 'https://app.localhost',
        'https://127.0.0.1', 'https://10.0.0.1', 'https://169.254.169.254', 'https://[::1]', 'https://[fd00::1]',
        'https://metadata.google.internal', 'https://printer.local', 'https://router.home.arpa', 'https://intranet',
      ]) {
        await isRefused(send, `${place}/metadata.json`);
      }
      assert.deepEqual(world.asked, []);
    });
  });
});

/** The client of this id gets an error page. */
async function isRefused(send, id) {
  const response = await send(String(request(ORIGIN, id).url), { redirect: 'manual' });
  const page = await response.text();
  assert.ok([400, 503].includes(response.status), `${id}: ${page}`);
  assert.equal(response.headers.get('location') ?? response.headers.get('refresh'), null, id);
  assert.match(page, /<title>(This app is not registered|This app cannot sign in|The app cannot be checked)/, id);
}
