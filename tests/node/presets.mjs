// The providers that farport has presets for: npm `oidc-provider` with the URLs and claims of each, and
// stand-ins for those without OpenID.
//
// Access tokens are short, so that farport renews them each time a tool asks for one, and refresh
// tokens are spent when they are used.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { Provider } from 'oidc-provider';

import { press } from './browser.mjs';
import { IN_WORKERD, inWorkerd } from './farport.mjs';
import { demo, listen } from './oauth.mjs';

const CLIENT = { id: 'farport-at-provider', secret: randomBytes(24).toString('hex') };
/** Seconds. Less than what farport wants to be left of a token. */
const SHORT = 30;

/** The scopes of a server whose users' permissions are in their provider's tokens. */
const SCOPED = `
default_scopes = ["todos:read", "todos:write"]
scopes = { "todos:read" = "Read your todos", "todos:write" = "Change your todos" }
`;

/** An access token that says what its user may do, for `audience`. */
const permissions = (audience, granted) => ({
  extraTokenClaims: () => ({ permissions: granted }),
  features: {
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://api.example/',
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx) => ({
        audience: audience(ctx),
        accessTokenFormat: 'jwt',
        accessTokenTTL: SHORT,
        jwt: { sign: { alg: 'RS256' } },
        scope: '',
      }),
    },
  },
});

/**
 * Each with the variables that farport is given, where its issuer and its endpoints are, what it says
 * of its users, and what it expects to be asked; and what farport's tools are to know then, besides
 * that.
 */
const PRESETS = {
  google: {
    variables: (issuer) => ({
      GOOGLE_ISSUER: issuer,
      GOOGLE_CLIENT_ID: CLIENT.id,
      GOOGLE_CLIENT_SECRET: CLIENT.secret,
      GOOGLE_HOSTED_DOMAIN: 'example.com',
    }),
    routes: {
      authorization: '/o/oauth2/v2/auth', token: '/token', userinfo: '/v1/userinfo', jwks: '/oauth2/v3/certs',
    },
    claims: {
      sub: '110169484474386276334', hd: 'example.com', name: 'Alice Doe', given_name: 'Alice',
      email: 'alice@example.com', email_verified: true,
    },
    // Without the first, Google gives no refresh token.
    asked: { access_type: 'offline', hd: 'example.com' },
    expected: { claims: { hd: 'example.com' } },
    // Of another domain, whatever was asked for.
    refused: { hd: 'elsewhere.example' },
  },
  auth0: {
    suffix: '/',
    variables: (issuer) => ({
      AUTH0_DOMAIN: issuer.slice(0, -1),
      AUTH0_CLIENT_ID: CLIENT.id,
      AUTH0_CLIENT_SECRET: CLIENT.secret,
      AUTH0_AUDIENCE: 'https://api.acme.example',
    }),
    routes: { authorization: '/authorize', token: '/oauth/token', userinfo: '/userinfo', jwks: '/.well-known/jwks.json' },
    claims: {
      sub: 'auth0|507f1f77bcf86cd799439011', nickname: 'alice', name: 'alice@example.com', email: 'alice@example.com',
      email_verified: true,
    },
    asked: { audience: 'https://api.acme.example' },
    settings: SCOPED,
    more: permissions((ctx) => ctx.oidc.params.audience ?? 'https://api.acme.example', ['todos:read']),
    expected: { scopes: ['todos:read'] },
  },
  workos: {
    variables: (issuer) => ({
      WORKOS_DOMAIN: issuer, WORKOS_CLIENT_ID: CLIENT.id, WORKOS_CLIENT_SECRET: CLIENT.secret,
    }),
    routes: { authorization: '/oauth2/authorize', token: '/oauth2/token', userinfo: '/oauth2/userinfo', jwks: '/oauth2/jwks' },
    claims: {
      sub: 'user_01E4ZCR3C56J083X43JQXF3JK5', name: 'Alice Doe', email: 'alice@example.com', email_verified: true,
      org_id: 'org_01E4ZCR3C5A4QZ2Z2JQXGKZJ9E', sid: 'session_01E4ZCR3C56J083X43JQXF3JK5',
    },
    settings: SCOPED,
    more: permissions(() => CLIENT.id, ['todos:write', 'image_generation']),
    expected: { scopes: ['todos:write'], claims: { org_id: 'org_01E4ZCR3C5A4QZ2Z2JQXGKZJ9E' } },
  },
  stytch: {
    variables: (issuer) => ({
      STYTCH_DOMAIN: issuer, STYTCH_CLIENT_ID: CLIENT.id, STYTCH_CLIENT_SECRET: CLIENT.secret,
    }),
    routes: {
      authorization: '/oauth/authorize', token: '/v1/oauth2/token', userinfo: '/v1/oauth2/userinfo',
      jwks: '/.well-known/jwks.json',
    },
    claims: {
      sub: 'user-live-fde03dd1-fff7-4b3c-9b31-ead3fbc224de', name: 'Alice Doe', email: 'alice@example.com',
      email_verified: true,
    },
  },
  okta: {
    suffix: '/oauth2/default',
    variables: (issuer) => ({
      OKTA_DOMAIN: issuer, OKTA_CLIENT_ID: CLIENT.id, OKTA_CLIENT_SECRET: CLIENT.secret,
    }),
    routes: { authorization: '/v1/authorize', token: '/v1/token', userinfo: '/v1/userinfo', jwks: '/v1/keys' },
    claims: {
      sub: '00uid4BxXw6I6TV4m0g3', name: 'Alice Doe', preferred_username: 'alice@example.com',
      email: 'alice@example.com', email_verified: true, groups: ['Everyone', 'Admins'],
    },
    expected: { claims: { groups: ['Everyone', 'Admins'] } },
  },
  keycloak: {
    suffix: '/realms/acme',
    variables: (issuer) => ({
      KEYCLOAK_BASE_URL: new URL(issuer).origin,
      KEYCLOAK_REALM: 'acme',
      KEYCLOAK_CLIENT_ID: CLIENT.id,
      KEYCLOAK_CLIENT_SECRET: CLIENT.secret,
    }),
    routes: {
      authorization: '/protocol/openid-connect/auth', token: '/protocol/openid-connect/token',
      userinfo: '/protocol/openid-connect/userinfo', jwks: '/protocol/openid-connect/certs',
    },
    claims: {
      sub: '2f7c0a4e-2f6b-4c58-9b4c-2f5f6f5a3c11', name: 'Alice Doe', preferred_username: 'alice',
      email: 'alice@example.com', email_verified: true, realm_access: { roles: ['offline_access', 'admin'] },
    },
    expected: { claims: { preferred_username: 'alice', realm_access: { roles: ['offline_access', 'admin'] } } },
  },
  // Sign in with Slack.
  slack: {
    variables: (issuer) => ({
      SLACK_BASE_URL: issuer, SLACK_CLIENT_ID: CLIENT.id, SLACK_CLIENT_SECRET: CLIENT.secret,
    }),
    routes: {
      authorization: '/openid/connect/authorize', token: '/api/openid.connect.token',
      userinfo: '/api/openid.connect.userInfo', jwks: '/openid/connect/keys',
    },
    claims: {
      sub: 'U0R7JM', 'https://slack.com/user_id': 'U0R7JM', 'https://slack.com/team_id': 'T0R7GR', name: 'Alice Doe',
      email: 'alice@example.com', email_verified: true,
    },
    more: { pkce: { required: () => false } },
    expected: { subject: 'T0R7GR/U0R7JM', claims: { 'https://slack.com/team_id': 'T0R7GR' } },
  },
};

/** The ways in which an operator says who signs users in. */
export const WAYS = {
  flag: (name, variables, settings) => demo(['--auth', name], variables, settings && `[auth]\n${settings}`),
  environment: (name, variables, settings) => (
    demo([], { ...variables, FARPORT_AUTH_PROVIDER: name }, settings && `[auth]\n${settings}`)),
  file: (name, variables, settings = '') => demo([], variables, `[auth]\nprovider = "${name}"\n${settings}`),
  /** All that a Worker has. What has no variable is in its code. */
  variables: (name, variables) => inWorkerd({ ...variables, FARPORT_AUTH_PROVIDER: name }),
};

/** What all of them come to for a test. */
function ready(farport, server, rest) {
  return {
    ...farport,
    secrets: [...farport.secrets, CLIENT.secret],
    ...rest,
    async stop() {
      await farport.stop();
      await server.stop();
    },
  };
}

/** Farport, configured in this way, with `oidc-provider` in place of the provider of this name. */
async function openid(name, way) {
  const preset = PRESETS[name];
  const mount = (preset.suffix ?? '').replace(/\/$/, '');
  const server = await listen();
  const issuer = `${server.origin}${preset.suffix ?? ''}`;
  const farport = await WAYS[way](name, preset.variables(issuer), preset.settings);
  const { sub, ...known } = preset.claims;
  const { features, ...more } = preset.more ?? {};
  const provider = new Provider(issuer, {
    clients: [{
      client_id: CLIENT.id,
      client_secret: CLIENT.secret,
      redirect_uris: [`${farport.origin}/callback`],
      grant_types: ['authorization_code', 'refresh_token'],
    }],
    // What users type into its own pages is their subject.
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, ...known, ...(id !== sub && preset.refused) }),
    }),
    claims: { openid: ['sub', ...Object.keys(known)] },
    scopes: ['openid', 'profile', 'email', 'offline_access'],
    conformIdTokenClaims: false,
    cookies: { keys: [randomBytes(16).toString('hex')] },
    extraParams: ['access_type', 'audience', 'hd'],
    features: { devInteractions: { enabled: true }, ...features },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    pkce: { required: () => true },
    routes: preset.routes,
    ttl: { AccessToken: SHORT },
    ...more,
  });
  const problems = [];
  for (const event of ['server_error', 'authorization.error', 'grant.error', 'userinfo.error']) {
    provider.on(event, (_, error) => problems.push(error));
  }
  let asked;
  let renewals = 0;
  provider.on('authorization.success', (ctx) => { asked = ctx.oidc.params; });
  provider.on('grant.success', (ctx) => { renewals += ctx.oidc.params.grant_type === 'refresh_token' ? 1 : 0; });
  const callback = provider.callback();
  server.server.on('request', (request, response) => {
    // As behind a router: what is before its paths is not the provider's.
    request.originalUrl = request.url;
    if (mount && request.url.startsWith(`${mount}/`)) request.url = request.url.slice(mount.length);
    callback(request, response);
  });
  const login = (who) => async (page) => {
    const field = await page.$('input[name="login"]');
    if (field) {
      await field.type(who);
      await page.type('input[name="password"]', 'anything');
    }
    return press(page, 'button[type="submit"]');
  };
  return ready(farport, server, {
    user: {
      issuer, subject: sub, name: known.name, email: known.email, scopes: [], ...preset.expected,
    },
    upstream: login(sub),
    stranger: preset.refused && login('mallory'),
    renewals: () => renewals,
    check() {
      assert.deepEqual(problems, [], 'the provider had no trouble');
      for (const [parameter, value] of Object.entries(preset.asked ?? {})) assert.equal(asked[parameter], value);
      for (const [parameter, value] of Object.entries({ response_type: 'code', client_id: CLIENT.id })) {
        assert.equal(asked[parameter], value);
      }
    },
  });
}

/** A stand-in whose endpoints return JSON, and whose page signs in every user. */
async function standIn(endpoints) {
  const server = await listen(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const url = new URL(request.url, 'http://localhost');
    const endpoint = endpoints[`${request.method} ${url.pathname}`];
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const answer = endpoint?.({ url, form: new URLSearchParams(body), headers: request.headers, token });
    if (answer?.page) return response.setHeader('content-type', 'text/html').end(answer.page);
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(answer ?? { error: 'not found' }));
  });
  return server;
}

/** A page with a link back to where `url` says. */
function consent(url, code) {
  const back = new URL(url.searchParams.get('redirect_uri'));
  back.searchParams.set('code', code);
  back.searchParams.set('state', url.searchParams.get('state'));
  return { page: `<!doctype html><title>Authorize</title><a id="allow" href="${back.href.replaceAll('&', '&amp;')}">Go on</a>` };
}

/** Tokens that end soon and take each other's place. */
class Rotating {
  renewals = 0;
  #present = {};

  constructor(prefix) {
    this.prefix = prefix;
  }

  issue() {
    const secret = () => randomBytes(18).toString('hex');
    this.#present = { access: `${this.prefix}access-${secret()}`, refresh: `${this.prefix}refresh-${secret()}` };
    return this.#present;
  }

  /** New ones for the present refresh token; nothing for one that is spent. */
  renew(refresh) {
    if (refresh !== this.#present.refresh) return undefined;
    this.renewals += 1;
    return this.issue();
  }

  isPresent = (access) => access !== undefined && access === this.#present.access;
}

const isClient = (form) => form.get('client_id') === CLIENT.id && form.get('client_secret') === CLIENT.secret;

/** The stand-in of GitHub as it is for a GitHub App, whose user tokens are renewed. */
async function githubApp(way) {
  const tokens = new Rotating('gh');
  const user = { id: 583231, login: 'alice', name: 'Alice Doe' };
  const emails = [{ email: 'alice@example.com', primary: true, verified: true, visibility: null }];
  let code;
  const given = (issued) => (issued ? {
    access_token: issued.access, expires_in: SHORT, refresh_token: issued.refresh, refresh_token_expires_in: 15_897_600,
    scope: '', token_type: 'bearer',
  } : { error: 'bad_refresh_token', error_description: 'The refresh token passed is incorrect or expired.' });
  const server = await standIn({
    'GET /login/oauth/authorize': ({ url }) => {
      code = randomBytes(10).toString('hex');
      return consent(url, code);
    },
    'POST /login/oauth/access_token': ({ form, headers }) => {
      assert.equal(headers.accept, 'application/json', 'GitHub answers with a form otherwise');
      if (!isClient(form)) return { error: 'incorrect_client_credentials' };
      if (form.get('grant_type') === 'refresh_token') return given(tokens.renew(form.get('refresh_token')));
      return form.get('code') === code ? given(tokens.issue()) : { error: 'bad_verification_code' };
    },
    'GET /api/v3/user': ({ token }) => (tokens.isPresent(token) ? user : undefined),
    'GET /api/v3/user/emails': ({ token }) => (tokens.isPresent(token) ? emails : undefined),
  });
  const farport = await WAYS[way]('github', {
    GITHUB_CLIENT_ID: CLIENT.id, GITHUB_CLIENT_SECRET: CLIENT.secret, GITHUB_BASE_URL: server.origin,
  });
  return ready(farport, server, {
    user: {
      subject: '583231', name: 'Alice Doe', email: 'alice@example.com', scopes: [], claims: { login: 'alice' },
    },
    upstream: (page) => press(page, '#allow'),
    renewals: () => tokens.renewals,
    check() {},
  });
}

/** The stand-in of Slack's own flow, with an app that rotates its tokens. */
async function slackApi(way) {
  const tokens = new Rotating('xoxe.');
  let code;
  let asked;
  const ofUser = (issued) => ({
    id: 'U0R7JM', scope: 'channels:read,users:read,users:read.email', token_type: 'user', access_token: issued.access,
    expires_in: SHORT, refresh_token: issued.refresh,
  });
  const isApp = ({ form, headers }) => isClient(form)
    || headers.authorization === `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}`;
  const server = await standIn({
    'GET /oauth/v2/authorize': ({ url }) => {
      asked = url.searchParams;
      code = randomBytes(10).toString('hex');
      return consent(url, code);
    },
    'POST /api/oauth.v2.access': (request) => {
      if (!isApp(request)) return { ok: false, error: 'bad_client_secret' };
      const { form } = request;
      if (form.get('grant_type') === 'refresh_token') {
        const issued = tokens.renew(form.get('refresh_token'));
        return issued ? { ok: true, team: { id: 'T0R7GR' }, ...ofUser(issued) } : { ok: false, error: 'invalid_refresh_token' };
      }
      if (form.get('code') !== code) return { ok: false, error: 'invalid_code' };
      return {
        ok: true, app_id: 'A0', authed_user: ofUser(tokens.issue()), team: { id: 'T0R7GR', name: 'Acme' },
        enterprise: null, is_enterprise_install: false,
      };
    },
    'GET /api/auth.test': ({ token }) => (tokens.isPresent(token)
      ? { ok: true, url: 'https://acme.slack.com/', team: 'Acme', user: 'alice', team_id: 'T0R7GR', user_id: 'U0R7JM' }
      : { ok: false, error: 'invalid_auth' }),
    'GET /api/users.info': ({ url, token }) => (tokens.isPresent(token) && url.searchParams.get('user') === 'U0R7JM' ? {
      ok: true,
      user: {
        id: 'U0R7JM', name: 'alice', real_name: 'Alice Doe', is_email_confirmed: true,
        profile: { email: 'alice@example.com' },
      },
    } : { ok: false, error: 'user_not_found' }),
  });
  const farport = await WAYS[way]('slack', {
    SLACK_CLIENT_ID: CLIENT.id, SLACK_CLIENT_SECRET: CLIENT.secret, SLACK_BASE_URL: server.origin,
  }, 'provider_scopes = ["channels:read", "users:read", "users:read.email"]\n');
  return ready(farport, server, {
    user: {
      issuer: server.origin, subject: 'T0R7GR/U0R7JM', name: 'Alice Doe', email: 'alice@example.com', scopes: [],
      claims: { 'https://slack.com/team_name': 'Acme' },
    },
    upstream: (page) => press(page, '#allow'),
    renewals: () => tokens.renewals,
    check() {
      assert.equal(asked.get('user_scope'), 'channels:read,users:read,users:read.email');
      assert.equal(asked.get('scope') ?? '', '', 'nothing for a bot');
    },
  });
}

/**
 * Each provider: its name, how farport is configured, whether it rejects some users, and whether it is
 * tested in workerd, as are the most different ones that only need variables.
 */
const ALL = [
  { name: 'Google', way: 'file', workerd: true, strangers: true, start: (way) => openid('google', way) },
  { name: 'Auth0', way: 'environment', start: (way) => openid('auth0', way) },
  { name: 'WorkOS', way: 'file', start: (way) => openid('workos', way) },
  { name: 'Stytch', way: 'flag', start: (way) => openid('stytch', way) },
  { name: 'Okta', way: 'environment', workerd: true, start: (way) => openid('okta', way) },
  { name: 'Keycloak', way: 'file', start: (way) => openid('keycloak', way) },
  { name: 'Slack, to sign in', way: 'environment', workerd: true, start: (way) => openid('slack', way) },
  { name: 'Slack, to act for the user', way: 'file', start: slackApi },
  { name: 'GitHub, with an app', way: 'environment', workerd: true, start: githubApp },
];

/** The providers to test in this environment. */
export const PROVIDERS = IN_WORKERD
  ? ALL.filter(({ workerd }) => workerd).map((one) => ({ ...one, way: 'variables' }))
  : ALL;
