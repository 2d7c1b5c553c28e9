// Who farport sends people to: a certified OpenID provider, and a stand-in of GitHub's endpoints.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

import { Provider } from 'oidc-provider';

import { press } from './browser.mjs';
import { farport as start } from './farport.mjs';
import { listen } from './oauth.mjs';

const CLIENT = { id: 'farport-at-provider', secret: randomBytes(24).toString('hex') };

/** Farport with its own sign-in. */
export async function devLogin() {
  const farport = await start('dev-login');
  return { ...farport, subject: 'alice' };
}

/** Farport in front of npm `oidc-provider`, whose pages are its development ones. */
export async function oidc() {
  const server = await listen();
  const variables = { OIDC_CLIENT_ID: CLIENT.id, OIDC_CLIENT_SECRET: CLIENT.secret };
  const farport = await start('oidc', { issuer: server.origin, variables });
  // Farport asks for the metadata with the first sign-in, so the provider may come after it.
  const provider = new Provider(server.origin, {
    clients: [{
      client_id: CLIENT.id,
      client_secret: CLIENT.secret,
      redirect_uris: [`${farport.origin}/callback`],
      grant_types: ['authorization_code', 'refresh_token'],
    }],
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `The user ${id}`, email: `${id}@example.com`, email_verified: true }),
    }),
    pkce: { required: () => true },
  });
  const problems = [];
  provider.on('server_error', (_, error) => problems.push(error));
  provider.on('authorization.error', (_, error) => problems.push(error));
  provider.on('grant.error', (_, error) => problems.push(error));
  server.server.on('request', provider.callback());
  return {
    ...farport,
    subject: 'alice',
    secrets: [...farport.secrets, CLIENT.secret],
    async upstream(page) {
      const field = await page.$('input[name="login"]');
      if (field) {
        await field.type('alice');
        await page.type('input[name="password"]', 'anything');
      }
      return press(page, 'button[type="submit"]');
    },
    cancel: (page) => press(page, '.login-help a'),
    async stop() {
      await farport.stop();
      await server.stop();
      assert.deepEqual(problems.filter((error) => error.error !== 'access_denied'), [], 'the provider had no trouble');
    },
  };
}

/** Farport in front of a stand-in of GitHub. */
export async function github() {
  const user = { id: 583231, login: 'alice', name: 'Alice', url: 'http://localhost/api/v3/users/alice' };
  const emails = [{ email: 'alice@example.com', primary: true, verified: true, visibility: 'private' }];
  const token = `gho_${randomBytes(18).toString('hex')}`;
  const codes = new Map();
  const served = [];
  const json = (response, status, value) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  const endpoints = {
    'GET /login/oauth/authorize': (url, _, response) => {
      const query = url.searchParams;
      if (query.get('client_id') !== CLIENT.id) return json(response, 404, { message: 'Not Found' });
      const link = (answer) => {
        const back = new URL(query.get('redirect_uri'));
        for (const [name, value] of Object.entries({ ...answer, state: query.get('state') })) {
          back.searchParams.set(name, value);
        }
        return back.href.replaceAll('&', '&amp;');
      };
      const code = randomBytes(10).toString('hex');
      codes.set(code, query);
      const denied = { error: 'access_denied', error_description: 'The user has denied your application access.' };
      response.setHeader('content-type', 'text/html');
      response.end(`<!doctype html><title>Authorize</title>
        <a id="deny" href="${link(denied)}">Cancel</a> <a id="allow" href="${link({ code })}">Authorize</a>`);
    },
    'POST /login/oauth/access_token': (_, form, response) => {
      const asked = codes.get(form.get('code'));
      codes.delete(form.get('code'));
      const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
      const fits = form.get('client_id') === CLIENT.id && form.get('client_secret') === CLIENT.secret
        && asked?.get('redirect_uri') === form.get('redirect_uri') && asked?.get('code_challenge') === challenge;
      // GitHub returns this error with status 200.
      if (!fits) return json(response, 200, { error: 'bad_verification_code' });
      json(response, 200, { access_token: token, token_type: 'bearer', scope: asked.get('scope').replaceAll(' ', ',') });
    },
    'GET /api/v3/user': (_, __, response, authorized) => json(response, authorized ? 200 : 401, authorized ? user : {}),
    'GET /api/v3/user/emails': (_, __, response, authorized) => (
      json(response, authorized ? 200 : 401, authorized ? emails : {})),
  };
  // Ends a token (GitHub's REST API, "Delete an app token"). farport calls it after it has responded, so
  // it may come after the last test.
  const revocation = `DELETE /api/v3/applications/${CLIENT.id}/token`;
  const revoke = (request, body, response) => {
    const basic = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}`;
    assert.equal(request.headers.authorization, basic, 'the app authenticates');
    assert.equal(JSON.parse(body).access_token, token, 'the token is the user\'s');
    response.writeHead(204).end();
  };
  const server = await listen(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const url = new URL(request.url, 'http://localhost');
    const asked = `${request.method} ${url.pathname}`;
    if (asked === revocation) return revoke(request, body, response);
    const endpoint = endpoints[asked];
    served.push(asked);
    if (!endpoint) return json(response, 404, { message: 'Not Found' });
    endpoint(url, new URLSearchParams(body), response, request.headers.authorization === `Bearer ${token}`);
  });
  const variables = {
    GITHUB_CLIENT_ID: CLIENT.id,
    GITHUB_CLIENT_SECRET: CLIENT.secret,
    GITHUB_BASE_URL: server.origin,
  };
  const farport = await start('github', { variables });
  return {
    ...farport,
    subject: String(user.id),
    secrets: [...farport.secrets, CLIENT.secret, token],
    upstream: (page) => press(page, '#allow'),
    cancel: (page) => press(page, '#deny'),
    async stop({ used = true } = {}) {
      await farport.stop();
      await server.stop();
      if (!used) return;
      const all = new Set(Object.keys(endpoints));
      assert.deepEqual(new Set(served.filter((one) => !one.endsWith('/favicon.ico'))), all, 'every endpoint was asked');
    },
  };
}
