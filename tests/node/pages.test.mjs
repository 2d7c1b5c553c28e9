// How the pages look: each in light and dark, on phones and on a desktop. The screenshots are written
// to the folder that FARPORT_SCREENSHOTS names.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Person, press, skip, startBrowser } from './browser.mjs';
import { register } from './oauth.mjs';
import { devLogin, github } from './upstreams.mjs';

const FOLDER = process.env.FARPORT_SCREENSHOTS;
const WIDTHS = { small: { width: 320, height: 640, deviceScaleFactor: 2 }, phone: { width: 390, height: 844, deviceScaleFactor: 2 }, desk: { width: 1280, height: 800 } };
const REDIRECT = 'http://127.0.0.1:9/callback';
const LONG = 'A client with quite a long name, asupercalifragilisticexpialidociouslylongone';

/** Registers a client with this name. Returns the URL of its authorization request and the registration. */
async function asked(farport, client_name, redirect = REDIRECT) {
  const client = await register(farport.origin, { client_name, redirect_uris: [redirect] });
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: redirect,
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    state: 'a-state',
    resource: farport.url,
  });
  return { url: `${farport.origin}/authorize?${parameters}`, client };
}

describe('pages', { skip }, () => {
  let browser;
  let farport;
  let person;
  before(async () => {
    browser = await startBrowser();
    farport = await devLogin();
    if (FOLDER) mkdirSync(FOLDER, { recursive: true });
  });
  after(async () => {
    await farport?.stop();
    await browser?.close();
  });

  /** A user whose browser blocks redirects to other origins than `at` and `more`. */
  async function visitor(at = farport, more = at.origin) {
    person = await Person.with(browser, at);
    const { page } = person;
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      if ([at.origin, more].some((origin) => request.url().startsWith(origin))) request.continue();
      else request.respond({ status: 204 });
    });
    return person;
  }

  /** Takes the pictures of a page of the server, and holds it to what every page has to keep. */
  async function look(name, title) {
    await person.look();
    assert.equal(person.seen.at(-1), title);
    await photograph(name);
  }

  /** Takes the pictures of a page. It must fit into the window, and follow the color scheme. */
  async function photograph(name) {
    const { page } = person;
    for (const [size, viewport] of Object.entries(WIDTHS)) {
      await page.setViewport(viewport);
      for (const scheme of ['light', 'dark']) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
        const { fits, ground, small } = await page.evaluate(() => ({
          fits: document.documentElement.scrollWidth <= document.documentElement.clientWidth,
          ground: getComputedStyle(document.body).backgroundColor,
          small: [...document.querySelectorAll('.buttons > *')].filter((one) => one.getBoundingClientRect().height < 44).length,
        }));
        assert.ok(fits, `${name} does not scroll sideways on a ${size}`);
        assert.equal(small, 0, `${name} has buttons that a finger meets`);
        const [light] = /\d+/.exec(ground);
        assert.equal(Number(light) > 127, scheme === 'light', `${name} is ${scheme}: ${ground}`);
        if (FOLDER) await page.screenshot({ path: join(FOLDER, `${name}-${size}-${scheme}.png`), fullPage: true });
      }
    }
    assert.deepEqual(person.complaints, []);
  }

  test('sign-in, consent, and the way back', async () => {
    const { page } = await visitor();
    const { url } = await asked(farport, 'Notebook');
    const opened = await page.goto(url);
    const policy = opened.headers()['content-security-policy'];
    for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"]) {
      assert.ok(policy.split('; ').includes(rule), `${rule} in ${policy}`);
    }
    assert.ok(!/script|unsafe/.test(policy), policy);
    await look('sign-in', 'Sign in');
    await page.type('#name', 'alice');
    await press(page, 'form[action="/authorize/sign-in"] button');
    await look('consent', 'Allow access');
    await press(page, 'button[value="allow"]');
    await look('signed-in', 'Signed in');
    await person.close();
  });

  test('a problem with a name', async () => {
    const { page } = await visitor();
    await page.goto((await asked(farport, 'Notebook')).url);
    await page.type('#name', '   ');
    await press(page, 'form[action="/authorize/sign-in"] button');
    await look('sign-in-problem', 'Sign in');
    await person.close();
  });

  test('a long name that wants to be markup, and an answer that goes elsewhere', async () => {
    const { page } = await visitor();
    await page.goto((await asked(farport, `${LONG} <script>alert(1)</script>`, 'https://a-rather-long-host-name.example.com/callback')).url);
    await look('sign-in-long', 'Sign in');
    await page.type('#name', 'alice');
    await press(page, 'form[action="/authorize/sign-in"] button');
    await look('consent-long', 'Allow access');
    assert.equal((await page.$$('script')).length, 0);
    await press(page, 'button[value="deny"]');
    await look('denied', 'Access denied');
    await person.close();
  });

  test('an error', async () => {
    const { page } = await visitor();
    const opened = await page.goto(`${farport.origin}/authorize?response_type=code&client_id=unknown`);
    assert.ok(opened.status() >= 400);
    await look('error', 'This app is not registered');
    await person.close();
  });

  test('an error of a client that the operator did not register does not redirect', async () => {
    const { page } = await visitor();
    const { url } = await asked(farport, `${LONG} <b>`, 'https://a-rather-long-host-name.example.com/callback');
    const opened = await page.goto(`${url}&prompt=none`);
    assert.equal(opened.status(), 400);
    assert.equal(opened.headers().refresh, undefined);
    assert.equal(opened.headers().location, undefined);
    await look('stopped', 'Sign-in failed');
    const link = await page.$eval('.buttons a', (one) => ({ text: one.textContent, to: one.href, rel: one.rel }));
    assert.equal(link.text, 'Go to a-rather-long-host-name.example.com');
    assert.match(link.to, /^https:\/\/a-rather-long-host-name\.example\.com\/callback\?error=interaction_required&/);
    assert.equal(link.rel, 'noreferrer');
    await person.close();
  });

  test('the page at the root', async () => {
    const { page } = await visitor();
    await page.goto(`${farport.origin}/`);
    await person.look();
    await photograph('home');
    await person.close();
  });

  /** Starts `farport login`: the process, the URL to open, and where the browser ends. */
  async function login(folder) {
    const child = spawn(process.env.FARPORT_BIN, ['login', farport.url, '--no-browser'], {
      env: { ...process.env, FARPORT_CONFIG_DIR: folder }, stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    const url = await new Promise((resolve, reject) => {
      child.stderr.on('data', (chunk) => {
        said += chunk;
        const found = /^http\S+authorize\S+$/m.exec(said);
        if (found) resolve(found[0]);
      });
      child.on('exit', () => reject(new Error(said)));
    });
    return { child, url, end: new URL(new URL(url).searchParams.get('redirect_uri')), ended: once(child, 'exit') };
  }

  // They are pages of the command, which does not run in workerd.
  const skip = process.env.FARPORT_BIN === undefined;
  test('the pages at the end of farport login', { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'farport-pages-'));
    try {
      for (const decision of ['deny', 'fail', 'allow']) {
        const { url, end, ended } = await login(folder);
        const { page } = await visitor(farport, end.origin);
        const open = async (path, name, title) => {
          await page.goto(path);
          assert.equal(await page.title(), `${title} · farport`);
          await photograph(name);
        };
        await open(`${end.origin}/elsewhere`, 'login-not-found', 'Page not found');
        await open(`${end}`, 'login-incomplete', 'The sign-in did not complete');
        await open(`${end}?code=a&state=b`, 'login-other', 'This page belongs to another sign-in');
        if (decision === 'fail') {
          const answer = new URLSearchParams({
            error: 'invalid_scope', error_description: 'This scope does not exist', iss: farport.origin,
            state: new URL(url).searchParams.get('state'),
          });
          await open(`${end}?${answer}`, 'login-failed', 'Sign-in failed');
          await page.click('summary');
          await photograph('login-failed-details');
        } else {
          await page.goto(url);
          await page.type('#name', 'alice');
          await press(page, 'form[action="/authorize/sign-in"] button');
          await page.click(`button[name="decision"][value="${decision}"]`);
          const [name, title] = { deny: ['denied', 'Access denied'], allow: ['done', 'You are signed in'] }[decision];
          // The server's own page comes first, and leads on.
          while (await page.title().catch(() => '') !== `${title} · farport`) {
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          await photograph(`login-${name}`);
        }
        const [code] = await ended;
        assert.equal(code, decision === 'allow' ? 0 : 1);
        await person.close();
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('consent before a provider, and the way to it', async () => {
    const at = await github();
    try {
      const { page } = await visitor(at);
      await page.goto((await asked(at, 'Notebook')).url);
      await look('consent-provider', 'Allow access');
      await press(page, 'button[value="allow"]');
      await look('to-provider', 'Sign in');
      await person.close();
    } finally {
      await at.stop({ used: false });
    }
  });
});
