import assert from 'node:assert/strict';
import { test } from 'node:test';

import { diff, fold } from '../diff.js';

const shown = (lines) => lines.map(({ kind, text }) => ({ same: ' ', removed: '-', added: '+' }[kind] + text)).join('\n');

test('lines are removed, added and kept', () => {
  for (const [before, after, expected] of [
    ['a\nb\nc', 'a\nb\nc', ' a\n b\n c'],
    ['a\nb\nc', 'a\nx\nc', ' a\n-b\n+x\n c'],
    ['a\nb\nc\nd', 'b\nd\ne', '-a\n b\n-c\n d\n+e'],
    ['', 'x', '-\n+x'],
    ['a\na\na', 'a\na', ' a\n a\n-a'],
  ]) assert.equal(shown(diff(before, after)), expected);
});

test('both texts can be rebuilt from any difference', () => {
  let seed = 7;
  const random = (below) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % below;
  };
  for (let round = 0; round < 200; round += 1) {
    const text = () => Array.from({ length: random(12) }, () => 'abc'[random(3)]).join('\n');
    const [before, after] = [text(), text()];
    const lines = diff(before, after);
    assert.equal(lines.filter((one) => one.kind !== 'added').map((one) => one.text).join('\n'), before);
    assert.equal(lines.filter((one) => one.kind !== 'removed').map((one) => one.text).join('\n'), after);
  }
});

test('very different long texts are compared without a table', () => {
  const many = (letter) => Array.from({ length: 5000 }, (_, at) => `${letter}${at}`).join('\n');
  const since = performance.now();
  assert.equal(diff(many('a'), many('b')).length, 10_000);
  assert.ok(performance.now() - since < 1000);
});

test('long runs of equal lines are folded', () => {
  const text = Array.from({ length: 30 }, (_, at) => String(at));
  const lines = fold(diff(text.join('\n'), text.with(15, 'x').join('\n')));
  assert.deepEqual(lines.map((one) => one.kind), ['fold', 'same', 'same', 'same', 'removed', 'added', 'same', 'same', 'same', 'fold']);
  assert.equal(lines[0].count, 12);
  assert.deepEqual(fold(diff('a', 'a')), [{ kind: 'fold', count: 1 }]);
});
