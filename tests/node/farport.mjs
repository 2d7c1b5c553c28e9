// The server that people sign in to: `farport demo`, or the same tools as a Worker.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { demo } from './oauth.mjs';
import { worker } from './wrangler.mjs';

/** Whether it is a Worker: `cargo xtask worker` names the folder of those that are built. */
export const IN_WORKERD = process.env.FARPORT_WORKERS !== undefined;

/** Farport with a sign-in at `provider`, which `variables` describe; at `issuer`, if it is any OpenID provider. */
export function farport(provider, { issuer, variables = {} } = {}) {
  if (!IN_WORKERD) return demo(['--auth', provider, ...(issuer ? ['--issuer', issuer] : [])], variables);
  return inWorkerd({ ...variables, FARPORT_AUTH_PROVIDER: provider, ...(issuer && { OIDC_ISSUER: issuer }) });
}

/** The Worker `sign-in`, with these variables. What it prints is kept, with its whole log. */
export async function inWorkerd(variables) {
  const persist = mkdtempSync(join(tmpdir(), 'farport-worker-'));
  const key = randomBytes(32).toString('base64');
  const given = { FARPORT_LOG: 'debug', FARPORT_MASTER_KEY: key, ...variables };
  const server = await worker(join(process.env.FARPORT_WORKERS, 'sign-in'), persist, { variables: given });
  return {
    url: server.url,
    origin: server.origin,
    printed: server.printed,
    prints: /INFO[^\n]* responded status=200/,
    secrets: [key],
    // Sessions and isolates look a token up in the store, and again after ten seconds.
    believes: 12_000,
    async stop() {
      await server.kill();
      rmSync(persist, { recursive: true, force: true });
    },
  };
}

/** Does `act` until it does not fail: once, unless farport may go on believing what it knows of a token. */
export async function soon({ believes }, act) {
  const end = Date.now() + believes;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() >= end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
