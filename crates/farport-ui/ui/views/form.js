// A form for a JSON Schema. It edits one JSON value, which the JSON editor shows, too.

import { Exact, isObject, number, parse, stringify } from '../json.js';
import { arrange, begin, describe, get, itemSchema, put, stateOf, variantOf } from '../schema.js';
import { typeName } from '../signature.js';
import { validate } from '../validate.js';
import { classes, component, computed, freshId, html, signal } from '../ui.js';
import { icon } from '../icons.js';

const DEEPEST = 12;
const keyOf = (path) => JSON.stringify(path);

/**
 * The state of a form: its value, drafts that are no values yet (such as the number "1e"), and the
 * chosen variants of unions.
 */
export function formState(schema, start) {
  const value = signal(start);
  const drafts = signal({});
  const variants = signal({});
  const json = signal(undefined);
  const problems = computed(() => {
    const found = value.value === undefined ? [{ path: [], message: 'is required' }] : validate(schema, value.value);
    const own = Object.entries(drafts.value).map(([key, draft]) => ({ path: JSON.parse(key), message: draft.message }));
    const drafted = new Set(own.map((one) => keyOf(one.path)));
    return [...own, ...found.filter((one) => !drafted.has(keyOf(one.path)))];
  });
  return {
    /** Begins the ids of this form's elements. */
    id: freshId(),
    schema,
    value,
    drafts,
    variants,
    /** The text of the JSON editor while it is no JSON: `{text, message}`. */
    json,
    problems,
    byPath: computed(() => {
      const all = new Map();
      for (const one of problems.value) if (!all.has(keyOf(one.path))) all.set(keyOf(one.path), one.message);
      return all;
    }),
    set(path, replacement) {
      json.value = undefined;
      const key = keyOf(path).slice(0, -1);
      const stale = Object.keys(drafts.value).filter((one) => one === `${key}]` || one.startsWith(`${key},`));
      if (stale.length > 0) drafts.value = Object.fromEntries(Object.entries(drafts.value).filter(([one]) => !stale.includes(one)));
      value.value = arrange(put(value.value, path, replacement), schema);
    },
    draft(path, text, message) {
      drafts.value = { ...drafts.value, [keyOf(path)]: { text, message } };
    },
    replace(all) {
      drafts.value = {};
      variants.value = {};
      json.value = undefined;
      value.value = all;
    },
  };
}

/** The form itself. */
export const Form = component(() => ({ form }) => {
  const field = describe(form.schema, form.schema);
  const empty = field.kind === 'object' && field.fields.length === 0 && form.schema.additionalProperties === undefined;
  if (empty && Object.keys(form.value.value ?? {}).length === 0) return html`<p class="muted">No arguments.</p>`;
  if (field.kind === 'object') return html`<div class="fields">${Members({ form, field, path: [], depth: 0 })}</div>`;
  return html`<div class="fields">${Field({ form, schema: form.schema, path: [], name: 'arguments', required: true, depth: 0 })}</div>`;
});

function Members({ form, field, path, depth }) {
  const value = get(form.value.value, path);
  const known = new Set(field.fields.map((one) => one.name));
  const others = isObject(value) ? Object.keys(value).filter((name) => !known.has(name)) : [];
  return html`${field.fields.map((one) => Field({ form, schema: one.schema, path: [...path, one.name], name: one.name, required: one.required, depth }))}
    ${others.map((name) => html`<div class="extra" key=${`+${name}`}>${Field({ form, schema: field.others ?? {}, path: [...path, name], name, required: false, depth, extra: true })}</div>`)}
    ${field.others !== undefined && html`<${AddMember} key="+add" add=${(name) => form.set([...path, name], begin(field.others, form.schema) ?? null)} taken=${(name) => known.has(name) || others.includes(name)} />`}`;
}

const AddMember = component(() => {
  const name = signal('');
  return ({ add, taken }) => {
    const submit = () => {
      if (name.value === '' || taken(name.value)) return;
      add(name.value);
      name.value = '';
    };
    return html`<div class="row add-member"><input class="input" aria-label="Name of a new member" placeholder="name" spellcheck=${false} autocomplete="off" value=${name.value}
      onInput=${(event) => { name.value = event.target.value; }} onKeyDown=${(event) => { if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) { event.preventDefault(); submit(); } }} />
      <button type="button" class="button small" disabled=${name.value === '' || taken(name.value)} onClick=${submit}>${icon('plus')} Add a member</button></div>`;
  };
});

function Field({ form, schema, path, name, required, depth, extra, item }) {
  const root = form.schema;
  const field = describe(schema, root);
  const value = get(form.value.value, path);
  const key = keyOf(path);
  const problem = form.byPath.value.get(key);
  const state = stateOf(value);
  const hasDraft = form.drafts.value[key] !== undefined;
  const id = `${form.id}-${encodeURIComponent(key)}`;
  // A required field that the user has not filled in is marked, and not an error yet.
  const pending = state === 'absent' && !hasDraft;
  const nested = field.kind === 'object' || field.kind === 'array';
  const union = field.kind === 'union';
  const title = field.title && field.title !== name ? field.title : undefined;
  const showProblem = problem && !pending;
  return html`<div class=${classes('field', nested && 'nested', field.deprecated && 'deprecated')} key=${key} role=${nested || union ? 'group' : undefined} aria-labelledby=${nested || union ? `${id}label` : undefined}>
    <div class="field-head">
      <label class="field-label" id=${`${id}label`} for=${nested || union ? undefined : id}>${name}${required && !item && html`<sup title="required">*</sup>`}</label>
      <span class="field-type">${typeName(field, root, { long: true })}${title && ` · ${title}`}${field.deprecated && ' · deprecated'}</span>
      <span class="grow"></span>
      ${States({ form, field, path, value, required: required || item, state, hasDraft, schema })}
      ${extra && html`<button type="button" class="icon-button" aria-label=${`Remove ${name}`} onClick=${() => form.set(path, undefined)}>${icon('close')}</button>`}
    </div>
    ${field.description && html`<p class="hint" id=${`${id}hint`}>${field.description}</p>`}
    ${field.note && html`<p class="hint">${field.note}</p>`}
    ${depth > DEEPEST ? Any({ form, path, value, id, state }) : Control({ form, field, path, value, id, state, depth, name, schema, problem: showProblem, key })}
    ${showProblem && html`<p class="field-problem" id=${`${id}problem`}>${problem}</p>`}
  </div>`;
}

function States({ form, field, path, value, required, state, hasDraft, schema }) {
  const options = [...(required ? [] : ['absent']), ...(!required || field.nullable ? ['null'] : []), 'value'];
  if (options.length < 2 || field.kind === 'null') return null;
  const current = hasDraft ? 'value' : state;
  const pick = (next) => {
    if (next === 'absent') form.set(path, undefined);
    else if (next === 'null') form.set(path, null);
    else if (value === undefined || value === null) form.set(path, begin(schema, form.schema) ?? '');
  };
  return html`<span class="states" role="radiogroup" aria-label=${`What to send for ${String(path[path.length - 1])}`}>
    ${options.map((one) => html`<button type="button" role="radio" aria-checked=${current === one} class=${classes(current === one && 'on')} onClick=${() => pick(one)}>${one}</button>`)}
  </span>`;
}

const described = (field, id, problem) => [field.description && `${id}hint`, problem && `${id}problem`].filter(Boolean).join(' ') || undefined;

function placeholder(field, state) {
  if (state === 'null') return 'null';
  if (field.default !== undefined) return `not sent; the server uses ${stringify(field.default)}`;
  if (field.examples.length > 0) return `for example ${typeof field.examples[0] === 'string' ? field.examples[0] : stringify(field.examples[0])}`;
  const formats = { 'date': '2026-11-27', 'date-time': '2026-11-27T12:00:00Z', 'email': 'name@example.com', 'uri': 'https://example.com', 'uuid': '00000000-0000-4000-8000-000000000000' };
  return Object.hasOwn(formats, field.format ?? '') ? `for example ${formats[field.format]}` : '';
}

function Control(all) {
  const { form, field, path, value, id, state, depth, name, schema, problem, key } = all;
  const common = { 'id': id, 'aria-invalid': problem ? 'true' : undefined, 'aria-describedby': described(field, id, problem) };
  if (field.kind === 'never') return html`<p class="muted">No value is valid here.</p>`;
  if (field.kind === 'null') return html`<p class="muted"><code>null</code></p>`;
  if (field.kind === 'union') return Union(all);
  if (field.kind === 'object') {
    if (state === 'value' && !isObject(value)) return Any({ form, path, value, id, state });
    return state === 'value' ? html`<div class="members">${Members({ form, field, path, depth: depth + 1 })}</div>` : Absent({ form, path, schema, state, what: 'Add this object' });
  }
  if (field.kind === 'array') {
    if (state === 'value' && !Array.isArray(value)) return Any({ form, path, value, id, state });
    return state === 'value' ? Items({ form, field, path, value, depth, name }) : Absent({ form, path, schema, state, what: 'Add a list' });
  }
  if (field.kind === 'boolean' && (state !== 'value' || typeof value === 'boolean')) {
    return html`<span class="states big" role="radiogroup" aria-labelledby=${`${id}label`} id=${id}>
      ${[true, false].map((one) => html`<button type="button" role="radio" aria-checked=${value === one} class=${classes(value === one && 'on')} onClick=${() => form.set(path, one)}>${String(one)}</button>`)}
    </span>`;
  }
  if (field.kind === 'choice') {
    const at = field.choices.findIndex((one) => stringify(one.value) === stringify(value));
    if (at === 0 && field.choices.length === 1) return html`<p class="fixed" id=${id}><code>${field.choices[0].label}</code><span class="muted small-text">the only valid value</span></p>`;
    return html`<select ...${common} class="input" value=${at < 0 ? (state === 'value' ? 'other' : '') : String(at)} onChange=${(event) => form.set(path, field.choices[Number(event.target.value)]?.value)}>
      <option value="" disabled selected=${at < 0 && state !== 'value'}>${state === 'null' ? 'null' : field.default === undefined ? 'Choose a value' : placeholder(field, state)}</option>
      ${at < 0 && state === 'value' && html`<option value="other" selected disabled>${stringify(value)} (not in the list)</option>`}
      ${field.choices.map((one, index) => html`<option value=${String(index)} selected=${index === at}>${one.label}${one.hint ? ` · ${one.hint}` : ''}</option>`)}
    </select>`;
  }
  if (field.kind === 'number' || field.kind === 'integer') {
    const draft = form.drafts.value[key]?.text;
    const shown = draft ?? (state !== 'value' ? '' : typeof value === 'number' || value instanceof Exact ? String(value) : undefined);
    if (shown === undefined) return Any({ form, path, value, id, state });
    return html`<input ...${common} class="input" type="text" inputmode="decimal" autocomplete="off" spellcheck=${false} placeholder=${placeholder(field, state)} value=${shown}
      onInput=${(event) => {
        const text = event.target.value.trim();
        const parsed = number(text);
        if (parsed !== undefined || text === '') form.set(path, parsed);
        else {
          form.set(path, undefined);
          form.draft(path, event.target.value, 'must be a number such as 42 or 0.5');
        }
      }} />`;
  }
  if (field.kind === 'string' && (state !== 'value' || typeof value === 'string')) {
    const long = !field.format || (value ?? '').includes('\n');
    const props = { ...common, class: 'input', autocomplete: 'off', spellcheck: false, placeholder: state === 'value' ? 'empty text' : placeholder(field, state), value: value ?? '', onInput: (event) => form.set(path, event.target.value) };
    return long ? html`<textarea ...${props} rows="1"></textarea>` : html`<input ...${props} type="text" />`;
  }
  return Any({ form, path, value, id, state, key });
}

function Absent({ form, path, schema, state, what }) {
  return html`<button type="button" class="button ghost small" onClick=${() => form.set(path, begin(schema, form.schema))}>${icon('plus')} ${what}${state === 'null' ? ' instead of null' : ''}</button>`;
}

function Items({ form, field, path, value, depth, name }) {
  const at = (index) => [...path, index];
  const most = field.item === undefined ? field.prefix.length : Infinity;
  const add = () => {
    const schema = itemSchema(field, value.length);
    form.set(at(value.length), begin(schema, form.schema) ?? null);
  };
  const swap = (index) => {
    const list = [...value];
    [list[index - 1], list[index]] = [list[index], list[index - 1]];
    form.set(path, list);
  };
  return html`<div class="items">
    ${value.map((_, index) => html`<div class="item" key=${index}>
      <div class="grow">${Field({ form, schema: itemSchema(field, index), path: at(index), name: `${name}[${index}]`, required: true, depth: depth + 1, item: true })}</div>
      <div class="item-buttons">
        <button type="button" class="icon-button" aria-label=${`Move item ${index} up`} disabled=${index === 0} onClick=${() => swap(index)}>${icon('up')}</button>
        <button type="button" class="icon-button" aria-label=${`Remove item ${index}`} onClick=${() => form.set(at(index), undefined)}>${icon('close')}</button>
      </div>
    </div>`)}
    ${value.length === 0 && html`<p class="muted small-text">Sends an empty list.</p>`}
    ${value.length < most && html`<button type="button" class="button ghost small" onClick=${add}>${icon('plus')} Add an item</button>`}
  </div>`;
}

function Union({ form, field, path, value, id, state, depth, name, key }) {
  const index = form.variants.value[key] ?? (state === 'value' ? variantOf(field, value, form.schema) : 0);
  const variant = field.variants[Math.min(index, field.variants.length - 1)];
  const pick = (event) => {
    const next = Number(event.target.value);
    form.set(path, begin(field.variants[next].schema, form.schema));
    form.variants.value = { ...form.variants.value, [key]: next };
  };
  const inner = describe(variant.schema, form.schema);
  return html`<div class="union">
    <select class="input" aria-label=${`Kind of ${name}`} value=${String(index)} onChange=${pick}>${field.variants.map((one, at) => html`<option value=${String(at)} selected=${at === index}>${one.label}</option>`)}</select>
    ${inner.description && html`<p class="hint">${inner.description}</p>`}
    ${Control({ form, field: inner, path, value, id, state, depth: depth + 1, name, schema: variant.schema, key, problem: undefined })}
  </div>`;
}

function Any({ form, path, value, id, state }) {
  const key = keyOf(path);
  const draft = form.drafts.value[key]?.text;
  return html`<textarea id=${id} class="input code" rows="1" spellcheck=${false} autocomplete="off" placeholder="JSON" value=${draft ?? (state === 'absent' ? '' : stringify(value, 2))}
    onInput=${(event) => {
      const text = event.target.value;
      try {
        form.set(path, text.trim() === '' ? undefined : parse(text));
        form.draft(path, text, undefined);
        const { [key]: _, ...rest } = form.drafts.value;
        form.drafts.value = rest;
      } catch (error) {
        form.draft(path, text, error.message);
      }
    }}></textarea>`;
}

/** The JSON editor of a form. */
export const JsonEditor = component(() => ({ form, label }) => {
  const draft = form.json.value;
  const text = draft?.text ?? (form.value.value === undefined ? '' : stringify(form.value.value, 2));
  return html`<div class="json-editor"><textarea class="input code tall" aria-label=${label} aria-invalid=${draft?.message ? 'true' : undefined} spellcheck=${false} autocomplete="off" value=${text}
    onInput=${(event) => {
      const next = event.target.value;
      try {
        const parsed = next.trim() === '' ? undefined : parse(next);
        form.replace(parsed);
        // Keeps the user's own layout while they type.
        if (parsed === undefined || stringify(parsed, 2) !== next) form.json.value = { text: next };
      } catch (error) {
        form.json.value = { text: next, message: error.message };
      }
    }}></textarea>
    ${draft?.message && html`<p class="field-problem">${draft.message}</p>`}</div>`;
});
