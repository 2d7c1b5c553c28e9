// What a form produces validates: random schemas, filled in as a user does, and checked by Ajv, too.
//
// Ajv is one of the packages of tests/node. Without it, only the page's own validation checks.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

import { parse, stringify } from '../json.js';
import { begin, describe, initial, itemSchema } from '../schema.js';
import { validate } from '../validate.js';
import { formState } from '../views/form.js';

function load() {
  const required = createRequire(join(process.env.FARPORT_NODE_MODULES ?? join(process.cwd(), 'node_modules'), 'x.js'));
  try {
    const { Ajv2020 } = required('ajv/dist/2020.js');
    return (schema) => new Ajv2020({ strict: false, ownProperties: true, allErrors: true, validateFormats: false }).compile(schema);
  } catch {
    return undefined;
  }
}

const ajv = load();

/** A generator of random numbers, so that a failure can be repeated. */
function random(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit) => Math.floor(next() * limit);
  return { below, chance: (part) => next() < part, pick: (all) => all[below(all.length)] };
}

const NAMES = ['a', 'b c', 'id', '__proto__', 'constructor', 'ä/~', '0', ''];
const TEXTS = ['', 'a', '012', 'null', 'true', '1e5', 'line\nbreak', '"quoted"', '日本', ' '];

function schemaOf(rnd, depth = 0) {
  const simple = [
    () => ({ type: 'string', ...(rnd.chance(0.3) && { minLength: rnd.below(3) }) }),
    () => ({ type: 'string', format: rnd.pick(['date', 'date-time', 'email', 'uri', 'uuid']) }),
    () => ({ type: 'integer', ...(rnd.chance(0.5) && { minimum: rnd.below(5), maximum: 5 + rnd.below(5) }) }),
    () => ({ type: 'number', ...(rnd.chance(0.3) && { exclusiveMinimum: 0, maximum: 10 }), ...(rnd.chance(0.2) && { multipleOf: 0.5 }) }),
    () => ({ type: 'boolean' }),
    () => ({ enum: [1, '1', null, true, 'a', [2]].slice(0, 1 + rnd.below(6)) }),
    () => ({ const: rnd.pick(['v', 1, false, null]) }),
    () => ({ type: rnd.pick(['string', 'integer', 'boolean']), default: undefined, nullableLater: true }),
    () => ({ type: ['string', 'null'] }),
    () => ({ type: ['string', 'integer'] }),
    () => ({ oneOf: [{ const: 1, title: 'One' }, { const: 2, title: 'Two' }] }),
    () => ({ anyOf: [{ type: 'integer' }, { type: 'null' }] }),
    () => ({ $ref: '#/$defs/date' }),
    () => ({ $ref: '#/$defs/point', description: 'beside' }),
    () => ({}),
    () => true,
  ];
  if (depth > 2 || rnd.chance(0.55)) {
    const { nullableLater, default: _, ...schema } = Object(rnd.pick(simple)());
    if (nullableLater) return { ...schema, default: { string: 'd', integer: 3, boolean: false }[schema.type] };
    return schema;
  }
  const inner = () => schemaOf(rnd, depth + 1);
  return rnd.pick([
    () => object(rnd, depth),
    () => object(rnd, depth),
    () => ({ type: 'array', items: inner(), ...(rnd.chance(0.4) && { minItems: rnd.below(3) }) }),
    () => ({ type: 'array', prefixItems: [inner(), inner()], items: rnd.pick([false, { type: 'integer' }]), minItems: 2 }),
    () => ({ type: 'object', additionalProperties: inner() }),
    () => ({ anyOf: [inner(), { type: 'null' }] }),
    () => ({ anyOf: [{ type: 'string' }, { type: 'number' }, object(rnd, depth)] }),
    () => ({ oneOf: ['x', 'y'].map((kind) => ({ type: 'object', required: ['kind', 'v'], properties: { kind: { const: kind }, v: inner() } })) }),
    () => ({ allOf: [{ type: 'object', required: ['one'], properties: { one: inner() } }, { type: 'object', properties: { two: inner() } }] }),
  ])();
}

function object(rnd, depth) {
  const names = NAMES.filter(() => rnd.chance(0.35));
  const properties = Object.fromEntries(names.map((name) => [name, schemaOf(rnd, depth + 1)]));
  if (names.includes('__proto__')) Object.defineProperty(properties, '__proto__', { value: schemaOf(rnd, depth + 1), enumerable: true, configurable: true, writable: true });
  return { type: 'object', properties, required: names.filter(() => rnd.chance(0.5)), ...(rnd.chance(0.3) && { additionalProperties: false }) };
}

const FORMATS = { date: '2026-11-27', 'date-time': '2026-11-27T12:00:00Z', email: 'a@example.com', uri: 'https://example.com', uuid: '00000000-0000-4000-8000-000000000000' };

/** Fills in a field, as a user who only enters what the field allows. */
function fill(form, schema, path, rnd, depth = 0) {
  const field = describe(schema, form.schema);
  if (field.nullable && rnd.chance(0.3)) return form.set(path, null);
  const { schema: flat } = field;
  if (field.kind === 'null') return form.set(path, null);
  if (field.kind === 'choice') return form.set(path, rnd.pick(field.choices).value);
  if (field.kind === 'boolean') return form.set(path, rnd.chance(0.5));
  if (field.kind === 'any') return form.set(path, rnd.pick([0, 'text', [], { a: 1 }, false, null]));
  if (field.kind === 'string') {
    if (flat.format) return form.set(path, FORMATS[flat.format]);
    return form.set(path, rnd.pick(TEXTS.filter((one) => [...one].length >= (flat.minLength ?? 0))));
  }
  if (field.kind === 'integer') return form.set(path, flat.minimum === undefined ? rnd.below(2000) - 1000 : flat.minimum + rnd.below(flat.maximum - flat.minimum + 1));
  if (field.kind === 'number') return form.set(path, flat.exclusiveMinimum === undefined ? rnd.below(20) / 2 : 0.5 + rnd.below(19) / 2);
  if (field.kind === 'union') return fill(form, rnd.pick(field.variants).schema, path, rnd, depth);
  form.set(path, begin(schema, form.schema));
  if (field.kind === 'object') {
    form.set(path, {});
    for (const one of field.fields) if (one.required || (depth < 4 && rnd.chance(0.5))) fill(form, one.schema, [...path, one.name], rnd, depth + 1);
    if (field.others && depth < 4) for (const name of ['m', '__proto__'].slice(0, rnd.below(3))) if (!field.fields.some((one) => one.name === name)) fill(form, field.others, [...path, name], rnd, depth + 1);
  } else if (field.kind === 'array') {
    form.set(path, []);
    const least = Math.max(flat.minItems ?? 0, field.prefix.length);
    const most = field.item === undefined ? field.prefix.length : least + rnd.below(3);
    for (let at = 0; at < most; at += 1) fill(form, itemSchema(field, at), [...path, at], rnd, depth + 1);
  }
}

/** A value with one part replaced. */
function mutate(value, rnd) {
  const other = () => rnd.pick([null, 'x', 7, 1.5, true, [], {}, [1, 'a'], { kind: 'x' }]);
  if (typeof value !== 'object' || value === null || rnd.chance(0.3)) return other();
  const keys = Object.keys(value);
  if (keys.length === 0) return other();
  const key = rnd.pick(keys);
  if (Array.isArray(value)) return value.map((item, at) => (String(at) === key ? mutate(item, rnd) : item));
  const copy = Object.fromEntries(Object.entries(value).filter(([name]) => name !== '__proto__'));
  if (rnd.chance(0.3)) delete copy[key];
  else if (key !== '__proto__') copy[key] = mutate(value[key], rnd);
  return copy;
}

const DEFS = { date: { type: 'string', format: 'date' }, point: { type: 'object', required: ['x'], properties: { x: { type: 'number' }, y: { type: 'number', default: 0 } } } };
const formats = (problems) => problems.filter((one) => !/must be an? (date|email|URI|URL|UUID)/.test(one.message));

test('what a form produces validates', () => {
  for (let seed = 1; seed <= 600; seed += 1) {
    const rnd = random(seed);
    const schema = { ...object(rnd, 0), $defs: DEFS };
    const form = formState(schema, initial(schema) ?? {});
    fill(form, schema, [], rnd);
    const text = stringify(form.value.value);
    const why = `seed ${seed}: ${JSON.stringify(schema)} with ${text}`;
    assert.deepEqual(form.problems.value, [], why);
    const sent = JSON.parse(text);
    assert.deepEqual(validate(schema, sent), [], why);
    assert.equal(stringify(parse(text)), text, `the JSON editor shows the same: ${why}`);
    // Ajv treats this name in its own way.
    if (ajv === undefined || text.includes('__proto__') || JSON.stringify(schema).includes('__proto__')) continue;
    const check = ajv(schema);
    assert.ok(check(sent), `Ajv: ${JSON.stringify(check.errors)} ${why}`);
    // The page's validation agrees with Ajv on wrong values, too.
    for (let time = 0; time < 3; time += 1) {
      const wrong = mutate(sent, rnd);
      const found = formats(validate(schema, wrong)).length === 0;
      assert.equal(found, check(wrong), `seed ${seed}: ${JSON.stringify(schema)} with ${JSON.stringify(wrong)}: ${JSON.stringify(validate(schema, wrong))} ${JSON.stringify(check.errors)}`);
    }
  }
});
