// JSON as text with colours, and as a tree that renders only what is open.

import { Exact, isObject, stringify } from '../json.js';
import { component, html, signal } from '../ui.js';
import { icon } from '../icons.js';

const PAGE = 100;
const LONGEST = 2000;

function Scalar({ value }) {
  if (typeof value === 'string') return html`<span class="j-str">${JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value)}</span>`;
  if (value === null || typeof value === 'boolean') return html`<span class="j-word">${String(value)}</span>`;
  return html`<span class="j-num">${value instanceof Exact ? value.text : String(value)}</span>`;
}

const Node = component(({ depth, value }) => {
  const size = typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
  const open = signal(depth < 2 && size <= PAGE);
  const shown = signal(PAGE);
  return ({ name, value: now, depth: level }) => {
    const label = name !== undefined && html`<span class=${typeof name === 'number' ? 'j-index' : 'j-key'}>${typeof name === 'number' ? name : JSON.stringify(name)}</span>`;
    const nested = Array.isArray(now) || isObject(now);
    if (!nested) return html`<div class="j-line">${label}${label && ': '}<${Scalar} value=${now} /></div>`;
    const names = Object.keys(now);
    const [first, last] = Array.isArray(now) ? '[]' : '{}';
    if (names.length === 0) return html`<div class="j-line">${label}${label && ': '}${first}${last}</div>`;
    return html`<div class="j-node"><button type="button" class="j-toggle" aria-expanded=${open.value} onClick=${() => { open.value = !open.value; }}>
        <span class=${open.value ? 'turned' : ''}>${icon('right')}</span>${label}${label && ': '}${first}${!open.value && html`<span class="muted"> ${names.length} ${names.length === 1 ? 'entry' : 'entries'} </span>${last}`}</button>
      ${open.value && html`<div class="j-children">${names.slice(0, shown.value).map((one) => html`<${Node} key=${one} name=${Array.isArray(now) ? Number(one) : one} value=${now[one]} depth=${level + 1} />`)}
        ${names.length > shown.value && html`<button type="button" class="button ghost small" onClick=${() => { shown.value += PAGE * 10; }}>Show more of ${names.length}</button>`}</div><div class="j-line">${last}</div>`}
    </div>`;
  };
});

/** A JSON value as a tree. */
export function Tree({ value }) {
  return html`<div class="tree"><${Node} value=${value} depth=${0} /></div>`;
}

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
const COLOURED = 60_000;

/** Indented JSON text, coloured unless it is long. */
export function Code({ value, text = stringify(value, 2) }) {
  if (text.length > COLOURED) return html`<${Long} text=${text} />`;
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(TOKENS)) {
    parts.push(text.slice(at, found.index));
    if (found[1] !== undefined) parts.push(html`<span class=${found[2] === undefined ? 'j-str' : 'j-key'}>${found[1]}</span>`, found[2] ?? '');
    else parts.push(html`<span class=${found[3] ? 'j-word' : 'j-num'}>${found[0]}</span>`);
    at = found.index + found[0].length;
  }
  parts.push(text.slice(at));
  return html`<pre class="code-block" tabindex="0">${parts}</pre>`;
}

/** Long text: the beginning, and more on demand. */
export const Long = component(() => {
  const shown = signal(COLOURED);
  return ({ text, plain }) => html`<pre class=${plain ? 'text-block' : 'code-block'} tabindex="0">${text.slice(0, shown.value)}</pre>
    ${text.length > shown.value && html`<div class="row more"><span class="muted small-text">${shown.value.toLocaleString()} of ${text.length.toLocaleString()} characters</span>
      <button type="button" class="button small" onClick=${() => { shown.value = Math.min(text.length, shown.value * 8); }}>Show more</button></div>`}`;
});
