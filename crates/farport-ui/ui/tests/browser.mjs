// Drives the page in headless Chromium: `node browser.mjs FARPORT FIXTURE NODE_MODULES [SCREENSHOTS]`.
//
// FARPORT is the farport command, FIXTURE the program farport-fixture, NODE_MODULES a folder with
// puppeteer-core. Exits with an error at the first failure.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { WAIT } from './harness.mjs';
import { startServer } from './server.mjs';

const [farport, fixture, modules, pictures] = process.argv.slice(2);
/** Values that must appear in no export and on no page. */
const SECRET = 'seeded-secret-7f3a';
const puppeteer = createRequire(join(modules, 'x.js'))('puppeteer-core');
if (pictures) mkdirSync(pictures, { recursive: true });
const children = [];

/** Starts a program, and returns the first line that it prints, or the first that matches. */
function start(program, args, env = {}, { matching = /(.*)\n/, cwd } = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, cwd, stdio: ['ignore', 'pipe', matching.source === '(.*)\\n' ? 'inherit' : 'pipe'] });
  children.push(child);
  const line = new Promise((resolve, reject) => {
    let text = '';
    const read = (data) => {
      text += data;
      const found = matching.exec(text);
      if (found) resolve(found[1]);
    };
    child.stdout.on('data', read);
    child.stderr?.on('data', read);
    child.on('exit', (code) => reject(new Error(`${program} ended with ${code}: ${text}`)));
  });
  return Object.assign(line, { stop: () => new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.on('exit', resolve);
    child.kill();
  }) });
}

const complaints = [];
let page;

async function picture(name) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) });
}

const until = (what, ...args) => page.waitForFunction(what, WAIT, ...args);
const click = (selector, text) => page.evaluate((selector, text) => {
  const found = [...document.querySelectorAll(selector)].find((one) => text === undefined || one.textContent.trim().startsWith(text));
  if (!found) throw new Error(`no ${selector} with ${text}`);
  found.click();
}, selector, text);
const seen = (selector, text) => until((selector, text) => [...document.querySelectorAll(selector)].some((one) => one.textContent.includes(text)), selector, text);
const textOf = (selector) => page.$eval(selector, (one) => one.textContent);

async function dark(yes) {
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: yes ? 'dark' : 'light' }]);
}

async function connect(url) {
  await click('.nav-item', 'Connect');
  await page.$eval('form .input', (one, url) => { one.value = url; one.dispatchEvent(new Event('input', { bubbles: true })); }, url);
  await click('form [data-send]');
}

/** Fills in a form with every kind of field, and compares what the server received. */
async function forms() {
  await connect(travel.url);
  await seen('.list-item', 'plan_trip');
  await click('.list-item', 'plan_trip');
  await seen('.tool-page h1', 'plan_trip');
  const field = (name) => page.evaluateHandle((name) => [...document.querySelectorAll('.field')].find((one) => one.querySelector('.field-label').textContent.replace('*', '') === name), name);
  const type = async (name, text) => {
    const input = await (await field(name)).$('textarea, input');
    await input.focus();
    await input.evaluate((one) => one.select());
    await page.keyboard.type(text);
  };
  const press = async (name, label) => (await field(name)).$$eval('button', (all, label) => all.find((one) => one.textContent.trim() === label).click(), label);
  await type('from', 'Bern');
  await type('to', 'Genova');
  await type('departure', '2026-12-01');
  await type('travellers', '2');
  await press('direct', 'false');
  await press('note', 'null');
  await press('stops', 'Add an item');
  await type('station', 'Milano');
  await press('payment', 'value');
  await page.evaluate(() => { const one = document.querySelector('[aria-label="Kind of payment"]'); one.value = '1'; one.dispatchEvent(new Event('change', { bubbles: true })); });
  await type('code', '012');
  await picture('form-light');
  await page.$eval('.detail', (one) => one.scrollTo(0, 0));
  await picture('form-top-light');
  await dark(true);
  await picture('form-top-dark');
  await dark(false);
  const sent = { from: 'Bern', to: 'Genova', travellers: 2, stops: [{ station: 'Milano' }], departure: '2026-12-01', direct: false, note: null, payment: { kind: 'voucher', code: '012' } };
  // The JSON editor shows the same value, and the request before it is sent.
  await click('.tabs button', 'JSON');
  assert.deepEqual(JSON.parse(await page.$eval('.json-editor textarea', (one) => one.value)), sent);
  await picture('json-light');
  await click('.tabs button', 'Form');
  await click('[data-send]');
  await seen('.result', 'fastest');
  await click('.result .tabs button', 'Structured');
  await seen('.result', "Matches the tool's output schema.");
  await page.$eval('.detail', (one) => one.scrollTo(0, 1e6));
  await picture('form-result-light');
  const received = JSON.parse(await textOf('.result .code-block')).received;
  assert.deepEqual(received, sent);
}

/** Shows hostile text of a server in every view. Nothing of it runs. */
async function hostile() {
  await connect(attacker.url);
  await seen('.list-item', 'hostile');
  await click('.list-item', 'hostile');
  await seen('.tool-page h1', 'hostile');
  await click('[data-send]');
  await seen('.result .tone.bad', 'the tool reports an error');
  await picture('hostile-light');
  for (const tab of ['Structured', 'Raw']) await click('.result .tabs button', tab);
  await click('.nav-item', 'Resources');
  await page.waitForSelector('.list-item');
  await click('.list-item');
  await page.waitForSelector('.result');
  await click('.nav-item', 'Prompts');
  await page.waitForSelector('.list-item');
  await click('.list-item');
  await click('[data-send]');
  await page.waitForSelector('.result');
  await click('.nav-item', 'Server');
  await seen('h1', 'Hostile <img');
  await click('.nav-item', 'Tools');
  await click('.list-item', 'fails(');
  await seen('.tool-page h1', 'fails');
  await click('[data-send]');
  await page.waitForSelector('.result .problem');
  await click('.tl-row');
  await page.waitForSelector('.entry');
  await click('.tl-row.http');
  await page.waitForSelector('.entry .http');
  const links = await page.$$eval('a', (all) => all.map((one) => one.href));
  assert.deepEqual(links.filter((one) => !/^https?:/.test(one)), []);
  assert.equal(await page.evaluate(() => window.executed), undefined, 'no text of the server ran');
}

/** The timeline shows the exchange below a message, replays a request, filters, and exports no secret. */
async function exchanges() {
  await click('.nav-item', 'Connect');
  await click('form .button.ghost', 'Add a header');
  await page.type('[aria-label="Header name"]', 'X-Api-Key');
  await page.type('[aria-label="Value of the header X-Api-Key"]', SECRET);
  await connect(travel.url);
  await seen('.list-item', 'count');
  await click('.list-item', 'count(');
  await seen('.tool-page h1', 'count');
  await click('[data-send]');
  await seen('.result', '"call": 1');
  await click('[data-send]');
  await seen('.result', '"call": 2');
  await click('.result .tabs button', 'Diff');
  await seen('.diff .removed', 'call\\":1');
  await seen('.diff .added', 'call\\":2');
  await picture('diff-light');

  await seen('.tl-row.http', 'tools/call');
  await click('.tl-row.http', undefined);
  await page.waitForSelector('.entry .http-headers');
  await seen('.entry .masked', 'masked');
  assert.ok(!(await textOf('.entry')).includes(SECRET));
  await picture('exchange-light');
  await click('.entry [aria-label="Pin this entry"]');
  await page.waitForSelector('.tl-pin');
  await page.select('[aria-label="Kind of entry"]', 'pinned');
  await until(() => document.querySelectorAll('.tl-row').length === 1);
  await page.select('[aria-label="Kind of entry"]', 'requests');
  await click('.entry [aria-label="Close"]');
  await until(() => [...document.querySelectorAll('.tl-row.out')].some((one) => one.textContent.includes('tools/call')));
  await page.evaluate(() => [...document.querySelectorAll('.tl-row.out')].find((one) => one.textContent.includes('tools/call')).click());
  await seen('.entry .button', 'Send again');
  await click('.entry .button', 'Send again');
  await seen('.entry [role=status]', 'Answered in');
  await page.select('[aria-label="Kind of entry"]', 'all');
  await click('.entry [aria-label="Close"]');

  // The export is taken from the page's download.
  for (const [format, check] of [['har', (text) => JSON.parse(text).log.entries.length], ['ndjson', (text) => text.trim().split('\n').map((line) => JSON.parse(line)).length]]) {
    const text = await page.evaluate(async (format) => {
      const create = URL.createObjectURL;
      const taken = new Promise((resolve) => { URL.createObjectURL = (blob) => { resolve(blob.text()); return create.call(URL, blob); }; });
      const select = document.querySelector('[aria-label="Export the timeline"]');
      select.value = format;
      select.dispatchEvent(new Event('change', { bubbles: true }));
      const text = await taken;
      URL.createObjectURL = create;
      return text;
    }, format);
    assert.ok(check(text) > 5, `${format} has entries`);
    assert.ok(text.includes('tools/call') && text.includes('x-api-key'));
    assert.ok(!text.includes(SECRET), `${format} has no secret`);
  }
  assert.ok(!(await page.content()).includes(SECRET));
  await click('.nav-item', 'Connect');
  await click('[aria-label="Remove this header"]');
}

/** A call is saved in the project, and called again after a reload. */
async function savedCalls(folder) {
  await connect(travel.url);
  await seen('.list-item', 'find_station');
  await click('.list-item', 'find_station(');
  await seen('.tool-page h1', 'find_station');
  await page.$eval('.fields textarea, .fields input', (one) => { one.value = 'Bern'; one.dispatchEvent(new Event('input', { bubbles: true })); });
  await click('.actions .button.ghost', 'Save');
  await page.$eval('.save-call input', (one) => { one.value = 'stations in Bern'; one.dispatchEvent(new Event('input', { bubbles: true })); });
  await click('.save-call button', 'Save');
  await seen('.saved-call', 'stations in Bern');
  const file = JSON.parse(readFileSync(join(folder, '.farport/calls.json'), 'utf8'));
  assert.deepEqual(file.calls, [{ name: 'stations in Bern', tool: 'find_station', arguments: { query: 'Bern', ...(file.calls[0].arguments.limit === undefined ? {} : { limit: file.calls[0].arguments.limit }) } }]);
  await page.reload();
  await seen('.list-item', 'find_station');
  await click('.list-item', 'find_station(');
  await seen('.saved-call', 'stations in Bern');
  await click('.saved-call button', 'stations in Bern');
  await page.waitForSelector('.result');
  await picture('saved-light');
  await click('.saved-call .remove');
  await until(() => document.querySelector('.saved-call') === null);
}

/** Ten thousand entries stay fluid: no frame takes long, and few rows exist. */
async function flood() {
  await click('.nav-item', 'Tools');
  await click('.list-item', 'flood(');
  await seen('.tool-page h1', 'flood');
  await click('[data-send]');
  await seen('.result', 'done');
  await seen('.tl-count', '10,000');
  const { rows, slowest } = await page.evaluate(async () => {
    const list = document.querySelector('.rows');
    let slowest = 0;
    for (let step = 0; step < 20; step += 1) {
      const since = performance.now();
      list.scrollTop = (step % 2 === 0 ? step : 20 - step) * (list.scrollHeight / 20);
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      slowest = Math.max(slowest, performance.now() - since);
    }
    return { rows: document.querySelectorAll('.tl-row').length, slowest };
  });
  assert.ok(rows < 200, `${rows} rows of 10,000 entries exist`);
  assert.ok(slowest < 500, `scrolling took ${slowest} ms`);
  await click('[aria-label="Clear the timeline"]');
}

/** A result of ten megabytes is on the page within a second. */
async function largeResult() {
  await click('.nav-item', 'Tools');
  await click('.list-item', 'large');
  await seen('.tool-page h1', 'large');
  await click('[data-send]');
  await until(() => document.querySelector('.result .code-block, .result .text-block, .result .tree') !== null);
  const slow = await page.evaluate(async () => {
    const since = performance.now();
    document.querySelector('.result .tabs button:last-of-type').click();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return performance.now() - since;
  });
  assert.ok(slow < 1000, `the raw view of a large result took ${slow} ms`);
}

let travel;
let attacker;

async function run() {
  travel = await startServer();
  attacker = await startServer({ hostile: true });
  const server = (await start(fixture, ['--port', '0'])).replace('listening on ', '');
  const config = mkdtempSync(join(tmpdir(), 'farport-inspect-'));
  const url = await start(farport, ['inspect', '--no-open'], { FARPORT_CONFIG_DIR: config, NO_COLOR: '1' }, { cwd: config });
  const browser = await puppeteer.launch({
    executablePath: process.env.FARPORT_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1', '--disable-dev-shm-usage', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
  });
  try {
    page = await browser.newPage();
    await page.setViewport({ width: 1440, height: 900 });
    page.on('console', (message) => { if (['error', 'warn'].includes(message.type())) complaints.push(message.text()); });
    page.on('pageerror', (error) => complaints.push(String(error.stack ?? error)));

    // Without a token, the page says what to do.
    await page.goto(url.split('#')[0]);
    await seen('h1', 'Open the address from your terminal');
    await picture('locked-light');

    await page.goto('about:blank');
    await page.goto(url);
    await seen('h1', 'Connect');
    assert.equal(await page.evaluate(() => location.hash), '', 'the token has left the address');
    await picture('connect-light');
    await page.type('input[placeholder="http://localhost:8787/mcp"]', server);
    await page.keyboard.press('Enter');
    await seen('.list-item', 'test_simple_text');
    await picture('tools-list-light');

    // A call, from the search to the result.
    await page.keyboard.press('/');
    await page.keyboard.type('simple_text');
    await page.keyboard.press('Enter');
    await seen('.tool-page h1', 'test_simple_text');
    await click('[data-send]');
    await seen('.result .tone.ok', 'complete');
    await picture('tool-result-light');

    for (const [tool, check, name] of [
      ['test_image_content', '.result img.media', 'image'],
      ['test_error_handling', '.result .tone.bad', 'error'],
      ['test_multiple_content_types', '.result .block', 'content'],
      ['test_tool_with_progress', '.result .tone.ok', 'progress'],
      ['test_tool_with_logging', '.logs li', 'logging'],
    ]) {
      await click('.nav-item', 'Tools');
      await page.evaluate(() => { const search = document.querySelector('[data-search]'); search.value = ''; search.dispatchEvent(new Event('input', { bubbles: true })); });
      await until((tool) => [...document.querySelectorAll('.list-item code')].some((one) => one.textContent.startsWith(`${tool}(`)), tool);
      await click('.list-item', `${tool}(`);
      await seen('.tool-page h1', tool);
      await page.keyboard.down('Control');
      await page.keyboard.press('Enter');
      await page.keyboard.up('Control');
      await until((check) => document.querySelector(check) !== null && document.querySelector('.spinner') === null, check);
      await picture(`tool-${name}-light`);
    }

    // A question of the server, answered in a form.
    await click('.list-item', 'test_elicitation(');
    await seen('.tool-page h1', 'test_elicitation');
    await page.$$eval('.fields textarea', (all) => { for (const one of all) { one.value = 'Who are you?'; one.dispatchEvent(new Event('input', { bubbles: true })); } });
    await click('.actions [data-send]');
    await page.waitForSelector('.question');
    await picture('elicitation-light');
    await page.$$eval('.question .fields textarea, .question .fields input', (all) => { for (const one of all) { one.value = 'alice'; one.dispatchEvent(new Event('input', { bubbles: true })); } });
    await click('.question [data-send]');
    await until(() => document.querySelector('.question') === null && document.querySelector('.spinner') === null);
    await picture('elicitation-answered-light');

    await click('.nav-item', 'Resources');
    await page.waitForSelector('.list-item');
    await click('.list-item');
    await page.waitForSelector('.result');
    await picture('resources-light');
    await click('.nav-item', 'Prompts');
    await page.waitForSelector('.list-item');
    await click('.list-item');
    await click('[data-send]');
    await until(() => document.querySelector('.result, .problem') !== null);
    await picture('prompts-light');
    await click('.nav-item', 'Server');
    await seen('h1', '');
    await picture('server-light');

    await click('.tl-row.in');
    await page.waitForSelector('.entry .code-block, .entry .tree');
    await picture('timeline-light');
    await page.keyboard.down('Control');
    await page.keyboard.press('k');
    await page.keyboard.up('Control');
    await page.waitForSelector('.palette');
    await page.keyboard.type('text');
    await picture('palette-light');
    await page.keyboard.press('Escape');

    await dark(true);
    await click('.entry [aria-label="Close"]');
    await click('.nav-item', 'Tools');
    await click('.list-item', 'test_multiple_content_types(');
    await picture('tools-dark');
    await click('.nav-item', 'Connect');
    await picture('connect-dark');
    await click('.nav-item', 'Server');
    await picture('server-dark');

    for (const [width, theme] of [[320, 'light'], [320, 'dark'], [2560, 'light']]) {
      await dark(theme === 'dark');
      await page.setViewport({ width, height: width < 500 ? 640 : 1440 });
      await click('.nav-item', 'Tools');
      if (width < 500) {
        await picture(`narrow-tool-${theme}`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the window');
        await click('.back');
        await picture(`narrow-list-${theme}`);
        await click('.nav-item', 'Timeline');
        await picture(`narrow-timeline-${theme}`);
        await click('.nav-item', 'Connect');
        await picture(`narrow-connect-${theme}`);
        await click('.nav-item', 'Tools');
        await click('.list-item', 'test_multiple_content_types(');
      } else await picture('wide-light');
    }

    // A reload keeps the token and the connection.
    await page.setViewport({ width: 1440, height: 900 });
    await page.reload();
    await seen('.list-item', 'test_simple_text');
    assert.match(await textOf('.address-text'), /\/mcp$/);

    for (const [name, step] of Object.entries({ forms, exchanges, savedCalls: () => savedCalls(config), largeResult, flood, hostile })) {
      const since = performance.now();
      await step();
      console.log(`${name}: ${Math.round(performance.now() - since)} ms`);
    }

    assert.deepEqual(complaints, [], 'the browser has nothing to complain of');
  } catch (error) {
    await page.bringToFront();
    await picture('failure');
    if (complaints.length > 0) console.error(complaints);
    throw error;
  } finally {
    await browser.close();
    travel.close();
    attacker.close();
  }
}

try {
  await run();
  console.log('the page works');
} finally {
  for (const child of children) {
    child.removeAllListeners('exit');
    child.kill();
  }
}
