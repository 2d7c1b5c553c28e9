// The Chat view in headless Chromium. `chat.mjs` runs it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { openBrowser } from './chatbrowser.mjs';
import { WAIT } from './driver.mjs';
import { INJECTIONS, PIXEL, startChatServer } from './chatserver.mjs';

/** Runs the stories of the page. */
export async function runPage({ farport, puppeteer, axe, pictures, startModel, play, call, bodies, env, openai, KEY }) {
  const mock = await startModel();
  const server = await startChatServer();
  const chat = await openBrowser({ farport, puppeteer, axe, pictures, env });
  const { page, complaints, requests, start, picture, until, click, seen, idle, dark, say, fresh, accessible, signIn, state, addServer, api } = chat;

  try {
    const url = await start(['playground', server.url, '--no-open'], openai(mock), /(http:\/\/127\S+#token=\S+)/);
    await page.goto(url);
    await seen('h1', 'Chat with a model');
    assert.equal(await page.evaluate(() => location.hash), '', 'the token has left the address');
    await seen('.composer-foot .chip', '10 tools');
    await picture('chat-empty-light');

    // Without a model, the panel offers those of the environment.
    await click('.empty .button.primary');
    await page.waitForSelector('.model, .model-name');
    await picture('chat-models-light');
    await accessible('the panel');
    await page.$eval('.model-name input', (one) => { one.value = 'gpt-5'; one.dispatchEvent(new Event('input', { bubbles: true })); });
    await click('.model-name button');
    await seen('.composer-foot .accent', 'gpt-5');
    await click('[aria-label="Close the panel"]');

    // The story: a question, a permission, 42.
    play(mock, 'math tool', [call('add', { a: 23, b: 19 })], '23 + 19 = **42**. I can draw it, too:\n\n```python\nprint(23 + 19)\n```\n\n| a | b | sum |\n|---|---|-----|\n| 23 | 19 | 42 |\n\nSee [the manual](https://example.com/manual).', { reasoning: 'The user wants a sum, so I call add.' });
    await say('Could you use the math tool to add 23 and 19?');
    await state('add', 'waiting');
    assert.deepEqual(server.calls(), [], 'nothing is called before the user permits it');
    await picture('chat-permission-light');
    await accessible('a permission');
    await click('[data-allow]');
    await state('add', 'done');
    await seen('.call-card', '42');
    await seen('.md strong', '42');
    await idle();
    await seen('.composer-foot', '239 tokens');
    await click('.drawer-toggle');
    await picture('chat-answer-light');
    await dark(true);
    await picture('chat-answer-dark');
    await accessible('an answer in dark colours');
    await dark(false);
    await click('.drawer-toggle');
    assert.deepEqual(server.calls(), ['add']);

    // Reasoning is folded, code is copied, a link shows where it leads, and the card leads to the timeline.
    assert.equal(await page.$('.reasoning-text'), null);
    await click('.reasoning-toggle');
    await seen('.reasoning-text', 'so I call add');
    await click('.md-link');
    await seen('.md-target', 'https://example.com/manual');
    await click('.call-card header .button.ghost');
    await seen('.entry', '"tools/call"');
    await click('.step-foot .button', 'Raw');
    await seen('.raw', '/v1/chat/completions');
    await seen('.raw', 'Could you use the math tool');
    assert.ok(!(await page.content()).includes(KEY), 'the key is not on the page');
    await picture('chat-raw-light');
    await click('.entry [aria-label="Close"]');

    // Refused, always, never.
    await fresh();
    play(mock, 'refuse me', [call('sub', { a: 1, b: 1 })], 'I did not subtract.');
    await say('refuse me');
    await state('sub', 'waiting');
    await click('[data-refuse]');
    await seen('.md', 'I did not subtract');
    assert.ok(!server.calls().includes('sub'));
    await fresh();
    play(mock, 'twice', [call('add', { a: 1, b: 1 }, 'c1'), call('add', { a: 2, b: 2 }, 'c2'), call('sub', { a: 5, b: 1 }, 'c3')], 'twice done');
    await say('twice');
    await state('sub', 'waiting');
    await page.evaluate(() => [...document.querySelectorAll('.call-card')].find((one) => one.querySelector('code').textContent === 'add').querySelectorAll('.chat-decide button')[1].click());
    await until(() => [...document.querySelectorAll('.call-card')].filter((one) => one.dataset.state === 'done').length === 2);
    await click('[data-allow]');
    await seen('.md', 'twice done');
    const roles = bodies(mock).at(-1).messages.filter((one) => one.role === 'tool');
    assert.deepEqual(roles.map((one) => one.content), ['2', '4', '4']);

    // Stop in the middle of a call: the server is notified.
    await fresh();
    play(mock, 'slow please', [call('slow', {})], 'never');
    await say('slow please');
    await state('slow', 'waiting');
    await click('[data-allow]');
    await seen('.call-card', 'a quarter');
    await seen('.call-card', '1 log message');
    await picture('chat-running-light');
    await click('[data-stop]');
    await state('slow', 'cancelled');
    for (let tries = 0; tries < 200 && !server.log.some((one) => one.method === 'notifications/cancelled'); tries += 1) await new Promise((resolve) => setTimeout(resolve, 25));
    assert.ok(server.log.some((one) => one.method === 'notifications/cancelled'), 'the server was notified');

    // Stop in the middle of a stream, and edit the message.
    await fresh();
    mock.on({ userMessage: 'a long story' }, { content: 'Once upon a time there was a server. '.repeat(400) }, { latency: 20 });
    await say('a long story');
    await seen('.md', 'Once upon a time');
    await click('[data-stop]');
    await seen('.theirs', 'You stopped this response');
    mock.on({ userMessage: 'a short story' }, { content: 'The end.' });
    await click('[aria-label="Edit this message"]');
    await page.$eval('.mine.editing textarea', (one) => { one.value = 'a short story'; one.dispatchEvent(new Event('input', { bubbles: true })); });
    await click('.mine.editing .button.primary');
    await seen('.md', 'The end.');

    // A question of the server in the middle of a call, and one for the model.
    await fresh();
    play(mock, 'choose a colour', [call('choose', {})], 'it is teal');
    await say('choose a colour');
    await state('choose', 'waiting');
    await click('[data-allow]');
    await page.waitForSelector('.question');
    await picture('chat-elicitation-light');
    await page.$eval('.question textarea, .question input', (one) => { one.value = 'teal'; one.dispatchEvent(new Event('input', { bubbles: true })); });
    await click('.question [data-send]');
    await seen('.md', 'it is teal');
    await seen('.call-card', 'you chose teal');
    await fresh();
    mock.on({ userMessage: 'Summarize the report' }, { content: 'All is well.' });
    play(mock, 'summary please', [call('summarize', {})], 'summarized');
    await say('summary please');
    await state('summarize', 'waiting');
    await click('[data-allow]');
    await page.waitForSelector('[data-sample]');
    assert.ok(!bodies(mock).some((one) => JSON.stringify(one.messages).includes('Summarize the report')), 'the model is not asked before the user allows it');
    await click('[data-sample]');
    await until(() => document.querySelector('.question textarea').value === 'All is well.');
    await click('.question [data-send]');
    await seen('.call-card', 'the model said: All is well.');
    await seen('.md', 'summarized');

    // A session that the server no longer knows; an image that reaches the model.
    await fresh();
    server.forget();
    mock.on({ userMessage: 'The images in the result of draw' }, { content: 'Here it is.' });
    play(mock, 'draw 42', [call('draw', { n: 42 })], 'Here it is.');
    await say('draw 42');
    await state('draw', 'waiting');
    await click('[data-allow]');
    await seen('.md', 'Here it is.');
    await page.waitForSelector('.call-card img.media');
    assert.ok(JSON.stringify(bodies(mock).at(-1)).includes(PIXEL), 'the model received the image');
    await picture('chat-image-light');

    // Hostile results and answers: nothing is loaded, run or called.
    for (const kind of Object.keys(INJECTIONS)) {
      await fresh();
      play(mock, `inject ${kind}`, [call('inject', { kind })], `Hostile: ${INJECTIONS[kind]}`);
      await say(`inject ${kind}`);
      await state('inject', 'waiting');
      await click('[data-allow]');
      await seen('.md', 'Hostile:');
      await idle();
      assert.equal(await page.evaluate(() => document.querySelectorAll('.msgs iframe, .msgs script, .md img, .md a[href]').length), 0, kind);
    }
    await picture('chat-hostile-light');
    assert.ok(!server.calls().includes('delete_everything'));
    assert.equal(await page.evaluate(() => window.executed), undefined);
    assert.deepEqual(requests.filter((one) => !one.startsWith('http://127.0.0.1') && !one.startsWith('data:') && !one.startsWith('blob:')), [], 'the page requests nothing elsewhere');

    // The view of an app is in its card, in a frame of another origin. It gets the call, and cannot write
    // into the chat.
    await fresh();
    play(mock, 'chart please', [call('chart', { n: 42 })], 'Here is the chart.');
    await say('chart please');
    await state('chart', 'waiting');
    assert.equal(await page.$('.call-card iframe'), null, 'no view before the user permits the call');
    await click('[data-allow]');
    await seen('.md', 'Here is the chart.');
    await page.waitForSelector('.call-card iframe');
    const view = () => page.frames().findLast((one) => one.url().includes('/view/'));
    for (let tries = 0; tries < 200 && !view(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 25));
    await view().waitForFunction(() => document.getElementById('text').textContent === 'a bar of 42' && document.getElementById('message').textContent !== '', WAIT);
    assert.equal(await view().evaluate(() => document.getElementById('bar').style.width), '42%');
    assert.equal(await view().evaluate(() => self.origin), 'null', 'the view has an opaque origin');
    assert.match(await view().evaluate(() => document.getElementById('message').textContent), /denied/, 'the message is refused');
    // A call of the view needs the user, too.
    await seen('.app-asked', 'delete_everything');
    await picture('chat-app-asks-light');
    await accessible('a call of an app');
    await click('.app-asked button', 'Refuse');
    await seen('.app-asked', 'add');
    await click('.app-asked button', 'Allow for this app');
    await view().waitForFunction(() => document.getElementById('called').textContent === 'delete_everything The user did not permit this call; add 3; add 7; ', WAIT);
    await idle();
    assert.equal(await page.$$eval('.mine', (all) => all.length), 1, 'the view wrote nothing into the chat');
    assert.ok(!server.calls().includes('delete_everything'));
    assert.equal(server.calls().filter((one) => one === 'chart').length, 1, 'the tool is called once');
    await until(() => document.querySelector('.call-card .app-body').style.height === '150px');
    await picture('chat-app-light');
    await accessible('an app');
    await dark(true);
    await picture('chat-app-dark');
    await dark(false);

    // The context is exceeded: the oldest results are dropped.
    await fresh();
    let full = true;
    mock.on({ userMessage: 'fill the context', hasToolResult: true, predicate: () => full }, { error: { message: 'maximum context length exceeded', code: 'context_length_exceeded' }, status: 400 });
    play(mock, 'fill the context', [call('inject', { kind: 'ansi' })], 'it fits');
    await say('fill the context');
    await state('inject', 'waiting');
    await click('[data-allow]');
    await seen('.status-card', 'longer than the model');
    await picture('chat-context-light');
    full = false;
    await click('.status-card .button.primary');
    await seen('.md', 'it fits');
    assert.match(JSON.stringify(bodies(mock).at(-1).messages), /dropped this result/);

    // Export, import, and no key anywhere.
    const exported = await page.evaluate(async () => (await fetch('/api/chat/export', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json', authorization: `Bearer ${sessionStorage.getItem('farport-inspect-token')}` } })).text());
    assert.ok(exported.includes('it fits') && !exported.includes(KEY) && !exported.includes(mock.url));
    const messages = Array.from({ length: 500 }, (_, at) => (at % 2 === 0 ? { role: 'user', text: `question ${at}` } : { role: 'assistant', parts: [{ type: 'text', text: `answer **${at}** with \`code\` and a list:\n\n- one\n- two\n\n\`\`\`js\nlet x = ${at};\n\`\`\`` }], ms: 10, stop: 'end' }));
    const file = join(env.FARPORT_CONFIG_DIR, 'long.json');
    writeFileSync(file, JSON.stringify({ format: 'farport-chat', version: 1, messages }));
    const input = await page.$('input[type=file]');
    await input.uploadFile(file);
    await until(() => document.querySelectorAll('.msgs > *').length === 500);
    // A stream at the end of 500 messages keeps the page fluid.
    mock.on({ userMessage: 'one more' }, { content: 'Some more text of a longer answer. '.repeat(60) }, { latency: 2 });
    await page.evaluate(() => {
      window.longest = 0;
      let last = performance.now();
      const frame = (now) => {
        window.longest = Math.max(window.longest, now - last);
        last = now;
        window.timer = requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    await say('one more');
    await until(() => [...document.querySelectorAll('.md')].at(-1)?.textContent.includes('longer answer'));
    await idle();
    const longest = await page.evaluate(() => window.longest);
    console.log(`500 messages: the longest frame took ${Math.round(longest)} ms`);
    assert.ok(longest < 1500, `a frame took ${longest} ms`);
    await picture('chat-500-light');
    const storage = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    assert.ok(!storage.includes(KEY), 'the key is in no storage');
    const timeline = await page.evaluate(async () => (await fetch('/api/export', { method: 'POST', body: '{"format":"ndjson"}', headers: { 'content-type': 'application/json', authorization: `Bearer ${sessionStorage.getItem('farport-inspect-token')}` } })).text());
    assert.ok(timeline.includes('tools/call') && !timeline.includes(KEY), 'the key is not in the timeline');

    // Narrow windows.
    for (const theme of ['light', 'dark']) {
      await dark(theme === 'dark');
      await page.setViewport({ width: 320, height: 640 });
      if (theme === 'light') {
        await fresh();
        await say('Could you use the math tool to add 23 and 19?');
        await state('add', 'waiting');
        await picture('chat-narrow-permission-light');
        await click('[data-allow]');
        await seen('.md strong', '42');
        await idle();
      }
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the window');
      await picture(`chat-narrow-${theme}`);
      await click('.composer-foot .accent');
      await page.waitForSelector('.chat-panel');
      await picture(`chat-narrow-panel-${theme}`);
      await click('[aria-label="Close the panel"]');
    }
    await page.setViewport({ width: 1440, height: 900 });
    await dark(false);

    // A second server beside the first.
    const other = await startChatServer({ name: 'other' });
    await fresh();
    await addServer(other.url);
    await seen('.composer-foot .chip', '20 tools');
    play(mock, 'on both', [call('math_add', { a: 1, b: 1 }, 'c1'), call('other_add', { a: 2, b: 2 }, 'c2')], 'both servers added');
    await say('on both');
    await until(() => document.querySelectorAll('.call-card.asks').length === 2);
    await click('.composer-foot .chip', '20 tools');
    await page.waitForSelector('.tool-group');
    await picture('chat-servers-light');
    await click('[data-allow]');
    await until(() => document.querySelectorAll('.call-card.asks').length === 1);
    await click('[data-allow]');
    await seen('.md', 'both servers added');
    assert.deepEqual(other.calls(), ['add']);
    other.close();

    // A protected server beside it: the user signs in, and again in the middle of a call after a sign-out.
    const guarded = await start(['demo', '--auth', 'dev-login', '--port', '0'], {}, /(http:\/\/\S+\/mcp)/);
    await fresh();
    await click('.server-chip .remove');
    await addServer(guarded);
    await picture('chat-sign-in-light');
    await signIn();
    await seen('.tool-group', 'whoami');
    const name = await page.$$eval('.tool-group strong', (all) => all.at(-1).textContent);
    const whoami = `${name.replace(/[^A-Za-z0-9_-]/g, '_')}_whoami`;
    mock.clearFixtures();
    play(mock, 'who am I', [call(whoami, {}, 'c1')], 'You are alice.');
    const stored = JSON.parse(await api('sign-ins', {}));
    await api('sign-out', { key: stored.at(-1).key });
    await say('who am I');
    await state('whoami', 'waiting');
    await click('[data-allow]');
    await state('whoami', 'running');
    await signIn();
    await state('whoami', 'done');
    await seen('.md', 'You are alice.');
    await seen('.call-card', 'alice');
    await picture('chat-protected-light');

    assert.deepEqual(complaints.filter((text) => !text.includes('the server responded with a status of')), [], 'the browser has nothing to complain of');
  } catch (error) {
    await picture('failure');
    if (complaints.length > 0) console.error(complaints);
    throw error;
  } finally {
    await chat.close();
    server.close();
    await mock.stop();
  }
}
