// The chat against models that are played: `node chat.mjs FARPORT NODE_MODULES [SCREENSHOTS]`.
//
// First `farport chat`, then the page in headless Chromium (FARPORT_CHROMIUM; without it, the command
// only). FARPORT_STORIES chooses parts: command, terminal, page, more. The models are those of aimock, whose journal shows exactly what was sent.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runMore } from './chatmore.mjs';
import { runPage } from './chatpage.mjs';
import { runTerminal } from './chatterminal.mjs';
import { INJECTIONS, PIXEL, startChatServer } from './chatserver.mjs';

const [farport, modules, pictures] = process.argv.slice(2);
const require = createRequire(join(modules, 'x.js'));
const { LLMock } = require('@copilotkit/aimock');
if (pictures) mkdirSync(pictures, { recursive: true });

/** Values that must appear nowhere. */
const KEY = 'sk-seeded-key-58c1e0';
const config = mkdtempSync(join(tmpdir(), 'farport-chat-'));
// Keys of the developer's environment stay out of the tests.
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/API_KEY|API_TOKEN|_BASE_URL|OLLAMA|PROXY/i.test(name)));
const env = { ...clean, FARPORT_CONFIG_DIR: config, NO_COLOR: '1', NO_PROXY: '*' };

/** Runs farport to its end. */
function run(args, more = {}, input = '') {
  return new Promise((resolve) => {
    const child = spawn(farport, args, { env: { ...env, ...more }, stdio: ['pipe', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => { stdout += data; });
    child.stderr.on('data', (data) => { stderr += data; });
    // A command that fails at once reads nothing.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('exit', (code) => resolve({ code, stdout, stderr }));
  });
}

const openai = (mock) => ({ OPENAI_BASE_URL: `${mock.url}/v1`, OPENAI_API_KEY: KEY });
const anthropic = (mock) => ({ ANTHROPIC_BASE_URL: mock.url, ANTHROPIC_API_KEY: KEY });
const call = (name, args, id = 'call_1') => ({ id, name, arguments: typeof args === 'string' ? args : JSON.stringify(args) });
/** The bodies that a model received. */
const bodies = (mock) => mock.getRequests().filter((one) => one.method === 'POST').map((one) => one.body);

async function startModel() {
  const mock = new LLMock({ port: 0, chunkSize: 6 });
  await mock.start();
  return mock;
}

/** Records the bodies of requests as they are sent, and passes them on. aimock's journal has them translated. */
async function record(target) {
  const sent = [];
  const proxy = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (body !== '') sent.push(JSON.parse(body));
    const forward = httpRequest(`${target}${request.url}`, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    forward.end(body);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${proxy.address().port}`, sent, close: () => { proxy.closeAllConnections(); proxy.close(); } };
}

/** The model asks for `calls`, and answers with `answer` when it has their results. */
function play(mock, question, calls, answer, more = {}) {
  mock.on({ userMessage: question, hasToolResult: true }, { content: answer, usage: { prompt_tokens: 120, completion_tokens: 9, input_tokens: 120, output_tokens: 9 } });
  mock.on({ userMessage: question }, { toolCalls: calls, usage: { prompt_tokens: 90, completion_tokens: 20, input_tokens: 90, output_tokens: 20 }, ...more });
}

async function command() {
  const server = await startChatServer();
  const mock = await startModel();

  // The story in both dialects: a call, its result, the answer on standard output.
  play(mock, 'add 23 and 19', [call('add', { a: 23, b: 19 })], '23 + 19 = 42', { reasoning: 'I need the tool.', reasoningSignature: 'signed-by-the-provider' });
  for (const [given, model] of [[openai(mock), 'gpt-5'], [anthropic(mock), 'claude-sonnet-5']]) {
    mock.clearRequests();
    const { code, stdout, stderr } = await run(['chat', server.url, '--model', model, '--allow', 'add', 'add 23 and 19'], given);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '23 + 19 = 42\n');
    assert.match(stderr, /add {"a":23,"b":19}/);
    assert.match(stderr, /result.*42/);
    const [first, second] = bodies(mock);
    assert.equal(first.tools.length, 10);
    assert.equal(first.stream, true);
    assert.ok(!`${stdout}${stderr}`.includes(KEY));
    const sent = JSON.stringify(second.messages);
    assert.ok(sent.includes('42'), sent);
    const auth = mock.getLastRequest().headers;
    assert.ok(auth.authorization !== undefined || auth['x-api-key'] !== undefined, 'the request carries a key');
  }
  // Reasoning goes back to Anthropic with its signature.
  const wire = await record(mock.url);
  assert.equal((await run(['chat', server.url, '--model', 'claude-sonnet-5', '--yes', 'add 23 and 19'], anthropic(wire))).code, 0);
  const [asked, answered] = wire.sent.at(-1).messages.slice(1);
  assert.deepEqual(asked.content[0], { type: 'thinking', thinking: 'I need the tool.', signature: 'signed-by-the-provider' });
  assert.deepEqual(answered.content.map((one) => [one.type, one.tool_use_id]), [['tool_result', asked.content.at(-1).id]]);

  // Events as JSON, parallel calls in the order of the calls, and usage.
  play(mock, 'both', [call('add', { a: 1, b: 2 }, 'c1'), call('sub', { a: 9, b: 4 }, 'c2')], 'done');
  mock.clearRequests();
  const events = await run(['chat', server.url, '--model', 'gpt-5', '--yes', '--json', 'both'], openai(mock));
  assert.equal(events.code, 0, events.stderr);
  const lines = events.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.filter((one) => one.event === 'call').map((one) => [one.tool, one.state]), [['add', 'running'], ['sub', 'running']]);
  assert.deepEqual(lines.at(-1), { event: 'end', reason: 'answered', failure: null, usage: { input: 210, output: 29, cached: 0 } });
  const results = bodies(mock)[1].messages.filter((one) => one.role === 'tool');
  assert.deepEqual(results.map((one) => [one.tool_call_id, one.content]), [['c1', '3'], ['c2', '5']]);

  // Without a permission nothing is called, the model learns it, and the exit code is 8.
  const before = server.calls().length;
  play(mock, 'unpermitted', [call('add', { a: 1, b: 2 })], 'I could not add.');
  const refused = await run(['chat', server.url, '--model', 'gpt-5', 'unpermitted'], openai(mock));
  assert.equal(refused.code, 8, refused.stderr);
  assert.equal(refused.stdout, 'I could not add.\n');
  assert.match(refused.stderr, /--allow add/);
  assert.equal(server.calls().length, before, 'nothing was called');
  assert.match(JSON.stringify(mock.getLastRequest().body.messages), /did not permit/);

  // Invalid arguments and tools that do not exist go back to the model.
  play(mock, 'invalid', [call('add', { a: 'x' }, 'c1'), call('rm', {}, 'c2'), call('add', '{"a":', 'c3')], 'sorry');
  assert.equal((await run(['chat', server.url, '--model', 'gpt-5', '--yes', 'invalid'], openai(mock))).code, 0);
  assert.equal(server.calls().length, before, 'nothing was called');
  const learned = JSON.stringify(mock.getLastRequest().body.messages);
  for (const part of ['a: must be number, not string', '`b` is missing', 'no tool named `rm`', 'not valid JSON']) assert.ok(learned.includes(part), part);

  // An image reaches the model in both dialects.
  // In OpenAI's dialect the images come in a message of the user.
  mock.on({ userMessage: 'The images in the result of draw' }, { content: 'drawn' });
  play(mock, 'draw', [call('draw', { n: 42 })], 'drawn');
  for (const [given, model] of [[openai(wire), 'gpt-5'], [anthropic(wire), 'claude-sonnet-5']]) {
    assert.equal((await run(['chat', server.url, '--model', model, '--yes', 'draw'], given)).code, 0);
    assert.ok(JSON.stringify(wire.sent.at(-1)).includes(PIXEL), model);
  }
  wire.close();

  // New tools are offered from the next step on.
  play(mock, 'grow', [call('grow', {})], 'grown');
  mock.clearRequests();
  assert.equal((await run(['chat', server.url, '--model', 'gpt-5', '--yes', 'grow'], openai(mock))).code, 0);
  assert.deepEqual(bodies(mock).map((one) => one.tools.length), [10, 11]);

  // Several servers: tools carry the name of theirs.
  const other = await startChatServer({ name: 'other' });
  play(mock, 'several', [call('math_add', { a: 1, b: 1 }, 'c1'), call('other_add', { a: 2, b: 2 }, 'c2')], 'both added');
  assert.equal((await run(['chat', server.url, other.url, '--model', 'gpt-5', '--yes', 'several'], openai(mock))).stdout, 'both added\n');
  assert.deepEqual(other.calls(), ['add']);
  other.close();

  // The limit of steps.
  mock.on({ userMessage: 'forever' }, { toolCalls: [call('add', { a: 1, b: 1 })] });
  const forever = await run(['chat', server.url, '--model', 'gpt-5', '--yes', '--steps', '3', 'forever'], openai(mock));
  assert.equal(forever.code, 8);
  assert.match(forever.stderr, /within 3 steps/);

  // What a provider can do wrong, and the exit code of a model that cannot be asked.
  mock.on({ userMessage: 'overloaded' }, { error: { message: 'Overloaded', type: 'overloaded_error' }, status: 529 });
  mock.on({ userMessage: 'too long' }, { error: { message: 'This model\'s maximum context length is 8 tokens', code: 'context_length_exceeded' }, status: 400 });
  mock.on({ userMessage: 'breaks' }, { content: 'a long answer that never arrives as a whole '.repeat(20) }, { truncateAfterChunks: 3 });
  mock.on({ userMessage: 'malformed' }, { content: 'x' }, { chaos: { malformedRate: 1 } });
  mock.on({ userMessage: 'disconnects' }, { content: 'x' }, { chaos: { disconnectRate: 1 } });
  mock.on({ userMessage: 'cut' }, { content: 'half of an ans', finishReason: 'length' });
  for (const given of [openai(mock), anthropic(mock)]) {
    for (const [question, code, part] of [
      ['overloaded', 7, /Overloaded[^]*retry/], ['too long', 7, /maximum context[^]*drop the oldest/], ['breaks', 7, /before the response was complete|broke/],
      ['malformed', 7, /error: /], ['disconnects', 7, /error: /], ['cut', 8, /not complete/],
    ]) {
      const failed = await run(['chat', server.url, '--model', 'gpt-5', question], given);
      assert.equal(failed.code, code, `${question}: ${failed.stderr}`);
      assert.match(failed.stderr, part);
    }
  }

  // Hostile results: the model receives them as text, and nothing else is called.
  for (const kind of Object.keys(INJECTIONS)) {
    play(mock, `inject ${kind}`, [call('inject', { kind })], INJECTIONS[kind]);
    const since = server.calls().length;
    const shown = await run(['chat', server.url, '--model', 'gpt-5', '--allow', 'inject', `inject ${kind}`], openai(mock));
    assert.equal(shown.code, 0, shown.stderr);
    assert.deepEqual(server.calls().slice(since), ['inject']);
    assert.ok(!shown.stderr.includes('\u001b') && !shown.stderr.includes('\u202e'), 'the terminal is not controlled');
  }

  // Keys: refused ones, and a base URL that must not receive another provider's.
  const guarded = await startModel();
  guarded.on({ userMessage: 'x' }, { error: { message: `Incorrect API key provided: ${KEY}`, code: 'invalid_api_key' }, status: 401 });
  const key = await run(['chat', server.url, '--model', 'gpt-5', '--debug', 'x'], openai(guarded));
  assert.equal(key.code, 7);
  assert.ok(!key.stderr.includes(KEY), 'a key that the provider echoes is masked');
  await run(['chat', server.url, '--base-url', `${guarded.url}/v1`, '--model', 'gpt-5', 'x'], openai(mock));
  assert.equal(guarded.getLastRequest().headers.authorization, undefined);
  await guarded.stop();

  // What is missing is named.
  for (const [args, more, code, part] of [
    [['chat', 'add'], {}, 2, /no server given/],
    [['chat', server.url, 'a', 'b'], {}, 2, /quotation marks/],
    [['chat', 'http://127.0.0.1:9/mcp', '--model', 'x', 'q'], openai(mock), 4, /cannot reach/],
    [['chat', server.url, '--model', 'x', 'q'], { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' }, 7, /cannot reach/],
    [['chat', server.url, '--base-url', 'http://192.0.2.1/v1', '--key-env', 'OPENAI_API_KEY', '--model', 'x', 'q'], openai(mock), 2, /unencrypted/],
    [['chat', server.url, '--model', 'x'], openai(mock), 2, /no question/],
  ]) {
    const failed = await run(args, more);
    assert.equal(failed.code, code, `${args}: ${failed.stderr}`);
    assert.match(failed.stderr, part);
  }
  server.close();
  await mock.stop();
}

const since = performance.now();
const stories = (process.env.FARPORT_STORIES ?? 'command,terminal,page,more').split(',');
if (stories.includes('command')) await command();
console.log(`farport chat: ${Math.round(performance.now() - since)} ms`);
if (stories.includes('terminal')) await runTerminal({ farport, startModel, play, call, bodies, env, openai });
if (process.env.FARPORT_CHROMIUM) {
  const puppeteer = require('puppeteer-core');
  const given = { farport, puppeteer, axe: readFileSync(require.resolve('axe-core'), 'utf8'), pictures, startModel, record, play, call, bodies, env, openai, anthropic, KEY };
  if (stories.includes('page')) await runPage(given);
  if (stories.includes('more')) await runMore(given);
  console.log(`the chat works, ${Math.round(performance.now() - since)} ms`);
}
