// Signing in: at farport's own server, at npm `oidc-provider`, held before each step, and at a server that
// breaks one rule after the other. The page names each broken rule.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { farport, folder, inspect, installed, run, start, tab } from './driver.mjs';

const textOf = (result) => result.content.find((one) => one.type === 'text').text;

/** The address of the sign-in page that the inspector shows. */
async function signInPage(ui) {
  await ui.until(() => document.querySelector('.status-card a.button.primary') !== null);
  return ui.page.$eval('.status-card a.button.primary', (one) => one.href);
}

/** Presses a button of a page, and waits for the next page. */
async function press(page, selector) {
  await page.waitForSelector(selector);
  await Promise.all([page.waitForNavigation(), page.click(selector)]);
}

/** Every step that was reached, with its outcome. */
const steps = (ui) => ui.page.$$eval('.step', (all) => all.map((one) => [one.querySelector('strong').textContent, ['ok', 'warn', 'bad', 'waiting'].find((name) => one.classList.contains(name))]));

/** All verdicts that are not fulfilled. */
async function broken(ui) {
  await ui.page.$$eval('button.step-head[aria-expanded=false]', (all) => all.forEach((one) => one.click()));
  return ui.page.$$eval('.verdict.bad', (all) => all.map((one) => one.textContent));
}

async function farportServer() {
  const demo = await start(farport, ['demo', '--port', '0', '--auth', 'dev-login'], { env: { HOME: folder(), NO_COLOR: '1' }, cwd: folder(), matching: /(http:\/\/\S+\/mcp)\b/ });
  const ui = await inspect([demo.line]);
  const visitor = await tab();
  await visitor.goto(await signInPage(ui));
  await visitor.waitForSelector('input[name="name"]');
  await visitor.type('input[name="name"]', 'alice');
  await Promise.all([visitor.waitForNavigation(), visitor.keyboard.press('Enter')]);
  if (await visitor.$('[value="allow"]')) await Promise.all([visitor.waitForNavigation(), visitor.click('[value="allow"]')]);
  await ui.seen('.list-item', 'whoami');
  assert.match(textOf(await ui.call('whoami')), /alice/);
  await ui.click('.nav-item', 'Sign-in');
  await ui.seen('.step', 'Token');
  for (const [step, outcome] of await steps(ui)) assert.equal(outcome, 'ok', `${step} passes`);
  assert.deepEqual(await broken(ui), []);
  await ui.picture('sign-in-light');
  assert.ok(!/code=[^&*]{8}|access_token":"[^*]/.test(await ui.page.content()), 'no secret is on the page');
  // A reload of the page keeps the log; signing out ends the connection.
  await ui.page.reload();
  await ui.click('.nav-item', 'Sign-in');
  await ui.seen('.step', 'Token');
  await ui.click('.sign-in-facts .button', 'Sign out');
  await ui.seen('.address .visually-hidden', 'Not connected');
  await visitor.close();
  await ui.close();
  await demo.stop();
}

/** An MCP server in front of an authorization server. `check` says whether a token is good. */
async function resourceServer(metadata, check) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const json = (status, value, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    if (request.url.startsWith('/.well-known/oauth-protected-resource')) return json(200, metadata(origin));
    if (request.url !== '/mcp') return response.writeHead(404).end();
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || !await check(token)) return json(401, {}, { 'www-authenticate': `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource"` });
    if (request.method !== 'POST') return response.writeHead(405).end();
    const message = JSON.parse(body);
    if (message.id === undefined) return response.writeHead(202).end();
    const result = {
      initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'protected', version: '1' } },
      'tools/list': { tools: [{ name: 'hello', inputSchema: { type: 'object' } }] },
      'tools/call': { content: [{ type: 'text', text: 'hello' }] },
    }[message.method];
    return json(200, { jsonrpc: '2.0', id: message.id, ...(result ? { result } : { error: { code: -32601, message: 'Method not found' } }) });
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const origin = `http://localhost:${server.address().port}`;
  return { url: `${origin}/mcp`, origin, close: () => { server.closeAllConnections(); server.close(); } };
}

async function oidcProvider() {
  const { Provider } = await import(installed.resolve('oidc-provider'));
  const web = createServer();
  web.listen(0, 'localhost');
  await once(web, 'listening');
  const issuer = `http://localhost:${web.address().port}`;
  let resource;
  const provider = new Provider(issuer, {
    cookies: { keys: ['for-tests-only'] },
    claims: { openid: ['sub'] },
    scopes: ['openid', 'offline_access', 'hello'],
    clientDefaults: { grant_types: ['authorization_code', 'refresh_token'] },
    features: {
      devInteractions: { enabled: true },
      registration: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, asked) => ({ audience: asked, scope: 'hello', accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'RS256' } } }),
      },
    },
    issueRefreshToken: () => true,
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    pkce: { required: () => true },
  });
  web.on('request', provider.callback());
  const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  resource = await resourceServer((origin) => ({ resource: `${origin}/mcp`, authorization_servers: [issuer], scopes_supported: ['hello'] }), (token) => claims(token).aud === `${resource.origin}/mcp`);
  const ui = await inspect([resource.url]);
  const visitor = await tab();
  await visitor.goto(await signInPage(ui));
  await visitor.waitForSelector('input[name="login"]');
  await visitor.type('input[name="login"]', 'alice');
  await visitor.type('input[name="password"]', 'anything');
  await press(visitor, 'button[type="submit"]');
  await press(visitor, 'button[type="submit"]');
  await ui.seen('.list-item', 'hello');
  assert.equal(textOf(await ui.call('hello')), 'hello');
  await ui.click('.nav-item', 'Sign-in');
  await ui.seen('[aria-label="Claims"]', 'alice');
  await ui.seen('[aria-label="Claims"]', 'decoded, not verified');
  await ui.seen('.scopes', 'hello');
  for (const [step, outcome] of await steps(ui)) assert.equal(outcome, 'ok', `${step} passes: ${(await broken(ui)).join(' / ')}`);
  await ui.picture('oidc-provider-light');
  if (await ui.page.evaluate(() => [...document.querySelectorAll('.sign-in-facts .button')].some((one) => one.textContent.includes('Refresh now')))) {
    await ui.click('.sign-in-facts .button', 'Refresh now');
    await ui.seen('.step', 'Refresh');
    await ui.until(() => document.querySelector('.sign-in-facts .spinner') === null);
  }
  await visitor.close();
  await ui.close();
  resource.close();
  web.closeAllConnections();
  web.close();
}

/** A rule, how the server breaks it, the step, a part of the verdict, and whether the sign-in fails. */
const RULES = [
  ['a challenge without WWW-Authenticate', { challenge: () => ({}) }, 'Challenge', 'The response has no WWW-Authenticate header', false],
  ['a challenge with another scheme', { challenge: () => ({ 'www-authenticate': 'Basic realm="x"' }) }, 'Challenge', 'does not offer the scheme Bearer', false],
  ['metadata of another resource', { resource: (all) => ({ ...all, resource: 'https://other.example/mcp' }) }, 'Protected resource metadata', 'resource is https://other.example/mcp, but the server is', true],
  ['metadata without a resource', { resource: ({ resource, ...all }) => all }, 'Protected resource metadata', 'It has no resource', false],
  ['no authorization server', { resource: (all) => ({ ...all, authorization_servers: [] }) }, 'Protected resource metadata', 'It names no authorization server', false],
  ['another issuer', { server: (all) => ({ ...all, issuer: 'https://other.example' }) }, 'Authorization server metadata', 'issuer is https://other.example, but the resource names', true],
  ['no issuer', { server: ({ issuer, ...all }) => all }, 'Authorization server metadata', 'It has no issuer', false],
  ['no PKCE with S256', { server: (all) => ({ ...all, code_challenge_methods_supported: ['plain'] }) }, 'Authorization server metadata', 'and not with S256', true],
  ['PKCE not announced', { server: ({ code_challenge_methods_supported, ...all }) => all }, 'Authorization server metadata', 'It does not say that it supports PKCE', false],
  ['a token endpoint over http', { server: (all) => ({ ...all, token_endpoint: 'http://other.example/token' }) }, 'Authorization server metadata', 'token_endpoint is not https', true],
  ['a registration with 200', { register: (client) => [200, client] }, 'Client', 'The status must be 201', false],
  ['a refused registration', { register: () => [400, { error: 'invalid_redirect_uri' }] }, 'Client', 'The registration answered 400', true],
  ['another iss', { iss: 'https://other.example' }, 'Authorization response', 'iss is https://other.example, but the issuer is', true],
  ['a promised iss that is missing', { server: (all) => ({ ...all, authorization_response_iss_parameter_supported: true }) }, 'Authorization response', 'The metadata promises iss, and the response has none', true],
  ['an access that is denied', { denied: true }, 'Authorization response', 'access_denied', true],
  ['a token of another type', { token: (all) => [200, { ...all, token_type: 'mac' }, { 'cache-control': 'no-store' }] }, 'Token', 'token_type is "mac"', true],
  ['a token that may be stored', { token: (all) => [200, all, {}] }, 'Token', 'Cache-Control does not forbid to store the response', false],
  ['a refused code', { token: () => [400, { error: 'invalid_grant', error_description: 'too late' }, {}] }, 'Token', 'invalid_grant: too late', true],
];

/** An MCP server that is its own authorization server, and breaks rules. */
async function breaker() {
  let rule = {};
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const url = new URL(request.url, origin);
    const json = (status, value, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    const same = (all) => all;
    if (url.pathname.startsWith('/.well-known/oauth-protected-resource')) return json(200, (rule.resource ?? same)({ resource: `${origin}/mcp`, authorization_servers: [origin] }));
    if (url.pathname.startsWith('/.well-known/oauth-authorization-server')) {
      return json(200, (rule.server ?? same)({ issuer: origin, authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token`, registration_endpoint: `${origin}/register`, response_types_supported: ['code'], code_challenge_methods_supported: ['S256'] }));
    }
    if (url.pathname === '/register') {
      const [status, client] = (rule.register ?? ((client) => [201, client]))({ ...JSON.parse(body), client_id: 'client' });
      return json(status, client);
    }
    if (url.pathname === '/authorize') {
      const back = new URL(url.searchParams.get('redirect_uri'));
      if (rule.denied) back.searchParams.set('error', 'access_denied');
      else back.searchParams.set('code', 'the-code');
      back.searchParams.set('state', url.searchParams.get('state'));
      if (rule.iss) back.searchParams.set('iss', rule.iss);
      return response.writeHead(302, { location: back.href }).end();
    }
    if (url.pathname === '/token') {
      const [status, tokens, headers] = (rule.token ?? ((all) => [200, all, { 'cache-control': 'no-store' }]))({ access_token: 'the-token', token_type: 'Bearer', expires_in: 60 });
      return json(status, tokens, headers);
    }
    if (url.pathname !== '/mcp') return response.writeHead(404).end();
    if (request.headers.authorization !== 'Bearer the-token') return json(401, {}, (rule.challenge ?? (() => ({ 'www-authenticate': `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource"` })))());
    if (request.method !== 'POST') return response.writeHead(405).end();
    const message = JSON.parse(body);
    if (message.id === undefined) return response.writeHead(202).end();
    return json(200, message.method === 'initialize'
      ? { jsonrpc: '2.0', id: message.id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'breaker', version: '1' } } }
      : message.method === 'tools/list' ? { jsonrpc: '2.0', id: message.id, result: { tools: [{ name: 'hello', inputSchema: { type: 'object' } }] } }
        : { jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  return { url: `${origin}/mcp`, break: (next) => { rule = next; }, close: () => { server.closeAllConnections(); server.close(); } };
}

async function brokenRules() {
  for (const [name, rule, step, verdict, fails] of RULES) {
    // Another port each time: no sign-in is stored for it, so one inspector serves them all.
    const server = await breaker();
    server.break(rule);
    shared ??= await inspect();
    const ui = shared;
    await ui.connect(server.url, { wait: false });
    await ui.until((url) => document.querySelector('.address-text').textContent === url, server.url);
    const outcome = () => ui.page.evaluate(() => (document.querySelector('.address .dot.bad') ? 'failed' : document.querySelector('.address .dot.ok') ? 'connected' : document.querySelector('.status-card a.button.primary')?.href));
    let now;
    const deadline = performance.now() + 15_000;
    for (let visited; ;) {
      now = await outcome();
      assert.ok(performance.now() < deadline, `${name}: neither connected nor failed`);
      if (now === 'failed' || now === 'connected') break;
      if (now !== undefined && now !== visited) {
        visited = now;
        await fetch(now).catch(() => {});
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(now, fails ? 'failed' : 'connected', name);
    await ui.click('.nav-item', 'Sign-in');
    await ui.seen('.step', step);
    await ui.page.$$eval('button.step-head[aria-expanded=false]', (all) => all.forEach((one) => one.click()));
    await ui.until((step, verdict) => [...document.querySelectorAll('.step')].some((one) => one.querySelector('strong').textContent === step && [...one.querySelectorAll('.verdict.bad')].some((one) => one.textContent.includes(verdict))), step, verdict)
      .catch(async () => assert.fail(`${name}: expected “${verdict}” at ${step}, found ${JSON.stringify(await broken(ui))}`));
    const [, tone] = (await steps(ui)).find(([label]) => label === step);
    assert.ok(['bad', 'warn'].includes(tone), `${name}: the step is marked`);
    if (name === 'another iss') await ui.picture('broken-rule-light');
    server.close();
  }
}

let shared;

/** Each step waits until the user continues. */
async function held() {
  const server = await breaker();
  const ui = shared;
  await ui.click('.nav-item', 'Connect');
  await ui.page.$eval('form details.options', (one) => { one.open = true; });
  await ui.click('.options input[type=checkbox]');
  await ui.connect(server.url, { wait: false });
  for (const step of ['Protected resource metadata', 'Authorization server metadata', 'Client', 'Authorization', 'Token']) {
    await ui.seen('.held strong', `Held before: ${step}`);
    if (step === 'Authorization') {
      await ui.seen('.step.ok', 'Client');
      await ui.picture('held-light');
    }
    await ui.click('.held .button', 'Continue Ctrl');
    if (step === 'Authorization') {
      const href = await signInPage(ui);
      fetch(href).catch(() => {});
    }
  }
  await ui.until(() => document.querySelector('.address .dot.ok') !== null);
  // A held sign-in can be cancelled.
  const other = await breaker();
  await ui.connect(other.url, { wait: false });
  await ui.seen('.held strong', 'Held before: Protected resource metadata');
  await ui.click('.held .button', 'Cancel');
  await ui.seen('.address .visually-hidden', 'Not connected');
  await ui.connect(server.url);
  await ui.until(() => document.querySelector('.held') === null);
  server.close();
  other.close();
  await ui.close();
}

await run({ farportServer, oidcProvider, brokenRules, held });
