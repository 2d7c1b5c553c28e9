// What a server offers in each revision, side by side.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { compare, differing } from '../revisions.js';
import { interval, isOver, normalise, taskOf } from '../task.js';

const server = (more) => ({ capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' }, ...more });

test('a table has a column for each revision and a row for each difference', () => {
  const add = { name: 'add', inputSchema: { type: 'object' } };
  const { columns, groups } = compare([
    { requested: '2026-07-28', offered: { server: server({ serverInfo: undefined, _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '1' } }, capabilities: { tools: { listChanged: true }, extensions: { 'x/y': {} } } }), tools: [{ ...add, title: 'Add' }, { name: 'new' }], problem: null } },
    { requested: '2025-11-25', offered: { server: server(), tools: [add], problem: null } },
    { requested: '2025-06-18', other: '2025-11-25' },
    { requested: '2024-11-05', failed: 'no answer' },
  ]);
  assert.deepEqual(columns.map((one) => one.state), ['offered', 'offered', 'other', 'failed']);
  const rows = new Map(groups.flatMap(([, all]) => all.map((one) => [one.name, one])));
  assert.equal(rows.get('name and version').differs, false);
  assert.deepEqual(rows.get('tools').cells.slice(0, 2), [{ state: 'yes', text: 'listChanged' }, { state: 'yes', text: undefined }]);
  assert.deepEqual(rows.get('x/y').cells, [{ state: 'yes', text: undefined }, { state: 'no' }, undefined, undefined]);
  assert.deepEqual(rows.get('add').cells.slice(0, 2), [{ state: 'yes' }, { state: 'changed', text: 'title' }]);
  assert.deepEqual(rows.get('new').cells[1], { state: 'no' });
  assert.ok(rows.get('new').differs && rows.get('add').differs);
  assert.deepEqual(differing({ a: 1, b: [1] }, { b: [2], c: 3 }), ['a', 'b', 'c']);
});

test('a task is found in the result of either revision', () => {
  assert.equal(taskOf({ resultType: 'task', taskId: 'a', status: 'working' }).taskId, 'a');
  assert.equal(taskOf({ task: { taskId: 'b' } }).taskId, 'b');
  for (const result of [undefined, {}, { content: [] }, { taskId: 'x' }, { task: 'x' }, { task: {} }]) assert.equal(taskOf(result), undefined);
  assert.deepEqual(normalise({ taskId: 'a', status: 'working', ttlMs: 5, pollIntervalMs: 9 }), { taskId: 'a', status: 'working', statusMessage: undefined, createdAt: undefined, lastUpdatedAt: undefined, ttl: 5, poll: 9 });
  assert.equal(normalise({ taskId: 'a', status: 'working', ttl: null }).ttl, undefined);
  assert.deepEqual([interval({ poll: 1 }), interval({}), interval({ poll: 1e9 })], [200, 1000, 30_000]);
  assert.ok(isOver({ task: { status: 'failed' } }) && !isOver({ task: { status: 'input_required' } }));
});
