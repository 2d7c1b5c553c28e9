// Tools: a searchable list, and beside it the chosen tool's form, request and result.

import { call, rpc } from '../api.js';
import { parse, stringify } from '../json.js';
import { callLogLevel, capabilities, chosen, connected, go, lists, nextId, onMessage, phase, refresh, saved, savedCalls, serverInfo, state } from '../store.js';
import { configuration, curl, farportCall, jsonRpc, rustTest } from '../copyas.js';
import { initial } from '../schema.js';
import { parameters } from '../signature.js';
import { classes, component, copy, html, signal } from '../ui.js';
import { taskOf } from '../task.js';
import { follow as followTask } from '../tasks.js';
import { viewOf, visibleTo } from '../appbridge.js';
import { icon } from '../icons.js';
import { AppFrame } from './apps.js';
import { Form, JsonEditor, formState } from './form.js';
import { CallResult } from './result.js';
import { Code } from './tree.js';
import { Empty, ListFrame, NotConnected, Search } from './list.js';
import { TaskCard } from './tasks.js';

/** The state of each tool's form, running call and last result, kept while the user looks elsewhere. */
const sessions = new Map();

function sessionOf(tool) {
  const schema = typeof tool.inputSchema === 'object' && tool.inputSchema !== null ? tool.inputSchema : {};
  const key = stringify([tool.name, schema]);
  let session = sessions.get(tool.name);
  if (session?.key === key) return session;
  // A changed schema keeps what the user has typed.
  const value = session?.form.value.peek() ?? initial(schema) ?? {};
  session = { key, form: formState(schema, value), tab: signal('form'), running: signal(undefined), answer: signal(undefined), before: signal(undefined), failure: signal(undefined), id: signal(nextId()), asTask: signal(false), task: signal(undefined), app: signal(undefined) };
  sessions.set(tool.name, session);
  return session;
}

const BADGES = [
  ['readOnlyHint', true, 'read-only', ''],
  ['destructiveHint', true, 'destructive', 'warn'],
  ['idempotentHint', true, 'idempotent', ''],
  ['openWorldHint', true, 'open world', ''],
];

function badges(tool) {
  const hints = tool.annotations ?? {};
  const app = [...(viewOf(tool) ? [html`<span class="chip accent" title=${viewOf(tool)}>app</span>`] : []), ...(visibleTo(tool, 'model') ? [] : [html`<span class="chip" title="The model does not see this tool">for apps only</span>`])];
  return [...app, ...BADGES.filter(([name, value]) => hints[name] === value).map(([, , label, tone]) => html`<span class=${classes('chip', tone)} title="The server's claim">${label}</span>`)];
}

const titleOf = (tool) => tool.title ?? tool.annotations?.title;

function Signature({ schema }) {
  const all = parameters(schema);
  return html`<span>(${all.map((one, at) => html`${at > 0 && ', '}${one.required ? one.name : `[${one.name}]`}: ${one.type}`)})</span>`;
}

export const Tools = component(() => {
  const query = signal('');
  return () => {
    if (!connected.value) return html`<${NotConnected} what="tools" />`;
    if (capabilities.value.tools === undefined) return html`<${Empty} symbol="tools" title="This server offers no tools" text="Its capabilities name no tools. Look at its resources, prompts or description instead." action=${['Open the server view', () => go('server')]} />`;
    const list = lists.tools.value;
    const all = list.items ?? [];
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.filter((tool) => words.every((word) => `${tool.name} ${titleOf(tool) ?? ''} ${tool.description ?? ''}`.toLowerCase().includes(word)));
    const tool = all.find((one) => one.name === chosen.value.tools);
    return html`<div class=${classes('split', tool && 'has-detail')}>
      <${ListFrame} list=${list} what="tools" onRefresh=${() => refresh('tools')} search=${html`<${Search} query=${query} label=${`Search ${all.length} tools`} onEnter=${() => found[0] && go('tools', found[0].name)} />`}>
        ${found.map((one) => html`<button type="button" key=${one.name} class=${classes('list-item', one === tool && 'on')} aria-current=${one === tool ? 'true' : undefined} onClick=${() => go('tools', one.name)}>
          <code>${one.name}<${Signature} schema=${one.inputSchema} /></code>
          ${(titleOf(one) || one.description) && html`<p>${titleOf(one) ?? one.description}</p>`}
        </button>`)}
        ${list.items && found.length === 0 && html`<p class="muted none">${all.length === 0 ? 'The server lists no tools.' : `No tool matches “${query.value}”.`}</p>`}
      </${ListFrame}>
      <section class="detail" aria-label="Tool">${tool ? html`<${Tool} key=${tool.name} tool=${tool} />` : html`<${Empty} symbol="tools" title="Choose a tool" text=${all.length > 0 ? 'Pick one from the list, or press / to search.' : 'The list is empty so far.'} />`}</section>
    </div>`;
  };
});

/** The parameters of the call, as JSON text. */
function paramsOf(tool, session) {
  const meta = { progressToken: session.id.value };
  // In 2026-07-28 each request names the level of the logs that it wants.
  if (callLogLevel.value !== undefined) meta['io.modelcontextprotocol/logLevel'] = callLogLevel.value;
  return stringify({ name: tool.name, arguments: session.form.value.value ?? {}, ...(sendsAsTask(tool, session) && { task: { ttl: TASK_TTL } }), _meta: meta });
}

/** How long the server should keep a task, in milliseconds. */
const TASK_TTL = 300_000;

/** optional, required or forbidden. In 2026-07-28 the server decides alone. */
const taskSupport = (tool) => (!phase.value.modern && capabilities.value.tasks?.requests?.tools?.call !== undefined ? (tool.execution?.taskSupport ?? 'forbidden') : 'forbidden');

const sendsAsTask = (tool, session) => taskSupport(tool) === 'required' || (taskSupport(tool) === 'optional' && session.asTask.value);

const Tool = component(({ tool: first }, { onCleanup }) => {
  const elapsed = signal(0);
  let timer;
  onCleanup(() => clearInterval(timer));

  async function send(tool, session) {
    if (session.running.value || session.form.json.value?.message) return;
    const id = session.id.value;
    const run = signal({ id, since: performance.now(), progress: undefined, logs: [] });
    session.running.value = run;
    session.failure.value = undefined;
    elapsed.value = 0;
    clearInterval(timer);
    timer = setInterval(() => { elapsed.value = performance.now() - run.peek().since; }, 100);
    session.last = run;
    const answered = follow(run);
    const uri = viewOf(tool);
    const app = { id, uri, input: session.form.value.peek() ?? {} };
    session.app.value = uri === undefined ? undefined : app;
    try {
      const answer = await rpc(id, 'tools/call', paramsOf(tool, session));
      if (session.answer.value && !session.answer.value.cancelled && session.answer.value.failed === undefined) session.before.value = session.answer.value;
      session.answer.value = answer;
      answered(answer);
      const task = taskOf(answer.result);
      session.task.value = task && followTask(task, tool.name);
      if (uri !== undefined) session.app.value = { ...app, answer };
    } catch (error) {
      session.failure.value = error.message;
      answered({ failed: error.message });
      if (uri !== undefined) session.app.value = { ...app, answer: { failed: error.message } };
    } finally {
      clearInterval(timer);
      session.running.value = undefined;
      session.id.value = nextId();
    }
  }

  return ({ tool }) => {
    const session = sessionOf(tool);
    const { form } = session;
    const run = session.running.value;
    const problems = form.problems.value;
    const broken = form.json.value?.message !== undefined;
    const params = paramsOf(tool, session);
    const logs = session.last?.value.logs ?? [];
    return html`<div class="tool-page">
      <button type="button" class="button ghost small back" onClick=${() => go('tools', null)}>${icon('back')} All tools</button>
      <h1><code>${tool.name}</code></h1>
      ${titleOf(tool) && html`<p class="subtitle">${titleOf(tool)}</p>`}
      ${tool.description && html`<p class="description">${tool.description}</p>`}
      <div class="badges">${badges(tool)}</div>
      <${SavedCalls} tool=${tool} session=${session} run=${() => send(tool, session)} />
      <div class="two">
        <section class="card" aria-label="Arguments">
          <header class="card-head"><div class="tabs" role="tablist">${[['form', 'Form'], ['json', 'JSON']].map(([name, label]) => html`<button type="button" role="tab" aria-selected=${session.tab.value === name} class=${classes(session.tab.value === name && 'on')} onClick=${() => { session.tab.value = name; }}>${label}</button>`)}</div>
            <span class="grow"></span>
            <span class=${classes('small-text', problems.length === 0 ? 'muted' : 'warn-text')} title=${problems.map((one) => `${one.path.join('.') || 'arguments'} ${one.message}`).join('\n')}>${problems.length === 0 ? 'valid' : problems.length === 1 ? `${problems[0].path.join('.') || 'arguments'} ${problems[0].message}` : `${problems.length} problems`}</span>
            <button type="button" class="icon-button" aria-label="Reset the arguments" title="Reset" onClick=${() => form.replace(initial(form.schema) ?? {})}>${icon('refresh')}</button></header>
          <div class="card-body">${session.tab.value === 'form' ? html`<${Form} form=${form} />` : html`<${JsonEditor} form=${form} label="Arguments as JSON" />`}</div>
        </section>
        <section class="card request" aria-label="Request">
          <header class="card-head"><strong>Request</strong><span class="grow"></span><${CopyAs} tool=${tool} session=${session} /></header>
          <div class="card-body"><${Code} text=${stringify(parse(`{"method":"tools/call","params":${params}}`), 2)} /></div>
        </section>
      </div>
      <div class="row actions">
        ${run ? html`<button type="button" class="button" onClick=${() => call('cancel', { id: run.value.id }).catch(() => {})}>${icon('stop')} Cancel</button>`
          : html`<button type="button" class="button primary" data-send disabled=${broken} onClick=${() => send(tool, session)}>${problems.length > 0 ? 'Send anyway' : 'Call'} <kbd>Ctrl ↵</kbd></button>`}
        <${SaveCall} key=${tool.name} tool=${tool} session=${session} />
        ${taskSupport(tool) !== 'forbidden' && html`<label class="as-task small-text"><input type="checkbox" checked=${sendsAsTask(tool, session)} disabled=${taskSupport(tool) === 'required'} onChange=${(event) => { session.asTask.value = event.target.checked; }} /> as a task${taskSupport(tool) === 'required' ? ', which the tool requires' : ''}</label>`}
        ${run && html`<span class="muted small-text" role="status"><i class="spinner small"></i> ${(elapsed.value / 1000).toFixed(1)} s</span>`}
        ${!run && problems.length > 0 && html`<span class="warn-text small-text">${icon('warn')} The arguments do not match the schema.</span>`}
      </div>
      ${run?.value.progress && html`<${Progress} progress=${run.value.progress} />`}
      ${logs.length > 0 && html`<section class="card logs" aria-label="Logs of this call"><header class="card-head"><strong>Logs</strong><span class="grow"></span><span class="muted small-text">${logs.length}</span></header>
        <ol>${logs.map((one, at) => html`<li key=${at}><span class=${`level ${one.level}`}>${one.level}</span><span class="muted">${one.logger}</span> <span>${typeof one.data === 'string' ? one.data : stringify(one.data)}</span></li>`)}</ol></section>`}
      ${session.failure.value && html`<p class="problem" role="alert">${icon('warn')} ${session.failure.value}</p>`}
      ${session.app.value && html`<${AppFrame} key=${session.app.value.id} uri=${session.app.value.uri} tool=${tool} callId=${session.app.value.id} input=${session.app.value.input} answer=${session.app.value.answer} />`}
      ${session.task.value && html`<${TaskCard} key=${session.task.value} id=${session.task.value} compact />`}
      ${session.answer.value && !session.task.value && html`<div class=${classes(run && 'stale')}><${CallResult} answer=${session.answer.value} before=${session.before.value} outputSchema=${tool.outputSchema} /></div>`}
    </div>`;
  };
});

const MOST_LOGS = 500;

/**
 * Takes the progress and the logs of a call. Returns a function for its answer, which may overtake them: they
 * have all arrived when the response has arrived in the timeline too.
 */
function follow(run) {
  let [answered, responded] = [false, false];
  const stop = onMessage((entry) => {
    take(entry, run);
    responded ||= (entry.kind === 'result' || entry.kind === 'error') && entry.method === 'tools/call';
    if (answered && responded) stop();
  });
  return (answer) => {
    answered = true;
    // Without a response, none will arrive.
    if (responded || (answer.result ?? answer.error) === undefined) stop();
  };
}

function take(entry, run) {
  if (entry.kind !== 'notification' || entry.text === null) return;
  let params;
  try {
    params = JSON.parse(entry.text).params ?? {};
  } catch {
    return;
  }
  const now = run.peek();
  if (entry.method === 'notifications/progress' && params.progressToken === now.id) {
    run.value = { ...now, progress: params };
  } else if (entry.method === 'notifications/message') {
    run.value = { ...now, logs: [...now.logs, params].slice(-MOST_LOGS) };
  }
}

function Progress({ progress }) {
  const { progress: done, total, message } = progress;
  const known = typeof total === 'number' && total > 0;
  return html`<div class="progress" role="status"><progress aria-label="Progress" max=${known ? total : undefined} value=${known ? done : undefined}></progress>
    <span class="small-text muted">${known ? `${done} of ${total}` : String(done)}${message ? ` · ${message}` : ''}</span></div>`;
}

const FORMS = [['curl', 'curl'], ['call', 'farport call'], ['rpc', 'JSON-RPC'], ['rust', 'Rust test'], ['config', 'Client configuration']];

/** The call in the form of another tool. */
function copyOf(form, tool, session) {
  const target = state.value.target;
  const args = session.form.value.value ?? {};
  if (form === 'curl') return curl(target, phase.value, 'tools/call', { name: tool.name, arguments: args });
  if (form === 'call') return farportCall(target, tool.name, args, tool.inputSchema);
  if (form === 'rust') return rustTest(tool.name, args, session.answer.value);
  if (form === 'config') return configuration(target, serverInfo.value.name);
  return jsonRpc('tools/call', { name: tool.name, arguments: args });
}

const CopyAs = component(() => {
  const done = signal(false);
  return ({ tool, session }) => {
    const pick = async (event) => {
      const text = copyOf(event.target.value, tool, session);
      event.target.value = '';
      if (text === undefined) return;
      done.value = await copy(text);
      setTimeout(() => { done.value = false; }, 1500);
    };
    return html`<span class="visually-hidden" role="status">${done.value ? 'Copied' : ''}</span><select class="input small copy-as" aria-label="Copy the call as" onChange=${pick}>
      <option value="" selected>${done.value ? 'Copied' : 'Copy as'}</option>${FORMS.filter(([form]) => form !== 'curl' || !state.value?.target?.process).map(([form, label]) => html`<option value=${form}>${label}</option>`)}</select>`;
  };
});

const SaveCall = component(() => {
  const name = signal(undefined);
  const problem = signal(undefined);
  return ({ tool, session }) => {
    const save = async (event) => {
      event.preventDefault();
      problem.value = undefined;
      try {
        await savedCalls('save', stringify({ name: name.value.trim(), tool: tool.name, arguments: session.form.value.value ?? {} }));
        name.value = undefined;
      } catch (error) {
        problem.value = error.message;
      }
    };
    if (name.value === undefined) return html`<button type="button" class="button ghost" onClick=${() => { name.value = tool.name; }}>${icon('save')} Save</button>`;
    return html`<form class="row save-call" onSubmit=${save}><input class="input" aria-label="Name of the saved call" maxlength="200" required value=${name.value} onInput=${(event) => { name.value = event.target.value; }}
      ref=${(element) => { if (element && !element.dataset.seen) { element.dataset.seen = '1'; element.select(); } }} onKeyDown=${(event) => { if (event.key === 'Escape') name.value = undefined; }} />
      <button type="submit" class="button">Save</button>${problem.value && html`<span class="warn-text small-text" role="alert">${problem.value}</span>`}</form>`;
  };
});

/** The saved calls of a tool. */
const SavedCalls = component(() => {
  const problem = signal(undefined);
  if (saved.peek() === undefined) savedCalls().catch((error) => { problem.value = error.message; });
  return ({ tool, session, run }) => {
    if (problem.value) return html`<p class="problem" role="alert">${icon('warn')} ${problem.value}</p>`;
    const own = (saved.value?.calls ?? []).filter((one) => one.tool === tool.name);
    if (own.length === 0) return null;
    return html`<div class="saved" role="group" aria-label="Saved calls" title=${saved.value.path}>${own.map((one) => html`<span class="saved-call" key=${one.name}>
      <button type="button" title="Call again" onClick=${() => { session.form.replace(one.arguments); run(); }}>${icon('play')} ${one.name}</button>
      <button type="button" class="remove" aria-label=${`Remove the saved call ${one.name}`} onClick=${() => savedCalls('forget', JSON.stringify({ name: one.name })).catch((error) => { problem.value = error.message; })}>${icon('close')}</button></span>`)}
      <span class="muted small-text">in <code>${saved.value.path}</code></span></div>`;
  };
});
