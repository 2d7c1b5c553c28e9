import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changes } from '../changes.js';

test('a changed list is described briefly', () => {
  const tool = (name, description = '') => ({ name, description });
  for (const [before, after, expected] of [
    [[tool('a')], [tool('a')], undefined],
    [undefined, [tool('a')], undefined],
    [[], [tool('a')], 'Tools: new a'],
    [[tool('a'), tool('b')], [tool('b', 'other'), tool('c')], 'Tools: new c, changed b, removed a'],
    [[], ['a', 'b', 'c', 'd', 'e'].map((name) => tool(name)), 'Tools: new a, b, c and 2 more'],
  ]) assert.equal(changes('tools', before, after), expected);
  assert.equal(changes('resources', [{ uri: 'x://a' }], []), 'Resources: removed x://a');
});
