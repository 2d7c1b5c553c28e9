// Sign-ins as a list of steps: what the client reported, its exchanges, and a verdict for each rule of the
// specifications. The input is the inspector's log, in which secrets are masked.

/** The steps, in order. */
export const STEPS = [
  ['challenge', 'Challenge'],
  ['resource', 'Protected resource metadata'],
  ['server', 'Authorization server metadata'],
  ['client', 'Client'],
  ['authorization', 'Authorization'],
  ['code', 'Authorization response'],
  ['token', 'Token'],
  ['refresh', 'Refresh'],
  ['revocation', 'Revocation'],
];

const header = (exchange, name) => exchange.response_headers.find(([one]) => one === name)?.[1];
const pass = (text, rule) => ({ ok: true, text, rule });
const fail = (text, rule) => ({ ok: false, text, rule });
const info = (text, rule) => ({ ok: null, text, rule });

function json(body) {
  try {
    const value = JSON.parse(body?.text ?? '');
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

const form = (exchange) => new URLSearchParams(exchange.request_body.text);

function path(url) {
  try {
    return new URL(url).pathname;
  } catch {
    return url;
  }
}

/** https, or http on this machine. */
function isProtected(url) {
  try {
    const { protocol, hostname } = new URL(url);
    return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  } catch {
    return false;
  }
}

/** Scopes as a list. */
export const scopes = (text) => (text ?? '').split(' ').filter(Boolean);

const fresh = () => ({ steps: new Map(), failed: undefined, at: undefined, requested: undefined, granted: undefined });

/** Splits the log into sign-ins, oldest first. Each has `steps`: a map from a step's name to its data. */
export function signIns(log) {
  const all = [];
  let now;
  let last;
  const begin = (item) => {
    now = fresh();
    now.at = item.at;
    last = undefined;
    all.push(now);
  };
  const step = (name, item) => {
    if (now === undefined) begin(item);
    if (!now.steps.has(name)) now.steps.set(name, { exchanges: [], report: undefined });
    last = name;
    return now.steps.get(name);
  };
  for (const item of log) {
    const { exchange } = item;
    if (exchange !== undefined) {
      const name = stepOf(exchange, now);
      const challenged = now?.steps.get('challenge');
      if (name === 'challenge' && (challenged === undefined || challenged.report !== undefined || now.steps.size > 1)) begin(item);
      else if (['refresh', 'revocation'].includes(name) && (now?.steps.has('token') || now?.steps.get(name)?.report !== undefined)) begin(item);
      step(name, item).exchanges.push(exchange);
    } else if (item.step === 'challenge') {
      const before = now?.steps.get('challenge');
      if (now === undefined || before?.report !== undefined || (before === undefined && now.steps.size > 0)) begin(item);
      step('challenge', item).report = item;
    } else if (item.step === 'discovered') {
      step(item.resource === null ? 'server' : 'resource', item).report = item;
      step('server', item).report = item;
    } else if (item.step === 'token') {
      step(item.refreshed ? 'refresh' : 'token', item).report = item;
      now.granted = item.scopes;
      now.failed = undefined;
    } else if (item.step === 'failed') {
      if (now === undefined) begin(item);
      now.failed = { step: last ?? 'challenge', error: item.error };
      if (!now.steps.has(now.failed.step)) now.steps.set(now.failed.step, { exchanges: [], report: undefined });
    } else {
      step(item.step, item).report = item;
      if (item.step === 'authorization') now.requested = scopes(new URLSearchParams(query(item.url)).get('scope'));
    }
  }
  return all;
}

const query = (url) => url.split('?')[1] ?? '';

function stepOf(exchange, now) {
  if (exchange.purpose === 'metadata') {
    const named = now?.steps.get('challenge')?.report?.resource_metadata;
    return exchange.url === named || path(exchange.url).includes('oauth-protected-resource') ? 'resource' : 'server';
  }
  if (exchange.purpose === 'registration') return 'client';
  if (exchange.purpose === 'token') {
    const grant = form(exchange).get('grant_type');
    return grant === null ? 'revocation' : grant === 'refresh_token' ? 'refresh' : 'token';
  }
  return 'challenge';
}

/** The last exchange that the server answered with success, else the last. */
const best = (exchanges) => exchanges.findLast((one) => one.status >= 200 && one.status < 300) ?? exchanges.at(-1);

/** The verdicts on one step. `server` is the URL of the MCP server. */
export function verdicts(name, signIn, server) {
  const { exchanges = [], report } = signIn.steps.get(name) ?? {};
  const found = CHECKS[name]?.({ exchanges, exchange: best(exchanges), report, signIn, server }) ?? [];
  if (signIn.failed?.step === name) found.push(fail(signIn.failed.error));
  return found;
}

const misses = (exchanges) => exchanges.filter((one) => one.status !== null && one.status >= 300).map((one) => info(`${path(one.url)} answered ${one.status}. farport tried the next place.`));

const CHECKS = {
  challenge({ exchange, report }) {
    const all = [];
    if (exchange !== undefined) {
      const asks = header(exchange, 'www-authenticate');
      if (exchange.status === 401) all.push(pass('The server answered 401 to a request without a valid token.', 'MCP authorization'));
      else if (exchange.status === 403) all.push(report?.error === 'insufficient_scope' ? pass('The server answered 403 with insufficient_scope: the token needs more scopes.', 'RFC 6750, 3.1') : info(`The server answered 403${report?.error ? ` with ${report.error}` : ''}.`));
      if (asks === undefined) all.push(fail('The response has no WWW-Authenticate header.', 'RFC 6750, 3'));
      else if (!/(^|,\s*)bearer\b/i.test(asks)) all.push(fail('WWW-Authenticate does not offer the scheme Bearer.', 'RFC 6750, 3'));
      else all.push(pass('WWW-Authenticate offers the scheme Bearer.', 'RFC 6750, 3'));
    }
    else if (report?.error === null && report.resource_metadata === null) all.push(info('A new token was requested without a challenge of the server.'));
    if (report?.resource_metadata) all.push(pass(`It names the metadata of the resource: ${report.resource_metadata}`, 'RFC 9728, 5.1'));
    else if (exchange?.status === 401) all.push(info('It names no resource_metadata, so farport looks in the well-known places.', 'RFC 9728, 5.1'));
    if (report?.scope) all.push(info(`It requires the scopes ${report.scope}.`));
    return all;
  },

  resource({ exchanges, exchange, server }) {
    const all = misses(exchanges);
    const document = json(exchange?.response_body);
    if (exchange === undefined || exchange.status !== 200) return [...all, info('No metadata of the resource was found, so farport asks the server itself.', 'RFC 9728, 3')];
    if (document === undefined) return [...all, fail('The document is not a JSON object.', 'RFC 9728, 3.2')];
    const { resource, authorization_servers: servers } = document;
    if (typeof resource !== 'string') all.push(fail('It has no resource.', 'RFC 9728, 2'));
    else if (resource === server) all.push(pass(`resource is the URL of the server: ${resource}`, 'RFC 9728, 3.3'));
    else if (server.startsWith(resource.replace(/\/$/, ''))) all.push(pass(`resource ${resource} includes the URL of the server.`, 'RFC 9728, 3.3'));
    else all.push(fail(`resource is ${resource}, but the server is ${server}.`, 'RFC 9728, 3.3'));
    if (Array.isArray(servers) && servers.length > 0) all.push(pass(`It names ${servers.length === 1 ? 'the authorization server' : `${servers.length} authorization servers, the first is`} ${servers[0]}`, 'MCP authorization'));
    else all.push(fail('It names no authorization server.', 'MCP authorization'));
    if (Array.isArray(document.scopes_supported)) all.push(info(`It lists the scopes ${document.scopes_supported.join(' ')}.`));
    return all;
  },

  server({ exchanges, exchange, report, signIn }) {
    const all = misses(exchanges);
    const document = json(exchange?.response_body);
    if (exchange === undefined || exchange.status !== 200) return [...all, fail('No metadata of the authorization server was found.', 'RFC 8414, 3')];
    if (document === undefined) return [...all, fail('The document is not a JSON object.', 'RFC 8414, 3.2')];
    const expected = json(best(signIn.steps.get('resource')?.exchanges ?? [])?.response_body)?.authorization_servers?.[0];
    const issuer = document.issuer ?? report?.issuer;
    if (typeof document.issuer !== 'string') all.push(fail('It has no issuer.', 'RFC 8414, 2'));
    else if (expected === undefined || issuer === expected) all.push(pass(`issuer is ${issuer}${expected === undefined ? '' : ', byte for byte as the resource names it'}.`, 'RFC 8414, 3.3'));
    else if (issuer.replace(/\/$/, '') === expected.replace(/\/$/, '')) all.push(info(`issuer ${issuer} differs from ${expected} by a slash. farport accepts it; other clients refuse it.`, 'RFC 8414, 3.3'));
    else all.push(fail(`issuer is ${issuer}, but the resource names ${expected}.`, 'RFC 8414, 3.3'));
    const methods = document.code_challenge_methods_supported;
    if (Array.isArray(methods) && methods.includes('S256')) all.push(pass('It supports PKCE with S256.', 'OAuth 2.1, 4.1.1'));
    else all.push(fail(methods === undefined ? 'It does not say that it supports PKCE. Clients must refuse to continue.' : `It supports PKCE with ${[methods].flat().join(', ')}, and not with S256.`, 'MCP authorization'));
    for (const name of ['authorization_endpoint', 'token_endpoint', 'registration_endpoint']) {
      const url = document[name];
      if (typeof url === 'string' && !isProtected(url)) all.push(fail(`${name} is not https: ${url}`, 'OAuth 2.1, 1.5'));
    }
    if (typeof document.token_endpoint !== 'string') all.push(fail('It has no token_endpoint.', 'RFC 8414, 2'));
    if (document.client_id_metadata_document_supported === true) all.push(pass('It accepts client metadata documents.', 'MCP authorization'));
    if (typeof document.registration_endpoint === 'string') all.push(info('It registers clients.', 'RFC 7591'));
    else if (document.client_id_metadata_document_supported !== true) all.push(info('It offers no registration, so a client id has to be given.', 'RFC 7591'));
    return all;
  },

  client({ exchanges, exchange, report }) {
    const all = [];
    if (exchange !== undefined && exchanges.length > 0) {
      const document = json(exchange.response_body);
      if (exchange.status === 201) all.push(pass('The server registered the client with 201.', 'RFC 7591, 3.2.1'));
      else if (exchange.status === 200) all.push(fail('The server registered the client with 200. The status must be 201.', 'RFC 7591, 3.2.1'));
      else all.push(fail(`The registration answered ${exchange.status ?? exchange.error}.`, 'RFC 7591, 3.2.2'));
      const wanted = json(exchange.request_body)?.redirect_uris ?? [];
      const got = document?.redirect_uris;
      if (Array.isArray(got) && wanted.every((one) => got.includes(one))) all.push(pass('It registered the redirect URI that farport uses.', 'RFC 7591, 3.2.1'));
      else if (document !== undefined && exchange.status < 300) all.push(info('It does not repeat the redirect URI.', 'RFC 7591, 3.2.1'));
    }
    if (report?.source === 'metadata_document') all.push(isProtected(report.id) ? pass(`The client id is the URL of its metadata document: ${report.id}`, 'MCP authorization') : fail(`The URL of the metadata document is not https: ${report.id}`, 'MCP authorization'));
    else if (report?.source === 'stored') all.push(info(`farport uses the client ${report.id}, which it registered before.`));
    else if (report?.source === 'given') all.push(info(`The options name the client ${report.id}.`));
    return all;
  },

  authorization({ report }) {
    if (report === undefined) return [];
    const params = new URLSearchParams(query(report.url));
    const all = [];
    all.push(params.get('response_type') === 'code' ? pass('response_type is code.', 'OAuth 2.1, 4.1.1') : fail('response_type is not code.', 'OAuth 2.1, 4.1.1'));
    all.push(params.get('code_challenge_method') === 'S256' && params.has('code_challenge') ? pass('The request carries a PKCE challenge with S256.', 'OAuth 2.1, 4.1.1') : fail('The request carries no PKCE challenge with S256.', 'OAuth 2.1, 4.1.1'));
    all.push(params.has('state') ? pass('The request carries a state.', 'OAuth 2.1, 2.1') : fail('The request carries no state.', 'OAuth 2.1, 2.1'));
    all.push(params.has('resource') ? pass(`It names the resource ${params.get('resource')}`, 'RFC 8707, 2') : fail('It names no resource.', 'RFC 8707, 2'));
    const redirect = params.get('redirect_uri');
    if (redirect !== null) all.push(isProtected(redirect) ? pass(`The browser returns to ${redirect}`, 'RFC 8252, 7.3') : fail(`The redirect URI is neither https nor on this machine: ${redirect}`, 'OAuth 2.1, 2.3.1'));
    return all;
  },

  code({ report, signIn }) {
    if (report === undefined) return [];
    const all = [pass('The browser returned with the state of this request.', 'OAuth 2.1, 4.1.2')];
    const document = json(best(signIn.steps.get('server')?.exchanges ?? [])?.response_body);
    const issuer = signIn.steps.get('server')?.report?.issuer ?? document?.issuer;
    if (report.issuer) all.push(report.issuer === issuer ? pass('iss is the issuer, byte for byte.', 'RFC 9207, 2.4') : fail(`iss is ${report.issuer}, but the issuer is ${issuer}.`, 'RFC 9207, 2.4'));
    else all.push(document?.authorization_response_iss_parameter_supported === true ? fail('The metadata promises iss, and the response has none.', 'RFC 9207, 2.4') : info('The response names no issuer.', 'RFC 9207, 2'));
    return all;
  },

  token({ exchange, report, signIn }) {
    if (exchange === undefined) return report ? [info('farport received a token.')] : [];
    const sent = form(exchange);
    const all = grant(exchange, report);
    if (sent.get('grant_type') === 'authorization_code') all.unshift(sent.has('code_verifier') ? pass('The request carries the PKCE verifier.', 'OAuth 2.1, 4.1.3') : fail('The request carries no PKCE verifier.', 'OAuth 2.1, 4.1.3'));
    all.push(sent.has('resource') ? pass(`The request names the resource ${sent.get('resource')}`, 'RFC 8707, 2') : fail('The request names no resource.', 'RFC 8707, 2'));
    const missing = (signIn.requested ?? []).filter((one) => report && report.scopes.length > 0 && !report.scopes.includes(one));
    if (missing.length > 0) all.push(info(`The server did not grant ${missing.join(' ')}.`, 'OAuth 2.1, 3.2.3'));
    return all;
  },

  refresh({ exchange, report }) {
    if (exchange === undefined) return report ? [info('farport refreshed the token.')] : [];
    const all = grant(exchange, report);
    const document = json(exchange.response_body);
    if (exchange.status === 200) all.push(document?.refresh_token ? pass('The response carries a new refresh token.', 'OAuth 2.1, 4.3.1') : info('The refresh token stays the same.', 'OAuth 2.1, 4.3.1'));
    return all;
  },

  revocation({ exchange }) {
    if (exchange === undefined) return [];
    return [exchange.status === 200 ? pass('The server revoked the token.', 'RFC 7009, 2.2') : fail(`The revocation answered ${exchange.status ?? exchange.error}.`, 'RFC 7009, 2.2')];
  },
};

/** The verdicts on a response of the token endpoint. */
function grant(exchange, report) {
  const document = json(exchange.response_body);
  if (exchange.status !== 200) {
    const why = document?.error ? `${document.error}${document.error_description ? `: ${document.error_description}` : ''}` : (exchange.error ?? `status ${exchange.status}`);
    return [fail(`The server issued no token: ${why}`, 'OAuth 2.1, 3.2.4')];
  }
  const all = [];
  if (document === undefined) all.push(fail('The response is not a JSON object.', 'OAuth 2.1, 3.2.3'));
  else if (/^bearer$/i.test(document.token_type ?? '')) all.push(pass('The server issued a token of the type Bearer.', 'OAuth 2.1, 3.2.3'));
  else all.push(fail(`token_type is ${JSON.stringify(document.token_type ?? null)}.`, 'OAuth 2.1, 3.2.3'));
  all.push(/no-store/.test(header(exchange, 'cache-control') ?? '') ? pass('Cache-Control forbids to store the response.', 'OAuth 2.1, 3.2.3') : fail('Cache-Control does not forbid to store the response.', 'OAuth 2.1, 3.2.3'));
  if (report?.expires_in === null) all.push(info('The response does not say how long the token is valid.', 'OAuth 2.1, 3.2.3'));
  else if (report !== undefined) all.push(info(`The token is valid for ${report.expires_in} s.`));
  return all;
}

/** The state of a step: ok, bad, warn, or waiting. */
export function outcome(name, signIn, found) {
  const step = signIn.steps.get(name);
  if (step === undefined) return 'waiting';
  if (signIn.failed?.step === name) return 'bad';
  return found.some((one) => one.ok === false) ? 'warn' : 'ok';
}
