// Markdown as elements. Only the lexer of `marked` is used: no text becomes markup, and nothing is loaded.
// Links and images stay text until the user opens them.

import { Lexer } from '../vendor/marked.module.js';
import { component, copy, html, link, signal } from '../ui.js';
import { icon } from '../icons.js';

/** Longer text is shown as it is. */
const LONGEST = 200_000;
const DEEPEST = 24;

/** The text without the entities that the lexer writes. */
function plain(text) {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ({ '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" })[entity]);
}

/** Characters that would change the direction of the text around them, made visible. */
export const visible = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);

/** An address that opens only after a click shows where it leads. */
export const Remote = component(() => {
  const open = signal(false);
  return ({ href, label, kind }) => {
    const url = link(href);
    return html`<span class="md-remote"><button type="button" class="md-link" aria-expanded=${open.value} title=${kind === 'image' ? 'An image elsewhere. farport does not load it.' : 'Show where this link leads'}
      onClick=${() => { open.value = !open.value; }}>${kind === 'image' && icon('resources')}${label}</button>${open.value && html`<span class="md-target"><code>${visible(href)}</code>${url ? html` <a href=${url} target="_blank" rel="noopener noreferrer">Open in a new tab</a>` : html` <span class="muted">not an http or https address</span>`}</span>`}</span>`;
  };
});

/** A block of code with a button that copies it. */
export const CodeBlock = component(() => {
  const copied = signal(false);
  return ({ text, lang }) => html`<div class="md-code"><div class="md-code-head"><span class="muted">${lang || 'text'}</span><span class="grow"></span>
    <button type="button" class="button ghost small" aria-label="Copy the code" onClick=${async () => { copied.value = await copy(text); setTimeout(() => { copied.value = false; }, 1500); }}>${icon(copied.value ? 'check' : 'copy')} ${copied.value ? 'Copied' : 'Copy'}</button></div><pre tabindex="0">${visible(text)}</pre></div>`;
});

/** The elements of a list of tokens. @param {any[]} tokens */
function all(tokens, depth) {
  return (tokens ?? []).map((token, at) => one(token, depth, at));
}

function one(token, depth, key) {
  if (depth > DEEPEST) return visible(token.raw ?? '');
  const inner = () => all(token.tokens, depth + 1);
  switch (token.type) {
    case 'space': return null;
    case 'paragraph': return html`<p key=${key}>${inner()}</p>`;
    case 'heading': return html`<p key=${key} class=${`md-heading md-h${token.depth}`} role="heading" aria-level=${Math.min(6, token.depth + 2)}>${inner()}</p>`;
    case 'text': return token.tokens ? html`<span key=${key}>${inner()}</span>` : visible(plain(token.text));
    case 'escape': return visible(plain(token.text));
    case 'strong': return html`<strong key=${key}>${inner()}</strong>`;
    case 'em': return html`<em key=${key}>${inner()}</em>`;
    case 'del': return html`<del key=${key}>${inner()}</del>`;
    case 'codespan': return html`<code key=${key}>${visible(plain(token.text))}</code>`;
    case 'br': return html`<br key=${key} />`;
    case 'hr': return html`<hr key=${key} />`;
    case 'code': return html`<${CodeBlock} key=${key} text=${token.text} lang=${(token.lang ?? '').split(/\s/)[0].slice(0, 40)} />`;
    case 'blockquote': return html`<blockquote key=${key}>${inner()}</blockquote>`;
    case 'list': {
      const items = token.items.map((item, at) => html`<li key=${at}>${item.task && html`<input type="checkbox" disabled checked=${item.checked} aria-label="Task" /> `}${all(item.tokens.filter((inside) => inside.type !== 'checkbox'), depth + 1)}</li>`);
      return token.ordered ? html`<ol key=${key} start=${token.start || 1}>${items}</ol>` : html`<ul key=${key}>${items}</ul>`;
    }
    case 'table': return html`<div key=${key} class="md-table" tabindex="0"><table><thead><tr>${token.header.map((cell, at) => html`<th key=${at} scope="col">${all(cell.tokens, depth + 1)}</th>`)}</tr></thead>
      <tbody>${token.rows.map((row, at) => html`<tr key=${at}>${row.map((cell, column) => html`<td key=${column}>${all(cell.tokens, depth + 1)}</td>`)}</tr>`)}</tbody></table></div>`;
    case 'link': return html`<${Remote} key=${key} href=${plain(token.href)} label=${visible(plain(token.text)) || visible(token.href)} kind="link" />`;
    case 'image': return html`<${Remote} key=${key} href=${plain(token.href)} label=${visible(plain(token.text)) || 'image'} kind="image" />`;
    // Markup is text.
    default: return visible(token.raw ?? '');
  }
}

/** Text in Markdown. */
export function Markdown({ text }) {
  if (text.length > LONGEST) return html`<div class="md"><p class="md-plain">${visible(text)}</p></div>`;
  let tokens;
  try {
    tokens = new Lexer({ gfm: true }).lex(text);
  } catch {
    return html`<div class="md"><p class="md-plain">${visible(text)}</p></div>`;
  }
  return html`<div class="md">${all(tokens, 0)}</div>`;
}
