// Tasks, skills and the comparison of revisions in headless Chromium:
// `node extensions.mjs FARPORT FIXTURE NODE_MODULES SCREENSHOTS`.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { startExtensions } from './extensions-server.mjs';
import { freePort, inspect, modules, run, start, startFixture } from './driver.mjs';

/** The page of the inspector. */
let ui;
let server;

async function connectIn(revision) {
  await ui.connect(server.url, { revision });
  await ui.seen('.top .chip', revision);
}

/** Tasks in one revision: progress, result, failure, a question, cancel. */
async function tasks(revision) {
  const modern = revision === '2026-07-28';
  await connectIn(revision);
  await ui.tool('slow_report');
  if (!modern) await ui.click('.as-task input');
  await ui.send();
  await ui.seen('.task .tone', 'working');
  await ui.seen('.task-message', 'step 2 of 4');
  await ui.picture(`task-working-${revision}-light`);
  await ui.seen('.task .tone', 'completed');
  await ui.seen('.result', 'A report on trains');
  await ui.tool('fails_later');
  if (!modern) await ui.click('.as-task input');
  await ui.send();
  await ui.seen('.task .tone', 'failed');
  await ui.seen('.result .problem', 'The report failed');
  await ui.tool('never_ends');
  if (!modern) await ui.click('.as-task input');
  await ui.send();
  await ui.seen('.task .tone', 'working');
  await ui.click('.task button', 'Cancel the task');
  await ui.seen('.task .tone', 'cancelled');
  if (modern) {
    await ui.tool('asks_later');
    await ui.send();
    await ui.page.waitForSelector('.question');
    await ui.enter('.question textarea, .question .fields input', 'alice');
    await ui.click('.question [data-send]');
    await ui.seen('.result', 'Hello alice');
  }
  await ui.click('.nav-item', 'Tasks');
  await ui.seen('.list-item', 'never_ends');
  await ui.click('.list-item', 'slow_report');
  await ui.seen('.result', 'A report on trains');
  await ui.picture(`tasks-${revision}-light`);
  // A reload keeps them.
  await ui.page.reload();
  await ui.seen('.list-item', 'slow_report');
  await ui.click('.nav-item', 'Tasks');
  await ui.seen('.list-item', 'never_ends');
  await ui.click('.list-item', 'slow_report');
  await ui.seen('.result', 'A report on trains');
}

async function skills() {
  await ui.click('.nav-item', 'Skills');
  await ui.seen('.list-item', 'Plans a trip by train');
  await ui.click('.list-item', 'plan');
  await ui.seen('.tool-page', 'matches its digest');
  await ui.seen('.tool-page', 'Ask for the start');
  await ui.picture('skills-light');
  await ui.click('.file', 'altered.txt');
  await ui.seen('.tool-page', 'does not have the digest of the manifest');
  await ui.click('.list-item', 'live');
  await ui.seen('.chip', 'dynamic');
}

/** A server that breaks rules: the findings name them. */
async function doctor() {
  await connectIn('2025-11-25');
  await ui.click('.nav-item', 'Server');
  await ui.click('.doctor .button', 'Check the server');
  await ui.page.waitForSelector('.finding.error');
  const sections = await ui.page.$$eval('.finding a', (all) => all.map((one) => one.href));
  assert.ok(sections.length > 0 && sections.every((one) => /^https:\/\/(modelcontextprotocol\.io|www\.rfc-editor\.org|www\.jsonrpc\.org)\//.test(one)), sections.join());
  await ui.page.$eval('.doctor', (one) => one.scrollIntoView());
  await ui.picture('doctor-light');
}

/** The fixture in every revision that it offers. */
async function revisions() {
  await ui.connect((await startFixture()).url);
  await ui.seen('.list-item', 'test_simple_text');
  await ui.click('.nav-item', 'Server');
  await ui.click('.revisions .button', 'Compare the revisions');
  await ui.seen('.revisions', 'The server offers 5 of 5 revisions');
  await ui.page.$eval('.revisions', (one) => one.scrollIntoView());
  await ui.picture('revisions-light');
  await ui.dark(true);
  await ui.picture('revisions-dark');
  await ui.dark(false);
  const all = await ui.page.$$eval('.rev-table tbody tr', (rows) => rows.length);
  await ui.click('.rev-check input');
  await ui.until((all) => document.querySelectorAll('.rev-table tbody tr').length < all, all);
  await ui.picture('revisions-different-light');
}

/** Tasks of npm server-everything, which has those of 2025-11-25. */
async function everything() {
  const port = await freePort();
  await start('node', [join(modules, '@modelcontextprotocol/server-everything/dist/index.js'), 'streamableHttp'], { env: { PORT: String(port) }, matching: /(listening on port)/i });
  await ui.connect(`http://127.0.0.1:${port}/mcp`);
  await ui.tool('simulate-research-query');
  await ui.enter('.fields textarea, .fields input', 'trains');
  await ui.send();
  await ui.page.waitForSelector('.task');
  await ui.seen('.task .tone', 'completed');
  await ui.page.waitForSelector('.result .block');
  await ui.click('.nav-item', 'Tasks');
  await ui.seen('.list-item', 'simulate-research-query');
}

const steps = {
  start: async () => {
    server = await startExtensions();
    ui = await inspect();
  },
  modern: () => tasks('2026-07-28'),
  session: () => tasks('2025-11-25'),
  skills,
  doctor,
  everything,
  revisions,
  end: () => ui.close(),
};

await run(steps);
