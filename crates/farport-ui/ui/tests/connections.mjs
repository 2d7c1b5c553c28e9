// The page connects to real servers: every revision and transport, other SDKs, a process, saved servers.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { folder, freePort, inspect, installed, run, serves, start, startFixture } from './driver.mjs';

const everything = join(dirname(installed.resolve('@modelcontextprotocol/server-everything/package.json')), 'dist/index.js');
const python = process.env.FARPORT_PYTHON;
const textOf = (result) => result.content.find((one) => one.type === 'text').text;

async function revisions() {
  const fixture = await startFixture();
  const ui = await inspect();
  for (const revision of ['auto', '2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']) {
    await ui.connect(fixture.url, { revision });
    assert.equal(await ui.revision(), revision === 'auto' ? '2026-07-28' : revision);
    assert.ok((await ui.tools()).includes('test_simple_text'));
    const result = await ui.call('test_simple_text');
    assert.match(textOf(result), /simple text/, revision);
    await ui.click('.nav-item', 'Resources');
    await ui.click('.list-item');
    await ui.page.waitForSelector('.result');
  }
  // HTTP+SSE is found without a choice, and can be chosen.
  const sse = fixture.url.replace('/mcp', '/sse');
  for (const transport of ['auto', 'sse']) {
    await ui.connect(sse, { transport });
    assert.match(await ui.revision(), /^202[45]-/);
    assert.match(textOf(await ui.call('test_simple_text')), /simple text/);
  }
  await ui.close();
  await fixture.stop();
}

async function everythingOverHttp() {
  for (const [kind, path] of [['streamableHttp', '/mcp'], ['sse', '/sse']]) {
    const port = await freePort();
    const server = await start(process.execPath, [everything, kind], { env: { PORT: String(port) }, matching: /(.)/ });
    await serves(port);
    const ui = await inspect([`http://localhost:${port}${path}`]);
    assert.ok((await ui.tools()).length > 5);
    assert.match(textOf(await ui.call('echo', { message: 'through' })), /through/);
    await ui.close();
    await server.stop('SIGKILL');
  }
}

async function everythingAsAProcess() {
  const ui = await inspect(['--', process.execPath, everything, 'stdio']);
  assert.ok((await ui.tools()).length > 5);
  assert.match(textOf(await ui.call('echo', { message: 'through' })), /through/);
  await ui.close();
}

async function pythonServers() {
  if (!python) {
    console.log('no Python: its servers are not tested');
    return;
  }
  for (const [kind, path] of [['streamable-http', '/mcp'], ['sse', '/sse']]) {
    const port = await freePort();
    const server = start(python, [process.env.FARPORT_PYTHON_SERVER, kind, String(port)], { matching: /(never)/ });
    server.catch(() => {});
    await serves(port);
    const ui = await inspect([`http://127.0.0.1:${port}${path}`]);
    assert.deepEqual((await ui.tools()).sort(), ['count', 'echo', 'fail', 'greet', 'roots', 'think']);
    assert.equal(textOf(await ui.call('echo', { message: 'grüße' })), 'Echo: grüße');
    assert.equal((await ui.call('fail')).isError, true);
    await ui.close();
  }
}

async function savedServers() {
  const fixture = await startFixture();
  const home = folder();
  const project = join(home, 'project');
  mkdirSync(join(home, '.cursor'), { recursive: true });
  mkdirSync(project);
  writeFileSync(join(home, '.cursor/mcp.json'), JSON.stringify({
    mcpServers: {
      fixture: { url: fixture.url, headers: { 'X-Seeded': 'seeded-secret-9d1c' } },
      local: { command: process.execPath, args: [everything, 'stdio', '--key', 'seeded-secret-9d1c'], env: { SEEDED: 'seeded-secret-9d1c' } },
    },
  }));
  writeFileSync(join(project, '.mcp.json'), JSON.stringify({ mcpServers: { asks: { type: 'http', url: fixture.url, headers: { 'X-Asked': '${input:key}' } } } }));
  const ui = await inspect([], { home, cwd: project });
  await ui.seen('.saved-servers', 'fixture');
  await ui.picture('saved-servers-light');
  const rows = await ui.page.$$eval('.saved-servers .list-row', (all) => all.map((one) => one.textContent));
  assert.equal(rows.length, 3);
  assert.match(rows[0], /asks.*this project/s);
  assert.match(rows[2], /stdio --key \*\*\*.*Copy the command/s);
  assert.ok(!(await ui.page.content()).includes('seeded-secret'));
  await ui.click('.saved-servers .button', 'Connect');
  await ui.seen('.address-text', fixture.url);
  assert.ok((await ui.tools()).includes('test_simple_text'));
  assert.match(textOf(await ui.call('test_simple_text')), /simple text/);
  // A value that only the client knows is entered on the page.
  await ui.click('.nav-item', 'Connect');
  await ui.click('.saved-servers .button', 'Enter its header');
  await ui.seen('form', '');
  await ui.until(() => document.querySelector('[aria-label="Value of the header X-Asked"]') !== null);
  await ui.enter('[aria-label="Value of the header X-Asked"]', 'entered-by-hand');
  await ui.click('form [data-send]');
  await ui.until(() => document.querySelector('.address .dot.ok') !== null);
  assert.match(textOf(await ui.call('test_simple_text')), /simple text/);
  await ui.close();
  // By name, on the command line: the remote server, and the process.
  for (const [name, tool, args] of [['fixture', 'test_simple_text'], ['cursor:local', 'echo', { message: 'named' }]]) {
    const named = await inspect([name], { home, cwd: project });
    await named.tools();
    assert.match(textOf(await named.call(tool, args)), /simple text|named/);
    assert.ok(!(await named.page.content()).includes('seeded-secret'));
    await named.close();
  }
  await fixture.stop();
}

await run({ revisions, everythingOverHttp, everythingAsAProcess, pythonServers, savedServers });
