// A browser with the Chat view, and short ways to use it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { WAIT } from './driver.mjs';

/** Opens a browser. `close` ends it, and the programs that `start` started. */
export async function openBrowser({ farport, puppeteer, axe, pictures, env }) {
  const children = [];
  const start = (args, more, matching) => new Promise((resolve, reject) => {
    const child = spawn(farport, args, { env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let text = '';
    const read = (data) => {
      text += data;
      const found = matching.exec(text);
      if (found) resolve(found[1]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => reject(new Error(`farport ended with ${code}: ${text}`)));
  });
  const complaints = [];
  const requests = [];
  const browser = await puppeteer.launch({
    executablePath: process.env.FARPORT_CHROMIUM,
    args: ['--no-proxy-server', '--disable-dev-shm-usage', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
  });
  const page = await browser.newPage();
  const picture = async (name) => { if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) }); };
  const until = (what, ...args) => page.waitForFunction(what, WAIT, ...args);
  const click = (selector, text) => page.evaluate((selector, text) => {
    const found = [...document.querySelectorAll(selector)].findLast((one) => text === undefined || one.textContent.trim().startsWith(text));
    if (!found) throw new Error(`no ${selector} with ${text}`);
    found.click();
  }, selector, text);
  const seen = (selector, text) => until((selector, text) => [...document.querySelectorAll(selector)].some((one) => one.textContent.includes(text)), selector, text);
  const idle = () => until(() => document.querySelector('[data-ask]') !== null && document.querySelector('.theirs:last-child') !== null);
  const dark = (yes) => page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: yes ? 'dark' : 'light' }]);
  const say = async (text) => {
    await page.focus('.composer-text');
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
  };
  const fresh = async () => {
    await idle().catch(() => {});
    await click('[aria-label="New chat"]');
    await until(() => document.querySelector('.theirs, .mine') === null);
  };
  /** The page has no barrier that axe finds. */
  const accessible = async (name) => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
    assert.deepEqual(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`), [], name);
  };
  /** Signs in on the page that the newest notice leads to. */
  const signIn = async () => {
    await page.waitForSelector('.notice a');
    const href = await page.$$eval('.notice a', (all) => all.at(-1).href);
    const tab = await browser.newPage();
    await tab.goto(href);
    // A page that asks for nothing leads on by itself, and may do so while it is looked at.
    const { origin } = new URL(href);
    for (let tries = 0; tries < 200 && tab.url().startsWith(origin); tries += 1) {
      try {
        const field = await tab.$('#name');
        if (field) await field.type('alice');
        const button = field ? 'form[action="/authorize/sign-in"] button' : 'button[name="decision"][value="allow"]';
        if ((await tab.$(button)) === null) await new Promise((resolve) => setTimeout(resolve, 25));
        else await Promise.all([tab.waitForNavigation(), tab.click(button)]);
      } catch (error) {
        if (!/context|detached|frame/i.test(error.message)) throw error;
      }
    }
    await tab.close();
    await page.bringToFront();
    await page.evaluate(() => { for (const one of document.querySelectorAll('.notice .icon-button')) one.click(); });
  };
  const state = (tool, wanted) => until((tool, wanted) => [...document.querySelectorAll('.call-card')].findLast((one) => one.querySelector('code').textContent === tool)?.dataset.state === wanted, tool, wanted);
  await page.setViewport({ width: 1440, height: 900 });
  // A view reports violations of the policy that it has; the page does not answer for them.
  const ofPage = (message) => [message.location().url, ...message.stackTrace().map((one) => one.url)].every((one) => !one || one.startsWith(new URL(page.url()).origin));
  page.on('console', (message) => { if (['error', 'warn'].includes(message.type()) && ofPage(message)) complaints.push(message.text()); });
  page.on('pageerror', (error) => complaints.push(String(error.stack ?? error)));
  page.on('request', (request) => requests.push(request.url()));
  const enter = (selector, value) => page.$eval(selector, (one, value) => { one.value = value; one.dispatchEvent(new Event('input', { bubbles: true })); }, value);
  /** Calls farport's API as the page does. */
  const api = (path, body = {}) => page.evaluate(async (path, body) => (await fetch(`/api/${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', authorization: `Bearer ${sessionStorage.getItem('farport-inspect-token')}` } })).text(), path, JSON.stringify(body));
  /** Chooses a model of the first provider by its name. */
  const choose = async (model) => {
    await click('.empty .button.primary');
    await page.waitForSelector('.model, .model-name');
    await enter('.model-name input', model);
    await click('.model-name button');
    await seen('.composer-foot .accent', model);
    await click('[aria-label="Close the panel"]');
  };
  /** Connects the chat to another server. */
  const addServer = async (url) => {
    await click('.chat-servers .button.ghost', 'Server');
    await page.waitForSelector('.add-server input');
    await enter('.add-server input', url);
    await click('.add-server button');
  };
  const close = async () => {
    await browser.close();
    for (const child of children) {
      child.removeAllListeners('exit');
      child.kill();
    }
  };
  return { browser, page, complaints, requests, start, picture, until, click, seen, idle, dark, say, fresh, accessible, signIn, state, enter, api, choose, addServer, close };
}
