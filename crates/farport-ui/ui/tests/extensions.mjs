// Tasks, skills and the comparison of revisions in headless Chromium:
// `node extensions.mjs FARPORT FIXTURE NODE_MODULES SCREENSHOTS`.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { startExtensions } from './extensions-server.mjs';
import { freePort, inspect, open, start, stopAll } from './harness.mjs';

const [farport, fixture, modules, pictures] = process.argv.slice(2);

let tools;
let server;

async function pick(name) {
  await tools.click('.nav-item', 'Tools');
  await tools.seen('.list-item', name);
  await tools.click('.list-item', `${name}(`);
  await tools.seen('.tool-page h1', name);
}

const set = (selector, value) => tools.page.$eval(selector, (one, value) => { one.value = value; one.dispatchEvent(new Event('input', { bubbles: true })); }, value);

async function connectIn(revision) {
  await tools.click('.nav-item', 'Connect');
  await tools.page.evaluate(() => { for (const one of document.querySelectorAll('details.options')) one.open = true; });
  await tools.page.evaluate((revision) => {
    const select = [...document.querySelectorAll('select')].find((one) => [...one.options].some((option) => option.value === revision));
    select.value = revision;
    select.dispatchEvent(new Event('change', { bubbles: true }));
  }, revision);
  await tools.connect(server.url);
  await tools.seen('.top .chip', revision);
  await tools.seen('.list-item', 'slow_report');
}

/** Tasks in one revision: progress, result, failure, a question, cancel. */
async function tasks(revision) {
  const modern = revision === '2026-07-28';
  await connectIn(revision);
  await pick('slow_report');
  if (!modern) await tools.click('.as-task input');
  await tools.click('.actions [data-send]');
  await tools.seen('.task .tone', 'working');
  await tools.seen('.task-message', 'step 2 of 4');
  await tools.picture(`task-working-${revision}-light`);
  await tools.seen('.task .tone', 'completed');
  await tools.seen('.result', 'A report on trains');
  await pick('fails_later');
  if (!modern) await tools.click('.as-task input');
  await tools.click('.actions [data-send]');
  await tools.seen('.task .tone', 'failed');
  await tools.seen('.result .problem', 'The report failed');
  await pick('never_ends');
  if (!modern) await tools.click('.as-task input');
  await tools.click('.actions [data-send]');
  await tools.seen('.task .tone', 'working');
  await tools.click('.task button', 'Cancel the task');
  await tools.seen('.task .tone', 'cancelled');
  if (modern) {
    await pick('asks_later');
    await tools.click('.actions [data-send]');
    await tools.page.waitForSelector('.question');
    await set('.question textarea, .question .fields input', 'alice');
    await tools.click('.question [data-send]');
    await tools.seen('.result', 'Hello alice');
  }
  await tools.click('.nav-item', 'Tasks');
  await tools.seen('.list-item', 'never_ends');
  await tools.click('.list-item', 'slow_report');
  await tools.seen('.result', 'A report on trains');
  await tools.picture(`tasks-${revision}-light`);
  // A reload keeps them.
  await tools.page.reload();
  await tools.seen('.list-item', 'slow_report');
  await tools.click('.nav-item', 'Tasks');
  await tools.seen('.list-item', 'never_ends');
  await tools.click('.list-item', 'slow_report');
  await tools.seen('.result', 'A report on trains');
}

async function skills() {
  await tools.click('.nav-item', 'Skills');
  await tools.seen('.list-item', 'Plans a trip by train');
  await tools.click('.list-item', 'plan');
  await tools.seen('.tool-page', 'matches its digest');
  await tools.seen('.tool-page', 'Ask for the start');
  await tools.picture('skills-light');
  await tools.click('.file', 'altered.txt');
  await tools.seen('.tool-page', 'does not have the digest of the manifest');
  await tools.click('.list-item', 'live');
  await tools.seen('.chip', 'dynamic');
}

/** A server that breaks rules: the findings name them. */
async function doctor() {
  await connectIn('2025-11-25');
  await tools.click('.nav-item', 'Server');
  await tools.click('.doctor .button', 'Check the server');
  await tools.page.waitForSelector('.finding.error');
  const sections = await tools.page.$$eval('.finding a', (all) => all.map((one) => one.href));
  assert.ok(sections.length > 0 && sections.every((one) => /^https:\/\/(modelcontextprotocol\.io|www\.rfc-editor\.org|www\.jsonrpc\.org)\//.test(one)), sections.join());
  await tools.page.$eval('.doctor', (one) => one.scrollIntoView());
  await tools.picture('doctor-light');
}

/** The fixture in every revision that it offers. */
async function revisions() {
  const url = (await start(fixture, ['--port', '0'])).replace('listening on ', '');
  await tools.connect(url);
  await tools.seen('.list-item', 'test_simple_text');
  await tools.click('.nav-item', 'Server');
  await tools.click('.revisions .button', 'Compare the revisions');
  await tools.seen('.revisions', 'The server offers 5 of 5 revisions');
  await tools.page.$eval('.revisions', (one) => one.scrollIntoView());
  await tools.picture('revisions-light');
  await tools.dark(true);
  await tools.picture('revisions-dark');
  await tools.dark(false);
  const all = await tools.page.$$eval('.rev-table tbody tr', (rows) => rows.length);
  await tools.click('.rev-check input');
  await tools.until((all) => document.querySelectorAll('.rev-table tbody tr').length < all, all);
  await tools.picture('revisions-different-light');
}

/** Tasks of npm server-everything, which has those of 2025-11-25. */
async function everything() {
  const port = await freePort();
  await start('node', [join(modules, '@modelcontextprotocol/server-everything/dist/index.js'), 'streamableHttp'], { PORT: String(port) }, { matching: /(listening on port)/i });
  await tools.connect(`http://127.0.0.1:${port}/mcp`);
  await pick('simulate-research-query');
  await set('.fields textarea, .fields input', 'trains');
  await tools.click('.actions [data-send]');
  await tools.page.waitForSelector('.task');
  await tools.seen('.task .tone', 'completed');
  await tools.page.waitForSelector('.result .block');
  await tools.click('.nav-item', 'Tasks');
  await tools.seen('.list-item', 'simulate-research-query');
}

async function run() {
  const url = await inspect(farport);
  server = await startExtensions();
  tools = await open(modules, pictures);
  try {
    await tools.page.goto(url);
    await tools.seen('h1', 'Connect');
    const steps = { modern: () => tasks('2026-07-28'), session: () => tasks('2025-11-25'), skills, doctor, everything, revisions };
    for (const [name, step] of Object.entries(steps)) {
      const since = performance.now();
      await step();
      console.log(`${name}: ${Math.round(performance.now() - since)} ms`);
    }
    assert.deepEqual(tools.complaints, [], 'the page has nothing to complain of');
  } catch (error) {
    await tools.picture('failure-extensions');
    console.error(tools.complaints);
    throw error;
  } finally {
    await tools.browser.close();
    server.close();
  }
}

try {
  await run();
  console.log('tasks, skills and revisions work');
} finally {
  stopAll();
}
