// Every view, light and dark, narrow and wide, checked with axe: `node views.mjs FARPORT FIXTURE NODE_MODULES SCREENSHOTS`.
// FARPORT_APPS is a folder with the npm package axe-core.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { startApps } from './apps-server.mjs';
import { startExtensions } from './extensions-server.mjs';
import { inspect, open, start, stopAll } from './harness.mjs';
import { startServer } from './server.mjs';

const [farport, fixture, modules, pictures] = process.argv.slice(2);
const { source } = createRequire(join(process.env.FARPORT_APPS, 'x.js'))('axe-core');

let tools;
const found = [];

/** What axe finds on the page as it is. */
async function axe(name) {
  const violations = await tools.page.evaluate(async (source) => {
    if (window.axe === undefined) (0, eval)(source);
    const { violations } = await window.axe.run(document, { iframes: false, resultTypes: ['violations'] });
    return violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
  }, source).catch((error) => [String(error)]);
  for (const one of violations) found.push(`${name}: ${one}`);
}

/** Looks at a view in every size and colour. */
async function look(name, { wide = false } = {}) {
  for (const [width, height] of [[1440, 900], [320, 640], ...(wide ? [[3840, 2160]] : [])]) {
    await tools.page.setViewport({ width, height });
    for (const theme of ['light', 'dark']) {
      await tools.dark(theme === 'dark');
      if (width === 320 && theme === 'dark') continue;
      await tools.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      if (width !== 3840) await axe(`${name} ${width} ${theme}`);
      await tools.picture(`view-${name}-${width}-${theme}`);
    }
    const tooWide = await tools.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (tooWide > 0) found.push(`${name} ${width}: ${tooWide} pixels wider than the window`);
  }
  await tools.page.setViewport({ width: 1440, height: 900 });
  await tools.dark(false);
}

const press = async (...keys) => { for (const key of keys) await tools.page.keyboard.press(key); };

async function run() {
  const url = await inspect(farport);
  const extensions = await startExtensions();
  const travel = await startServer();
  const apps = await startApps(new URL(url).origin);
  const server = (await start(fixture, ['--port', '0'])).replace('listening on ', '');
  tools = await open(modules, pictures);
  const { page, seen, click, connect, until } = tools;
  try {
    await page.goto(url.split('#')[0]);
    await seen('h1', 'Open the address');
    await look('locked');
    await page.goto('about:blank');
    await page.goto(url);
    await seen('h1', 'Connect');
    await look('connect', { wide: true });
    await connect('http://127.0.0.1:9/mcp');
    await page.waitForSelector('.status-card.bad');
    await look('connect-failed');

    await connect(travel.url);
    await seen('.list-item', 'plan_trip');
    await look('tools-empty');
    await click('.list-item', 'plan_trip');
    await seen('.tool-page h1', 'plan_trip');
    await look('tool', { wide: true });
    await click('.tabs button', 'JSON');
    await look('tool-json');
    await click('.actions [data-send]');
    await page.waitForSelector('.result');
    await page.$eval('.detail', (one) => one.scrollTo(0, 1e6));
    await look('tool-result');

    await connect(server);
    await seen('.list-item', 'test_simple_text');
    // Two keys open a view, but not while the user types.
    await page.evaluate(() => document.activeElement.blur());
    await press('g', 'r');
    await seen('.list h1', 'Resources');
    await page.waitForSelector('.list-item');
    await click('.list-item');
    await page.waitForSelector('.result');
    await look('resources');
    await press('g', 'p');
    await seen('.list h1', 'Prompts');
    await page.waitForSelector('.list-item');
    await click('.list-item');
    await look('prompts');
    await press('g', 's');
    await page.waitForSelector('.revisions');
    await click('.revisions .button');
    await page.waitForSelector('.rev-table');
    await look('server');
    await page.$eval('.revisions', (one) => one.scrollIntoView());
    await look('revisions');
    await click('.doctor .button', 'Check the server');
    await seen('.doctor [role=status]', 'kept');
    await page.$eval('.doctor', (one) => one.scrollIntoView());
    await look('doctor');
    await press('g', 'i');
    await until(() => document.querySelector('.nav-item.on')?.textContent.includes('Sign-in'));
    await look('signin');
    await press('g', 'l');
    await page.waitForSelector('.app.timeline-view');
    await click('.tl-row.in');
    await page.waitForSelector('.entry');
    await look('timeline');
    await press('g', 't');
    await seen('.list h1', 'Tools');
    await press('/', 'g', 'r');
    assert.equal(await page.$eval('[data-search]', (one) => one.value), 'gr');
    await press('Escape');
    await click('.list-item', 'test_elicitation(');
    await seen('.tool-page h1', 'test_elicitation');
    await page.$$eval('.fields textarea', (all) => { for (const one of all) { one.value = 'Who are you?'; one.dispatchEvent(new Event('input', { bubbles: true })); } });
    await click('.actions [data-send]');
    await page.waitForSelector('.question');
    await look('question');
    await click('.question button', 'Decline');
    await until(() => document.querySelector('.question') === null);
    await page.keyboard.down('Control');
    await page.keyboard.press('k');
    await page.keyboard.up('Control');
    await page.waitForSelector('.palette');
    await look('palette');
    await press('Escape');

    await connect(extensions.url);
    await seen('.list-item', 'slow_report');
    await click('.list-item', 'slow_report(');
    await seen('.tool-page h1', 'slow_report');
    await click('.actions [data-send]');
    await seen('.task .tone', 'completed');
    await press('g', 'a');
    await page.waitForSelector('.list-item');
    await click('.list-item');
    await page.waitForSelector('.task');
    await look('tasks');
    await press('g', 'k');
    await seen('.list h1', 'Skills');
    await page.waitForSelector('.list-item');
    await click('.list-item');
    await seen('.tool-page', 'matches its digest');
    await look('skills');

    await connect(apps.url);
    await seen('.list-item', 'polite');
    await click('.list-item', 'polite(');
    await seen('.tool-page h1', 'polite');
    await click('.actions [data-send]');
    await seen('.app-log', 'ui/notifications/tool-result');
    await page.$eval('.app-card', (one) => one.scrollIntoView());
    await look('app');

    await click('.nav-item', 'Connect');
    await click('.nav-item', 'Tools');
    assert.deepEqual(found, [], 'axe finds nothing, and every view fits');
    assert.deepEqual(tools.complaints, [], 'the page has nothing to complain of');
  } catch (error) {
    await tools.picture('failure-views');
    console.error(found.join('\n'), tools.complaints);
    throw error;
  } finally {
    await tools.browser.close();
    for (const one of [extensions, travel, apps]) one.close();
  }
}

try {
  await run();
  console.log('every view is clean');
} finally {
  stopAll();
}
