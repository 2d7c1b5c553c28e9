// MCP Apps: the host's side of the conversation with a view.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bridge, fileName, pickView, viewOf, visibleTo, webUrl } from '../appbridge.js';

function setUp({ tools = [], answers = {}, ...more } = {}) {
  const sent = [];
  const clock = { ms: 0 };
  const host = {
    info: { name: 'test', version: '0' }, send: (message) => sent.push(message), log: () => {}, now: () => clock.ms,
    capabilities: () => ({ openLinks: {} }), context: () => ({ theme: 'dark', containerDimensions: { width: 600 } }), tools: () => tools,
    request: async (method, params) => answers[method]?.(params) ?? { content: [] }, ask: async () => true, message: () => {}, modelContext: () => {}, mode: () => {}, size: () => {}, leave: () => {}, flood: () => {}, ...more,
  };
  const bridge = new Bridge(host);
  let id = 0;
  const ask = async (method, params) => {
    id += 1;
    const own = id;
    bridge.receive({ jsonrpc: '2.0', id: own, method, params });
    for (let turn = 0; turn < 10 && !sent.some((one) => one.id === own); turn += 1) await Promise.resolve();
    return sent.find((one) => one.id === own);
  };
  const start = async (appCapabilities = {}) => {
    await ask('ui/initialize', { appInfo: { name: 'a', version: '1' }, appCapabilities, protocolVersion: '2026-01-26' });
    bridge.receive({ jsonrpc: '2.0', method: 'ui/notifications/initialized' });
  };
  const notified = () => sent.filter((one) => one.id === undefined).map((one) => one.method.replace('ui/notifications/', ''));
  return { bridge, sent, ask, start, notified, clock };
}

test('a view receives nothing before it is initialized, then its input once and its result', async () => {
  const { bridge, sent, start, notified } = setUp();
  bridge.partial({ a: 0 });
  bridge.input({ a: 1 });
  bridge.input({ a: 2 });
  bridge.result({ content: [] });
  bridge.cancelled('late');
  assert.deepEqual(sent, []);
  bridge.receive({ jsonrpc: '2.0', method: 'ui/notifications/initialized' });
  assert.deepEqual(sent, [], 'initialized without ui/initialize changes nothing');
  await start();
  assert.deepEqual(notified(), ['tool-input', 'tool-result']);
  assert.deepEqual(sent.find((one) => one.method === 'ui/notifications/tool-input').params, { arguments: { a: 1 } });
  bridge.partial({ a: 3 });
  assert.deepEqual(notified(), ['tool-input', 'tool-result']);
});

test('a result is never sent before the input', async () => {
  const { bridge, start, notified } = setUp();
  await start();
  bridge.result({ content: [] });
  assert.deepEqual(notified(), []);
  bridge.partial({});
  bridge.input({});
  bridge.cancelled('the user cancelled the call');
  assert.deepEqual(notified(), ['tool-input-partial', 'tool-input', 'tool-cancelled']);
});

test('ui/initialize returns the host, what it grants and its context', async () => {
  const { ask } = setUp();
  const { result } = await ask('ui/initialize', { appCapabilities: {} });
  assert.equal(result.protocolVersion, '2026-01-26');
  assert.equal(result.hostInfo.name, 'test');
  assert.deepEqual(result.hostCapabilities, { openLinks: {} });
  assert.deepEqual(result.hostContext, { theme: 'dark', containerDimensions: { width: 600 }, displayMode: 'inline', availableDisplayModes: ['inline', 'fullscreen'] });
});

test('a view calls only tools that are for apps', async () => {
  const tools = [{ name: 'both' }, { name: 'app', _meta: { ui: { visibility: ['app'] } } }, { name: 'model', _meta: { ui: { visibility: ['model'] } } }];
  const called = [];
  const { ask } = setUp({ tools, answers: { 'tools/call': (params) => { called.push(params.name); return { content: [] }; } } });
  assert.deepEqual((await ask('tools/call', { name: 'both', arguments: {} })).result, { content: [] });
  assert.ok((await ask('tools/call', { name: 'app' })).result);
  assert.equal((await ask('tools/call', { name: 'model' })).error.message, 'This tool is not for apps');
  assert.equal((await ask('tools/call', { name: 'other' })).error.code, -32602);
  assert.deepEqual(called, ['both', 'app']);
});

test('other methods of the server stay out of reach', async () => {
  const { ask } = setUp();
  for (const method of ['tools/list', 'prompts/get', 'completion/complete', 'sampling/createMessage', 'initialize', 'logging/setLevel', 'tasks/list', 'x']) {
    assert.equal((await ask(method, {})).error.code, -32601, method);
  }
  assert.deepEqual((await ask('ping')).result, {});
  assert.ok((await ask('resources/read', { uri: 'x://y' })).result);
});

test('links are http or https and asked for', async () => {
  const asked = [];
  const { ask } = setUp({ ask: async (kind, params) => { asked.push([kind, params.url]); return params.url !== 'https://no.example/'; } });
  for (const url of ['javascript:alert(1)', 'file:///etc/passwd', 'data:text/html,x', '', undefined]) assert.equal((await ask('ui/open-link', { url })).error.message, 'Invalid URL');
  assert.deepEqual(asked, []);
  assert.deepEqual((await ask('ui/open-link', { url: 'https://a.example' })).result, {});
  assert.equal((await ask('ui/open-link', { url: 'https://no.example/' })).error.message, 'Link opening denied by user');
});

test('downloads are asked for under a clean name', async () => {
  const asked = [];
  const { ask } = setUp({ ask: async (kind, { files }) => { asked.push(files.map((one) => one.name)); return asked.length === 1; } });
  const contents = [{ type: 'resource', resource: { uri: 'file:///../../.bashrc', text: 'x' } }, { type: 'resource_link', uri: 'x://a', name: 'C:\\a\u202e.txt' }];
  assert.deepEqual((await ask('ui/download-file', { contents })).result, {});
  assert.deepEqual(asked, [['bashrc', 'a_.txt']]);
  assert.deepEqual((await ask('ui/download-file', { contents })).result, { isError: true });
  for (const wrong of [[], [{}], [{ type: 'text', text: 'x' }], Array(21).fill(contents[0])]) assert.equal((await ask('ui/download-file', { contents: wrong })).error.code, -32602);
  assert.equal(fileName('...'), 'download');
});

test('messages and context reach the host, and can be refused', async () => {
  const got = [];
  const { ask } = setUp({ message: (one) => { got.push(one); return got.length < 3; }, modelContext: (one) => { got.push(one); } });
  assert.deepEqual((await ask('ui/message', { role: 'user', content: { type: 'text', text: 'a' } })).result, {});
  assert.deepEqual(got[0].content, [{ type: 'text', text: 'a' }]);
  assert.equal((await ask('ui/message', { role: 'system', content: [] })).error.code, -32602);
  assert.deepEqual((await ask('ui/update-model-context', { structuredContent: { a: 1 } })).result, {});
  assert.equal((await ask('ui/update-model-context', { content: 'x' })).error.code, -32602);
  assert.equal((await ask('ui/message', { role: 'user', content: [] })).error.message, 'Message sending denied');
});

test('a display mode changes only to one that both sides have', async () => {
  const modes = [];
  const { ask, start, notified } = setUp({ mode: (one) => modes.push(one) });
  await start({ availableDisplayModes: ['inline', 'fullscreen'] });
  assert.deepEqual((await ask('ui/request-display-mode', { mode: 'pip' })).result, { mode: 'inline' });
  assert.deepEqual((await ask('ui/request-display-mode', { mode: 'fullscreen' })).result, { mode: 'fullscreen' });
  assert.deepEqual(modes, ['fullscreen']);
  assert.deepEqual(notified(), ['host-context-changed']);
  const other = setUp();
  await other.start({ availableDisplayModes: ['inline'] });
  assert.deepEqual((await other.ask('ui/request-display-mode', { mode: 'fullscreen' })).result, { mode: 'inline' });
});

test('a flood is refused, and ends the view', async () => {
  let floods = 0;
  const { bridge, ask, clock } = setUp({ flood: () => { floods += 1; } });
  for (let at = 0; at < 200; at += 1) bridge.receive({ jsonrpc: '2.0', method: 'notifications/message', params: {} });
  assert.equal((await ask('ping')).error.message, 'Too many messages');
  clock.ms += 1000;
  assert.deepEqual((await ask('ping')).result, {});
  for (let at = 0; at < 5000; at += 1) bridge.receive({ jsonrpc: '2.0', method: 'notifications/message', params: {} });
  assert.equal(floods, 1);
  assert.equal(await ask('ping'), undefined);
});

test('only so many requests of a view run at once', async () => {
  const release = [];
  const { bridge, ask } = setUp({ answers: { 'resources/read': () => new Promise((resolve) => release.push(resolve)) } });
  for (let at = 0; at < 16; at += 1) bridge.receive({ jsonrpc: '2.0', id: `r${at}`, method: 'resources/read', params: { uri: 'x://y' } });
  assert.equal((await ask('ping')).error.message, 'Too many requests are running');
  release.forEach((one) => one({}));
});

test('a teardown waits for the view, but not for long', async () => {
  const { bridge, sent, start } = setUp();
  await start();
  const done = bridge.teardown('closed');
  const request = sent.at(-1);
  assert.equal(request.method, 'ui/resource-teardown');
  bridge.receive({ jsonrpc: '2.0', id: request.id, result: {} });
  await done;
  const silent = setUp();
  await silent.start();
  const since = Date.now();
  await silent.bridge.teardown('closed');
  assert.ok(Date.now() - since >= 900);
});

test('malformed messages are ignored', () => {
  const { bridge, sent } = setUp();
  for (const message of [null, 1, 'x', [], {}, { jsonrpc: '1.0', id: 1, method: 'ping' }, { jsonrpc: '2.0', id: {}, method: 'ping' }, { jsonrpc: '2.0', id: 'host-1', result: {} }]) bridge.receive(message);
  assert.deepEqual(sent, []);
});

test('a view is found in both places, its policy in the contents first', () => {
  assert.equal(viewOf({ _meta: { ui: { resourceUri: 'ui://a/b' } } }), 'ui://a/b');
  assert.equal(viewOf({ _meta: { 'ui/resourceUri': 'ui://old' } }), 'ui://old');
  for (const tool of [undefined, {}, { _meta: { ui: {} } }, { _meta: { ui: { resourceUri: 'https://a.example' } } }]) assert.equal(viewOf(tool), undefined);
  assert.ok(visibleTo({}, 'model'));
  assert.ok(!visibleTo({ _meta: { ui: { visibility: ['app'] } } }, 'model'));
  const contents = [{ uri: 'ui://a', mimeType: 'text/html;profile=mcp-app', text: '<p>', _meta: { ui: { csp: { connectDomains: ['https://a.example', 1] } } } }];
  const listed = { _meta: { ui: { csp: { connectDomains: ['https://b.example'] } } } };
  assert.deepEqual(pickView(contents, 'ui://a', listed).csp, { connectDomains: ['https://a.example'] });
  const bare = [{ uri: 'ui://a', mimeType: 'text/html; profile=mcp-app', blob: Buffer.from('<p>é').toString('base64') }];
  assert.deepEqual(pickView(bare, 'ui://a', listed), { html: '<p>é', csp: { connectDomains: ['https://b.example'] }, permissions: [], border: true });
  assert.throws(() => pickView([{ uri: 'ui://a', mimeType: 'text/html', text: '' }], 'ui://a'), /media type text\/html/);
  assert.throws(() => pickView([], 'ui://a'), /no contents/);
  assert.equal(webUrl('HTTPS://A.example/x'), 'https://a.example/x');
});
