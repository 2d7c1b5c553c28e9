// The timeline: every JSON-RPC message, the HTTP exchanges below them, and what happened to the connection,
// newest first. Only the visible rows are rendered.

import { call, post, rpc } from '../api.js';
import { parse, stringify } from '../json.js';
import { connected, detail, nextId, pinned, reveal, timeline } from '../store.js';
import { classes, component, computed, copy, duration, effect, html, signal, size, untracked } from '../ui.js';
import { icon } from '../icons.js';
import { Exchange, statusText, statusTone } from './exchange.js';
import { Code, Tree } from './tree.js';

const ROW = 26;
const TREE_FROM = 40_000;

const KINDS = [
  ['all', 'Everything'], ['messages', 'Messages'], ['requests', 'Requests and responses'], ['notifications', 'Notifications'], ['http', 'HTTP exchanges'],
  ['sign-in', 'Sign-in'], ['errors', 'Errors'], ['pinned', 'Pinned'],
];
const SIGN_IN = new Set(['challenge', 'metadata', 'registration', 'token']);

const time = (at) => {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
};

const subject = (entry) => {
  if (entry.kind !== 'request' || entry.text === null) return '';
  const found = /"params":\{[^{}]*?"(?:name|uri)":"((?:[^"\\]|\\.){1,80})"/.exec(entry.text);
  return found ? found[1] : '';
};

const matches = {
  all: () => true,
  messages: (one) => one.type === 'message',
  requests: (one) => one.type === 'message' && one.kind !== 'notification',
  notifications: (one) => one.type === 'message' && one.kind === 'notification',
  http: (one) => one.type === 'http',
  'sign-in': (one) => (one.type === 'http' ? SIGN_IN.has(one.purpose) || one.status === 401 || one.status === 403 : one.type === 'note' && one.topic === 'sign_in'),
  errors: (one) => (one.type === 'http' ? one.failed : one.type === 'note' ? one.topic === 'lost' : one.kind === 'error'),
  pinned: (one) => pinned.value.has(one.seq),
};

const searchable = (one) => (one.type === 'message' ? `${one.method} ${one.id ?? ''} ${one.text ?? ''}` : one.type === 'http' ? `${one.method} ${one.path} ${one.status ?? ''} ${one.purpose} ${one.rpc_method ?? ''}` : one.text).toLowerCase();

/** Offers text as a file. */
function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

const TONE = { connected: 'ok', back: 'ok', lost: 'bad', session: 'warn', reload: 'ok', sign_in: 'key', stderr: '', model: 'key' };
const SYMBOL = { connected: 'connect', back: 'connect', lost: 'warn', session: 'refresh', reload: 'refresh', sign_in: 'key', stderr: 'right', model: 'chat' };

function Row({ one, at, on, onOpen }) {
  const place = (element) => { if (element) element.style.top = `${at * ROW}px`; };
  const shared = { type: 'button', ref: place, onClick: () => onOpen(one) };
  const even = at % 2 === 0 && 'even';
  const mark = pinned.value.has(one.seq) && html`<span class="tl-pin">${icon('pin')}</span>`;
  if (one.type === 'http') {
    return html`<button ...${shared} class=${classes('tl-row http', one.failed && 'failed', on && 'on', even)}>
      <span class="muted tl-time">${time(one.at)}</span><span class="tl-arrow">${icon('http')}</span>
      <span class="tl-name"><span class="tl-http">${mark}<b class=${`tone-text ${statusTone(one)}`}>${statusText(one)}</b> ${one.method} ${one.path}</span><span class="muted"> ${one.rpc_method ?? (one.purpose === 'message' ? '' : one.purpose)}${one.attempt > 1 ? ` · attempt ${one.attempt}` : ''}</span></span>
      <span class="muted tl-ms">${one.ended || one.failed ? duration(one.ms) : 'open'}</span><span class="muted tl-size">${one.ended ? size(one.bytes) : ''}</span></button>`;
  }
  if (one.type === 'note') {
    return html`<button ...${shared} class=${classes('tl-row note', TONE[one.topic], on && 'on', even)}>
      <span class="muted tl-time">${time(one.at)}</span><span class="tl-arrow">${icon(SYMBOL[one.topic] ?? 'right')}</span><span class="tl-name">${mark}${one.text}</span><span></span><span class="tl-size"></span></button>`;
  }
  const response = one.kind === 'result' || one.kind === 'error';
  return html`<button ...${shared} class=${classes('tl-row', one.direction, one.kind === 'error' && 'failed', on && 'on', even)}>
    <span class="muted tl-time">${time(one.at)}</span><span class="tl-arrow">${icon(one.direction)}</span>
    <span class="tl-name">${mark}${response ? one.kind : one.method}${response && one.method && html`<span class="muted"> ${one.method}</span>`}<span class="muted"> ${subject(one)}</span></span>
    <span class="muted tl-ms">${duration(one.ms)}</span><span class="muted tl-size">${size(one.bytes)}</span></button>`;
}

export const Timeline = component((_, { onCleanup }) => {
  const filter = signal('');
  const kind = signal('all');
  const selected = signal(undefined);
  const text = signal(undefined);
  const top = signal(0);
  const height = signal(600);
  const replayed = signal(undefined);
  let list = null;
  const rows = computed(() => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const match = matches[kind.value];
    if (kind.value === 'all' && words.length === 0) return timeline.value.slice().reverse();
    const found = timeline.value.filter((one) => match(one) && (words.length === 0 || words.every((word) => searchable(one).includes(word))));
    return found.reverse();
  });
  async function open(entry) {
    replayed.value = undefined;
    if (selected.value === entry.seq) {
      selected.value = undefined;
      return;
    }
    selected.value = entry.seq;
    text.value = entry.type === 'http' ? undefined : (entry.text ?? undefined);
    if (text.value !== undefined) return;
    try {
      const whole = await detail(entry);
      if (selected.value === entry.seq) text.value = whole;
    } catch (error) {
      if (selected.value === entry.seq) text.value = JSON.stringify(error.message);
    }
  }
  async function replay() {
    replayed.value = { busy: true };
    try {
      const { method, params } = parse(text.peek());
      const answer = await rpc(nextId(), method, params === undefined ? undefined : stringify(params));
      replayed.value = answer.failed !== undefined ? { error: answer.failed } : answer.error ? { error: answer.error.message } : { done: `Answered in ${duration(answer.ms)}. The new request is at the top of the timeline.` };
    } catch (error) {
      replayed.value = { error: error.message };
    }
  }
  async function exportAs(event) {
    const format = event.target.value;
    event.target.value = '';
    try {
      const body = await (await post('export', JSON.stringify({ format }))).text();
      save(`farport-inspect.${format}`, body, format === 'har' ? 'application/json' : 'application/x-ndjson');
    } catch (error) {
      replayed.value = { error: error.message };
    }
  }
  // Another view shows an entry here.
  onCleanup(effect(() => {
    const wanted = reveal.value;
    if (wanted === undefined) return;
    untracked(() => {
      filter.value = '';
      kind.value = 'all';
      const at = rows.value.findIndex((one) => one.seq === wanted.seq);
      if (at < 0) return;
      if (selected.value !== wanted.seq) open(rows.value[at]);
      if (list) list.scrollTop = Math.max(0, at * ROW - 60);
    });
  }));
  const pin = (seq) => {
    const next = new Set(pinned.value);
    if (!next.delete(seq)) next.add(seq);
    pinned.value = next;
  };
  let observer;
  const measure = (element) => {
    list = element;
    observer?.disconnect();
    if (element === null) return;
    observer = new ResizeObserver(() => { height.value = element.clientHeight; });
    observer.observe(element);
  };
  return ({ open: shown, onToggle }) => {
    const all = rows.value;
    const first = Math.max(0, Math.floor(top.value / ROW) - 10);
    const last = Math.min(all.length, Math.ceil((top.value + height.value) / ROW) + 10);
    const entries = timeline.value;
    const entry = selected.value === undefined || entries.length === 0 ? undefined : entries[selected.value - entries[0].seq];
    const canReplay = entry?.type === 'message' && entry.direction === 'out' && entry.kind === 'request' && entry.method !== 'initialize' && connected.value && text.value !== undefined;
    return html`<section class="timeline" aria-label="Timeline">
      <header><button type="button" class="drawer-toggle" aria-expanded=${shown} onClick=${onToggle}><span class=${shown ? 'turned' : ''}>${icon('right')}</span><strong>Timeline</strong></button>
        <span class="muted small-text tl-count">${all.length === entries.length ? entries.length.toLocaleString() : `${all.length.toLocaleString()} of ${entries.length.toLocaleString()}`} ${entries.length === 1 ? 'entry' : 'entries'}</span>
        <span class="grow"></span>
        ${shown && html`<input class="input small" type="search" aria-label="Filter the timeline" placeholder="Filter" spellcheck=${false} autocomplete="off" value=${filter.value} onInput=${(event) => { filter.value = event.target.value; }} />
          <select class="input small" aria-label="Kind of entry" onChange=${(event) => { kind.value = event.target.value; }}>${KINDS.map(([value, label]) => html`<option value=${value} selected=${kind.value === value}>${label}</option>`)}</select>
          <select class="input small" aria-label="Export the timeline" title="Secrets are masked" onChange=${exportAs}><option value="" selected>Export</option><option value="ndjson">NDJSON</option><option value="har">HAR 1.2</option></select>
          <button type="button" class="icon-button" aria-label="Clear the timeline" title="Clear" onClick=${() => { selected.value = undefined; call('clear').catch(() => {}); }}>${icon('trash')}</button>`}
      </header>
      ${shown && html`<div class=${classes('timeline-body', entry && 'with-entry')}>
        <div class="rows" ref=${measure} onScroll=${(event) => { top.value = event.target.scrollTop; }} tabindex="0" aria-label="Entries, newest first" role="group">
          ${all.length === 0 ? html`<p class="muted none">${entries.length === 0 ? 'Messages and HTTP exchanges appear here once you connect.' : 'No entry matches the filter.'}</p>` : html`<svg class="spacer" width="1" height=${all.length * ROW} aria-hidden="true"></svg>
          ${all.slice(first, last).map((one, at) => html`<${Row} key=${one.seq} one=${one} at=${first + at} on=${selected.value === one.seq} onOpen=${open} />`)}`}
        </div>
        ${entry && html`<div class="entry" aria-label="Entry"><div class="entry-head"><strong>${entry.type === 'http' ? `${entry.method} ${entry.path}` : entry.type === 'note' ? 'Note' : entry.method || entry.kind}</strong><span class="grow"></span>
            ${canReplay && html`<button type="button" class="button small" disabled=${replayed.value?.busy} onClick=${replay}>${icon('play')} Send again</button>`}
            <button type="button" class=${classes('icon-button', pinned.value.has(entry.seq) && 'pressed')} aria-pressed=${pinned.value.has(entry.seq)} aria-label="Pin this entry" title="Pin" onClick=${() => pin(entry.seq)}>${icon('pin')}</button>
            <button type="button" class="icon-button" aria-label="Copy the entry" title="Copy" onClick=${() => text.value !== undefined && copy(text.value)}>${icon('copy')}</button>
            <button type="button" class="icon-button" aria-label="Close" onClick=${() => { selected.value = undefined; }}>${icon('close')}</button></div>
          ${replayed.value && !replayed.value.busy && html`<p class=${replayed.value.error ? 'problem' : 'muted small-text'} role="status">${replayed.value.error ?? replayed.value.done}</p>`}
          ${text.value === undefined ? html`<p class="muted none">Loading</p>` : html`<${Detail} key=${entry.seq} entry=${entry} text=${text.value} />`}</div>`}
      </div>`}
    </section>`;
  };
});

function Detail({ entry, text }) {
  if (entry.type === 'note') return html`<p class="note-text">${text}</p>`;
  if (entry.type === 'http') {
    try {
      return html`<${Exchange} exchange=${JSON.parse(text)} />`;
    } catch {
      return html`<${Code} text=${text} />`;
    }
  }
  try {
    return text.length > TREE_FROM ? html`<${Tree} value=${JSON.parse(text)} />` : html`<${Code} text=${stringify(parse(text), 2)} />`;
  } catch {
    return html`<${Code} text=${text} />`;
  }
}
