// The messages of a chat: the user's, the model's with its reasoning and calls, and why a response failed.

import { call as api } from '../api.js';
import { act, busy, chat, messages } from '../chat.js';
import { classes, component, copy, duration, html, signal } from '../ui.js';
import { icon } from '../icons.js';
import { Card } from './cards.js';
import { Markdown, visible } from './markdown.js';
import { Code, Long } from './tree.js';

const number = (count) => count.toLocaleString('en-US');

/** An error as a sentence of the page. */
const sentence = (text) => visible(text.charAt(0).toUpperCase() + text.slice(1));

/** A component that renders when its message changes or one of the signals that it has, not when others do. */
function memo(setup) {
  return class extends component(setup) {
    shouldComponentUpdate(props, state) {
      return state !== this.state || props.message !== this.props.message || props.last !== this.props.last;
    }
  };
}

export const Mine = memo(() => {
  const draft = signal(undefined);
  const save = async (at) => {
    if (await act('edit', { at, text: draft.value })) draft.value = undefined;
  };
  return ({ message, at }) => {
    if (draft.value !== undefined) {
      return html`<div class="mine editing"><textarea class="input" rows="3" aria-label="Your message" value=${draft.value} onInput=${(event) => { draft.value = event.target.value; }}></textarea>
        <div class="row"><button type="button" class="button primary small" disabled=${busy()} onClick=${() => save(at)}>Send again</button><button type="button" class="button small" onClick=${() => { draft.value = undefined; }}>Cancel</button><span class="muted small-text">Everything after it is replaced.</span></div></div>`;
    }
    return html`<div class="mine-row"><button type="button" class="icon-button reveal" aria-label="Edit this message" title="Edit and send again" disabled=${busy()} onClick=${() => { draft.value = message.text; }}>${icon('prompts')}</button>
      <div class="mine"><span class="visually-hidden">You: </span><span class="pre">${visible(message.text)}</span>${(message.images ?? []).map((image, key) => html`<img key=${key} class="media" src=${`data:${image.mime};base64,${image.data}`} alt="Image that you sent" />`)}</div></div>`;
  };
});

const Reasoning = component(() => {
  const open = signal(false);
  return ({ part, live }) => html`<div class="reasoning"><button type="button" class="reasoning-toggle" aria-expanded=${open.value} onClick=${() => { open.value = !open.value; }}><span class=${open.value ? 'turned' : ''}>${icon('right')}</span>${part.redacted ? 'Reasoning, encrypted by the provider' : live ? html`Reasoning <i class="spinner small"></i>` : 'Reasoning'}</button>
    ${open.value && !part.redacted && html`<div class="reasoning-text"><span class="pre">${visible(part.text)}</span></div>`}</div>`;
});

const Raw = component(({ step }) => {
  const raw = signal(undefined);
  api('chat/raw', { step }).then((found) => { raw.value = found; }, (error) => { raw.value = { failed: error.message }; });
  return () => {
    const now = raw.value;
    if (now === undefined) return html`<p class="muted">Loading</p>`;
    if (now.failed) return html`<p class="muted small-text">${now.failed}. farport keeps the last 20.</p>`;
    let request = now.request;
    try {
      request = JSON.stringify(JSON.parse(now.request), null, 2);
    } catch {
      // It is cut.
    }
    return html`<div class="raw"><h3>Request <code>POST ${now.url}</code></h3><${Code} text=${request} /><h3>Response ${now.status ? html`<code>HTTP ${now.status}</code>` : ''}</h3><${Long} text=${now.response || 'No response'} />
      ${now.cut && html`<p class="muted small-text">Only the first megabyte of each is kept.</p>`}<p class="muted small-text">The key is sent in a header, and is not shown.</p></div>`;
  };
});

function Failure({ failure }) {
  const context = failure.kind === 'context';
  const results = messages.value.some((one) => one.role === 'assistant' && one.parts.some((part) => part.type === 'call' && part.state === 'done' && !part.dropped));
  return html`<div class="card pad status-card bad" role="alert">${icon('warn')}<div class="grow"><strong>${context ? 'The conversation is longer than the model\'s context' : 'The model did not answer'}</strong><p>${sentence(failure.message)}</p>${failure.hint && html`<p class="muted">${sentence(failure.hint)}.</p>`}
    <div class="row">${context && results && html`<button type="button" class="button primary small" onClick=${() => act('drop_oldest')}>Drop the oldest tool results and retry</button>`}
      <button type="button" class="button small" onClick=${() => act('retry')}>${icon('refresh')} Retry</button></div></div></div>`;
}

export const Theirs = memo(() => {
  const raw = signal(false);
  const copied = signal(false);
  return ({ message, last }) => {
    const live = last && chat.value.phase === 'asking' && message.ms === null;
    const text = message.parts.filter((part) => part.type === 'text').map((part) => part.text).join('\n');
    const usage = message.usage;
    const done = !live && (message.ms !== null || message.stop);
    return html`<div class="theirs" data-step=${message.id}><span class="visually-hidden">The model: </span>
      ${message.parts.map((part, at) => (part.type === 'text' ? html`<${Markdown} key=${at} text=${part.text} />` : part.type === 'reasoning' ? (part.text || part.redacted) && html`<${Reasoning} key=${at} part=${part} live=${live && at === message.parts.length - 1} />` : html`<${Card} key=${at} call=${part} />`))}
      ${live && message.parts.length === 0 && html`<p class="muted"><i class="spinner small"></i> Waiting for the model</p>`}
      ${message.note && html`<p class="chat-note">${icon('question')} ${message.note}</p>`}
      ${message.stop === 'user' && html`<p class="muted small-text">You stopped this response.</p>`}
      ${message.failure && html`<${Failure} failure=${message.failure} />`}
      ${done && html`<div class="step-foot">
        <span class="muted small-text">${[message.model, message.ms !== null && duration(message.ms), usage && `${number(usage.input)} in, ${number(usage.output)} out`, message.tools_share !== null && message.tools_share > 0 && `tools ${message.tools_share} %`].filter(Boolean).join(' · ')}</span><span class="grow"></span>
        ${text && html`<button type="button" class="icon-button reveal" aria-label="Copy the response" title="Copy" onClick=${async () => { copied.value = await copy(text); setTimeout(() => { copied.value = false; }, 1500); }}>${icon(copied.value ? 'check' : 'copy')}</button>`}
        ${last && !message.failure && html`<button type="button" class="icon-button reveal" aria-label="Ask for this response again" title="Retry" disabled=${busy()} onClick=${() => act('retry')}>${icon('refresh')}</button>`}
        <button type="button" class=${classes('button ghost small', !raw.value && 'reveal')} aria-expanded=${raw.value} title="The exact request and response" onClick=${() => { raw.value = !raw.value; }}>Raw</button></div>`}
      ${raw.value && html`<${Raw} step=${message.id} />`}</div>`;
  };
});
