// JSON that keeps numbers as they are written. JavaScript would change 12345678901234567890 or 1.0.

/** A number whose text JavaScript's own number would not keep. */
export class Exact {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  valueOf() {
    return Number(this.text);
  }

  toString() {
    return this.text;
  }
}

/** A syntax error, with its position. */
export class JsonError extends Error {
  /** @param {string} message @param {number} at @param {string} text */
  constructor(message, at, text) {
    const before = text.slice(0, at).split('\n');
    super(`${message} (line ${before.length}, column ${before[before.length - 1].length + 1})`);
    this.at = at;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\r\n]*/y;
const DEEPEST = 500;

/** The number that `text` is, or undefined. @param {string} text */
export function number(text) {
  NUMBER.lastIndex = 0;
  const found = NUMBER.exec(text);
  if (found === null || found[0].length !== text.length) return undefined;
  const value = Number(text);
  return String(value) === text ? value : new Exact(text);
}

/** Whether a value is a number. @param {unknown} value */
export const isNumber = (value) => typeof value === 'number' || value instanceof Exact;

/** Whether a value is a JSON object. @param {unknown} value */
export const isObject = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Exact);

/** Parses JSON. Throws a JsonError. @param {string} text */
export function parse(text) {
  let at = 0;
  const fail = (what, where = at) => {
    throw new JsonError(what, where, text);
  };
  const space = () => {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    at = SPACE.lastIndex;
  };
  const string = () => {
    STRING.lastIndex = at;
    const found = STRING.exec(text);
    if (found === null) fail('This text has no closing quote, or an invalid escape');
    at = STRING.lastIndex;
    return JSON.parse(found[0]);
  };
  const value = (depth) => {
    if (depth > DEEPEST) fail('Too deeply nested');
    space();
    const next = text[at];
    if (next === '{') {
      const object = {};
      at += 1;
      space();
      if (text[at] === '}') return (at += 1), object;
      for (;;) {
        space();
        if (text[at] !== '"') fail('Expected a name in double quotes');
        const name = string();
        space();
        if (text[at] !== ':') fail(`Expected a colon after "${name}"`);
        at += 1;
        set(object, name, value(depth + 1));
        space();
        if (text[at] === ',') at += 1;
        else if (text[at] === '}') return (at += 1), object;
        else fail('Expected a comma or }');
      }
    }
    if (next === '[') {
      const list = [];
      at += 1;
      space();
      if (text[at] === ']') return (at += 1), list;
      for (;;) {
        list.push(value(depth + 1));
        space();
        if (text[at] === ',') at += 1;
        else if (text[at] === ']') return (at += 1), list;
        else fail('Expected a comma or ]');
      }
    }
    if (next === '"') return string();
    for (const [word, meaning] of [['true', true], ['false', false], ['null', null]]) {
      if (text.startsWith(word, at)) return (at += word.length), meaning;
    }
    NUMBER.lastIndex = at;
    const found = NUMBER.exec(text);
    if (found === null) fail(at >= text.length ? 'Expected a value' : 'Expected a value; text needs double quotes');
    at = NUMBER.lastIndex;
    return number(found[0]);
  };
  const result = value(0);
  space();
  if (at < text.length) fail('Expected the end');
  return result;
}

/** Sets a member, also one called __proto__. */
export function set(object, name, value) {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[name] = value;
  }
}

/** Writes JSON, with `indent` spaces per level if any. Absent members are left out. */
export function stringify(value, indent = 0, level = 0) {
  if (value instanceof Exact) return value.text;
  if (value === undefined) return 'null';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const list = Array.isArray(value);
  const parts = list
    ? value.map((item) => stringify(item, indent, level + 1))
    : Object.keys(value)
        .filter((name) => value[name] !== undefined)
        .map((name) => `${JSON.stringify(name)}:${indent ? ' ' : ''}${stringify(value[name], indent, level + 1)}`);
  const [open, close] = list ? '[]' : '{}';
  if (parts.length === 0) return open + close;
  if (!indent) return open + parts.join(',') + close;
  const pad = '\n' + ' '.repeat(indent * (level + 1));
  return open + pad + parts.join(',' + pad) + '\n' + ' '.repeat(indent * level) + close;
}

/** Whether two JSON values are equal. Members may be in any order. */
export function equal(a, b) {
  if (isNumber(a) && isNumber(b)) {
    return a instanceof Exact && b instanceof Exact ? a.text === b.text || Number(a) === Number(b) : Number(a) === Number(b);
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a)) return a.length === b.length && a.every((item, at) => equal(item, b[at]));
  const [names, others] = [Object.keys(a), Object.keys(b)];
  return names.length === others.length && names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]));
}
