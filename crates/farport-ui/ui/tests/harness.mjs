// What the page's browser tests share: programs, the browser, and short ways to click and wait.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How to wait for a condition. Chromium draws no frame of another origin that is out of sight, so a condition is not tried once per drawing. */
export const WAIT = { timeout: 30_000, polling: 50 };

const children = [];

/** Starts a program, and returns the first line that it prints, or the first that matches. */
export function start(program, args, env = {}, { matching = /(.*)\n/, cwd } = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (data) => {
      text += data;
      const found = matching.exec(text);
      if (found) resolve(found[1]);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => reject(new Error(`${program} ${args.join(' ')} ended with ${code}: ${text}`)));
  });
}

/** Ends every program. */
export function stopAll() {
  for (const child of children) {
    child.removeAllListeners('exit');
    child.kill();
  }
}

/** A port that no program uses now. */
export const freePort = () => new Promise((resolve, reject) => {
  const server = createServer();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** Starts `farport inspect`, and returns the address of its page. */
export function inspect(farport, args = []) {
  const folder = mkdtempSync(join(tmpdir(), 'farport-inspect-'));
  return start(farport, ['inspect', '--no-open', ...args], { FARPORT_CONFIG_DIR: folder, NO_COLOR: '1' }, { cwd: folder, matching: /(http:\/\/127\.0\.0\.1:\d+\/#token=\S+)/ });
}

/** Opens a browser with one page. `complaints` collects what the page's own console and scripts report. */
export async function open(modules, pictures) {
  const puppeteer = createRequire(join(modules, 'x.js'))('puppeteer-core');
  if (pictures) mkdirSync(pictures, { recursive: true });
  const browser = await puppeteer.launch({
    executablePath: process.env.FARPORT_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1', '--disable-dev-shm-usage', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
  });
  const page = await browser.newPage();
  await page.setViewport({ width: 1440, height: 900 });
  const complaints = [];
  // A view reports violations of the policy that it has; the page does not answer for them.
  const ofPage = (message) => [message.location().url, ...message.stackTrace().map((one) => one.url)].every((url) => !url || url.startsWith(new URL(page.url()).origin));
  page.on('console', (message) => { if (['error', 'warn'].includes(message.type()) && ofPage(message)) complaints.push(`${message.text()} ${message.location().url ?? ''}`.trim()); });
  page.on('pageerror', (error) => complaints.push(String(error.stack ?? error)));
  // While the page changes: its modules from this folder, without a build of the program.
  const folder = process.env.FARPORT_UI_MODULES;
  if (folder) {
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      const { pathname, port } = new URL(request.url());
      const kind = { js: 'text/javascript', css: 'text/css' }[pathname.split('.').pop()];
      const own = page.mainFrame() === request.frame() && port === new URL(page.url()).port;
      if (kind && own) request.respond({ contentType: kind, headers: { 'cache-control': 'no-store' }, body: readFileSync(join(folder, pathname)) });
      else request.continue();
    });
  }
  const until = (what, ...args) => page.waitForFunction(what, WAIT, ...args);
  const tools = {
    browser, page, complaints, until,
    picture: async (name) => { if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) }); },
    click: (selector, text) => page.evaluate((selector, text) => {
      const found = [...document.querySelectorAll(selector)].find((one) => text === undefined || one.textContent.trim().startsWith(text));
      if (!found) throw new Error(`no ${selector} with ${text}`);
      found.click();
    }, selector, text),
    seen: (selector, text) => until((selector, text) => [...document.querySelectorAll(selector)].some((one) => one.textContent.includes(text)), selector, text),
    textOf: (selector) => page.$eval(selector, (one) => one.textContent),
    dark: (yes) => page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: yes ? 'dark' : 'light' }]),
    connect: async (url) => {
      await tools.click('.nav-item', 'Connect');
      await page.$eval('form .input', (one, url) => { one.value = url; one.dispatchEvent(new Event('input', { bubbles: true })); }, url);
      await tools.click('form [data-send]');
    },
  };
  return tools;
}
