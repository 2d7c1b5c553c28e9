// What happens during a connection: the server's questions, followed resources, a restarted server, an
// expired token, a cancelled call.

import assert from 'node:assert/strict';

import { freePort, inspect, run, startFixture } from './driver.mjs';
import { expiring } from './expiring.mjs';

const textOf = (result) => result.content.find((one) => one.type === 'text').text;

/** Answers a question in both eras. */
async function questions() {
  const fixture = await startFixture();
  const ui = await inspect();
  for (const revision of ['2025-11-25', '2026-07-28']) {
    await ui.connect(fixture.url, { revision });
    // Elicitation: accepted with a form, then declined.
    await ui.tool('test_elicitation', { message: 'Who are you?' });
    await ui.send();
    await ui.seen('.question', 'Who are you?');
    await ui.page.$$eval('.question .fields textarea, .question .fields input', (all) => { for (const one of all) { one.value = one.closest('.field').textContent.includes('mail') ? 'ada@example.com' : 'ada'; one.dispatchEvent(new Event('input', { bubbles: true })); } });
    await ui.click('.question [data-send]');
    assert.match(JSON.stringify(await ui.answer()), /accept.*ada/s, revision);
    await ui.send();
    await ui.seen('.question', 'Who are you?');
    await ui.click('.question button', 'Decline');
    assert.match(JSON.stringify(await ui.answer()), /decline/, revision);
    // Sampling: answered by hand.
    await ui.tool('test_sampling', { prompt: 'What is the answer?' });
    await ui.send();
    await ui.seen('.question', 'What is the answer?');
    if (revision === '2026-07-28') await ui.picture('sampling-light');
    await ui.enter('.question textarea', 'It is 42.');
    await ui.click('.question [data-send]');
    assert.match(JSON.stringify(await ui.answer()), /It is 42\./, revision);
  }
  // Roots: those of the Server view.
  await ui.click('.nav-item', 'Server');
  await ui.enter('[aria-label="URI of a root"]', 'file:///home/ada/project');
  await ui.click('form button', 'Add');
  await ui.seen('.list-row', 'file:///home/ada/project');
  assert.match(JSON.stringify(await ui.call('test_list_roots', {})), /file:\/\/\/home\/ada\/project/);
  // A question ends with its call.
  await ui.tool('test_sampling', { prompt: 'Never answered' });
  await ui.send();
  await ui.seen('.question', 'Never answered');
  await ui.click('.actions button', 'Cancel');
  await ui.until(() => document.querySelector('.question') === null);
  await ui.seen('.result', 'cancelled');
  await ui.close();
  await fixture.stop();
}

/** A followed resource is read again when it changes. */
async function subscriptions() {
  const fixture = await startFixture();
  const ui = await inspect();
  for (const revision of ['2025-11-25', '2026-07-28']) {
    await ui.connect(fixture.url, { revision });
    await ui.click('.nav-item', 'Resources');
    await ui.click('.list-item', 'watched-resource');
    await ui.seen('.result', 'revision');
    const before = /revision (\d+)/.exec(await ui.text('.result'))[1];
    await ui.click('.actions .button', 'Subscribe');
    await ui.seen('.actions .chip', 'subscribed');
    if (revision === '2026-07-28') await ui.seen('.tl-row', 'notifications/subscriptions/acknowledged');
    // The change is reported while another view is open.
    await ui.call('test_trigger_resource_update');
    await ui.click('.nav-item', 'Resources');
    await ui.click('.list-item', 'watched-resource');
    await ui.seen('.actions .chip', 'updated once');
    await ui.until((before) => {
      const now = /revision (\d+)/.exec(document.querySelector('.result')?.textContent ?? '');
      return now !== null && Number(now[1]) > Number(before);
    }, before);
    if (revision === '2026-07-28') await ui.picture('subscription-light');
    await ui.click('.actions .button', 'Unsubscribe');
    await ui.until(() => document.querySelector('.actions .chip') === null);
  }
  // A changed list is requested again.
  await ui.call('test_trigger_tool_change');
  await ui.seen('.list-item', 'test_extra_tool');
  await ui.close();
  await fixture.stop();
}

/** The server is killed and restarted: the page shows it, and continues. */
async function restart() {
  const port = await freePort();
  let fixture = await startFixture(port);
  const ui = await inspect();
  for (const revision of ['2025-11-25', '2026-07-28']) {
    await ui.connect(fixture.url, { revision });
    await ui.tool('test_sampling', { prompt: 'typed before' });
    await fixture.stop('SIGKILL');
    await ui.click('.nav-item', 'Server');
    await ui.click('button', 'Ping');
    await ui.seen('.top .chip.warn', 'does not answer');
    if (revision === '2025-11-25') await ui.picture('server-gone-light');
    fixture = await startFixture(port);
    await ui.until(() => document.querySelector('.top .chip.warn') === null && document.querySelector('.address .dot.ok') !== null);
    await ui.seen('.facts', 'Recovered');
    assert.match(textOf(await ui.call('test_simple_text')), /simple text/);
    // What was typed before is still there.
    await ui.click('.list-item', 'test_sampling(');
    await ui.seen('.tool-page h1', 'test_sampling');
    await ui.until(() => document.querySelector('.json-editor textarea, .fields textarea')?.value.includes('typed before'));
  }
  await ui.close();
  await fixture.stop();
}

/** Follows the link of the sign-in page, as the user's browser would. */
async function visit(ui) {
  await ui.until(() => document.querySelector('a.button[href*="/authorize"]') !== null);
  const href = await ui.page.$eval('a.button[href*="/authorize"]', (one) => one.href);
  await fetch(href);
}

/** An expired token is refreshed, and a missing scope requested, while a call waits. */
async function expiredToken() {
  const server = await expiring();
  const ui = await inspect();
  await ui.connect(server.url, { wait: false });
  await visit(ui);
  await ui.seen('.list-item', 'work');
  assert.match(textOf(await ui.call('work')), /done with a token/);
  server.state.token = 'none';
  assert.match(textOf(await ui.call('work')), /done with a token/, 'the call waited for the refresh');
  assert.equal(server.state.refreshed, 1);
  await ui.seen('.tl-row.note', 'Refreshed the access token');
  await ui.click('.nav-item', 'Sign-in');
  await ui.seen('.step.ok', 'Refresh');
  // Step-up: the call waits until the user has signed in for more.
  await ui.tool('admin');
  await ui.send();
  await visit(ui);
  assert.match(textOf(await ui.answer()), /done with a token/);
  await ui.click('.nav-item', 'Sign-in');
  await ui.seen('.verdicts, .step', 'Challenge');
  await ui.seen('.scopes', 'admin');
  await ui.page.$$eval('button.step-head[aria-expanded=false]', (all) => all.forEach((one) => one.click()));
  await ui.seen('.verdict.ok', 'insufficient_scope: the token needs more scopes');
  await ui.picture('step-up-light');
  // Refresh now, and sign out.
  await ui.click('.sign-in-facts .button', 'Refresh now');
  await ui.until(() => document.querySelector('.sign-in-facts .spinner') === null);
  assert.equal(server.state.refreshed, 2);
  await ui.click('.sign-in-facts .button', 'Sign out');
  await ui.seen('.address .visually-hidden', 'Not connected');
  await ui.close();
  server.close();
}

await run({ questions, subscriptions, restart, expiredToken });
