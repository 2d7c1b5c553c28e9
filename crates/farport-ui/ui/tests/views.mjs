// Every view, light and dark, narrow and wide, checked with axe: `node views.mjs FARPORT FIXTURE NODE_MODULES SCREENSHOTS`.
// FARPORT_APPS is a folder with the npm package axe-core.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { startApps } from './apps-server.mjs';
import { inspect, run, startFixture } from './driver.mjs';
import { startExtensions } from './extensions-server.mjs';
import { startServer } from './server.mjs';

const { source } = createRequire(join(process.env.FARPORT_APPS, 'x.js'))('axe-core');

/** The page of the inspector. */
let ui;
const found = [];

/** What axe finds on the page as it is. */
async function axe(name) {
  const violations = await ui.page.evaluate(async (source) => {
    if (window.axe === undefined) (0, eval)(source);
    const { violations } = await window.axe.run(document, { iframes: false, resultTypes: ['violations'] });
    return violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
  }, source).catch((error) => [String(error)]);
  for (const one of violations) found.push(`${name}: ${one}`);
}

/** Looks at a view in every size and colour. */
async function look(name, { wide = false } = {}) {
  for (const [width, height] of [[1440, 900], [320, 640], ...(wide ? [[3840, 2160]] : [])]) {
    await ui.page.setViewport({ width, height });
    for (const theme of ['light', 'dark']) {
      await ui.dark(theme === 'dark');
      if (width === 320 && theme === 'dark') continue;
      await ui.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      if (width !== 3840) await axe(`${name} ${width} ${theme}`);
      await ui.picture(`view-${name}-${width}-${theme}`);
    }
    const tooWide = await ui.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (tooWide > 0) found.push(`${name} ${width}: ${tooWide} pixels wider than the window`);
  }
  await ui.page.setViewport({ width: 1440, height: 900 });
  await ui.dark(false);
}

async function connecting() {
  ui = await inspect([], { frames: true });
  const url = ui.program.line;
  await ui.page.evaluate(() => sessionStorage.clear());
  await ui.page.goto(url.split('#')[0]);
  await ui.seen('h1', 'Open the address');
  await look('locked');
  await ui.page.goto('about:blank');
  await ui.page.goto(url);
  await ui.seen('h1', 'Connect');
  await look('connect', { wide: true });
  await ui.connect('http://127.0.0.1:9/mcp', { wait: false });
  await ui.page.waitForSelector('.status-card.bad');
  await look('connect-failed');
}

async function tools() {
  const travel = await startServer();
  await ui.connect(travel.url);
  await ui.seen('.list-item', 'plan_trip');
  await look('tools-empty');
  await ui.click('.list-item', 'plan_trip');
  await ui.seen('.tool-page h1', 'plan_trip');
  await look('tool', { wide: true });
  await ui.click('.tabs button', 'JSON');
  await look('tool-json');
  await ui.click('.actions [data-send]');
  await ui.page.waitForSelector('.result');
  await ui.page.$eval('.detail', (one) => one.scrollTo(0, 1e6));
  await look('tool-result');
}

async function everyView() {
  await ui.connect((await startFixture()).url);
  await ui.seen('.list-item', 'test_simple_text');
  // Two keys open a view, but not while the user types.
  await ui.page.evaluate(() => document.activeElement.blur());
  await ui.press('g', 'r');
  await ui.seen('.list h1', 'Resources');
  await ui.page.waitForSelector('.list-item');
  await ui.click('.list-item');
  await ui.page.waitForSelector('.result');
  await look('resources');
  await ui.press('g', 'p');
  await ui.seen('.list h1', 'Prompts');
  await ui.page.waitForSelector('.list-item');
  await ui.click('.list-item');
  await look('prompts');
  await ui.press('g', 's');
  await ui.page.waitForSelector('.revisions');
  await ui.click('.revisions .button');
  await ui.page.waitForSelector('.rev-table');
  await look('server');
  await ui.page.$eval('.revisions', (one) => one.scrollIntoView());
  await look('revisions');
  await ui.click('.doctor .button', 'Check the server');
  await ui.seen('.doctor [role=status]', 'kept');
  await ui.page.$eval('.doctor', (one) => one.scrollIntoView());
  await look('doctor');
  await ui.press('g', 'i');
  await ui.until(() => document.querySelector('.nav-item.on')?.textContent.includes('Sign-in'));
  await look('signin');
  await ui.press('g', 'l');
  await ui.page.waitForSelector('.app.timeline-view');
  await ui.click('.tl-row.in');
  await ui.page.waitForSelector('.entry');
  await look('timeline');
  await ui.press('g', 't');
  await ui.seen('.list h1', 'Tools');
  await ui.press('/', 'g', 'r');
  await ui.until(() => document.querySelector('[data-search]').value === 'gr');
  await ui.press('Escape');
  await ui.click('.list-item', 'test_elicitation(');
  await ui.seen('.tool-page h1', 'test_elicitation');
  await ui.page.$$eval('.fields textarea', (all) => { for (const one of all) { one.value = 'Who are you?'; one.dispatchEvent(new Event('input', { bubbles: true })); } });
  await ui.click('.actions [data-send]');
  await ui.page.waitForSelector('.question');
  await look('question');
  await ui.click('.question button', 'Decline');
  await ui.until(() => document.querySelector('.question') === null);
  await ui.control('k');
  await ui.page.waitForSelector('.palette');
  await look('palette');
  await ui.press('Escape');
}

async function tasksAndSkills() {
  const extensions = await startExtensions();
  await ui.connect(extensions.url);
  await ui.seen('.list-item', 'slow_report');
  await ui.click('.list-item', 'slow_report(');
  await ui.seen('.tool-page h1', 'slow_report');
  await ui.click('.actions [data-send]');
  await ui.seen('.task .tone', 'completed');
  await ui.press('g', 'a');
  await ui.page.waitForSelector('.list-item');
  await ui.click('.list-item');
  await ui.page.waitForSelector('.task');
  await look('tasks');
  await ui.press('g', 'k');
  await ui.seen('.list h1', 'Skills');
  await ui.page.waitForSelector('.list-item');
  await ui.click('.list-item');
  await ui.seen('.tool-page', 'matches its digest');
  await look('skills');
}

async function apps() {
  const apps = await startApps(new URL(ui.page.url()).origin);
  await ui.connect(apps.url);
  await ui.seen('.list-item', 'polite');
  await ui.click('.list-item', 'polite(');
  await ui.seen('.tool-page h1', 'polite');
  await ui.click('.actions [data-send]');
  await ui.seen('.app-log', 'ui/notifications/tool-result');
  await ui.page.$eval('.app-card', (one) => one.scrollIntoView());
  await look('app');
}

async function end() {
  // A view that is open may report an error when its page closes.
  await ui.click('.nav-item', 'Connect');
  await ui.click('.nav-item', 'Tools');
  assert.deepEqual(found, [], 'axe finds nothing, and every view fits');
  await ui.close();
}

await run({ connecting, tools, everyView, tasksAndSkills, apps, end });
