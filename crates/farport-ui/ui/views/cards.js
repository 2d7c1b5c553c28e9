// A tool call as a card: its arguments as they arrive, the user's decision, progress, logs and the result.

import { call as api } from '../api.js';
import { viewOf } from '../appbridge.js';
import { parse, stringify } from '../json.js';
import { act, chat } from '../chat.js';
import { connected, drawerOpen, go, lists, reveal, serverInfo, state, timeline } from '../store.js';
import { classes, component, duration, html, signal, size } from '../ui.js';
import { icon } from '../icons.js';
import { AppFrame, serverOf } from './apps.js';
import { Block } from './result.js';
import { visible } from './markdown.js';
import { Code, Long } from './tree.js';

const STATES = {
  writing: ['busy', 'writing'], waiting: ['warn', 'needs your permission'], running: ['busy', 'running'], done: ['ok', ''], failed: ['bad', 'failed'],
  invalid: ['bad', 'not sent'], refused: ['off', 'you refused it'], cancelled: ['warn', 'stopped'],
};
const LABELS = [['readOnlyHint', 'changes nothing'], ['destructiveHint', 'may change or delete things'], ['openWorldHint', 'reaches other systems']];

function value(text) {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The arguments in a few words. */
function summary(text) {
  const parsed = value(text);
  if (typeof parsed !== 'object' || parsed === null) return text.slice(0, 80);
  return Object.entries(parsed).map(([name, one]) => `${name} ${typeof one === 'string' ? one : stringify(one)}`).join(', ').slice(0, 120);
}

/** A value whose text hides nothing. Media stays as it is. */
function safe(value, name) {
  if (typeof value === 'string') return name === 'data' || name === 'blob' ? value : visible(value);
  if (Array.isArray(value)) return value.map((one) => safe(one));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, safe(one, key)]));
}

/** Shows the request of a call in the timeline. */
function show(call) {
  const entry = timeline.value.findLast((one) => one.type === 'message' && one.direction === 'out' && one.method === 'tools/call' && one.id === call.request);
  if (!entry) return false;
  drawerOpen.value = true;
  if (matchMedia('(max-width: 860px)').matches) go('timeline');
  reveal.value = { seq: entry.seq };
  return true;
}

/** The end of a call, as the view of an app receives it. */
function answerOf(call, whole) {
  if (call.state === 'done') return whole && !whole.failed ? { result: whole } : undefined;
  if (call.state === 'failed') return { failed: call.failure };
  return call.state === 'cancelled' ? { cancelled: true } : undefined;
}

/** Which server each call with a view went to: another one may have the same name later. */
const owners = new Map();

// What a view sends to the chat or to the model's context is refused: only the user writes there.
const frame = (call, whole, uri, more) => html`<${AppFrame} key=${call.number} plain asks uri=${uri} callId=${call.request} input=${value(call.arguments) ?? {}} answer=${answerOf(call, whole)} onMessage=${() => false} onModelContext=${() => false} ...${more} />`;

/** The view of a tool of the inspector's own server, if it has one. */
function OwnApp({ call, whole }) {
  const [id, target] = [`${call.number} ${call.request}`, stringify(state.value?.target ?? null)];
  if (!owners.has(id)) owners.set(id, target);
  if (owners.get(id) !== target) return null;
  const tool = lists.tools.value.items?.find((one) => one.name === call.tool);
  const uri = viewOf(tool);
  return uri === undefined ? null : frame(call, whole, uri, { tool });
}

/** The view of a tool of another server. Its list of tools says which one. */
const OtherApp = component(({ call }) => {
  const found = signal(undefined);
  serverOf(call.server).then((server) => {
    const tool = server.tools.find((one) => one.name === call.tool);
    const uri = viewOf(tool);
    if (uri !== undefined) found.value = { uri, tool, server };
  }, (error) => { found.value = { failed: error.message }; });
  return ({ call: now, whole }) => {
    if (found.value === undefined) return null;
    const { failed, uri, ...more } = found.value;
    return failed === undefined ? frame(now, whole, uri, more) : html`<p class="muted small-text">The view of this tool cannot be shown: ${visible(failed)}</p>`;
  };
});

function App({ call, whole }) {
  if (!call.request) return null;
  if (connected.value && call.server === (serverInfo.value.name || 'server')) return html`<${OwnApp} call=${call} whole=${whole} />`;
  const tool = chat.value.tools.find((one) => one.server === call.server && one.tool === call.tool);
  return tool?.has_view ? html`<${OtherApp} key=${call.number} call=${call} whole=${whole} />` : null;
}

function Decision({ call }) {
  const decide = (decision) => act('decide', { call: call.number, decision });
  return html`<div class="row chat-decide" role="group" aria-label=${`Permission for ${call.tool}`}>
    <button type="button" class="button primary" data-allow onClick=${() => decide('once')}>Allow once</button>
    <button type="button" class="button" onClick=${() => decide('always')}>Always in this chat</button>
    <button type="button" class="button" data-refuse onClick=${() => decide('refuse')}>Deny</button>
    <button type="button" class="button ghost" onClick=${() => decide('never')}>Never in this chat</button></div>`;
}

function Progress({ call }) {
  const { progress, total, message } = call.progress;
  const known = typeof total === 'number' && total > 0;
  return html`<div class="progress" role="status">${known ? html`<progress max=${total} value=${progress}></progress><span class="muted small-text">${Math.round((100 * progress) / total)} %</span>` : html`<progress></progress><span class="muted small-text">${progress}</span>`}<span class="small-text">${message && visible(message)}</span></div>`;
}

export const Card = component(() => {
  const open = signal(undefined);
  const result = signal(undefined);
  const gone = signal(false);
  const load = async (call) => {
    result.value = null;
    try {
      result.value = await api('chat/result', { call: call.number });
    } catch (error) {
      result.value = { failed: error.message };
    }
  };
  return ({ call }) => {
    const [tone, label] = STATES[call.state] ?? STATES.failed;
    const waiting = call.state === 'waiting';
    const shown = open.value ?? (waiting || ['running', 'writing', 'done', 'failed', 'invalid'].includes(call.state));
    const whole = call.result ?? result.value;
    const bad = call.result?.isError === true;
    const tool = chat.value.tools.find((one) => one.server === call.server && one.tool === call.tool);
    const hints = waiting ? LABELS.filter(([name]) => tool?.annotations?.[name] === true).map(([, text]) => text) : [];
    const content = Array.isArray(whole?.content) ? safe(whole.content) : [];
    return html`<section class=${classes('call-card', waiting && 'asks')} aria-label=${`Call ${call.number}: ${call.tool}`} data-call=${call.number} data-state=${call.state}>
      <header><button type="button" class="call-toggle" aria-expanded=${shown} onClick=${() => { open.value = !shown; }}>
          <i class=${`dot ${bad ? 'bad' : tone}`}></i><code>${visible(call.tool || call.name || 'tool')}</code>${!shown || !waiting ? html`<span class="muted call-summary">${visible(summary(call.arguments))}</span>` : ''}</button>
        ${label && html`<span class=${classes('chip', waiting && 'warn')}>${label}</span>`}
        ${call.server && chat.value.servers.length > 0 && html`<span class="chip hide-narrow">${visible(call.server)}</span>`}
        ${call.dropped && html`<span class="chip" title="The model no longer receives this result">dropped</span>`}
        <span class="grow"></span>
        ${call.ms !== null && call.ms !== undefined && html`<span class="muted small-text">${duration(call.ms)}</span>`}
        ${call.request && html`<button type="button" class="button ghost small" title=${gone.value ? 'The timeline no longer holds it' : 'Show the request in the timeline'} onClick=${() => { gone.value = !show(call); }}>${icon('timeline')}<span class="hide-narrow">timeline</span></button>`}</header>
      ${shown && html`<div class="call-body">
        ${(waiting || call.state === 'writing' || call.state === 'invalid') && html`<div class="call-arguments">${value(call.arguments) !== undefined ? html`<${Code} text=${stringify(value(call.arguments), 2)} />` : html`<pre class="code-block">${visible(call.arguments)}</pre>`}</div>`}
        ${waiting && hints.length > 0 && html`<p class="muted small-text">The server says that this tool ${hints.join(' and ')}. farport cannot check that.</p>`}
        ${waiting && html`<${Decision} call=${call} />`}
        ${call.state === 'running' && (call.progress ? html`<${Progress} call=${call} />` : html`<p class="muted small-text"><i class="spinner small"></i> The server works on it</p>`)}
        <${App} call=${call} whole=${whole} />
        ${call.logs.length > 0 && html`<details class="call-logs"><summary>${call.logs.length} log ${call.logs.length === 1 ? 'message' : 'messages'}</summary><ol>${call.logs.map((line, at) => html`<li key=${at}>${visible(line)}</li>`)}</ol></details>`}
        ${call.failure && html`<p class="problem">${icon('warn')} <span class="pre">${visible(call.failure)}</span></p>`}
        ${call.state === 'done' && whole === undefined && call.bytes > 0 && html`<button type="button" class="button small" onClick=${() => load(call)}>Show the result (${size(call.bytes ?? 0)})</button>`}
        ${whole === null && html`<p class="muted small-text">Loading</p>`}
        ${whole?.failed !== undefined && html`<p class="problem">${whole.failed}</p>`}
        ${bad && html`<p class="warn-text small-text">The tool reports an error.</p>`}
        ${content.map((block, at) => html`<${Block} key=${at} block=${block} />`)}
        ${call.state === 'done' && call.bytes === 0 && call.dropped && html`<p class="muted small-text">farport dropped this result, because all results together were too large.</p>`}
        ${whole && !whole.failed && content.length === 0 && (whole.structuredContent !== undefined ? html`<${Code} value=${whole.structuredContent} />` : call.state === 'done' && html`<p class="muted small-text">The call succeeded and returned no content.</p>`)}
        ${open.value && call.state === 'done' && html`<details><summary>Arguments</summary><${Long} text=${call.arguments} /></details>`}
      </div>`}
    </section>`;
  };
});
