// `farport chat` on a terminal. `chat.mjs` runs it. Python's `pty` module provides the terminal.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startChatServer } from './chatserver.mjs';
import { expiring } from './expiring.mjs';

const python = process.env.FARPORT_PYTHON ?? 'python3';
const SPAWN = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';
const LIMIT = 30_000;

/** Runs a program on a terminal. */
class Terminal {
  constructor(command, args, env) {
    this.seen = '';
    this.child = spawn(python, ['-c', SPAWN, command, ...args], { env: { ...env, TERM: 'xterm' }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.wake = () => {};
    const read = (data) => { this.seen += data; this.wake(); };
    this.child.stdout.on('data', read);
    this.child.stderr.on('data', read);
    this.child.stdin.on('error', () => {});
    this.ended = new Promise((resolve) => this.child.on('close', (code) => { this.code = code; this.wake(); resolve(code); }));
  }

  /** Waits for a text after everything that was waited for before. */
  async wait(text) {
    const end = Date.now() + LIMIT;
    for (;;) {
      const at = this.seen.indexOf(text, this.at ?? 0);
      if (at >= 0) {
        this.at = at + text.length;
        return;
      }
      assert.ok(this.code === undefined && Date.now() < end, `no "${text}" in: ${this.seen}`);
      await Promise.race([new Promise((resolve) => { this.wake = resolve; }), new Promise((resolve) => setTimeout(resolve, 1000))]);
    }
  }

  type(text) {
    this.child.stdin.write(text);
  }
}

/** Runs the stories of the terminal. */
export async function runTerminal({ farport, startModel, play, call, bodies, env, openai }) {
  if (process.platform === 'win32' || spawnSync(python, ['-c', 'import pty']).status !== 0) return console.log('no terminal to test with');
  const server = await startChatServer();
  const mock = await startModel();
  const chat = (question, { url = server.url, args = [], more = {} } = {}) => new Terminal(farport, ['chat', url, '--model', 'gpt-5', ...args, question], { ...env, ...openai(mock), ...more });
  const results = () => bodies(mock).at(-1).messages.filter((one) => one.role === 'tool').map((one) => one.content);
  const prompt = '[y]es, [a]lways, [n]o, ne[v]er: ';

  // Once. Another word asks again, and nothing is called before the answer.
  play(mock, 'add once', [call('add', { a: 23, b: 19 })], 'It is 42.');
  let terminal = chat('add once');
  await terminal.wait(`Permit add {"a":23,"b":19} on math? ${prompt}`);
  assert.deepEqual(server.calls(), []);
  terminal.type('perhaps\n');
  await terminal.wait(prompt);
  assert.deepEqual(server.calls(), []);
  terminal.type('y\n');
  await terminal.wait('result');
  await terminal.wait('It is 42.');
  assert.equal(await terminal.ended, 0);

  // Always in this chat: the second call of the tool does not ask, another tool does.
  play(mock, 'add always', [call('add', { a: 1, b: 1 }, 'c1'), call('add', { a: 2, b: 2 }, 'c2'), call('sub', { a: 5, b: 1 }, 'c3')], 'All done.');
  terminal = chat('add always');
  await terminal.wait(prompt);
  terminal.type('a\n');
  await terminal.wait(`Permit sub {"a":5,"b":1} on math? ${prompt}`);
  terminal.type('n\n');
  await terminal.wait('All done.');
  assert.equal(await terminal.ended, 0);
  assert.deepEqual(results().slice(0, 2), ['2', '4']);
  assert.match(results()[2], /did not permit/);

  // Never: the second call of the tool is refused without a question.
  const since = server.calls().length;
  play(mock, 'sub never', [call('sub', { a: 1, b: 1 }, 'c1'), call('sub', { a: 2, b: 2 }, 'c2')], 'Not done.');
  terminal = chat('sub never');
  await terminal.wait(prompt);
  terminal.type('v\n');
  await terminal.wait('Not done.');
  assert.equal(await terminal.ended, 0);
  assert.equal(terminal.seen.split(prompt).length, 2, 'one question');
  assert.ok(results().every((one) => one.includes('did not permit')));
  assert.equal(server.calls().length, since, 'nothing was called');

  // The end of the input permits nothing.
  terminal = chat('add once');
  await terminal.wait(prompt);
  terminal.type('\u0004');
  await terminal.wait('It is 42.');
  assert.equal(await terminal.ended, 0);
  assert.equal(server.calls().length, since);

  // Ctrl-C at a question, and while a call runs, which then ends at the server, too.
  terminal = chat('add once');
  await terminal.wait(prompt);
  terminal.type('\u0003');
  assert.equal(await terminal.ended, 130, terminal.seen);
  assert.equal(server.calls().length, since);
  play(mock, 'slow please', [call('slow', {})], 'never');
  terminal = chat('slow please', { args: ['--allow', 'slow'] });
  await terminal.wait('it takes a while');
  terminal.type('\u0003');
  assert.equal(await terminal.ended, 130, terminal.seen);
  for (let tries = 0; tries < 200 && !server.log.some((one) => one.method === 'notifications/cancelled'); tries += 1) await new Promise((resolve) => setTimeout(resolve, 25));
  assert.ok(server.log.some((one) => one.method === 'notifications/cancelled'), 'the server was notified');

  // A question of the server in the middle of a call, in both eras, also from a task.
  play(mock, 'choose a colour', [call('choose', {})], 'Teal it is.');
  play(mock, 'order a colour', [call('order', {})], 'Ordered.');
  play(mock, 'a report', [call('report', {})], 'Written.');
  for (const modern of [false, true]) {
    const asking = await startChatServer({ modern, tasks: true });
    for (const [question, tool, answer] of [['choose a colour', 'choose', 'Teal it is.'], ['order a colour', 'order', 'Ordered.']]) {
      terminal = chat(question, { url: asking.url, args: ['--allow', tool] });
      await terminal.wait('Which colour?');
      await terminal.wait('colour');
      terminal.type('teal\n');
      await terminal.wait(answer);
      assert.equal(await terminal.ended, 0, terminal.seen);
      assert.deepEqual(results(), ['you chose teal'], `${question}, modern: ${modern}`);
    }
    terminal = chat('a report', { url: asking.url, args: ['--yes'] });
    await terminal.wait('Written.');
    assert.equal(await terminal.ended, 0, terminal.seen);
    assert.deepEqual(results(), ['the report is written'], `modern: ${modern}`);
    asking.close();
  }

  // A tool that needs another scope (403): the user signs in again, and the call continues.
  const guarded = await expiring();
  const browser = join(env.FARPORT_CONFIG_DIR, 'browser.mjs');
  writeFileSync(browser, `#!${process.execPath}\nfetch(process.argv[2]);\n`, { mode: 0o755 });
  play(mock, 'administer', [call('admin', {})], 'Administered.');
  terminal = chat('administer', { url: guarded.url, args: ['--allow', 'admin'], more: { BROWSER: browser } });
  await terminal.wait('Administered.');
  assert.equal(await terminal.ended, 0, terminal.seen);
  assert.deepEqual(results(), ['done with a token']);
  assert.equal(guarded.state.scope, 'read admin');
  assert.equal(guarded.state.calls, 1);
  guarded.close();

  server.close();
  await mock.stop();
  console.log('farport chat works on a terminal');
}
