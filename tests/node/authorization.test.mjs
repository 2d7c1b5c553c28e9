// The official conformance suite looks at farport as an authorization server, and a browser walks
// through the pages for it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Person, skip, startBrowser } from './browser.mjs';
import { register } from './oauth.mjs';
import { freePort, later } from './support.mjs';
import { devLogin } from './upstreams.mjs';

const SUITE = fileURLToPath(new URL('node_modules/conformance-0.2/dist/index.js', import.meta.url));

test('the official suite finds nothing to object to in the authorization server', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'farport-authorization-'));
  const browser = await startBrowser();
  const farport = await devLogin();
  const port = await freePort();
  const redirect = `http://127.0.0.1:${port}/callback`;
  const client = await register(farport.origin, {
    client_name: 'Conformance suite',
    redirect_uris: [redirect],
    grant_types: ['authorization_code', 'refresh_token'],
  });
  const suite = spawn(process.execPath, [
    SUITE, 'authorization', '--url', farport.origin, '--client-id', client.client_id,
    '--resource', farport.url, '-p', String(port), '-o', folder,
  ], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    let said = '';
    const person = await Person.with(browser, farport);
    const walks = [];
    const opened = new Set();
    for (const stream of [suite.stdout, suite.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        said += chunk;
        for (const [url] of said.matchAll(/http:\/\/\S+\/authorize\?\S+(?=\s)/g)) {
          if (opened.has(url)) continue;
          opened.add(url);
          walks.push(person.authorize(url, { next: () => back(person.page, redirect) }));
        }
      });
    }
    const [code] = await once(suite, 'exit');
    await Promise.all(walks);
    assert.ok(walks.length > 0, `the suite asked for a sign-in:\n${said}`);
    assert.equal(code, 0, said);
    const checks = readdirSync(folder, { recursive: true })
      .filter((file) => file.endsWith('checks.json'))
      .flatMap((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')));
    assert.ok(checks.length > 0, said);
    const bad = checks.filter(({ status }) => status !== 'SUCCESS' && status !== 'INFO');
    assert.deepEqual(bad, [], said);
    console.log(`${checks.length} checks of the suite: ${checks.map(({ id }) => id).join(', ')}`);
  } finally {
    suite.kill();
    await browser.close();
    await farport.stop();
    rmSync(folder, { recursive: true });
  }
});

/** The parameters with which the browser comes to `redirect`. */
function back(page, redirect) {
  const arrived = later('the browser being back at the suite', 30_000);
  page.on('request', (request) => {
    if (request.url().startsWith(`${redirect}?`)) arrived.resolve(new URL(request.url()).searchParams);
  });
  return arrived.promise;
}
