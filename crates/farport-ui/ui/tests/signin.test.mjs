import assert from 'node:assert/strict';
import { test } from 'node:test';

import { outcome, signIns, verdicts } from '../signin.js';

const SERVER = 'https://mcp.example.com/mcp';
const ISSUER = 'https://auth.example.com';
const exchange = (purpose, url, status, { body, form, headers = [] } = {}) => ({
  at: 1,
  exchange: {
    purpose, url, status, method: form || purpose === 'registration' ? 'POST' : 'GET', attempt: 1, error: null,
    request_headers: [], request_body: { text: form ?? '', length: 0 },
    response_headers: headers, response_body: { text: body === undefined ? '' : JSON.stringify(body), length: 0 },
  },
});
const RESOURCE = { resource: SERVER, authorization_servers: [ISSUER] };
const METADATA = { issuer: ISSUER, authorization_endpoint: `${ISSUER}/authorize`, token_endpoint: `${ISSUER}/token`, registration_endpoint: `${ISSUER}/register`, code_challenge_methods_supported: ['S256'], authorization_response_iss_parameter_supported: true };
const AUTHORIZE = `${ISSUER}/authorize?response_type=code&client_id=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fcallback&state=***&code_challenge=***&code_challenge_method=S256&scope=read+write&resource=${encodeURIComponent(SERVER)}`;

/** A sign-in in which every rule is kept, with some items replaced. */
const complete = (changes = {}) => {
  const items = {
    challenge: exchange('message', SERVER, 401, { headers: [['www-authenticate', 'Bearer resource_metadata="x"']] }),
    challenged: { at: 1, step: 'challenge', error: null, scope: null, resource_metadata: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp' },
    resource: exchange('metadata', 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp', 200, { body: RESOURCE }),
    server: exchange('metadata', `${ISSUER}/.well-known/oauth-authorization-server`, 200, { body: METADATA }),
    discovered: { at: 1, step: 'discovered', resource: SERVER, issuer: ISSUER, authorization_endpoint: null, token_endpoint: null, registration_endpoint: null, scopes: [] },
    registration: exchange('registration', `${ISSUER}/register`, 201, { form: '{"redirect_uris":["http://127.0.0.1:9/callback"]}', body: { client_id: 'c', redirect_uris: ['http://127.0.0.1:9/callback'] } }),
    client: { at: 1, step: 'client', id: 'c', source: 'registered' },
    authorization: { at: 1, step: 'authorization', url: AUTHORIZE },
    code: { at: 1, step: 'code', issuer: ISSUER },
    token: exchange('token', `${ISSUER}/token`, 200, { form: `grant_type=authorization_code&code=***&code_verifier=***&resource=${encodeURIComponent(SERVER)}`, body: { access_token: '***', token_type: 'Bearer' }, headers: [['cache-control', 'no-store']] }),
    received: { at: 1, step: 'token', refreshed: false, scopes: ['read', 'write'], expires_in: 3600, refreshable: true },
    ...changes,
  };
  return Object.values(items).filter(Boolean);
};

const failures = (log) => {
  const [signIn] = signIns(log);
  return [...signIn.steps.keys()].flatMap((name) => verdicts(name, signIn, SERVER).filter((one) => one.ok === false).map((one) => `${name}: ${one.text}`));
};

test('a sign-in that keeps every rule has no complaint', () => {
  const all = signIns(complete());
  assert.equal(all.length, 1);
  assert.deepEqual([...all[0].steps.keys()], ['challenge', 'resource', 'server', 'client', 'authorization', 'code', 'token']);
  assert.deepEqual(failures(complete()), []);
  assert.deepEqual(all[0].requested, ['read', 'write']);
  assert.deepEqual(all[0].granted, ['read', 'write']);
  for (const name of all[0].steps.keys()) assert.equal(outcome(name, all[0], verdicts(name, all[0], SERVER)), 'ok', name);
  assert.equal(outcome('refresh', all[0], []), 'waiting');
});

test('each broken rule is named at its step', () => {
  const metadata = (change) => ({ server: exchange('metadata', `${ISSUER}/.well-known/oauth-authorization-server`, 200, { body: { ...METADATA, ...change } }) });
  const resource = (change) => ({ resource: exchange('metadata', 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp', 200, { body: { ...RESOURCE, ...change } }) });
  const token = (body, headers = [['cache-control', 'no-store']], status = 200) => ({ token: exchange('token', `${ISSUER}/token`, status, { form: 'grant_type=authorization_code&code=***&code_verifier=***&resource=x', body, headers }) });
  for (const [changes, expected] of [
    [{ challenge: exchange('message', SERVER, 401) }, 'challenge: The response has no WWW-Authenticate header.'],
    [{ challenge: exchange('message', SERVER, 401, { headers: [['www-authenticate', 'Basic realm="x"']] }) }, 'challenge: WWW-Authenticate does not offer the scheme Bearer.'],
    [resource({ resource: 'https://other.example/mcp' }), `resource: resource is https://other.example/mcp, but the server is ${SERVER}.`],
    [resource({ authorization_servers: [] }), 'resource: It names no authorization server.'],
    [metadata({ issuer: 'https://evil.example' }), `server: issuer is https://evil.example, but the resource names ${ISSUER}.`],
    [metadata({ code_challenge_methods_supported: undefined }), 'server: It does not say that it supports PKCE. Clients must refuse to continue.'],
    [metadata({ code_challenge_methods_supported: ['plain'] }), 'server: It supports PKCE with plain, and not with S256.'],
    [metadata({ token_endpoint: 'http://auth.example.com/token' }), 'server: token_endpoint is not https: http://auth.example.com/token'],
    [{ registration: exchange('registration', `${ISSUER}/register`, 200, { form: '{}', body: {} }) }, 'client: The server registered the client with 200. The status must be 201.'],
    [{ code: { at: 1, step: 'code', issuer: 'https://evil.example' } }, `code: iss is https://evil.example, but the issuer is ${ISSUER}.`],
    [{ code: { at: 1, step: 'code', issuer: null } }, 'code: The metadata promises iss, and the response has none.'],
    [token({ access_token: '***', token_type: 'mac' }), 'token: token_type is "mac".'],
    [token({ access_token: '***', token_type: 'bearer' }, []), 'token: Cache-Control does not forbid to store the response.'],
    [token({ error: 'invalid_grant', error_description: 'too late' }, [], 400), 'token: The server issued no token: invalid_grant: too late'],
  ]) assert.deepEqual(failures(complete(changes)), [expected]);
});

test('a failure belongs to the step that was reached', () => {
  const log = complete({ token: undefined, received: undefined, code: undefined, failed: { at: 2, step: 'failed', error: 'not finished within 300 s' } });
  const [signIn] = signIns(log);
  assert.deepEqual(signIn.failed, { step: 'authorization', error: 'not finished within 300 s' });
  assert.equal(outcome('authorization', signIn, []), 'bad');
  assert.equal(verdicts('authorization', signIn, SERVER).at(-1).text, 'not finished within 300 s');
});

test('a later challenge and a refresh are sign-ins of their own', () => {
  const refresh = exchange('token', `${ISSUER}/token`, 200, { form: 'grant_type=refresh_token&refresh_token=***', body: { access_token: '***', refresh_token: '***', token_type: 'Bearer' }, headers: [['cache-control', 'no-store']] });
  const refreshed = { at: 3, step: 'token', refreshed: true, scopes: ['read'], expires_in: 60, refreshable: true };
  const all = signIns([...complete(), exchange('message', SERVER, 401, { headers: [['www-authenticate', 'Bearer']] }), { at: 2, step: 'challenge', error: 'invalid_token', scope: null, resource_metadata: null }, refresh, refreshed, refresh, refreshed]);
  assert.deepEqual(all.map((one) => [...one.steps.keys()].join(' ')), ['challenge resource server client authorization code token', 'challenge refresh', 'refresh']);
  assert.ok(verdicts('refresh', all[1], SERVER).some((one) => one.text === 'The response carries a new refresh token.'));
});

test('hostile documents break nothing', () => {
  for (const text of ['null', '[]', '"x"', '{', '{"authorization_servers":{}}', '{"issuer":[]}']) {
    const body = exchange('metadata', 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp', 200);
    body.exchange.response_body.text = text;
    const server = exchange('metadata', 'not a url', 200);
    server.exchange.response_body.text = text;
    assert.doesNotThrow(() => failures(complete({ resource: body, server })));
  }
});
