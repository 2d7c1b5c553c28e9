import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.sessionStorage = { getItem: () => 'token' };
const { events, rpc } = await import('../api.js');
const { stringify } = await import('../json.js');

/** Answers the next requests with this stream of text. */
function answer(source) {
  const encoder = new TextEncoder();
  const body = new ReadableStream({ ...source, pull: (controller) => source.pull({ enqueue: (text) => controller.enqueue(encoder.encode(text)), close: () => controller.close() }) });
  globalThis.fetch = async () => new Response(body);
}

test('an event may be spread over chunks', async () => {
  const chunks = ['{"a":1}\n\n{"b"', ':2}\n', '{"c":3}\n'];
  answer({ pull: (to) => (chunks.length > 0 ? to.enqueue(chunks.shift()) : to.close()) });
  const found = [];
  await events((all) => found.push(...all));
  assert.deepEqual(found, [{ a: 1 }, { b: 2 }, { c: 3 }]);
});

test('a stream whose reader fails is closed', async () => {
  for (const [text, take] of [['{}\n', () => { throw new Error('broken'); }], ['no JSON\n', () => {}]]) {
    let closed;
    const end = new Promise((resolve) => { closed = resolve; });
    answer({ pull: (to) => to.enqueue(text), cancel: () => closed() });
    await assert.rejects(events(take));
    await end;
  }
});

test('numbers of a result stay as the server spelled them, and times are numbers', async () => {
  globalThis.fetch = async () => new Response('{"result":{"price":1.0},"ms":12.0,"bytes":13}');
  const answer = await rpc(1, 'tools/call', '{}');
  assert.equal(stringify(answer.result), '{"price":1.0}');
  assert.deepEqual([answer.ms, answer.bytes], [12, 13]);
});
