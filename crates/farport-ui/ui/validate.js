// Checks a value against a JSON Schema: the keywords of 2020-12 and draft 7 that describe arguments.

import { Exact, equal, isNumber, isObject } from './json.js';
import { lookUp } from './schema.js';

const MOST = 50;
const DEEPEST = 100;

/** The violations, each with the path of the value and a sentence. @returns {{path: (string|number)[], message: string}[]} */
export function validate(schema, value, root = schema) {
  const found = [];
  check(schema, value, root, [], found, 0);
  return found.slice(0, MOST);
}

/** Whether the schema accepts the value. */
export const accepts = (schema, value, root = schema) => value !== undefined && validate(schema, value, root).length === 0;

const isInteger = (value) => (value instanceof Exact ? /^-?\d+(\.0*)?$/.test(value.text) || Number.isInteger(Number(value)) : Number.isInteger(value));

// Without inherited members: a schema's type may be "constructor".
const TYPES = {
  __proto__: null,
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: isNumber,
  integer: (value) => isNumber(value) && isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
};

const FORMATS = {
  'date-time': [/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/, 'a date and time such as 2026-11-27T12:00:00Z'],
  date: [/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 'a date such as 2026-11-27'],
  time: [/^\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?$/, 'a time such as 12:00:00Z'],
  email: [/^[^\s@]+@[^\s@]+$/, 'an email address'],
  uri: [/^[A-Za-z][A-Za-z0-9+.-]*:\S*$/, 'a URI such as https://example.com'],
  url: [/^[A-Za-z][A-Za-z0-9+.-]*:\S*$/, 'a URL such as https://example.com'],
  uuid: [/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 'a UUID'],
  ipv4: [/^(\d{1,3}\.){3}\d{1,3}$/, 'an IPv4 address'],
};

const shown = (value) => {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 37)}…` : text;
};

function check(schema, value, root, path, found, depth) {
  const say = (message, at = path) => {
    if (found.length < MOST) found.push({ path: at, message });
  };
  if (found.length >= MOST || depth > DEEPEST || schema === true || schema === undefined) return;
  if (schema === false) return say('no value is allowed here');
  if (!isObject(schema)) return;
  const inner = (one, what = value, at = path) => check(one, what, root, at, found, depth + 1);
  const passes = (one, what = value) => {
    const own = [];
    check(one, what, root, [], own, depth + 1);
    return own.length === 0;
  };
  if (schema.$ref !== undefined) {
    const named = lookUp(schema.$ref, root);
    if (named !== undefined) inner(named);
  }
  if (schema.type !== undefined) {
    const types = Array.isArray(schema.type) ? schema.type : [schema.type];
    const nullable = schema.nullable === true && value === null;
    if (!nullable && !types.some((type) => TYPES[type]?.(value) ?? true)) {
      return say(`must be ${types.map(article).join(' or ')}`);
    }
  }
  if (Array.isArray(schema.enum) && !schema.enum.some((one) => equal(one, value))) {
    if (!(schema.nullable === true && value === null)) say(`must be one of ${schema.enum.slice(0, 8).map(shown).join(', ')}`);
  }
  if (Object.hasOwn(schema, 'const') && !equal(schema.const, value)) say(`must be ${shown(schema.const)}`);
  if (isNumber(value)) numbers(schema, Number(value), say);
  if (typeof value === 'string') strings(schema, value, say);
  if (Array.isArray(value)) arrays(schema, value, path, say, inner, passes);
  if (isObject(value)) objects(schema, value, path, say, inner);
  for (const one of Array.isArray(schema.allOf) ? schema.allOf : []) inner(one);
  alternatives(schema, value, say, inner, passes);
  if (schema.not !== undefined && passes(schema.not)) say('must not match the schema under "not"');
  if (schema.if !== undefined) inner(passes(schema.if) ? schema.then : schema.else);
}

const article = (type) => (type === 'null' ? 'null' : /^[aio]/.test(type) ? `an ${type}` : `a ${type}`);

function numbers(schema, value, say) {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf } = schema;
  if (isNumber(minimum) && (above === true ? value <= minimum : value < minimum)) say(`must be ${above === true ? 'more than' : 'at least'} ${minimum}`);
  if (isNumber(maximum) && (below === true ? value >= maximum : value > maximum)) say(`must be ${below === true ? 'less than' : 'at most'} ${maximum}`);
  if (isNumber(above) && value <= above) say(`must be more than ${above}`);
  if (isNumber(below) && value >= below) say(`must be less than ${below}`);
  if (isNumber(multipleOf) && multipleOf > 0) {
    const times = value / multipleOf;
    if (Math.abs(times - Math.round(times)) > 1e-9 * Math.max(1, Math.abs(times))) say(`must be a multiple of ${multipleOf}`);
  }
}

function strings(schema, value, say) {
  const length = schema.minLength !== undefined || schema.maxLength !== undefined ? [...value].length : 0;
  if (length < schema.minLength) say(schema.minLength === 1 ? 'must not be empty' : `must have at least ${schema.minLength} characters`);
  if (length > schema.maxLength) say(`must have at most ${schema.maxLength} characters`);
  if (typeof schema.pattern === 'string') {
    let pattern;
    try {
      pattern = new RegExp(schema.pattern, 'u');
    } catch {
      pattern = undefined;
    }
    // A pattern of a server may take forever on a long text.
    if (pattern && value.length <= 2000 && !pattern.test(value)) say(`must match the pattern ${schema.pattern}`);
  }
  const format = Object.hasOwn(FORMATS, schema.format ?? '') ? FORMATS[schema.format] : undefined;
  if (format && !format[0].test(value)) say(`must be ${format[1]}`);
}

function arrays(schema, value, path, say, inner, passes) {
  if (value.length < schema.minItems) say(`must have at least ${schema.minItems} ${schema.minItems === 1 ? 'item' : 'items'}`);
  if (value.length > schema.maxItems) say(`must have at most ${schema.maxItems} ${schema.maxItems === 1 ? 'item' : 'items'}`);
  if (schema.uniqueItems === true && value.length <= 1000 && value.some((one, at) => value.slice(0, at).some((other) => equal(one, other)))) say('must not repeat an item');
  const prefix = Array.isArray(schema.prefixItems) ? schema.prefixItems : Array.isArray(schema.items) ? schema.items : [];
  const rest = Array.isArray(schema.items) ? schema.additionalItems : schema.items;
  value.forEach((item, at) => inner(at < prefix.length ? prefix[at] : rest, item, [...path, at]));
  if (schema.contains !== undefined && !value.some((item) => passes(schema.contains, item))) say('must contain a matching item');
}

function objects(schema, value, path, say, inner) {
  const names = Object.keys(value);
  for (const name of Array.isArray(schema.required) ? schema.required : []) {
    if (!Object.hasOwn(value, name)) say('is required', [...path, name]);
  }
  if (names.length < schema.minProperties) say(`must have at least ${schema.minProperties} members`);
  if (names.length > schema.maxProperties) say(`must have at most ${schema.maxProperties} members`);
  const properties = isObject(schema.properties) ? schema.properties : {};
  const patterns = Object.entries(isObject(schema.patternProperties) ? schema.patternProperties : {}).flatMap(([pattern, one]) => {
    try {
      return [[new RegExp(pattern, 'u'), one]];
    } catch {
      return [];
    }
  });
  for (const name of names) {
    const at = [...path, name];
    let known = false;
    if (Object.hasOwn(properties, name)) {
      known = true;
      inner(properties[name], value[name], at);
    }
    for (const [pattern, one] of patterns) {
      if (!pattern.test(name)) continue;
      known = true;
      inner(one, value[name], at);
    }
    if (!known && schema.additionalProperties === false) say('is not in the schema', at);
    else if (!known) inner(schema.additionalProperties, value[name], at);
    if (schema.propertyNames !== undefined) inner(schema.propertyNames, name, at);
  }
  for (const [name, others] of Object.entries(isObject(schema.dependentRequired) ? schema.dependentRequired : {})) {
    if (!Object.hasOwn(value, name) || !Array.isArray(others)) continue;
    for (const other of others) if (!Object.hasOwn(value, other)) say(`is required with ${name}`, [...path, other]);
  }
}

function alternatives(schema, value, say, inner, passes) {
  const report = (options) => {
    // One candidate of the right shape: its own violations say more.
    const type = (one) => (isObject(one) && typeof one.type === 'string' ? one.type : undefined);
    const fitting = options.filter((one) => TYPES[type(one)]?.(value));
    if (fitting.length === 1) inner(fitting[0]);
    else say('matches none of the options');
  };
  if (Array.isArray(schema.anyOf) && !schema.anyOf.some((one) => passes(one))) report(schema.anyOf);
  if (Array.isArray(schema.oneOf)) {
    const matching = schema.oneOf.filter((one) => passes(one)).length;
    if (matching === 0) report(schema.oneOf);
    if (matching > 1) say(`matches ${matching} options, and must match one`);
  }
}
