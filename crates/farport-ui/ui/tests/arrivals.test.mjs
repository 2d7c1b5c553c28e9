// A reload, or a stream that is opened again, does not repeat what the server said before.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { arrivals } from '../arrivals.js';

const cleared = { type: 'cleared' };
const state = { type: 'state' };
const message = (seq) => ({ type: 'message', seq });
const http = (seq) => ({ type: 'http', seq });
/** The numbers that are new. */
const fresh = (isNew, events) => events.filter(isNew).map((event) => event.seq);

test('the timeline from before the page was opened is not new', () => {
  const isNew = arrivals();
  assert.deepEqual(fresh(isNew, [cleared, message(7), http(8), message(9), state, message(10)]), [10]);
  assert.deepEqual(fresh(isNew, [message(11)]), [11]);
});

test('of a stream that is opened again, only what the page missed is new', () => {
  const isNew = arrivals();
  fresh(isNew, [cleared, state, message(0), message(1)]);
  assert.deepEqual(fresh(isNew, [cleared, message(0), message(1), message(2), state, message(3)]), [2, 3]);
});

test('a stream that ended within its start changes nothing', () => {
  const isNew = arrivals();
  assert.deepEqual(fresh(isNew, [cleared, message(0), message(1)]), []);
  assert.deepEqual(fresh(isNew, [cleared, message(0), message(1), message(2), state, message(3)]), [3]);
});

test('an exchange that continues is new once', () => {
  const isNew = arrivals();
  assert.deepEqual(fresh(isNew, [cleared, state, http(0), message(1), http(0)]), [0, 1]);
});

test('what arrives right after the user clears the timeline is new', () => {
  const isNew = arrivals();
  fresh(isNew, [cleared, state, message(0)]);
  assert.deepEqual(fresh(isNew, [cleared, message(1)]), [1]);
});
