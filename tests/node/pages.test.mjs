// How the pages look: each in light and dark, on a phone and on a desk. The pictures are written to
// the folder that FARPORT_SCREENSHOTS names, for somebody to look at.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Person, press, skip, startBrowser } from './browser.mjs';
import { register } from './oauth.mjs';
import { devLogin, github } from './upstreams.mjs';

const FOLDER = process.env.FARPORT_SCREENSHOTS;
const WIDTHS = { phone: { width: 390, height: 844, deviceScaleFactor: 2 }, desk: { width: 1280, height: 800 } };
const REDIRECT = 'http://127.0.0.1:9/callback';
const LONG = 'A client with quite a long name, asupercalifragilisticexpialidociouslylongone';

/** A new client of this name: the address of its authorization request, and what it was told of itself. */
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

  /** Somebody whose browser stays where it is when a page leads on to another place. */
  async function somebody(at = farport) {
    person = await Person.with(browser, at);
    const { page } = person;
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      if (request.url().startsWith(at.origin)) request.continue();
      else request.respond({ status: 204 });
    });
    return person;
  }

  /** Takes the pictures of the page, and holds it to what every page has to keep. */
  async function look(name, title) {
    const { page } = person;
    await person.look();
    assert.equal(person.seen.at(-1), title);
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
    const { page } = await somebody();
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
    const { page } = await somebody();
    await page.goto((await asked(farport, 'Notebook')).url);
    await page.type('#name', '   ');
    await press(page, 'form[action="/authorize/sign-in"] button');
    await look('sign-in-problem', 'Sign in');
    await person.close();
  });

  test('a long name that wants to be markup, and an answer that goes elsewhere', async () => {
    const { page } = await somebody();
    await page.goto((await asked(farport, `${LONG} <script>alert(1)</script>`, 'https://a-rather-long-host-name.example.com/callback')).url);
    await look('sign-in-long', 'Sign in');
    await page.type('#name', 'alice');
    await press(page, 'form[action="/authorize/sign-in"] button');
    await look('consent-long', 'Allow access');
    assert.equal((await page.$$('script')).length, 0);
    await press(page, 'button[value="deny"]');
    await look('denied', 'Not allowed');
    await person.close();
  });

  test('an error', async () => {
    const { page } = await somebody();
    const opened = await page.goto(`${farport.origin}/authorize?response_type=code&client_id=nobody`);
    assert.ok(opened.status() >= 400);
    await look('error', 'Error');
    await person.close();
  });

  test('an error of a client that nobody vouches for leads nobody on by itself', async () => {
    const { page } = await somebody();
    const { url } = await asked(farport, `${LONG} <b>`, 'https://a-rather-long-host-name.example.com/callback');
    const opened = await page.goto(`${url}&prompt=none`);
    assert.equal(opened.status(), 400);
    assert.equal(opened.headers().refresh, undefined);
    assert.equal(opened.headers().location, undefined);
    await look('stopped', 'Error');
    const link = await page.$eval('.buttons a', (one) => ({ text: one.textContent, to: one.href, rel: one.rel }));
    assert.equal(link.text, 'Go to a-rather-long-host-name.example.com');
    assert.match(link.to, /^https:\/\/a-rather-long-host-name\.example\.com\/callback\?error=interaction_required&/);
    assert.equal(link.rel, 'noreferrer');
    await person.close();
  });

  test('consent before a provider, and the way to it', async () => {
    const at = await github();
    try {
      const { page } = await somebody(at);
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
