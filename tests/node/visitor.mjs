// Sign-ins without a browser: a visitor who follows pages and fills in forms.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

import { register } from './oauth.mjs';

/** The redirect URI of the clients. No server listens there. */
export const REDIRECT = 'http://localhost:39999/callback';

const base64url = (bytes) => Buffer.from(bytes).toString('base64url');
const unescaped = (text) => text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** A browser without a window: follows pages and redirects, and keeps cookies. */
class Visitor {
  #cookies = new Map();
  #send;

  constructor(send) {
    this.#send = send;
  }

  async go(url, init = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...init.headers, ...(cookie && { cookie }) };
    const response = await this.#send(String(url), { ...init, redirect: 'manual', headers });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      this.#cookies.set(name, value);
    }
    return { response, page: await response.text() };
  }

  /** Fills in the first form of a page, or the first that has the button `press`. */
  async submit(url, page, fields, press) {
    const forms = page.matchAll(/<form[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g);
    for (const [, action, inside] of forms) {
      if (press && !inside.includes(`value="${press}"`)) continue;
      const body = new URLSearchParams();
      for (const [input] of inside.matchAll(/<(?:input|button)[^>]*>/g)) {
        const attribute = (name) => new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1];
        const name = attribute('name');
        if (!name) continue;
        if (attribute('type') === 'hidden') body.append(name, unescaped(attribute('value') ?? ''));
        else if (press && attribute('value') === press) body.append(name, press);
        else if (fields[name] !== undefined) body.append(name, fields[name]);
      }
      return this.go(new URL(unescaped(action), url), {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(url).origin },
        body: String(body),
      });
    }
    throw new Error(`no form in ${page}`);
  }
}

/** The authorization request of a client at `origin`, and what proves later that it was this one. */
export function request(origin, client_id) {
  const verifier = base64url(randomBytes(32));
  const url = new URL(`${origin}/authorize`);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: REDIRECT,
    code_challenge: base64url(createHash('sha256').update(verifier).digest()),
    code_challenge_method: 'S256',
    resource: `${origin}/mcp`,
    state: 'state',
  });
  return { url, verifier };
}

/**
 * Signs in as `login` at `origin`, up to the authorization code, for `client` or a new client.
 * `provider` returns the next URL for a URL at another origin. `send` replaces `fetch`.
 */
export async function authorize(origin, login, { client, provider, send = fetch } = {}) {
  client ??= await register(origin, {
    client_name: 'Race',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
  });
  const asked = request(origin, client.client_id);
  const visitor = new Visitor(send);
  let url = asked.url.href;
  let { response, page } = await visitor.go(url);
  for (let step = 0; step < 8; step += 1) {
    const next = response.headers.get('location')
      ?? /http-equiv="refresh"[^>]*url=([^"]*)"/i.exec(page)?.[1]
      ?? /url=(.*)/i.exec(response.headers.get('refresh') ?? '')?.[1];
    if (next) {
      const target = new URL(unescaped(next), url);
      if (target.href.startsWith(REDIRECT)) {
        assert.equal(target.searchParams.get('iss'), origin);
        assert.ok(target.searchParams.has('code'), target.href);
        return { client, verifier: asked.verifier, code: target.searchParams.get('code') };
      }
      url = target.origin === origin ? target.href : String(provider(target));
      ({ response, page } = await visitor.go(url));
      continue;
    }
    assert.equal(response.status, 200, page);
    const consent = page.includes('value="allow"') ? 'allow' : undefined;
    ({ response, page } = await visitor.submit(url, page, { name: login }, consent));
  }
  throw new Error(`no code came of it: ${response.status} ${page}`);
}

/** Redeems the code that came of `authorize`. */
export const redeem = (origin, { client, verifier, code }, send) => token(origin, {
  grant_type: 'authorization_code', client_id: client.client_id, redirect_uri: REDIRECT, code_verifier: verifier, code,
  resource: `${origin}/mcp`,
}, send);

/** Asks the token endpoint. */
export async function token(origin, fields, send = fetch) {
  const response = await send(`${origin}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: String(new URLSearchParams(fields)),
  });
  return { status: response.status, json: await response.json() };
}
