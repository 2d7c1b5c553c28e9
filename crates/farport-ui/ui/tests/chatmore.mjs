// More stories of the Chat view: Anthropic's dialect, settings, the limit of steps, several servers with views, tasks
// and questions of both eras, a step-up, and the keyring. `chat.mjs` runs it.

import assert from 'node:assert/strict';

import { openBrowser } from './chatbrowser.mjs';
import { PIXEL, startChatServer } from './chatserver.mjs';
import { expiring } from './expiring.mjs';
import { WAIT } from './driver.mjs';

/** No Secret Service runs at this address. */
const NO_KEYRING = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };

async function before(what, why) {
  for (let tries = 0; tries < 400; tries += 1) {
    if (what()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(why);
}

/** Runs the stories. */
export async function runMore({ farport, puppeteer, axe, pictures, startModel, record, play, call, bodies, env, openai, anthropic, KEY }) {
  const mock = await startModel();
  const wire = await record(mock.url);
  const server = await startChatServer();
  const chat = await openBrowser({ farport, puppeteer, axe, pictures, env });
  const { page, complaints, start, picture, until, click, seen, idle, say, fresh, accessible, state, enter, api, choose, addServer } = chat;
  const servers = [server];
  const open = async (given) => {
    const url = await start(['playground', server.url, '--no-open'], { ...given, ...NO_KEYRING }, /(http:\/\/127\S+#token=\S+)/);
    await page.goto(url);
    await seen('.composer-foot .chip', '10 tools');
  };
  const permit = async (tool) => {
    await state(tool, 'waiting');
    await click('[data-allow]');
  };
  /** Adds a server, and removes those that were added before. */
  const beside = async (started, tools) => {
    servers.push(started);
    while (await page.$('.server-chip .remove')) {
      const count = (await page.$$('.server-chip .remove')).length;
      await click('.server-chip .remove');
      await until((count) => document.querySelectorAll('.server-chip .remove').length < count, count);
    }
    await addServer(started.url);
    if (tools) await seen('.composer-foot .chip', `${tools} tools`);
    return started;
  };

  try {
    // Anthropic's dialect: a call, an image that reaches the model, and a stream that is stopped.
    await open(anthropic(wire));
    await choose('claude-sonnet-5');
    play(mock, 'math tool', [call('add', { a: 23, b: 19 })], 'It is **42**.', { reasoning: 'I call add.', reasoningSignature: 'signed-by-the-provider' });
    await say('Could you use the math tool to add 23 and 19?');
    await permit('add');
    await seen('.md strong', '42');
    await idle();
    await seen('.composer-foot', '239 tokens');
    const sent = wire.sent.at(-1).messages;
    assert.deepEqual(sent.map((one) => [one.role, one.content.map?.((part) => part.type) ?? 'text']).slice(1), [['assistant', ['thinking', 'tool_use']], ['user', ['tool_result']]]);
    assert.equal(sent[1].content[0].signature, 'signed-by-the-provider');
    await click('.step-foot .button', 'Raw');
    await seen('.raw', '/v1/messages');
    await seen('.raw', 'message_start');
    assert.ok(!(await page.content()).includes(KEY));
    await fresh();
    play(mock, 'draw 42', [call('draw', { n: 42 })], 'Here it is.');
    await say('draw 42');
    await permit('draw');
    await seen('.md', 'Here it is.');
    const image = wire.sent.at(-1).messages.at(-1).content[0].content.find((one) => one.type === 'image');
    assert.deepEqual(image.source, { type: 'base64', media_type: 'image/png', data: PIXEL });
    await fresh();
    mock.on({ userMessage: 'a long story' }, { content: 'Once upon a time there was a server. '.repeat(400) }, { latency: 20 });
    await say('a long story');
    await seen('.md', 'Once upon a time');
    await click('[data-stop]');
    await seen('.theirs', 'You stopped this response');
    assert.ok((await page.$eval('.md', (one) => one.textContent.length)) < 10_000, 'the stream ended');

    // The other dialect, and how the model is asked.
    await open(openai(mock));
    await choose('gpt-5');
    await click('.composer-foot .accent');
    await click('.chat-panel [role="tab"]', 'Settings');
    await enter('.tall-prompt', 'Answer in one word.');
    await page.$eval('.tall-prompt', (one) => one.dispatchEvent(new Event('change', { bubbles: true })));
    await page.$eval('.chat-panel input[step="0.1"]', (one) => { one.value = '0.5'; one.dispatchEvent(new Event('change', { bubbles: true })); });
    await click('.chat-panel [role="tab"]', 'Tools');
    await click('.chat-panel .check input');
    await seen('.composer-foot .chip', '0 tools');
    mock.on({ userMessage: 'no tools' }, { content: 'None.' });
    await say('no tools');
    await seen('.md', 'None.');
    const plain = bodies(mock).at(-1);
    assert.deepEqual([plain.messages[0], plain.temperature, plain.tools], [{ role: 'system', content: 'Answer in one word.' }, 0.5, undefined]);
    await click('.chat-panel .check input');
    await seen('.composer-foot .chip', '10 tools');
    await click('[aria-label="Close the panel"]');
    // A response again.
    const asked = bodies(mock).length;
    await idle();
    await click('[aria-label="Ask for this response again"]');
    await before(() => bodies(mock).length > asked, 'the model is asked again');
    await idle();
    await seen('.step-foot', 'tools');

    // After 20 steps the model pauses until the user continues.
    await fresh();
    const steps = () => bodies(mock).filter((one) => JSON.stringify(one.messages).includes('forever')).length;
    mock.on({ userMessage: 'forever', predicate: () => steps() > 22 }, { content: 'Enough.' });
    mock.on({ userMessage: 'forever' }, { toolCalls: [call('add', { a: 1, b: 1 })] });
    await say('forever');
    await state('add', 'waiting');
    await page.evaluate(() => document.querySelectorAll('.chat-decide button')[1].click());
    await seen('.status-card', '20 steps');
    assert.equal(steps(), 20);
    await picture('chat-limit-light');
    await accessible('the limit of steps');
    await click('.status-card .button', 'Continue');
    await seen('.md', 'Enough.');
    await idle();

    // A view of a server besides the first, with that server's own tools.
    const other = await beside(await startChatServer({ name: 'other' }), 20);
    await fresh();
    play(mock, 'chart please', [call('other_chart', { n: 42 })], 'Here is the chart.');
    await say('chart please');
    await permit('chart');
    await seen('.md', 'Here is the chart.');
    await page.waitForSelector('.call-card iframe');
    const view = () => page.frames().findLast((one) => one.url().includes('/view/'));
    await before(() => view(), 'the view is loaded');
    await view().waitForFunction(() => document.getElementById('text').textContent === 'a bar of 42' && document.getElementById('message').textContent !== '', WAIT);
    await seen('.app-asked', 'delete_everything');
    await click('.app-asked button', 'Refuse');
    await seen('.app-asked', 'add');
    await click('.app-asked button', 'Allow for this app');
    await view().waitForFunction(() => document.getElementById('called').textContent.endsWith('add 7; '), WAIT);
    assert.deepEqual(other.calls(), ['chart', 'add', 'add'], 'the view calls its own server');
    assert.equal(server.calls().includes('chart'), false);
    await picture('chat-app-other-light');

    // Questions and tasks in the middle of a call, in both eras.
    mock.on({ userMessage: 'Summarize the report' }, { content: 'All is well.' });
    play(mock, 'choose a colour', [call('asking_choose', {})], 'it is teal');
    play(mock, 'summary please', [call('asking_summarize', {})], 'summarized');
    play(mock, 'a report', [call('asking_report', {})], 'reported');
    play(mock, 'order a colour', [call('asking_order', {})], 'ordered');
    play(mock, 'an endless task', [call('asking_endless', {})], 'never');
    for (const modern of [false, true]) {
      const asking = await beside(await startChatServer({ name: 'asking', modern, tasks: true }), 23);
      for (const [question, tool, answer] of [['choose a colour', 'choose', 'it is teal'], ['order a colour', 'order', 'ordered']]) {
        await fresh();
        await say(question);
        await permit(tool);
        await page.waitForSelector('.question');
        if (tool === 'order') await seen('.call-card', 'step');
        await enter('.question textarea, .question input', 'teal');
        await click('.question [data-send]');
        await seen('.md', answer);
        await seen('.call-card', 'you chose teal');
      }
      await fresh();
      await say('summary please');
      await permit('summarize');
      await page.waitForSelector('[data-sample]');
      await click('[data-sample]');
      await until(() => document.querySelector('.question textarea').value === 'All is well.');
      await click('.question [data-send]');
      await seen('.call-card', 'the model said: All is well.');
      await seen('.md', 'summarized');
      await fresh();
      await say('a report');
      await permit('report');
      await seen('.call-card', 'step');
      await seen('.md', 'reported');
      await seen('.call-card', 'the report is written');
      // A task that is stopped is cancelled at the server.
      await fresh();
      await say('an endless task');
      await permit('endless');
      await seen('.call-card', 'step 2');
      await picture(`chat-task-${modern ? 'modern' : 'session'}-light`);
      await click('[data-stop]');
      await state('endless', 'cancelled');
      await before(() => asking.log.some((one) => one.method === 'tasks/cancel'), 'the task is cancelled');
    }

    // A tool that needs another scope (403): the user signs in again, and the call continues.
    const guarded = await expiring();
    servers.push(guarded);
    await beside(guarded);
    const signIn = async () => {
      await page.waitForSelector('.notice a');
      await fetch(await page.$$eval('.notice a', (all) => all.at(-1).href));
      await page.evaluate(() => { for (const one of document.querySelectorAll('.notice .icon-button')) one.click(); });
    };
    await signIn();
    await seen('.composer-foot .chip', '12 tools');
    await fresh();
    play(mock, 'administer', [call('expiring_admin', {})], 'administered');
    await say('administer');
    await permit('admin');
    await page.waitForSelector('.notice a');
    await state('admin', 'running');
    await picture('chat-step-up-light');
    await signIn();
    await seen('.md', 'administered');
    await seen('.call-card', 'done with a token');
    assert.equal(guarded.state.scope, 'read admin');
    assert.equal(guarded.state.calls, 1);

    // Without a keyring, a note tells the user, and the key stays in the process.
    if (process.platform === 'linux') {
      await click('.composer-foot .accent');
      await click('.chat-panel .button', 'Add a provider');
      await enter('.add-provider [inputmode="url"]', `${mock.url}/v1`);
      await enter('.add-provider [type="password"]', KEY);
      await click('.add-provider .check input');
      await picture('chat-keyring-light');
      await accessible('a provider with a key');
      await click('.add-provider button[type="submit"]');
      await seen('.problem', 'cannot use the keyring of this system');
      await seen('.key-place', "farport's process");
      const known = JSON.parse(await api('chat/providers', {})).providers.at(-1);
      assert.deepEqual([known.has_key, known.kept], [true, false]);
      const storage = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
      for (const text of [await page.content(), storage, await api('export', { format: 'ndjson' }), await api('chat/export')]) assert.ok(!text.includes(KEY), 'the key is nowhere');
    }

    assert.deepEqual(complaints.filter((text) => !text.includes('the server responded with a status of')), [], 'the browser has nothing to complain of');
  } catch (error) {
    await picture('failure');
    if (complaints.length > 0) console.error(complaints);
    throw error;
  } finally {
    await chat.close();
    for (const one of servers) one.close();
    wire.close();
    await mock.stop();
  }
}
