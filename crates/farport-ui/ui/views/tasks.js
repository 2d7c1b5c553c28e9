// Tasks: calls that the server carries on with after its answer, with their state and result.

import { capabilities, chosen, connected, go, lists, phase } from '../store.js';
import { isOver } from '../task.js';
import { cancel, forget, listTasks, poll, respond, tasks } from '../tasks.js';
import { classes, component, duration, html, signal } from '../ui.js';
import { icon } from '../icons.js';
import { Empty, ListFrame, NotConnected, Search } from './list.js';
import { Question } from './questions.js';
import { CallResult } from './result.js';

// Without inherited members: a server may send any status.
const TONES = { __proto__: null, working: ['busy', 'working'], input_required: ['warn', 'needs your input'], completed: ['ok', 'completed'], failed: ['bad', 'failed'], cancelled: ['', 'cancelled'] };

/** Whether the server has tasks of calls, in either form. */
export const offersTasks = () => capabilities.value.tasks !== undefined;
const listed = () => !phase.value.modern && capabilities.value.tasks?.list !== undefined;

function State({ task }) {
  const [tone, label] = TONES[task.status] ?? ['', task.status];
  return html`<span class=${`tone ${tone === 'busy' ? '' : tone}`}><i class=${`dot ${tone}`}></i>${label}</span>`;
}

const at = (time) => {
  const date = new Date(time ?? NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toLocaleTimeString();
};

/** One task, as it stands. */
export const TaskCard = component(() => ({ id, compact }) => {
  const entry = tasks.value.find((one) => one.id === id);
  if (entry === undefined) return html`<p class="muted">This task is no longer in the list.</p>`;
  const { task, name, answer, questions = [], problem } = entry;
  const tool = lists.tools.value.items?.find((one) => one.name === name);
  const over = isOver(entry);
  return html`<section class="card task" aria-label="Task"><header class="card-head"><${State} task=${task} /><span class="grow"></span>
      ${!over && !compact && html`<button type="button" class="icon-button" aria-label="Look at the task now" title="Look now" onClick=${() => poll(id)}>${icon('refresh')}</button>`}
      ${!over && html`<button type="button" class="button small" onClick=${() => cancel(id)}>${icon('stop')} Cancel the task</button>`}
      ${compact && html`<button type="button" class="button small ghost" onClick=${() => go('tasks', id)}>Open</button>`}</header>
    <div class="card-body">${task.statusMessage && html`<p class="task-message" role="status">${task.statusMessage}</p>`}
      <dl class="facts compact"><dt>Task</dt><dd><code>${id}</code></dd>${name && !compact && html`<dt>Tool</dt><dd><button type="button" class="link-button" onClick=${() => go('tools', name)}><code>${name}</code></button></dd>`}
        ${at(task.createdAt) && html`<dt>Created</dt><dd>${at(task.createdAt)}</dd>`}${at(task.lastUpdatedAt) && html`<dt>Updated</dt><dd>${at(task.lastUpdatedAt)}</dd>`}
        ${task.ttl !== undefined && html`<dt>Kept for</dt><dd>${duration(task.ttl)}</dd>`}${task.poll !== undefined && !over && html`<dt>Looks every</dt><dd>${duration(task.poll)}</dd>`}</dl>
      ${problem && html`<p class="problem" role="alert">${icon('warn')} ${problem} <button type="button" class="button small" onClick=${() => poll(id)}>Look again</button></p>`}
      ${questions.map((one) => html`<${Question} key=${`${id} ${one.key}`} question=${{ ...one, number: `${id} ${one.key}` }} respond=${(_, member, value) => respond(id, one.key, member === 'result' ? value : { action: 'cancel' })} />`)}
    </div></section>
    ${answer && html`<${CallResult} answer=${answer} outputSchema=${tool?.outputSchema} />`}`;
});

export const Tasks = component(() => {
  const query = signal('');
  const list = signal({ loading: false, error: undefined });
  const refresh = async () => {
    for (const one of tasks.peek()) if (!isOver(one)) poll(one.id);
    if (!listed()) return;
    list.value = { loading: true };
    try {
      await listTasks();
      list.value = { loading: false };
    } catch (error) {
      list.value = { loading: false, error: error.message };
    }
  };
  let asked = false;
  return () => {
    if (!connected.value) return html`<${NotConnected} what="tasks" />`;
    if (!offersTasks() && tasks.value.length === 0) return html`<${Empty} symbol="tasks" title="This server offers no tasks" text="A server with tasks answers a long call at once, and you follow the call here." action=${['Open the tools', () => go('tools')]} />`;
    if (!asked) {
      asked = true;
      setTimeout(refresh);
    }
    const all = tasks.value;
    const found = all.filter((one) => `${one.name ?? ''} ${one.id} ${one.task.status} ${one.task.statusMessage ?? ''}`.toLowerCase().includes(query.value.toLowerCase()));
    const now = all.find((one) => one.id === chosen.value.tasks);
    return html`<div class=${classes('split', now && 'has-detail')}>
      <${ListFrame} list=${{ items: all, ...list.value }} what="tasks" onRefresh=${refresh} search=${html`<${Search} query=${query} label=${`Search ${all.length} ${all.length === 1 ? 'task' : 'tasks'}`} onEnter=${() => found[0] && go('tasks', found[0].id)} />`}>
        ${found.map((one) => html`<button type="button" key=${one.id} class=${classes('list-item', one === now && 'on')} aria-current=${one === now ? 'true' : undefined} onClick=${() => go('tasks', one.id)}>
          <strong>${one.name ?? 'Task'}</strong><code class="uri">${one.id}</code><p><${State} task=${one.task} /></p></button>`)}
        ${found.length === 0 && html`<p class="muted none">${all.length === 0 ? 'No task yet. Call a tool as a task, and it appears here.' : `No task matches “${query.value}”.`}</p>`}
      </${ListFrame}>
      <section class="detail" aria-label="Chosen task">${now ? html`<div class="tool-page"><button type="button" class="button ghost small back" onClick=${() => go('tasks', null)}>${icon('back')} All tasks</button>
          <h1>${now.name ? html`<code>${now.name}</code>` : 'Task'}</h1><div class="badges"><span class="chip">${now.modern ? 'extension of 2026-07-28' : 'task of 2025-11-25'}</span>
          <button type="button" class="button ghost small" onClick=${() => { forget(now.id); go('tasks', null); }}>Remove from the list</button></div><${TaskCard} key=${now.id} id=${now.id} /></div>`
        : html`<${Empty} symbol="tasks" title=${all.length > 0 ? 'Choose a task' : 'No task yet'} text=${all.length > 0 ? 'Pick one from the list to follow it.' : 'Open a tool that supports tasks and call it.'} action=${all.length > 0 ? undefined : ['Open the tools', () => go('tools')]} />`}</section></div>`;
  };
});

