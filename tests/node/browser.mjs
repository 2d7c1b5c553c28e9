// A real browser with a person in front of it: headless Chromium that clicks through the pages.

import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

import puppeteer from 'puppeteer-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** The Chromium to use: the one that FARPORT_CHROMIUM names, or else the first on the PATH. */
export const CHROMIUM = process.env.FARPORT_CHROMIUM ?? onPath();

/** For `test`: why its browser tests cannot run here, if so. A Chromium that was named has to work. */
export const skip = CHROMIUM === undefined
  ? `no Chromium on this machine: install it (Debian: apt-get install chromium) or name it in FARPORT_CHROMIUM`
  : false;

function onPath() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Starts the browser. It finds this machine, and nothing else. */
export async function startBrowser() {
  return puppeteer.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
      '--disable-dev-shm-usage',
      // Chromium's sandbox does not run as root, which is who runs tests in a container.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
}

/**
 * A user with a separate browser profile that runs no scripts, because pages must work without them. It
 * records complaints of the browser, such as violations of the content security policy.
 */
export class Person {
  /** What the browser complained of, by the page it was on. */
  complaints = [];
  /** The titles of farport's pages that were seen, in order. */
  seen = [];

  /** `origin` is farport's; `upstream` acts on a page of the provider, and answers whether it could. */
  static async with(browser, { origin, upstream }) {
    const person = new Person();
    person.context = await browser.createBrowserContext();
    person.page = await person.context.newPage();
    person.origin = origin;
    person.upstream = upstream;
    await person.page.setJavaScriptEnabled(false);
    person.page.on('console', (message) => {
      if (!person.page.url().startsWith(origin)) return;
      // That the answer was an error is what error pages are for.
      if (/status of 4\d\d/.test(message.text())) return;
      // The test typed into the field before the browser had put the focus there.
      if (message.text().startsWith('Autofocus processing was blocked')) return;
      person.complaints.push(`${person.page.url()}: ${message.text()}`);
    });
    return person;
  }

  /** Goes to `url`, and on through the pages, until the browser has arrived at `callback`. */
  async authorize(url, callback, { name = 'alice', decision = 'allow' } = {}) {
    let over = false;
    const arrived = callback.next().finally(() => { over = true; });
    // The caller handles a rejection below. Until then, it must not count as unhandled.
    arrived.catch(() => {});
    const either = (way) => Promise.race([way, arrived]);
    await either(this.page.goto(String(url)).catch(passing));
    while (!over) {
      const acted = await either(this.#act(name, decision).catch(passing));
      // A page that asks for nothing leads on by itself, and may do so while it is looked at.
      if (!acted) await either(new Promise((resolve) => setTimeout(resolve, 20)));
    }
    const answer = await arrived;
    assert.deepEqual(this.complaints, [], 'the browser has nothing to complain of');
    return answer;
  }

  /** Does what the page asks for. False where it asks for nothing. */
  async #act(name, decision) {
    const { page } = this;
    if (!page.url().startsWith(`${this.origin}/`)) {
      return page.url().startsWith('http') && this.upstream !== undefined && this.upstream(page);
    }
    await this.look();
    const field = await page.$('#name');
    if (field) {
      await field.type(name);
      return press(page, 'form[action="/authorize/sign-in"] button');
    }
    const button = `button[name="decision"][value="${decision}"]`;
    return await page.$(button) !== null && press(page, button);
  }

  /** Takes note of the page, which has to be free of scripts. */
  async look() {
    const { page } = this;
    const title = (await page.title()).split(' · ')[0];
    assert.equal((await page.$$('script, iframe, style, [style], [onclick]')).length, 0, 'nothing active in a page');
    if (this.seen.at(-1) !== title) this.seen.push(title);
  }

  close() {
    return this.context.close();
  }
}

/** A page may be gone before it was seen to the end: false then. Any other failure is one. */
function passing(error) {
  if (/context was destroyed|find context|detached|ERR_ABORTED/.test(error.message)) return false;
  throw error;
}

/** Presses the button and waits for the page it leads to. */
export async function press(page, selector) {
  await Promise.all([page.waitForNavigation(), page.click(selector)]);
  return true;
}
