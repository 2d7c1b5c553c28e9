// Views of MCP Apps in headless Chromium: `node apps.mjs FARPORT FIXTURE NODE_MODULES SCREENSHOTS`.
// FARPORT_APPS is a folder with the npm packages of the servers.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { startApps } from './apps-server.mjs';
import { WAIT, freePort, inspect, run, start } from './driver.mjs';

const packages = process.env.FARPORT_APPS;

/** The npm servers, the tool that shows their view, and a text of it. */
const SERVERS = [
  ['server-basic-vanillajs', 'get-time', 'Get Server Time'],
  ['server-basic-preact', 'get-time', 'Get Server Time'],
  ['server-budget-allocator', 'get-budget-data', 'Budget'],
  ['server-cohort-heatmap', 'get-cohort-data', 'Cohort'],
  ['server-system-monitor', 'get-system-info', 'System'],
  ['server-scenario-modeler', 'get-scenario-data', 'Scenario'],
];

/** The page of the inspector. */
let ui;
/** The server with views. */
let apps;

/** The document of the view, two frames below the page. */
async function viewFrame() {
  // The view before may still save its state.
  await ui.until(() => document.querySelector('.app-frame.leaving') === null && document.querySelector('.app-body iframe') !== null);
  const found = () => ui.page.frames().filter((one) => one.url().includes('/view/')).at(-1);
  for (let turn = 0; turn < 200 && !found(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  return found();
}

const counted = (way, method) => ui.page.$$eval('.app-log > li', (all, way, method) => all.filter((one) => one.querySelector(`.app-way.${way}`) && one.querySelector('code').textContent === method).length, way, method);

async function callTool(name) {
  await ui.tool(name);
  await ui.send();
}

/** Every message between a view and its host. */
async function polite() {
  await callTool('polite');
  const frame = await viewFrame();
  await frame.waitForFunction(() => window.got?.some(([method]) => method === 'ui/notifications/tool-result'), WAIT);
  const order = await frame.evaluate(() => window.got.map(([method]) => method.replace('ui/notifications/', '')).filter((one) => one.startsWith('tool-')));
  assert.deepEqual(order, ['tool-input', 'tool-result']);
  assert.deepEqual(await frame.evaluate(() => window.got.find(([method]) => method.endsWith('tool-input'))[1]), { arguments: { city: 'Bern' } });
  const host = await frame.evaluate(() => window.initialized);
  assert.equal(host.hostContext.theme, 'light');
  assert.equal(host.hostContext.toolInfo.tool.name, 'polite');
  assert.ok(host.hostContext.styles.variables['--color-text-primary']);
  assert.deepEqual(host.hostCapabilities.sandbox.csp.connectDomains, ['https://api.example.com']);
  assert.equal(await frame.evaluate(() => self.origin), 'null', 'the view has an opaque origin');
  await ui.until(() => document.querySelector('.app-body').style.height === '333px');

  const ask = (method, params) => frame.evaluate((method, params) => window.ask(method, params), method, params);
  assert.equal((await ask('tools/call', { name: 'for_the_app', arguments: {} })).result.content[0].text, 'for_the_app done');
  assert.equal((await ask('tools/call', { name: 'for_the_model', arguments: {} })).error.message, 'This tool is not for apps');
  assert.ok((await ask('resources/read', { uri: 'ui://test/polite' })).result.contents);
  assert.deepEqual((await ask('ping', {})).result, {});
  assert.ok(!apps.called.includes('for_the_model'));

  const link = frame.evaluate(() => window.ask('ui/open-link', { url: 'https://example.com/docs' }));
  await ui.seen('.app-asked', 'https://example.com/docs');
  await ui.picture('app-link-light');
  await ui.click('.app-asked button', 'Refuse');
  assert.equal((await link).error.message, 'Link opening denied by user');
  const file = frame.evaluate(() => window.ask('ui/download-file', { contents: [{ type: 'resource', resource: { uri: 'file:///../report.csv', mimeType: 'text/csv', text: 'a,b' } }] }));
  await ui.seen('.app-asked', 'report.csv');
  await ui.click('.app-asked button', 'Refuse');
  assert.deepEqual((await file).result, { isError: true });
  assert.deepEqual((await ask('ui/message', { role: 'user', content: [{ type: 'text', text: 'Is it raining in Bern?' }] })).result, {});
  await ui.seen('.app-details', 'Is it raining in Bern?');
  await ask('ui/update-model-context', { structuredContent: { chosen: 'first' } });
  await ask('ui/update-model-context', { structuredContent: { chosen: 'second' } });
  await ui.seen('.app-details', 'second');
  assert.ok(!(await ui.text('.app-details')).includes('"first"') || (await ui.page.$$('.app-details > details[open]')).length > 0);

  await ui.dark(true);
  await frame.waitForFunction(() => window.got.some(([method, params]) => method.endsWith('host-context-changed') && params.theme === 'dark'), WAIT);
  await ui.dark(false);
  assert.deepEqual((await ask('ui/request-display-mode', { mode: 'fullscreen' })).result, { mode: 'fullscreen' });
  await ui.page.waitForSelector('.app-card.fullscreen');
  await ui.picture('app-fullscreen-light');
  assert.deepEqual((await ask('ui/request-display-mode', { mode: 'inline' })).result, { mode: 'inline' });
  await ui.until(() => document.querySelector('.app-card.fullscreen') === null);
  await ui.page.$eval('.app-card', (one) => one.scrollIntoView());
  await ui.picture('app-light');

  // A new call has a new view, and the old one may save its state before.
  const before = apps.called.filter((one) => one === 'polite').length;
  await ui.click('.actions [data-send]');
  await ui.until(() => document.querySelector('.spinner') === null);
  assert.equal(apps.called.filter((one) => one === 'polite').length, before + 1);
  await ui.seen('.app-log', 'ui/notifications/tool-result');
  assert.equal(await counted('out', 'ui/notifications/tool-input'), 1);
  await ui.click('[aria-label="Close the app"]');
  await ui.seen('.app-note', 'The app is closed.');
  const { capabilities } = apps.initialized[0];
  assert.deepEqual(capabilities.extensions['io.modelcontextprotocol/ui'], { mimeTypes: ['text/html;profile=mcp-app'] });
}

/** A view that tries to leave its frame does not. */
async function escape() {
  const { page } = ui;
  const url = page.url();
  const token = await page.evaluate(() => sessionStorage.getItem('farport-inspect-token'));
  const windows = await ui.windows();
  await callTool('escape');
  // The view sends what it tried, and at the end leaves its own document.
  const sent = await ui.until(() => [...document.querySelectorAll('.app-details details')].find((one) => one.querySelector('summary').textContent === 'Context for the model')?.querySelector('pre').textContent);
  const tries = JSON.parse(await sent.jsonValue());
  const escaped = Object.entries(tries).filter(([, said]) => said.startsWith('ESCAPED'));
  assert.deepEqual(escaped, []);
  assert.ok(Object.keys(tries).length >= 35, `${Object.keys(tries).length} attempts`);
  // Its last attempts are a peer connection, and to navigate its own frame.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.deepEqual(apps.hits, [], 'nothing reached another origin');
  assert.equal(page.url(), url);
  assert.equal(await ui.windows(), windows, 'no window opened');
  assert.equal(await page.evaluate(() => sessionStorage.getItem('farport-inspect-token')), token);
  assert.ok(!JSON.stringify(tries).includes(token));
  assert.equal(await ui.text('.address-text'), apps.url, 'still connected');
  assert.ok(!apps.called.includes('for_the_model'));
  console.log(`escape: ${Object.keys(tries).length} attempts of the script and 12 of the markup, 0 successes`);
}

async function refused() {
  await callTool('wrong_type');
  await ui.seen('.app-note', 'the view has the media type text/html');
  await callTool('flood');
  await ui.seen('.app-note', 'too many messages');
  await ui.picture('app-stopped-light');
}

/** A server of npm: its view shows its data. */
async function npm([name, tool, text]) {
  const port = await freePort();
  await start('node', [join(packages, 'node_modules/@modelcontextprotocol', name, 'dist/index.js')], { env: { PORT: String(port) }, matching: /(listening)/i });
  const url = `http://127.0.0.1:${port}/mcp`;
  await ui.connect(url);
  await callTool(tool);
  const frame = await viewFrame();
  await frame.waitForFunction((text) => document.body?.innerText.includes(text), WAIT, text);
  await ui.until(() => [...document.querySelectorAll('.app-log code')].some((one) => one.textContent === 'ui/notifications/tool-result'));
  assert.equal(await counted('out', 'ui/notifications/tool-input'), 1);
  assert.equal(await counted('out', 'ui/notifications/tool-result'), 1);
  await ui.page.$eval('.app-card', (one) => one.scrollIntoView());
  if (name === 'server-basic-vanillajs') {
    const before = await counted('in', 'tools/call');
    await frame.click('#get-time-btn');
    await ui.until((before) => [...document.querySelectorAll('.app-log > li')].filter((one) => one.querySelector('.app-way.in') && one.querySelector('code').textContent === 'tools/call').length === before + 1, before);
    await frame.click('#send-message-btn');
    await ui.seen('.app-details > details > summary', 'Messages to the chat');
    await frame.click('#send-log-btn');
    await frame.click('#open-link-btn');
    await ui.page.waitForSelector('.app-asked');
    await ui.click('.app-asked button', 'Refuse');
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  await ui.picture(`app-${name}-light`);
  await ui.dark(true);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await ui.picture(`app-${name}-dark`);
  await ui.dark(false);
}

const steps = {
  start: async () => {
    ui = await inspect([], { frames: true });
    apps = await startApps(new URL(ui.page.url()).origin);
    await ui.connect(apps.url);
  },
  polite,
  refused,
  escape,
  ...Object.fromEntries((packages ? SERVERS : []).map((server) => [server[0], () => npm(server)])),
  end: () => ui.close(),
};

await run(steps);
