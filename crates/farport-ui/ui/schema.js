// The form model: what a JSON Schema asks for, and edits of a value by path.
//
// The value of a form is plain JSON. A missing member is absent, null is null: each field has three
// states (absent, null, value) without a second structure, and the JSON editor shows the same value.

import { equal, isObject, set } from './json.js';
import { accepts } from './validate.js';

const DEEPEST = 60;

/** The schema that a local `$ref` names, or undefined. */
export function lookUp(ref, root) {
  if (typeof ref !== 'string') return undefined;
  if (ref === '#') return root;
  if (ref.startsWith('#/')) {
    let at = root;
    for (const part of ref.slice(2).split('/')) {
      let name;
      try {
        name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      } catch {
        return undefined;
      }
      if ((typeof at !== 'object' || at === null) || !Object.hasOwn(at, name)) return undefined;
      at = at[name];
    }
    return at;
  }
  // By $anchor or $id, within the definitions.
  const wanted = ref.startsWith('#') ? ref.slice(1) : ref;
  for (const all of [root.$defs, root.definitions]) {
    if (!isObject(all)) continue;
    for (const one of Object.values(all)) {
      if (isObject(one) && (ref.startsWith('#') ? one.$anchor === wanted : one.$id === wanted)) return one;
    }
  }
  return undefined;
}

/** A schema with its `$ref` and `allOf` merged into it. */
export function flatten(schema, root, depth = 0) {
  if (schema === true || schema === undefined) return {};
  if (schema === false) return { not: {} };
  if (!isObject(schema) || depth > DEEPEST) return {};
  let merged = schema;
  if (schema.$ref !== undefined) {
    const { $ref, ...beside } = schema;
    const named = lookUp($ref, root);
    merged = named === undefined ? { ...beside, $unresolved: String($ref) } : merge(flatten(named, root, depth + 1), beside);
  }
  if (Array.isArray(merged.allOf)) {
    const { allOf, ...beside } = merged;
    merged = allOf.map((one) => flatten(one, root, depth + 1)).reduceRight((all, one) => merge(one, all), beside);
  }
  return merged;
}

/** Both schemas at once. `over` wins where both describe the same thing. */
function merge(under, over) {
  const all = { ...under, ...over };
  if (isObject(under.properties) && isObject(over.properties)) {
    const properties = { ...under.properties };
    for (const [name, one] of Object.entries(over.properties)) {
      set(properties, name, Object.hasOwn(properties, name) ? { allOf: [properties[name], one] } : one);
    }
    all.properties = properties;
  }
  if (Array.isArray(under.required) && Array.isArray(over.required)) {
    all.required = [...new Set([...under.required, ...over.required])];
  }
  for (const name of ['minimum', 'minLength', 'minItems', 'exclusiveMinimum']) {
    if (name in under && name in over) all[name] = Math.max(under[name], over[name]);
  }
  for (const name of ['maximum', 'maxLength', 'maxItems', 'exclusiveMaximum']) {
    if (name in under && name in over) all[name] = Math.min(under[name], over[name]);
  }
  if (Array.isArray(under.enum) && Array.isArray(over.enum)) {
    all.enum = under.enum.filter((one) => over.enum.some((other) => equal(one, other)));
  }
  for (const name of ['anyOf', 'oneOf']) {
    // Two choices at once: only the validation sees the first one.
    if (name in under && name in over) all[name] = over[name];
  }
  return all;
}

const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean'];

/**
 * What a field is.
 *
 * kind: object, array, string, number, integer, boolean, choice (a fixed list of values), union
 * (one of several schemas), null, never, or any (only JSON can describe it).
 */
export function describe(schema, root = schema) {
  const flat = flatten(schema, root);
  const field = {
    schema: flat,
    nullable: false,
    title: text(flat.title),
    description: text(flat.description),
    default: flat.default,
    examples: Array.isArray(flat.examples) ? flat.examples : [],
    deprecated: flat.deprecated === true,
  };
  if (flat.$unresolved) return { ...field, kind: 'any', note: `The schema refers to ${flat.$unresolved}, which it does not contain.` };
  if (flat.not && isObject(flat.not) && Object.keys(flat.not).length === 0) return { ...field, kind: 'never' };
  if (Object.hasOwn(flat, 'const')) return { ...field, kind: 'choice', choices: [{ value: flat.const, label: label(flat.const) }] };
  if (Array.isArray(flat.enum)) return choice(field, flat.enum.map((value, at) => ({ value, label: names(flat)?.[at] ?? label(value) })), flat);
  const options = Array.isArray(flat.oneOf) ? flat.oneOf : Array.isArray(flat.anyOf) ? flat.anyOf : undefined;
  // Options that only constrain members which the schema describes are for the validation.
  const constrains = isObject(flat.properties) && options?.every((one) => ['properties', 'type', '$ref', 'allOf', 'enum', 'const'].every((name) => !Object.hasOwn(flatten(one, root), name)));
  if (options && !constrains) return union(field, flat, options, root);
  const types = Array.isArray(flat.type) ? flat.type : flat.type === undefined ? [] : [flat.type];
  const real = types.filter((type) => TYPES.includes(type));
  // OpenAPI 3.0 spells it so.
  const nullable = types.includes('null') || flat.nullable === true;
  if (real.length > 1) {
    const variants = real.map((type) => ({ ...flat, type, title: undefined }));
    return { ...field, nullable, kind: 'union', variants: variants.map((one) => ({ schema: one, label: one.type })) };
  }
  if (types.length > 0 && real.length === 0) return { ...field, kind: types.includes('null') ? 'null' : 'any' };
  const kind = real[0] ?? guess(flat);
  if (kind === 'object') return { ...field, nullable, kind, ...members(flat, root) };
  if (kind === 'array') return { ...field, nullable, kind, ...items(flat) };
  return { ...field, nullable, kind, format: text(flat.format) };
}

const text = (value) => (typeof value === 'string' ? value : undefined);
const names = (flat) => [flat.enumNames, flat['x-enumNames']].find(Array.isArray);
const label = (value) => (typeof value === 'string' ? value : value === null ? 'null' : JSON.stringify(value));

/** The kind of a schema without a type, from its other keywords. */
function guess(flat) {
  if ('properties' in flat || 'additionalProperties' in flat || 'patternProperties' in flat || 'required' in flat) return 'object';
  if ('items' in flat || 'prefixItems' in flat) return 'array';
  if ('pattern' in flat || 'minLength' in flat || 'maxLength' in flat || 'format' in flat) return 'string';
  if ('minimum' in flat || 'maximum' in flat || 'multipleOf' in flat) return 'number';
  return 'any';
}

function choice(field, choices, flat) {
  const types = Array.isArray(flat.type) ? flat.type : [];
  const nullable = choices.some((one) => one.value === null) || (types.includes('null') && flat.enum === undefined);
  return { ...field, nullable, kind: 'choice', choices: choices.filter((one) => one.value !== null) };
}

function union(field, flat, options, root) {
  const { oneOf, anyOf, ...beside } = flat;
  const flats = options.map((one) => flatten(one, root));
  const isNull = (one) => one.type === 'null' || (Object.hasOwn(one, 'const') && one.const === null);
  const nullable = flats.some(isNull) || (Array.isArray(flat.type) && flat.type.includes('null')) || flat.nullable === true;
  const real = flats.filter((one) => !isNull(one));
  // A list of constants with titles is a choice.
  if (real.length > 0 && real.every((one) => Object.hasOwn(one, 'const'))) {
    return { ...field, nullable, kind: 'choice', choices: real.map((one) => ({ value: one.const, label: text(one.title) ?? label(one.const), hint: text(one.description) })) };
  }
  const { title, description, default: _default, ...shared } = beside;
  const variants = real.map((one) => merge(shared, one));
  if (variants.length === 0) return { ...field, nullable, kind: nullable ? 'null' : 'never' };
  if (variants.length === 1) {
    const only = describe({ ...variants[0], title: title ?? variants[0].title, description: description ?? variants[0].description }, root);
    return { ...only, nullable: nullable || only.nullable, default: field.default ?? only.default };
  }
  const labels = variants.map((one, at) => variantLabel(one, root) ?? `option ${at + 1}`);
  const numbered = labels.map((one, at) => (labels.indexOf(one) === at && labels.lastIndexOf(one) === at ? one : `${one} ${labels.slice(0, at + 1).filter((other) => other === one).length}`));
  return { ...field, nullable, kind: 'union', variants: variants.map((one, at) => ({ schema: one, label: numbered[at] })) };
}

/** A name for one of several schemas: its title, its discriminator, or its type. */
function variantLabel(flat, root) {
  if (text(flat.title)) return flat.title;
  for (const one of Object.values(isObject(flat.properties) ? flat.properties : {})) {
    const member = flatten(one, root);
    if (typeof member.const === 'string') return member.const;
    if (Array.isArray(member.enum) && member.enum.length === 1) return label(member.enum[0]);
  }
  if (Array.isArray(flat.enum)) return 'one of a list';
  if (typeof flat.type === 'string') return flat.format ? `${flat.type} (${flat.format})` : flat.type;
  return undefined;
}

function members(flat, root) {
  const required = new Set(Array.isArray(flat.required) ? flat.required : []);
  const properties = isObject(flat.properties) ? flat.properties : {};
  const fields = Object.entries(properties).map(([name, schema]) => ({ name, schema, required: required.has(name) }));
  for (const name of required) {
    if (!Object.hasOwn(properties, name)) fields.push({ name, schema: {}, required: true });
  }
  const patterns = isObject(flat.patternProperties) ? Object.values(flat.patternProperties) : [];
  const extra = flat.additionalProperties ?? (fields.length === 0 && patterns.length === 0 && !('properties' in flat) ? {} : undefined);
  const others = isObject(extra) ? extra : extra === true ? {} : patterns[0];
  return { fields, others };
}

function items(flat) {
  // Draft 7 writes a list of schemas in `items`.
  const prefix = Array.isArray(flat.prefixItems) ? flat.prefixItems : Array.isArray(flat.items) ? flat.items : [];
  const rest = Array.isArray(flat.items) ? flat.additionalItems : flat.items;
  return { prefix, item: rest === false ? undefined : (rest ?? (prefix.length > 0 ? undefined : {})) };
}

/** The schema of an array's item at `at`. */
export const itemSchema = (field, at) => field.prefix[at] ?? field.item ?? {};

/**
 * The value that a form starts with: what the schema determines, and nothing more. Optional members
 * are absent. Undefined where only the user knows.
 */
export function initial(schema, root = schema, depth = 0) {
  if (depth > 8) return undefined;
  const field = describe(schema, root);
  if (field.default !== undefined) return field.default;
  if (field.kind === 'object') {
    const value = {};
    for (const one of field.fields) {
      if (!one.required) continue;
      const start = initial(one.schema, root, depth + 1);
      if (start !== undefined) set(value, one.name, start);
    }
    return value;
  }
  if (field.kind === 'array') {
    const start = field.prefix.map((one) => initial(one, root, depth + 1));
    return start.every((one) => one !== undefined) ? start : [];
  }
  if (field.kind === 'choice') return field.choices.length === 1 ? field.choices[0].value : undefined;
  if (field.kind === 'null') return null;
  if (field.kind === 'union') return initial(field.variants[0].schema, root, depth + 1);
  return undefined;
}

/** The value that a field gets when the user chooses to send one. */
export function begin(schema, root = schema) {
  const start = initial(schema, root);
  if (start !== undefined && start !== null) return start;
  const field = describe(schema, root);
  if (field.kind === 'string') return '';
  if (field.kind === 'boolean') return false;
  if (field.kind === 'number' || field.kind === 'integer') return field.schema.minimum > 0 ? field.schema.minimum : 0;
  if (field.kind === 'choice') return field.choices[0]?.value;
  if (field.kind === 'union') return begin(field.variants[0].schema, root);
  if (field.kind === 'any') return '';
  return start;
}

/** The variant of a union that a value belongs to: the first that accepts it, else the most similar. */
export function variantOf(field, value, root) {
  const accepting = field.variants.findIndex((one) => accepts(one.schema, value, root));
  if (accepting >= 0) return accepting;
  const similar = field.variants.findIndex((one) => {
    const inner = describe(one.schema, root);
    if (isObject(value)) return inner.kind === 'object' && discriminated(inner, value, root);
    if (Array.isArray(value)) return inner.kind === 'array';
    return inner.kind === typeof value || (inner.kind === 'integer' && typeof value === 'number');
  });
  return Math.max(similar, 0);
}

/** Whether the constants of an object's schema are those of the value. */
function discriminated(field, value, root) {
  return field.fields.every((one) => {
    const inner = describe(one.schema, root);
    if (inner.kind !== 'choice' || inner.choices.length !== 1 || !one.required) return true;
    return equal(value[one.name], inner.choices[0].value);
  });
}

/** The value at a path, or undefined. */
export function get(value, path) {
  return path.reduce((at, part) => (typeof at === 'object' && at !== null && Object.hasOwn(at, part) ? at[part] : undefined), value);
}

/** A copy of `value` with `replacement` at the path. Undefined removes a member or an item. */
export function put(value, path, replacement) {
  if (path.length === 0) return replacement;
  const [part, ...rest] = path;
  if (typeof part === 'number') {
    const list = Array.isArray(value) ? [...value] : [];
    const item = put(list[part], rest, replacement);
    if (item === undefined) list.splice(part, 1);
    else list[part] = item;
    return list;
  }
  const object = {};
  for (const [name, one] of Object.entries(isObject(value) ? value : {})) set(object, name, one);
  const before = Object.hasOwn(object, part) ? object[part] : undefined;
  const member = put(before, rest, replacement);
  if (member === undefined) delete object[part];
  else set(object, part, member);
  return object;
}

/** The same value with each object's members in the order of its schema. */
export function arrange(value, schema, root = schema, depth = 0) {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return value;
  const outer = describe(schema, root);
  const field = outer.kind === 'union' ? describe(outer.variants[variantOf(outer, value, root)].schema, root) : outer;
  if (Array.isArray(value)) {
    return field.kind === 'array' ? value.map((item, at) => arrange(item, itemSchema(field, at), root, depth + 1)) : value;
  }
  if (!isObject(value) || field.kind !== 'object') return value;
  const object = {};
  for (const one of field.fields) {
    if (Object.hasOwn(value, one.name)) set(object, one.name, arrange(value[one.name], one.schema, root, depth + 1));
  }
  for (const [name, one] of Object.entries(value)) if (!Object.hasOwn(object, name)) set(object, name, one);
  return object;
}

/** The state of a field: absent, null or value. */
export const stateOf = (value) => (value === undefined ? 'absent' : value === null ? 'null' : 'value');
