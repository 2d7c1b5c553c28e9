// `farport inspect` beside the npm inspector, against one server:
// `node inspect.mjs FARPORT PUPPETEER_MODULES CHROMIUM SERVER_URL TOOL ROUNDS INSPECTOR`. INSPECTOR is the npm
// inspector with its version, as `npx` takes it. Prints one line of JSON.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [farport, modules, chromium, server, tool, roundsText, inspector] = process.argv.slice(2);
const rounds = Number(roundsText);
const puppeteer = createRequire(join(modules, 'x.js'))('puppeteer-core');
const PATIENCE = 60_000;

const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];
const size = (path) => {
  const data = statSync(path, { throwIfNoEntry: false });
  if (data === undefined) return 0;
  return data.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), 0) : data.size;
};

/** The resident memory of a process and of all below it, in bytes. */
function memory(root) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const status = readFileSync(`/proc/${name}/status`, 'utf8');
      const number = (label) => Number(new RegExp(`^${label}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
      return [{ id: Number(name), parent: number('PPid'), bytes: number('VmRSS') * 1024 }];
    } catch {
      return [];
    }
  });
  const own = new Set([root]);
  for (let before = 0; before !== own.size;) {
    before = own.size;
    for (const one of all) if (own.has(one.parent)) own.add(one.id);
  }
  return all.filter((one) => own.has(one.id)).reduce((sum, one) => sum + one.bytes, 0);
}

const folder = mkdtempSync(join(tmpdir(), 'farport-bench-'));
const env = { ...process.env, HOME: folder, FARPORT_CONFIG_DIR: join(folder, 'farport'), NO_COLOR: '1', MCP_AUTO_OPEN_ENABLED: 'false', MCP_INSPECTOR_SECRET_STORE: 'memory' };

/** Starts an inspector, opens its page, and waits for the tool. */
async function once(browser, [program, ...args], addressOf) {
  const page = await browser.newPage();
  const since = performance.now();
  const child = spawn(program, args, { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const address = await new Promise((resolve, reject) => {
      let text = '';
      const read = (data) => {
        text += data;
        const found = addressOf(text);
        if (found) resolve(found);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.on('exit', () => reject(new Error(`${program} ended: ${text}`)));
      setTimeout(() => reject(new Error(`no address in: ${text}`)), PATIENCE).unref();
    });
    const ready = performance.now() - since;
    await page.goto(address, { waitUntil: 'commit' }).catch(() => page.goto(address));
    // Where the tools are on a tab of their own, it is opened as soon as it is there.
    await page.waitForFunction((tool) => {
      if (document.body?.innerText.includes(tool)) return true;
      for (const one of document.querySelectorAll('button, a, [role=tab], [role=radio], label')) if (/^Tools\b/.test(one.textContent.trim())) one.click();
      return false;
    }, { polling: 10, timeout: PATIENCE }, tool);
    const listed = performance.now() - since;
    return { ready, listed, memory: memory(child.pid) };
  } catch (error) {
    await page.screenshot({ path: join(tmpdir(), 'bench-inspect-failure.png') });
    throw error;
  } finally {
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 3000))]);
    child.kill('SIGKILL');
    await page.close();
  }
}

function timed([program, ...args], wanted) {
  const since = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, { env, cwd: folder, encoding: 'utf8' });
  if (status !== 0 || !stdout.includes(wanted)) throw new Error(`${args.join(' ')} gives ${status}: ${stdout}${stderr}`);
  return performance.now() - since;
}

/** Installs the npm inspector as `npx` does for a user who has nothing yet: how long it takes, and how much it downloads. */
function install() {
  const cache = join(folder, 'cache');
  const since = performance.now();
  // Its one script for after the installation does nothing outside of the inspector's repository.
  const { status, stdout, stderr } = spawnSync('npx', ['--yes', '--ignore-scripts', '--cache', cache, inspector, '--version'], { cwd: folder, env, encoding: 'utf8' });
  const seconds = (performance.now() - since) / 1000;
  if (status !== 0) throw new Error(`npx ${inspector}: ${stdout}${stderr}`);
  const packages = readdirSync(join(cache, '_npx')).map((name) => join(cache, '_npx', name, 'node_modules')).find((path) => existsSync(path));
  const names = Object.keys(JSON.parse(readFileSync(join(packages, '.package-lock.json'), 'utf8')).packages);
  const launcher = join(packages, '@modelcontextprotocol/inspector/clients/launcher/build/index.js');
  return { launcher, size: { seconds, download: size(join(cache, '_cacache/content-v2')), installed: size(packages), packages: names.length } };
}

const token = (text) => /MCP_INSPECTOR_API_TOKEN=([0-9a-f]+)/.exec(text)?.[1];
const { launcher, size: sizeOfInspector } = install();
const both = {
  farport: {
    page: [[farport, 'inspect', server, '--no-open'], (text) => /http:\/\/127\.0\.0\.1:\d+\/#token=\S+/.exec(text)?.[0]],
    call: [farport, 'call', server, tool, 'a=2', 'b=3'],
  },
  inspector: {
    page: [[process.execPath, launcher, '--web'], (text) => {
      const found = token(text);
      return found && `http://127.0.0.1:6274/?MCP_INSPECTOR_API_TOKEN=${found}&serverUrl=${encodeURIComponent(server)}&transport=http&autoConnect=${found}`;
    }],
    call: [process.execPath, launcher, '--cli', server, '--transport', 'http', '--method', 'tools/call', '--tool-name', tool, '--tool-arg', 'a=2', 'b=3'],
  },
};

const measured = Object.fromEntries(Object.keys(both).map((name) => [name, { ready: [], listed: [], memory: [], call: [] }]));
const browser = await puppeteer.launch({ executablePath: chromium, headless: true, args: process.getuid() === 0 ? ['--no-sandbox'] : [] });
try {
  // A first round warms up files and the browser, and does not count.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, { page, call }] of Object.entries(both)) {
      const found = { ...(await once(browser, ...page)), call: timed(call, '5') };
      if (round > 0) for (const [key, value] of Object.entries(found)) measured[name][key].push(value);
    }
  }
  const results = Object.fromEntries(Object.entries(measured).map(([name, all]) => [name, Object.fromEntries(Object.entries(all).map(([key, values]) => [key, median(values)]))]));
  const binary = readFileSync(farport);
  results.farport = { ...results.farport, download: gzipSync(binary, { level: 9 }).length, installed: binary.length };
  results.inspector = { ...results.inspector, ...sizeOfInspector };
  console.log(JSON.stringify(results));
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
