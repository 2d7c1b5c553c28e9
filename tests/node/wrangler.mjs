// Workers for the tests: one of tests/worker, in real workerd through `wrangler dev`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { freePort, later } from './support.mjs';

/**
 * The Worker in `folder`, already built, with its state in `persist`. `variables` are added to
 * those of its wrangler.jsonc. It listens on `port`, or else on a free port.
 */
export async function worker(folder, persist, { variables = {}, port } = {}) {
  const wrangler = process.env.FARPORT_WRANGLER;
  assert.ok(wrangler, 'FARPORT_WRANGLER is not set: run these tests with `cargo xtask worker`');
  port ??= await freePort();
  const args = [
    wrangler, 'dev', '--local', '--port', String(port), '--inspector-port', String(await freePort()),
    '--persist-to', persist, '--show-interactive-dev-session=false',
  ];
  for (const [name, value] of Object.entries(variables)) args.push('--var', `${name}:${value}`);
  const env = { ...process.env, CI: '1', NO_COLOR: '1', WRANGLER_SEND_METRICS: 'false' };
  // In a separate process group, so that workerd ends with it.
  const child = spawn(process.execPath, args, {
    cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
  });
  const ended = once(child, 'exit');
  const kill = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  };
  const atExit = () => kill('SIGKILL');
  process.once('exit', atExit);
  const printed = [];
  const ready = later('the Worker being ready', 60_000);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      printed.push(line);
      if (/Ready on http/.test(line)) ready.resolve();
    });
  }
  const early = ended.then(([code]) => { throw new Error(`wrangler ended with ${code}:\n${printed.join('\n')}`); });
  await Promise.race([ready.promise, early]);
  early.catch(() => {});
  const origin = `http://localhost:${port}`;
  return {
    origin,
    port,
    url: `${origin}/mcp`,
    printed,
    /** Without a chance to write anything down. */
    async kill() {
      kill('SIGKILL');
      await ended;
      process.removeListener('exit', atExit);
    },
  };
}
