// The result of a call: content of every type, structured content, errors, and nothing at all.

import { isObject, stringify } from '../json.js';
import { diff, fold } from '../diff.js';
import { validate } from '../validate.js';
import { classes, component, copy, duration, html, link, signal, size } from '../ui.js';
import { icon } from '../icons.js';
import { Code, Long, Tree } from './tree.js';
import { go } from '../store.js';

const TREE_FROM = 40_000;
const IMAGES = /^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml)$/;
const SOUNDS = /^audio\/[a-z0-9.+-]+$/i;

/** Media as a data URL. Only images and sounds: a frame or a script never. */
function media(kind, mime, data) {
  const known = kind === 'image' ? IMAGES : SOUNDS;
  return typeof data === 'string' && typeof mime === 'string' && known.test(mime) && /^[A-Za-z0-9+/=\s]*$/.test(data) ? `data:${mime};base64,${data}` : undefined;
}

function asJson(text) {
  if (!/^\s*[[{]/.test(text) || text.length > 2_000_000) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function Text({ text }) {
  const json = asJson(text);
  if (json !== undefined) return text.length > TREE_FROM ? html`<${Tree} value=${json} />` : html`<${Code} text=${stringify(json, 2)} />`;
  if (text === '') return html`<p class="muted">Empty text.</p>`;
  const short = text.length <= 24 && !text.includes('\n');
  return short ? html`<p class="big-text">${text}</p>` : html`<${Long} text=${text} plain />`;
}

/** What `resources/read` and embedded resources contain. */
export function Contents({ contents }) {
  const { uri, mimeType, text, blob } = contents;
  const image = media('image', mimeType, blob);
  const sound = media('audio', mimeType, blob);
  const bytes = typeof blob === 'string' ? Math.floor((blob.length * 3) / 4) : undefined;
  return html`<div class="block"><div class="block-head"><code>${uri}</code><span class="muted">${mimeType}${bytes !== undefined && ` · ${size(bytes)}`}</span></div>
    ${typeof text === 'string' ? html`<${Text} text=${text} />` : image ? html`<img class="media" src=${image} alt=${uri} />` : sound ? html`<audio controls src=${sound}></audio>` : html`<p class="muted">Binary data.</p>`}
  </div>`;
}

export function Block({ block }) {
  if (!isObject(block)) return html`<${Code} value=${block} />`;
  if (block.type === 'text' && typeof block.text === 'string') return html`<div class="block"><${Text} text=${block.text} /></div>`;
  if (block.type === 'image' || block.type === 'audio') {
    const url = media(block.type, block.mimeType, block.data);
    const label = `${block.mimeType ?? block.type} · ${size(Math.floor(((block.data ?? '').length * 3) / 4))}`;
    if (!url) return html`<div class="block"><p class="problem">${icon('warn')} The ${block.type} has the type ${String(block.mimeType)}, which the page does not show.</p></div>`;
    return html`<figure class="block">${block.type === 'image' ? html`<img class="media" src=${url} alt="Image in the result" />` : html`<audio controls src=${url}></audio>`}<figcaption class="muted small-text">${label}</figcaption></figure>`;
  }
  if (block.type === 'resource_link') {
    const href = link(block.uri);
    return html`<div class="block link-block">${icon('link')}<div class="grow"><strong>${block.title ?? block.name ?? block.uri}</strong><p class="muted small-text">${block.description}</p><code class="small-text">${block.uri}</code>${href && html` <a href=${href} target="_blank" rel="noopener noreferrer">open</a>`}</div>
      <button type="button" class="button small" onClick=${() => go('resources', { uri: block.uri, read: true })}>Read</button></div>`;
  }
  if (block.type === 'resource' && isObject(block.resource)) return html`<${Contents} contents=${block.resource} />`;
  return html`<div class="block"><p class="muted small-text">Content of the type ${String(block.type)}</p><${Code} value=${block} /></div>`;
}

const TONES = { result: ['ok', 'complete'], tool: ['bad', 'the tool reports an error'], error: ['bad', 'error'], cancelled: ['warn', 'cancelled'], failed: ['bad', 'no response'] };
/** Longer results are not compared. */
const DIFF_UP_TO = 2_000_000;

function Difference({ before, after }) {
  const texts = [before, after].map((one) => stringify(one.error ?? one.result, 2));
  if (texts.some((text) => text.length > DIFF_UP_TO)) return html`<p class="muted">The results are too large to compare.</p>`;
  const lines = diff(...texts);
  if (lines.every((line) => line.kind === 'same')) return html`<p class="muted">Both results are the same.</p>`;
  return html`<pre class="code-block diff" tabindex="0">${fold(lines).map((line, at) => (line.kind === 'fold' ? html`<span class="fold" key=${at}>${line.count} equal ${line.count === 1 ? 'line' : 'lines'}</span>` : html`<span class=${line.kind} key=${at}>${{ same: ' ', removed: '-', added: '+' }[line.kind]} ${line.text}</span>`))}</pre>`;
}

/** Says that the server repeated a secret of the client. */
export function Masked() {
  return html`<p class="masked-note small-text" role="note">${icon('key')} <span><strong>Masked:</strong> the server repeats a secret that this client sent. The page shows <code>***</code> in its place; <code>farport call</code> prints the result as it is.</span></p>`;
}

/** The answer of a `tools/call`. */
export const CallResult = component(() => {
  const tab = signal(undefined);
  const copied = signal(false);
  let last;
  return ({ answer, before, outputSchema }) => {
    if (answer !== last) {
      last = answer;
      if (tab.value !== 'diff') tab.value = undefined;
    }
    const { result, error } = answer;
    const kind = error ? 'error' : answer.cancelled ? 'cancelled' : answer.failed !== undefined ? 'failed' : isObject(result) && result.isError === true ? 'tool' : 'result';
    const [tone, label] = TONES[kind];
    const content = isObject(result) && Array.isArray(result.content) ? result.content : [];
    const structured = isObject(result) ? result.structuredContent : undefined;
    const tabs = [...(content.length > 0 || (structured === undefined && !error) ? [['content', 'Content']] : []), ...(structured !== undefined ? [['structured', 'Structured']] : []), ['raw', 'Raw'], ...(before && (before.result ?? before.error) !== undefined && (result ?? error) !== undefined ? [['diff', 'Diff']] : [])];
    const wanted = tabs.some(([name]) => name === tab.value) ? tab.value : undefined;
    const now = wanted ?? (content.length === 0 && structured !== undefined ? 'structured' : error ? 'error' : 'content');
    const whole = error ?? result;
    return html`<section class="card result" aria-label="Result" aria-live="polite">
      <header class="card-head"><span class=${`tone ${tone}`}><i class=${`dot ${tone}`}></i>${label}</span>
        ${!answer.cancelled && answer.failed === undefined && html`<div class="tabs" role="tablist">${tabs.map(([name, text]) => html`<button type="button" role="tab" aria-selected=${now === name} class=${classes(now === name && 'on')} onClick=${() => { tab.value = name; }}>${text}</button>`)}</div>`}
        <span class="grow"></span><span class="muted small-text">${[duration(answer.ms), answer.bytes ? size(answer.bytes) : ''].filter(Boolean).join(' · ')}</span>
        ${whole !== undefined && html`<button type="button" class="icon-button" aria-label="Copy the result as JSON" title="Copy as JSON" onClick=${async () => { copied.value = await copy(stringify(whole, 2)); setTimeout(() => { copied.value = false; }, 1500); }}>${icon(copied.value ? 'check' : 'copy')}</button>`}
      </header>
      <div class="card-body">${answer.masked && html`<${Masked} />`}${body()}</div>
    </section>`;

    function body() {
      if (answer.cancelled) return html`<p class="muted">You cancelled this call. The server was notified.</p>`;
      if (answer.failed !== undefined) return html`<p class="problem">${icon('warn')} ${answer.failed}</p>`;
      if (now === 'diff') return html`<${Difference} before=${before} after=${answer} />`;
      if (now === 'raw') return answer.bytes > TREE_FROM ? html`<${Tree} value=${whole} />` : html`<${Code} value=${whole} />`;
      if (error) return html`<p class="problem">${icon('warn')} ${error.message}</p><p class="muted small-text">JSON-RPC error ${String(error.code)}</p>${error.data !== undefined && html`<${Code} value=${error.data} />`}`;
      if (now === 'structured') {
        const found = outputSchema ? validate(outputSchema, structured) : [];
        return html`${answer.bytes > TREE_FROM ? html`<${Tree} value=${structured} />` : html`<${Code} value=${structured} />`}
          ${outputSchema ? found.length === 0 ? html`<p class="muted small-text">Matches the tool's output schema.</p>` : html`<p class="problem">${icon('warn')} Does not match the tool's output schema: ${found.slice(0, 3).map((one) => `${one.path.join('.') || 'the value'} ${one.message}`).join('; ')}</p>` : html`<p class="muted small-text">The tool declares no output schema.</p>`}`;
      }
      if (content.length === 0) return html`<p class="muted">The call succeeded and returned no content.</p>`;
      return content.map((block, at) => html`<${Block} key=${at} block=${block} />`);
    }
  };
});
