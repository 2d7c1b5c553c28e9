import assert from 'node:assert/strict';
import { test } from 'node:test';

import { signature } from '../signature.js';
import { expand, variables } from '../template.js';

test('signatures name required arguments first', () => {
  const schema = {
    type: 'object',
    required: ['path'],
    properties: {
      limit: { type: 'integer' }, path: { type: 'string' }, tags: { type: 'array', items: { type: 'string' } },
      mode: { enum: ['a', 'b'] }, when: { type: ['string', 'null'], format: 'date' }, any: {}, id: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
    },
  };
  assert.equal(signature(schema), '(path: str, [limit: int], [tags: str[]], [mode: a|b], [when: date?], [any: any], [id: str|int])');
  const either = { type: 'object', oneOf: [{ properties: { a: { type: 'string' }, b: {} }, required: ['a'] }, { properties: { a: { type: 'string' } }, required: ['a'] }] };
  assert.equal(signature(either), '(a: str, [b: any])');
  const constrained = { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } }, anyOf: [{ required: ['a'] }, { required: ['b'] }] };
  assert.equal(signature(constrained), '([a: str], [b: str])');
  assert.equal(signature(undefined), '()');
  assert.equal(signature({ type: 'object' }), '()');
});

test('URI templates expand as RFC 6570 says', () => {
  const values = { var: 'value', hello: 'Hello World!', path: '/foo/bar', x: '1024', y: '768', empty: '', list: ['red', 'green'] };
  for (const [template, uri] of [
    ['{var}', 'value'], ['{hello}', 'Hello%20World%21'], ['{+hello}', 'Hello%20World!'], ['{+path}/here', '/foo/bar/here'], ['{path}', '%2Ffoo%2Fbar'],
    ['{#x,hello,y}', '#1024,Hello%20World!,768'], ['X{.x,y}', 'X.1024.768'], ['{/var,x}/here', '/value/1024/here'], ['{;x,y,empty}', ';x=1024;y=768;empty'],
    ['{?x,y}', '?x=1024&y=768'], ['{?x,empty}', '?x=1024&empty='], ['?fixed=yes{&x}', '?fixed=yes&x=1024'], ['{var:3}', 'val'], ['{list}', 'red,green'], ['{?list*}', '?list=red&list=green'], ['{/list*}', '/red/green'],
    ['{undef}', ''], ['{?undef,y}', '?y=768'], ['test://template/{var}/data', 'test://template/value/data'],
  ]) {
    assert.equal(expand(template, values), uri, template);
  }
  assert.deepEqual(variables('a://{x}/{+y*,z:3}{?x}'), ['x', 'y', 'z']);
});
