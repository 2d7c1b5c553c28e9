import assert from 'node:assert/strict';
import { test } from 'node:test';

import { equal, number, parse, stringify } from '../json.js';

test('JSON passes through unchanged', () => {
  for (const text of ['{}', '[]', '[1,2.50,1e5,-0,12345678901234567890]', '{"a":{"b":[null,true,"\\u00e9\\n"]}}', '""', '0', 'null']) {
    const expected = text.replace('\\u00e9', 'é');
    assert.equal(stringify(parse(text)), expected);
    assert.equal(stringify(parse(stringify(parse(text), 2))), expected);
  }
});

test('a mistake is reported with its place', () => {
  for (const [text, message] of [
    ['{"a":1,}', 'Expected a name in double quotes (line 1, column 8)'],
    ['{\n"a" 1}', 'Expected a colon after "a" (line 2, column 5)'],
    ['[1 2]', 'Expected a comma or ] (line 1, column 4)'],
    ['abc', 'Expected a value; text needs double quotes (line 1, column 1)'],
    ['"a', 'This text has no closing quote, or an invalid escape (line 1, column 1)'],
    ['1 2', 'Expected the end (line 1, column 3)'],
    ['', 'Expected a value (line 1, column 1)'],
    ['['.repeat(600), 'Too deeply nested (line 1, column 502)'],
  ]) {
    assert.throws(() => parse(text), { message });
  }
});

test('only JSON numbers are numbers', () => {
  for (const text of ['1', '-1.5', '1e3', '0.10']) assert.notEqual(number(text), undefined, text);
  for (const text of ['', '01', '1.', '.5', '+1', '1e', 'NaN', '1 ']) assert.equal(number(text), undefined, text);
});

test('equality ignores the order of members and the spelling of numbers', () => {
  assert.ok(equal(parse('{"a":1,"b":[1.0]}'), parse('{"b":[1],"a":1.0}')));
  assert.ok(!equal(parse('[1]'), parse('{"0":1}')));
  assert.ok(!equal(null, {}));
});
