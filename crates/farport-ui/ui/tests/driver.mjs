// What the tests in a browser share: programs, the browser, the page, and what a user does on it.
//
// Each test is started as `node FILE.mjs FARPORT FIXTURE NODE_MODULES [SCREENSHOTS]`. FARPORT is the
// farport command, FIXTURE the program farport-fixture, NODE_MODULES a folder with puppeteer-core. With
// FARPORT_UI_FOLDER, the page's modules come from that folder instead of the program: no build after each change.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How to wait for a condition. Chromium draws no frame of another origin that is out of sight, so a condition is not tried once per drawing. */
export const WAIT = { timeout: 30_000, polling: 50 };

export const [farport, fixture, modules, pictures] = process.argv.slice(2);
const packages = () => createRequire(join(modules, 'x.js'));
/** Requires an installed npm package, or finds its file. */
export const installed = Object.assign((name) => packages()(name), { resolve: (name) => packages().resolve(name) });
if (pictures) mkdirSync(pictures, { recursive: true });

const children = new Set();
const folders = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed at the end. */
export function folder() {
  const made = mkdtempSync(join(tmpdir(), 'farport-ui-'));
  folders.push(made);
  return made;
}

/** A free port on loopback. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a program, and waits for the first text that it prints and that matches. `printed()` is all of it. */
export async function start(program, args, { env = {}, cwd, matching = /(.*)\n/ } = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let text = '';
  const ended = new Promise((resolve) => child.once('exit', resolve));
  ended.then(() => children.delete(child));
  const line = await new Promise((resolve, reject) => {
    const read = (data) => {
      text += data;
      const found = matching.exec(text);
      if (found) resolve(found[1]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    ended.then((code) => reject(new Error(`${program} ${args.join(' ')} ended with ${code}: ${text}`)));
  });
  const stop = (signal) => {
    child.kill(signal);
    return ended;
  };
  return { line, stop, printed: () => text };
}

/** Waits until a server accepts connections on a port. */
export async function serves(port) {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** Starts the fixture, and returns it with its URL. */
export async function startFixture(port = 0, more = []) {
  const server = await start(fixture, ['--port', String(port), ...more], { matching: /listening on (\S+)\n/ });
  return { ...server, url: server.line };
}

let browser;

/** Starts `farport inspect` with these arguments, and opens its page. `frames`: as for `openPage`. */
export async function inspect(args = [], { home = folder(), cwd = home, env = {}, frames = false } = {}) {
  const program = await start(farport, ['inspect', '--no-open', ...args], {
    cwd,
    env: { FARPORT_CONFIG_DIR: join(home, 'farport'), HOME: home, XDG_CONFIG_HOME: join(home, '.config'), NO_COLOR: '1', ...env },
    matching: /(http\S+#token=\S+)\n/,
  });
  return openPage(program.line, program, { frames });
}

/** Opens the page of an inspector that runs. `frames`: the page shows views of MCP Apps, which report violations of their own policy; the page does not answer for them. */
export async function openPage(url, program, { frames = false } = {}) {
  browser ??= await installed('puppeteer-core').launch({
    executablePath: process.env.FARPORT_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1', '--disable-dev-shm-usage', '--disable-background-timer-throttling', '--disable-renderer-backgrounding', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
  });
  const page = await browser.newPage();
  await page.setViewport({ width: 1440, height: 900 });
  const ui = new Page(page, program, frames);
  if (process.env.FARPORT_UI_FOLDER) await modulesFrom(page, process.env.FARPORT_UI_FOLDER);
  await page.goto(url);
  await ui.until(() => document.querySelector('.nav-item') !== null);
  return ui;
}

async function modulesFrom(page, files) {
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const file = join(files, new URL(request.url()).pathname);
    const type = { '.js': 'text/javascript', '.css': 'text/css' }[/\.\w+$/.exec(file)?.[0]];
    const own = request.frame() === page.mainFrame() && request.method() === 'GET';
    if (type && own && existsSync(file)) request.respond({ contentType: type, body: readFileSync(file) });
    else request.continue();
  });
}

/** A tab without the inspector, for sign-in pages. */
export const tab = () => browser.newPage();

const opened = new Set();

/** The page, and what a user does on it. */
class Page {
  constructor(page, program, frames) {
    this.page = page;
    this.program = program;
    this.complaints = [];
    opened.add(this);
    const ofPage = (message) => [message.location().url, ...message.stackTrace().map((one) => one.url)].every((url) => !url || url.startsWith(new URL(page.url()).origin));
    page.on('console', (message) => { if (['error', 'warn'].includes(message.type()) && (!frames || ofPage(message))) this.complaints.push(`${message.text()} ${message.location().url ?? ''}`.trim()); });
    page.on('pageerror', (error) => this.complaints.push(String(error.stack ?? error)));
  }

  async picture(name) {
    if (pictures) await this.page.screenshot({ path: join(pictures, `${name}.png`) });
  }

  /** Shows the page in its dark or light colours. */
  dark(yes) {
    return this.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: yes ? 'dark' : 'light' }]);
  }

  /** Presses keys, one after the other. */
  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** Presses a key with Ctrl. */
  async control(key) {
    await this.page.keyboard.down('Control');
    await this.page.keyboard.press(key);
    await this.page.keyboard.up('Control');
  }

  /** How many windows are open. */
  async windows() {
    return (await browser.pages()).length;
  }

  until(what, ...args) {
    return this.page.waitForFunction(what, WAIT, ...args);
  }

  /** Clicks the first element whose text starts so. */
  async click(selector, text) {
    await this.until((selector, text) => {
      const found = [...document.querySelectorAll(selector)].find((one) => !one.disabled && (text === undefined || one.textContent.trim().startsWith(text)));
      found?.click();
      return found !== undefined;
    }, selector, text);
  }

  /** Waits for an element with this text. */
  seen(selector, text) {
    return this.until((selector, text) => [...document.querySelectorAll(selector)].some((one) => one.textContent.includes(text)), selector, text);
  }

  text(selector) {
    return this.page.$eval(selector, (one) => one.textContent);
  }

  /** Enters a value as a user does. */
  async enter(selector, value) {
    await this.page.waitForSelector(selector);
    await this.page.$eval(selector, (one, value) => {
      const field = Object.getPrototypeOf(one);
      Object.getOwnPropertyDescriptor(field, 'value').set.call(one, value);
      one.dispatchEvent(new Event(one.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }));
    }, value);
  }

  /** Connects to a URL, and waits until it is connected unless `wait` is false. */
  async connect(url, { revision = 'auto', transport = 'auto', wait = true } = {}) {
    await this.click('.nav-item', 'Connect');
    await this.seen('h1', 'Connect');
    await this.enter('form .input', url);
    await this.page.$eval('form details.options', (one) => { one.open = true; });
    await this.enter('.option-grid select', revision);
    await this.enter('.option-grid select:nth-of-type(1) ~ select', transport);
    const before = await this.page.$eval('.top', (one) => Number(one.dataset.connection));
    await this.click('form [data-send]');
    await this.until((before) => Number(document.querySelector('.top').dataset.connection) > before, before);
    if (!wait) return;
    await this.until(() => (document.querySelector('.address .dot.ok') !== null || document.querySelector('.status-card.bad') !== null));
    const failed = await this.page.$('.status-card.bad');
    assert.equal(failed && await failed.evaluate((one) => one.textContent), null, `${url} is connected`);
  }

  /** The revision in use. */
  revision() {
    return this.text('[title="Revision of the protocol"]');
  }

  /** The names of the tools. */
  async tools() {
    await this.click('.nav-item', 'Tools');
    await this.page.waitForSelector('.list-item');
    return this.page.$$eval('.list-item code', (all) => all.map((one) => one.textContent.split('(')[0]));
  }

  /** Opens a tool, and enters its arguments as JSON. */
  async tool(name, args) {
    await this.click('.nav-item', 'Tools');
    await this.click('.list-item', `${name}(`);
    await this.seen('.tool-page h1', name);
    if (args === undefined) return;
    await this.click('.tabs button', 'JSON');
    await this.enter('.json-editor textarea', JSON.stringify(args));
  }

  /** Sends the call of the tool that is open. */
  send() {
    return this.click('.actions [data-send]');
  }

  /** Waits for the end of a call, and returns the whole answer. */
  async answer() {
    await this.until(() => document.querySelector('.actions .spinner') === null && document.querySelector('.result, .problem') !== null);
    const problem = await this.page.$('.problem');
    if (problem && !(await this.page.$('.result'))) return { problem: await problem.evaluate((one) => one.textContent) };
    if (!(await this.page.$('.result .tabs'))) return { failed: await this.text('.result') };
    await this.click('.result .tabs button', 'Raw');
    return JSON.parse(await this.text('.result .code-block'));
  }

  /** Calls a tool. */
  async call(name, args) {
    await this.tool(name, args);
    await this.send();
    return this.answer();
  }

  /** Closes the page and the inspector. The browser must have had nothing to complain of. */
  async close() {
    assert.deepEqual(this.complaints, [], 'the browser has nothing to complain of');
    opened.delete(this);
    await this.page.close();
    await this.program?.stop();
  }
}

/** Runs the steps one after the other, and says how long each takes. FARPORT_UI_STEPS names some of them. */
export async function run(steps) {
  const wanted = process.env.FARPORT_UI_STEPS?.split(',');
  let now;
  try {
    for (const [name, step] of Object.entries(steps)) {
      if (wanted && !wanted.includes(name)) continue;
      now = name;
      const since = performance.now();
      await step();
      console.log(`${name}: ${Math.round(performance.now() - since)} ms`);
    }
  } catch (error) {
    console.error(`${now} failed`);
    for (const { page, complaints } of opened) {
      if (complaints.length > 0) console.error(complaints.join('\n'));
      const looks = async () => {
        await page.bringToFront();
        console.error((await page.evaluate(() => document.body.innerText)).slice(0, 3000));
        if (pictures) await page.screenshot({ path: join(pictures, `failure-${now}.png`) });
      };
      // A page that is closed, or that hangs, shows nothing.
      await Promise.race([looks().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 5000))]);
    }
    throw error;
  } finally {
    await browser?.close();
  }
  process.exit(0);
}
