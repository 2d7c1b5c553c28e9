// What a form sends: a schema, the user's edits, and the exact JSON.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parse, stringify } from '../json.js';
import { arrange, begin, describe, get, initial, itemSchema, put, stateOf, variantOf } from '../schema.js';
import { validate } from '../validate.js';

const object = (properties, required = [], more = {}) => ({ type: 'object', properties, required, ...more });
const string = { type: 'string' };
const optional = (schema) => object({ x: schema });
const required = (schema) => object({ x: schema }, ['x']);
const SET = (path, value) => (all) => put(all, path, value);
const VALUE = (path, schema) => (all, root) => put(all, path, begin(schema, root));

// Name, schema, edits, JSON that is sent, whether it validates.
const TABLE = [
  ['no arguments', { type: 'object' }, [], '{}', true],
  ['no schema at all', {}, [SET([], {})], '{}', true],
  ['an optional string is absent', optional(string), [], '{}', true],
  ['an optional string may be empty', optional(string), [SET(['x'], '')], '{"x":""}', true],
  ['an optional string can be removed again', optional(string), [SET(['x'], 'a'), SET(['x'], undefined)], '{}', true],
  ['null is sent as null where the user chooses it', optional(string), [SET(['x'], null)], '{"x":null}', false],
  ['a nullable string may be null', optional({ type: ['string', 'null'] }), [SET(['x'], null)], '{"x":null}', true],
  ['anyOf with null is nullable', optional({ anyOf: [string, { type: 'null' }] }), [SET(['x'], null)], '{"x":null}', true],
  ['nullable as in OpenAPI 3.0', optional({ type: 'string', nullable: true }), [SET(['x'], null)], '{"x":null}', true],
  ['an optional array is absent, not empty', optional({ type: 'array', items: string }), [], '{}', true],
  ['an optional array may be empty', optional({ type: 'array', items: string }), [VALUE(['x'], { type: 'array', items: string })], '{"x":[]}', true],
  ['a required array starts empty', required({ type: 'array', items: string }), [], '{"x":[]}', true],
  ['a required string is missing until it is typed', required(string), [], '{}', false],
  ['an optional object is absent', optional(object({ y: string })), [], '{}', true],
  ['a required object starts with its required members', required(object({ y: { type: 'integer', default: 3 } }, ['y'])), [], '{"x":{"y":3}}', true],
  ['a default of an optional field is the server\'s to apply', optional({ type: 'integer', default: 5 }), [], '{}', true],
  ['a default is the value that a field begins with', optional({ type: 'integer', default: 5 }), [VALUE(['x'], { type: 'integer', default: 5 })], '{"x":5}', true],
  ['a default of a required field is sent', required({ type: 'string', default: 'a' }), [], '{"x":"a"}', true],
  ['false as a default is kept', required({ type: 'boolean', default: false }), [], '{"x":false}', true],
  ['zero as a default is kept', required({ type: 'number', default: 0 }), [], '{"x":0}', true],
  ['a boolean is not sent before the user chooses', required({ type: 'boolean' }), [], '{}', false],
  ['a constant is filled in', required({ const: 'v1' }), [], '{"x":"v1"}', true],
  ['an enum of one value is filled in', required({ enum: ['only'] }), [], '{"x":"only"}', true],
  ['an enum of several is not', required({ enum: ['a', 'b'] }), [], '{}', false],
  ['numbers in an enum stay numbers', required({ enum: [1, 2] }), [SET(['x'], 2)], '{"x":2}', true],
  ['an array of arrays', required({ type: 'array', items: { type: 'array', items: { type: 'number' } } }), [SET(['x', 0], []), SET(['x', 0, 0], 1), SET(['x', 0, 1], 2), SET(['x', 1], [])], '{"x":[[1,2],[]]}', true],
  ['an array of objects', required({ type: 'array', items: object({ n: string }, ['n']) }), [VALUE(['x', 0], object({ n: string }, ['n'])), SET(['x', 0, 'n'], 'a')], '{"x":[{"n":"a"}]}', true],
  ['removing an item moves the others', required({ type: 'array', items: string }), [SET(['x'], ['a', 'b', 'c']), SET(['x', 1], undefined)], '{"x":["a","c"]}', true],
  ['a $ref into $defs', { ...required({ $ref: '#/$defs/date' }), $defs: { date: { type: 'string', format: 'date' } } }, [SET(['x'], '2026-11-27')], '{"x":"2026-11-27"}', true],
  ['a reused schema referred to by its path', object({ from: { type: 'string', format: 'date' }, to: { $ref: '#/properties/from' } }, ['from', 'to']), [SET(['from'], '2026-11-27'), SET(['to'], '2026-11-28')], '{"from":"2026-11-27","to":"2026-11-28"}', true],
  ['a $ref with a default beside it', { ...required({ $ref: '#/$defs/n', default: 7 }), $defs: { n: { type: 'integer' } } }, [], '{"x":7}', true],
  ['a $ref with ~1 and ~0 in it', { ...required({ $ref: '#/$defs/a~1b~0c' }), $defs: { 'a/b~c': { type: 'integer' } } }, [SET(['x'], 1)], '{"x":1}', true],
  ['a schema that contains itself', { ...required({ $ref: '#/$defs/tree' }), $defs: { tree: object({ name: string, children: { type: 'array', items: { $ref: '#/$defs/tree' } } }, ['name']) } }, [SET(['x', 'name'], 'a'), SET(['x', 'children'], [{ name: 'b' }])], '{"x":{"name":"a","children":[{"name":"b"}]}}', true],
  ['a schema that requires itself', { ...required({ $ref: '#/$defs/a' }), $defs: { a: object({ a: { $ref: '#/$defs/a' } }, ['a']) } }, [], undefined, false],
  ['allOf is one object', required({ allOf: [object({ a: string }, ['a']), object({ b: string }, ['b'])] }), [SET(['x', 'a'], '1'), SET(['x', 'b'], '2')], '{"x":{"a":"1","b":"2"}}', true],
  ['allOf around a $ref', { ...required({ allOf: [{ $ref: '#/$defs/n' }], description: 'd' }), $defs: { n: { type: 'integer' } } }, [SET(['x'], 1)], '{"x":1}', true],
  ['oneOf with a discriminator starts with the first', required({ oneOf: [object({ kind: { const: 'a' }, v: string }, ['kind', 'v']), object({ kind: { const: 'b' } }, ['kind'])] }), [SET(['x', 'v'], '1')], '{"x":{"kind":"a","v":"1"}}', true],
  ['anyOf of a string and a number', required({ anyOf: [string, { type: 'number' }] }), [SET(['x'], 4)], '{"x":4}', true],
  ['several types', required({ type: ['string', 'integer'] }), [SET(['x'], '012')], '{"x":"012"}', true],
  ['text that looks like a number stays text', required(string), [SET(['x'], '012')], '{"x":"012"}', true],
  ['a large integer keeps its digits', required({ type: 'integer' }), [SET(['x'], parse('12345678901234567890'))], '{"x":12345678901234567890}', true],
  ['1.0 stays 1.0', required({ type: 'number' }), [SET(['x'], parse('1.0'))], '{"x":1.0}', true],
  ['a fraction is no integer', required({ type: 'integer' }), [SET(['x'], 1.5)], '{"x":1.5}', false],
  ['a map of numbers', required({ type: 'object', additionalProperties: { type: 'number' } }), [SET(['x', 'a'], 1)], '{"x":{"a":1}}', true],
  ['a map refuses another type', required({ type: 'object', additionalProperties: { type: 'number' } }), [SET(['x', 'a'], 'one')], '{"x":{"a":"one"}}', false],
  ['an object without properties takes any member', required({ type: 'object' }), [SET(['x', 'any'], [1])], '{"x":{"any":[1]}}', true],
  ['a member that the schema forbids is sent if the user insists', object({}, [], { additionalProperties: false }), [SET(['y'], 1)], '{"y":1}', false],
  ['a tuple', required({ type: 'array', prefixItems: [string, { type: 'integer' }], items: false }), [SET(['x'], ['a', 1])], '{"x":["a",1]}', true],
  ['a tuple of draft 7', required({ type: 'array', items: [string, { type: 'integer' }], additionalItems: false }), [SET(['x'], ['a', 1, 2])], '{"x":["a",1,2]}', false],
  ['a type that no keyword names', required({}), [SET(['x'], { a: null })], '{"x":{"a":null}}', true],
  ['a member called __proto__', optional(string), [SET(['__proto__'], 'a')], '{"__proto__":"a"}', true],
  ['a wrong date', required({ type: 'string', format: 'date' }), [SET(['x'], '27.11.2026')], '{"x":"27.11.2026"}', false],
  ['a minimum', required({ type: 'integer', minimum: 3 }), [SET(['x'], 2)], '{"x":2}', false],
  ['an exclusive minimum of draft 4', required({ type: 'integer', minimum: 3, exclusiveMinimum: true }), [SET(['x'], 3)], '{"x":3}', false],
  ['a pattern', required({ type: 'string', pattern: '^a+$' }), [SET(['x'], 'b')], '{"x":"b"}', false],
  ['a pattern that is no regular expression is ignored', required({ type: 'string', pattern: '(' }), [SET(['x'], 'b')], '{"x":"b"}', true],
  ['if and then', { ...object({ a: { type: 'boolean' }, b: string }), if: { properties: { a: { const: true } }, required: ['a'] }, then: { required: ['b'] } }, [SET(['a'], true)], '{"a":true}', false],
  ['dependentRequired', { ...object({ a: string, b: string }), dependentRequired: { a: ['b'] } }, [SET(['a'], '1')], '{"a":"1"}', false],
  ['uniqueItems compares values', required({ type: 'array', items: {}, uniqueItems: true }), [SET(['x'], [{ a: 1, b: 2 }, { b: 2, a: 1 }])], '{"x":[{"a":1,"b":2},{"b":2,"a":1}]}', false],
  ['oneOf with two matches', required({ oneOf: [{ type: 'integer' }, { type: 'number' }] }), [SET(['x'], 1)], '{"x":1}', false],
  ['a reference to another document is no obstacle', required({ $ref: 'https://example.com/schema.json' }), [SET(['x'], 1)], '{"x":1}', true],
  ['an $anchor', { ...required({ $ref: '#here' }), $defs: { a: { $anchor: 'here', type: 'boolean' } } }, [SET(['x'], 1)], '{"x":1}', false],
];

for (const [name, schema, edits, sent, valid] of TABLE) {
  test(`form: ${name}`, () => {
    const value = edits.reduce((all, edit) => edit(all, schema), initial(schema));
    if (sent !== undefined) assert.equal(stringify(value), sent);
    assert.equal(validate(schema, value).length === 0, valid, JSON.stringify(validate(schema, value)));
    // The JSON editor shows the same value.
    if (value !== undefined) assert.equal(stringify(parse(stringify(value, 2))), stringify(value));
  });
}

test('each kind of field is recognized', () => {
  const kinds = [
    [{ type: 'string' }, 'string'], [{ type: 'integer' }, 'integer'], [{ type: 'boolean' }, 'boolean'], [{ enum: ['a'] }, 'choice'],
    [{ oneOf: [{ const: 1, title: 'One' }, { const: 2, title: 'Two' }] }, 'choice'], [{ anyOf: [{ type: 'string' }, { type: 'number' }] }, 'union'],
    [{ properties: {} }, 'object'], [{ items: {} }, 'array'], [{ type: 'null' }, 'null'], [{}, 'any'], [true, 'any'], [false, 'never'], [{ format: 'uri' }, 'string'],
    [{ type: ['string', 'null'] }, 'string'], [{ anyOf: [{ type: 'array', items: {} }, { type: 'null' }] }, 'array'], [{ $ref: '#/nowhere' }, 'any'],
  ];
  for (const [schema, kind] of kinds) assert.equal(describe(schema).kind, kind, JSON.stringify(schema));
  assert.equal(describe({ anyOf: [{ type: 'string' }, { type: 'null' }] }).nullable, true);
  assert.deepEqual(describe({ oneOf: [{ const: 1, title: 'One' }, { const: 2 }] }).choices.map((one) => one.label), ['One', '2']);
  assert.deepEqual(describe({ anyOf: [{ type: 'string' }, { type: 'string', format: 'date' }, { type: 'object', title: 'Point' }] }).variants.map((one) => one.label), ['string', 'string (date)', 'Point']);
  assert.deepEqual(describe({ anyOf: [{ type: 'string' }, { type: 'string' }] }).variants.map((one) => one.label), ['string 1', 'string 2']);
});

test('a value selects its variant of a union', () => {
  const schema = { oneOf: [{ type: 'object', properties: { kind: { const: 'a' } }, required: ['kind'] }, { type: 'object', properties: { kind: { const: 'b' }, n: { type: 'integer' } }, required: ['kind', 'n'] }, { type: 'array', items: {} }] };
  const field = describe(schema);
  assert.equal(variantOf(field, { kind: 'a' }, schema), 0);
  assert.equal(variantOf(field, { kind: 'b', n: 1 }, schema), 1);
  assert.equal(variantOf(field, { kind: 'b' }, schema), 1, 'incomplete, yet of this kind');
  assert.equal(variantOf(field, [], schema), 2);
});

test('the three states of a field', () => {
  assert.deepEqual([undefined, null, '', 0, false, [], {}].map(stateOf), ['absent', 'null', 'value', 'value', 'value', 'value', 'value']);
});

test('edits do not change the value before', () => {
  const before = { a: [{ b: 1 }] };
  const after = put(before, ['a', 0, 'b'], 2);
  assert.equal(get(before, ['a', 0, 'b']), 1);
  assert.equal(get(after, ['a', 0, 'b']), 2);
  assert.deepEqual(itemSchema(describe({ type: 'array', prefixItems: [{ type: 'string' }], items: { type: 'integer' } }), 1), { type: 'integer' });
});

test('members are sent in the order of the schema', () => {
  const schema = object({ a: string, b: { type: 'array', items: object({ c: string, d: string }) }, e: { anyOf: [string, object({ f: string, g: string })] } });
  const value = { z: 1, e: { g: '1', f: '2' }, b: [{ d: '1', c: '2' }], a: '1' };
  assert.equal(stringify(arrange(value, schema)), '{"a":"1","b":[{"c":"2","d":"1"}],"e":{"f":"2","g":"1"},"z":1}');
});

test('violations name the place and say what is allowed', () => {
  const schema = object({ list: { type: 'array', items: { type: 'integer', maximum: 3 } }, name: string }, ['name']);
  assert.deepEqual(validate(schema, { list: [1, 'b', 9] }), [
    { path: ['name'], message: 'is required' },
    { path: ['list', 1], message: 'must be an integer' },
    { path: ['list', 2], message: 'must be at most 3' },
  ]);
});

test('a type with the name of an inherited member is unknown, and unknown types accept every value', () => {
  for (const type of ['__proto__', 'constructor', 'hasOwnProperty']) {
    assert.deepEqual(validate({ type }, 'x'), []);
    assert.deepEqual(validate({ anyOf: [{ type, const: 1 }, { type: 'null' }] }, 'x').map((one) => one.message), ['matches none of the options']);
  }
});

test('a schema that refers to itself in a circle ends', () => {
  const schema = { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } };
  describe(schema);
  initial(schema);
  validate(schema, 1);
});
