// Drives the page in headless Chromium: `node browser.mjs FARPORT FIXTURE NODE_MODULES [SCREENSHOTS]`.
//
// FARPORT is the farport command, FIXTURE the program farport-fixture, NODE_MODULES a folder with
// puppeteer-core. Exits with an error at the first failure.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { folder, inspect, run, startFixture } from './driver.mjs';
import { startServer } from './server.mjs';

/** Values that must appear in no export and on no page. */
const SECRET = 'seeded-secret-7f3a';

/** The page of the inspector, and its home. */
let ui;
const home = folder();
let travel;

/** Fills in a form with every kind of field, and compares what the server received. */
async function forms() {
  await ui.connect(travel.url);
  await ui.seen('.list-item', 'plan_trip');
  await ui.click('.list-item', 'plan_trip');
  await ui.seen('.tool-page h1', 'plan_trip');
  const field = (name) => ui.page.evaluateHandle((name) => [...document.querySelectorAll('.field')].find((one) => one.querySelector('.field-label').textContent.replace('*', '') === name), name);
  const type = async (name, text) => {
    const input = await (await field(name)).$('textarea, input');
    await input.focus();
    await input.evaluate((one) => one.select());
    await ui.page.keyboard.type(text);
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
  await ui.page.evaluate(() => { const one = document.querySelector('[aria-label="Kind of payment"]'); one.value = '1'; one.dispatchEvent(new Event('change', { bubbles: true })); });
  await type('code', '012');
  await ui.picture('form-light');
  await ui.page.$eval('.detail', (one) => one.scrollTo(0, 0));
  await ui.picture('form-top-light');
  await ui.dark(true);
  await ui.picture('form-top-dark');
  await ui.dark(false);
  const sent = { from: 'Bern', to: 'Genova', travellers: 2, stops: [{ station: 'Milano' }], departure: '2026-12-01', direct: false, note: null, payment: { kind: 'voucher', code: '012' } };
  // The JSON editor shows the same value, and the request before it is sent.
  await ui.click('.tabs button', 'JSON');
  assert.deepEqual(JSON.parse(await ui.page.$eval('.json-editor textarea', (one) => one.value)), sent);
  await ui.picture('json-light');
  // Another layout of the same value is no mistake; half of it is.
  const invalid = () => ui.page.$eval('.json-editor textarea', (one) => one.getAttribute('aria-invalid'));
  await ui.enter('.json-editor textarea', JSON.stringify(sent));
  assert.equal(await invalid(), null);
  await ui.enter('.json-editor textarea', '{"from":');
  await ui.page.waitForSelector('.json-editor [aria-invalid=true]');
  await ui.enter('.json-editor textarea', JSON.stringify(sent));
  await ui.until(() => document.querySelector('.json-editor [aria-invalid=true]') === null);
  await ui.click('.tabs button', 'Form');
  await ui.click('[data-send]');
  await ui.seen('.result', 'fastest');
  await ui.click('.result .tabs button', 'Structured');
  await ui.seen('.result', "Matches the tool's output schema.");
  await ui.page.$eval('.detail', (one) => one.scrollTo(0, 1e6));
  await ui.picture('form-result-light');
  const received = JSON.parse(await ui.text('.result .code-block')).received;
  assert.deepEqual(received, sent);
  // An empty result is a result.
  await ui.tool('clear_cache');
  await ui.send();
  await ui.seen('.result', 'The call succeeded and returned no content.');
}

/** Shows hostile text of a server in every view. Nothing of it runs. */
async function hostile() {
  await ui.connect((await startServer({ hostile: true })).url);
  await ui.seen('.list-item', 'hostile');
  await ui.click('.list-item', 'hostile');
  await ui.seen('.tool-page h1', 'hostile');
  await ui.click('[data-send]');
  await ui.seen('.result .tone.bad', 'the tool reports an error');
  await ui.picture('hostile-light');
  for (const tab of ['Structured', 'Raw']) await ui.click('.result .tabs button', tab);
  await ui.click('.nav-item', 'Resources');
  await ui.page.waitForSelector('.list-item');
  await ui.click('.list-item');
  await ui.page.waitForSelector('.result');
  await ui.click('.nav-item', 'Prompts');
  await ui.page.waitForSelector('.list-item');
  await ui.click('.list-item');
  await ui.click('[data-send]');
  await ui.page.waitForSelector('.result');
  await ui.click('.nav-item', 'Server');
  await ui.seen('h1', 'Hostile <img');
  await ui.click('.nav-item', 'Tools');
  await ui.click('.list-item', 'fails(');
  await ui.seen('.tool-page h1', 'fails');
  await ui.click('[data-send]');
  await ui.page.waitForSelector('.result .problem');
  await ui.click('.tl-row');
  await ui.page.waitForSelector('.entry');
  await ui.click('.tl-row.http');
  await ui.page.waitForSelector('.entry .http');
  const links = await ui.page.$$eval('a', (all) => all.map((one) => one.href));
  assert.deepEqual(links.filter((one) => !/^https?:/.test(one)), []);
  assert.equal(await ui.page.evaluate(() => window.executed), undefined, 'no text of the server ran');
}

/** The timeline shows the exchange below a message, replays a request, filters, and exports no secret. */
async function exchanges() {
  await ui.click('.nav-item', 'Connect');
  await ui.click('form .button.ghost', 'Add a header');
  await ui.page.type('[aria-label="Header name"]', 'X-Api-Key');
  await ui.page.type('[aria-label="Value of the header X-Api-Key"]', SECRET);
  await ui.connect(travel.url);
  await ui.seen('.list-item', 'count');
  await ui.click('.list-item', 'count(');
  await ui.seen('.tool-page h1', 'count');
  await ui.click('[data-send]');
  await ui.seen('.result', '"call": 1');
  await ui.click('[data-send]');
  await ui.seen('.result', '"call": 2');
  await ui.click('.result .tabs button', 'Diff');
  await ui.seen('.diff .removed', 'call\\":1');
  await ui.seen('.diff .added', 'call\\":2');
  await ui.picture('diff-light');

  await ui.seen('.tl-row.http', 'tools/call');
  await ui.click('.tl-row.http', undefined);
  await ui.page.waitForSelector('.entry .http-headers');
  await ui.seen('.entry .masked', 'masked');
  assert.ok(!(await ui.text('.entry')).includes(SECRET));
  await ui.picture('exchange-light');
  await ui.click('.entry [aria-label="Pin this entry"]');
  await ui.page.waitForSelector('.tl-pin');
  await ui.page.select('[aria-label="Kind of entry"]', 'pinned');
  await ui.until(() => document.querySelectorAll('.tl-row').length === 1);
  await ui.page.select('[aria-label="Kind of entry"]', 'requests');
  await ui.click('.entry [aria-label="Close"]');
  await ui.until(() => [...document.querySelectorAll('.tl-row.out')].some((one) => one.textContent.includes('tools/call')));
  await ui.page.evaluate(() => [...document.querySelectorAll('.tl-row.out')].find((one) => one.textContent.includes('tools/call')).click());
  await ui.seen('.entry .button', 'Send again');
  await ui.click('.entry .button', 'Send again');
  await ui.seen('.entry [role=status]', 'Answered in');
  await ui.page.select('[aria-label="Kind of entry"]', 'all');
  await ui.click('.entry [aria-label="Close"]');

  // The export is taken from the page's download.
  for (const [format, check] of [['har', (text) => JSON.parse(text).log.entries.length], ['ndjson', (text) => text.trim().split('\n').map((line) => JSON.parse(line)).length]]) {
    const text = await ui.page.evaluate(async (format) => {
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
  assert.ok(!(await ui.page.content()).includes(SECRET));
  await ui.click('.nav-item', 'Connect');
  await ui.click('[aria-label="Remove this header"]');
}

/** A call is saved in the project, and called again after a reload. */
async function savedCalls() {
  await ui.connect(travel.url);
  await ui.seen('.list-item', 'find_station');
  await ui.click('.list-item', 'find_station(');
  await ui.seen('.tool-page h1', 'find_station');
  await ui.page.$eval('.fields textarea, .fields input', (one) => { one.value = 'Bern'; one.dispatchEvent(new Event('input', { bubbles: true })); });
  await ui.click('.actions .button.ghost', 'Save');
  await ui.page.$eval('.save-call input', (one) => { one.value = 'stations in Bern'; one.dispatchEvent(new Event('input', { bubbles: true })); });
  await ui.click('.save-call button', 'Save');
  await ui.seen('.saved-call', 'stations in Bern');
  const file = JSON.parse(readFileSync(join(home, '.farport/calls.json'), 'utf8'));
  assert.deepEqual(file.calls, [{ name: 'stations in Bern', tool: 'find_station', arguments: { query: 'Bern', ...(file.calls[0].arguments.limit === undefined ? {} : { limit: file.calls[0].arguments.limit }) } }]);
  await ui.page.reload();
  await ui.seen('.list-item', 'find_station');
  await ui.click('.list-item', 'find_station(');
  await ui.seen('.saved-call', 'stations in Bern');
  await ui.click('.saved-call button', 'stations in Bern');
  await ui.page.waitForSelector('.result');
  await ui.picture('saved-light');
  await ui.click('.saved-call .remove');
  await ui.until(() => document.querySelector('.saved-call') === null);
}

/** Ten thousand entries stay fluid: no frame takes long, and few rows exist. */
async function flood() {
  await ui.click('.nav-item', 'Tools');
  await ui.click('.list-item', 'flood(');
  await ui.seen('.tool-page h1', 'flood');
  await ui.click('[data-send]');
  await ui.seen('.result', 'done');
  await ui.seen('.tl-count', '10,000');
  const { rows, slowest } = await ui.page.evaluate(async () => {
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
  await ui.click('[aria-label="Clear the timeline"]');
}

/** A result of ten megabytes is on the page within a second. */
async function largeResult() {
  await ui.click('.nav-item', 'Tools');
  await ui.click('.list-item', 'large');
  await ui.seen('.tool-page h1', 'large');
  const shown = await ui.page.evaluate(async () => {
    const since = performance.now();
    const appeared = new Promise((resolve) => {
      new MutationObserver((_, observer) => {
        if (document.querySelector('.result .code-block, .result .text-block, .result .tree') === null) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
      }).observe(document.body, { childList: true, subtree: true });
    });
    document.querySelector('.actions [data-send]').click();
    const at = await appeared;
    const { responseEnd } = performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/api/request')).at(-1);
    return { arrived: responseEnd - since, shown: at - responseEnd };
  });
  console.log(`ten megabytes: arrived after ${Math.round(shown.arrived)} ms, shown ${Math.round(shown.shown)} ms later`);
  assert.ok(shown.shown < 1000, `a large result was shown ${shown.shown} ms after it arrived`);
  const slow = await ui.page.evaluate(async () => {
    const since = performance.now();
    document.querySelector('.result .tabs button:last-of-type').click();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return performance.now() - since;
  });
  assert.ok(slow < 1000, `the raw view of a large result took ${slow} ms`);
}

/** The page opens with its token only, and connects. */
async function opening() {
  const server = await startFixture();
  ui = await inspect([], { home });
  travel = await startServer();
  const url = ui.program.line;
  // Without a token, the page says what to do.
  await ui.page.evaluate(() => sessionStorage.clear());
  await ui.page.goto(url.split('#')[0]);
  await ui.seen('h1', 'Open the address from your terminal');
  await ui.picture('locked-light');

  await ui.page.goto('about:blank');
  await ui.page.goto(url);
  await ui.seen('h1', 'Connect');
  assert.equal(await ui.page.evaluate(() => location.hash), '', 'the token has left the address');
  await ui.picture('connect-light');
  await ui.page.type('input[placeholder="http://localhost:8787/mcp"]', server.url);
  await ui.page.keyboard.press('Enter');
  await ui.seen('.list-item', 'test_simple_text');
  await ui.picture('tools-list-light');
}

async function calls() {
  // A call, from the search to the result.
  await ui.page.keyboard.press('/');
  await ui.page.keyboard.type('simple_text');
  await ui.page.keyboard.press('Enter');
  await ui.seen('.tool-page h1', 'test_simple_text');
  await ui.click('[data-send]');
  await ui.seen('.result .tone.ok', 'complete');
  await ui.picture('tool-result-light');

  for (const [tool, check, name] of [
    ['test_image_content', '.result img.media', 'image'],
    ['test_error_handling', '.result .tone.bad', 'error'],
    ['test_multiple_content_types', '.result .block', 'content'],
    ['test_tool_with_progress', '.result .tone.ok', 'progress'],
    ['test_tool_with_logging', '.logs li', 'logging'],
  ]) {
    await ui.click('.nav-item', 'Tools');
    await ui.page.evaluate(() => { const search = document.querySelector('[data-search]'); search.value = ''; search.dispatchEvent(new Event('input', { bubbles: true })); });
    await ui.until((tool) => [...document.querySelectorAll('.list-item code')].some((one) => one.textContent.startsWith(`${tool}(`)), tool);
    await ui.click('.list-item', `${tool}(`);
    await ui.seen('.tool-page h1', tool);
    await ui.page.keyboard.down('Control');
    await ui.page.keyboard.press('Enter');
    await ui.page.keyboard.up('Control');
    await ui.until((check) => document.querySelector(check) !== null && document.querySelector('.spinner') === null, check);
    await ui.picture(`tool-${name}-light`);
  }
}

async function question() {
  // A question of the server, answered in a form.
  await ui.click('.list-item', 'test_elicitation(');
  await ui.seen('.tool-page h1', 'test_elicitation');
  await ui.page.$$eval('.fields textarea', (all) => { for (const one of all) { one.value = 'Who are you?'; one.dispatchEvent(new Event('input', { bubbles: true })); } });
  await ui.click('.actions [data-send]');
  await ui.page.waitForSelector('.question');
  await ui.picture('elicitation-light');
  await ui.page.$$eval('.question .fields textarea, .question .fields input', (all) => { for (const one of all) { one.value = 'alice'; one.dispatchEvent(new Event('input', { bubbles: true })); } });
  await ui.click('.question [data-send]');
  await ui.until(() => document.querySelector('.question') === null && document.querySelector('.spinner') === null);
  await ui.picture('elicitation-answered-light');
}

async function views() {
  await ui.click('.nav-item', 'Resources');
  await ui.page.waitForSelector('.list-item');
  await ui.click('.list-item');
  await ui.page.waitForSelector('.result');
  await ui.picture('resources-light');
  await ui.click('.nav-item', 'Prompts');
  await ui.page.waitForSelector('.list-item');
  await ui.click('.list-item');
  await ui.click('[data-send]');
  await ui.until(() => document.querySelector('.result, .problem') !== null);
  await ui.picture('prompts-light');
  await ui.click('.nav-item', 'Server');
  await ui.seen('h1', '');
  await ui.picture('server-light');

  await ui.click('.tl-row.in');
  await ui.page.waitForSelector('.entry .code-block, .entry .tree');
  await ui.picture('timeline-light');
  await ui.control('k');
  await ui.page.waitForSelector('.palette');
  await ui.page.keyboard.type('text');
  await ui.picture('palette-light');
  await ui.page.keyboard.press('Escape');
}

async function sizes() {
  await ui.dark(true);
  await ui.click('.entry [aria-label="Close"]');
  await ui.click('.nav-item', 'Tools');
  await ui.click('.list-item', 'test_multiple_content_types(');
  await ui.picture('tools-dark');
  await ui.click('.nav-item', 'Connect');
  await ui.picture('connect-dark');
  await ui.click('.nav-item', 'Server');
  await ui.picture('server-dark');

  for (const [width, theme] of [[320, 'light'], [320, 'dark'], [2560, 'light']]) {
    await ui.dark(theme === 'dark');
    await ui.page.setViewport({ width, height: width < 500 ? 640 : 1440 });
    await ui.click('.nav-item', 'Tools');
    if (width < 500) {
      await ui.picture(`narrow-tool-${theme}`);
      assert.ok(await ui.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the window');
      await ui.click('.back');
      await ui.picture(`narrow-list-${theme}`);
      await ui.click('.nav-item', 'Timeline');
      await ui.picture(`narrow-timeline-${theme}`);
      await ui.click('.nav-item', 'Connect');
      await ui.picture(`narrow-connect-${theme}`);
      await ui.click('.nav-item', 'Tools');
      await ui.click('.list-item', 'test_multiple_content_types(');
    } else await ui.picture('wide-light');
  }
}

async function reload() {
  // A reload keeps the token and the connection.
  await ui.page.setViewport({ width: 1440, height: 900 });
  await ui.page.reload();
  await ui.seen('.list-item', 'test_simple_text');
  assert.match(await ui.text('.address-text'), /\/mcp$/);
}

await run({ opening, calls, question, views, sizes, reload, forms, exchanges, savedCalls, largeResult, flood, hostile, end: () => ui.close() });
