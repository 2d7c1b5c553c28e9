// A tool's signature on one line: name, required arguments, optional arguments in brackets.

import { describe } from './schema.js';

const KINDS = { integer: 'int', boolean: 'bool', string: 'str' };

/** A short name of a field's type. */
export function typeName(field, root, { depth = 0, long = false } = {}) {
  const inner = (schema, further) => typeName(describe(schema, root), root, { depth: depth + further, long });
  const base = () => {
    if (field.kind === 'array') return field.prefix.length > 0 ? 'tuple' : `${depth > 2 ? 'any' : inner(field.item ?? {}, 1)}[]`;
    if (field.kind === 'choice') {
      const all = field.choices.map((one) => one.label);
      const joined = all.join('|');
      return joined.length <= 24 ? joined : 'enum';
    }
    if (field.kind === 'union') return depth > 1 ? 'union' : field.variants.map((one) => inner(one.schema, 2)).filter((one, at, all) => all.indexOf(one) === at).join('|');
    if (field.kind === 'string' && field.format) return field.format;
    return (long ? undefined : KINDS[field.kind]) ?? field.kind;
  };
  if (!field.nullable || field.kind === 'null') return base();
  return long ? `${base()} or null` : `${base()}?`;
}

/** The arguments of a schema: `{name, type, required}`. */
export function parameters(schema) {
  const root = typeof schema === 'object' && schema !== null ? schema : {};
  const field = describe(root, root);
  const fieldsOf = (one) => (one.kind === 'object' ? one.fields : []);
  const variants = field.kind === 'union' ? field.variants.map((one) => fieldsOf(describe(one.schema, root))) : [fieldsOf(field)];
  const all = [];
  for (const one of variants.flat()) {
    if (all.some((other) => other.name === one.name)) continue;
    const required = variants.every((fields) => fields.some((other) => other.name === one.name && other.required));
    all.push({ name: one.name, type: typeName(describe(one.schema, root), root), required });
  }
  return [...all.filter((one) => one.required), ...all.filter((one) => !one.required)];
}

/** For example `(path: str, [limit: int])`. */
export function signature(schema) {
  return `(${parameters(schema).map((one) => (one.required ? `${one.name}: ${one.type}` : `[${one.name}: ${one.type}]`)).join(', ')})`;
}
