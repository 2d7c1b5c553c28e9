// Tasks: calls that the server carries on with after its answer. Both forms of the protocol: the
// experimental tasks of 2025-11-25, and the extension of 2026-07-28.

import { isObject, stringify } from './json.js';
import { ask, nextId, onMessage, phase, state } from './store.js';
import { rpc } from './api.js';
import { interval, isOver, normalise } from './task.js';
import { computed, effect, signal, untracked } from './ui.js';

const MOST = 100;
const MOST_FAILURES = 3;
const KEY = 'farport-inspect-tasks';

/** The tasks of this tab, newest first: `{id, name, url, modern, since, task, answer, questions, problem}`. */
const known = signal([]);
const serverUrl = computed(() => state.value?.target?.url);
/** Those of the current server. */
export const tasks = computed(() => known.value.filter((one) => one.url === serverUrl.value));

const own = (id) => (one) => one.id === id && one.url === serverUrl.peek();
const find = (id) => known.peek().find(own(id));
function patch(id, changes) {
  known.value = known.peek().map((one) => (own(id)(one) ? { ...one, ...changes } : one));
  remember();
}

function remember() {
  const kept = known.peek().slice(0, MOST).map(({ id, name, url: of, modern, since, task }) => ({ id, name, url: of, modern, since, task }));
  sessionStorage.setItem(KEY, JSON.stringify(kept));
}

/** Restores the tasks that this tab knew before a reload. */
function recall() {
  try {
    for (const one of JSON.parse(sessionStorage.getItem(KEY) ?? '[]')) if (!known.peek().some((other) => other.id === one.id && other.url === one.url)) known.value = [...known.peek(), one];
  } catch {
    sessionStorage.removeItem(KEY);
  }
  for (const one of tasks.peek()) if (!isOver(one) || one.answer === undefined) poll(one.id);
}

/** Requests the list of tasks, which only 2025-11-25 has. */
export async function listTasks() {
  const { tasks: listed } = await ask('tasks/list', {});
  for (const one of Array.isArray(listed) ? listed : []) if (isObject(one) && typeof one.taskId === 'string') follow(one, undefined);
}

/** Follows a task to its end. `name` is the tool that started it. */
export function follow(task, name) {
  const id = task.taskId;
  if (find(id) !== undefined) return id;
  const entry = { id, name, url: serverUrl.peek(), modern: phase.peek().modern === true, since: Date.now(), task: normalise(task), answer: undefined, questions: [], problem: undefined };
  known.value = [entry, ...known.peek()].slice(0, MOST);
  remember();
  poll(id);
  return id;
}

export function forget(id) {
  known.value = known.peek().filter((one) => !own(id)(one));
  remember();
}

const polling = new Map();
/** Looks at a task until it ends. A second call looks at once. */
export async function poll(id) {
  if (polling.has(id)) {
    polling.get(id)();
    return;
  }
  polling.set(id, () => {});
  const connection = state.peek()?.connection;
  let failures = 0;
  try {
    for (let first = true; ; first = false) {
      const entry = find(id);
      if (entry === undefined || (isOver(entry) && entry.answer !== undefined)) return;
      if (!(first && isOver(entry))) {
        await new Promise((resolve) => {
          const timer = setTimeout(resolve, interval(entry.task));
          polling.set(id, () => { clearTimeout(timer); resolve(); });
        });
      }
      if (find(id) === undefined) return;
      if (state.peek()?.connection !== connection || phase.peek().name !== 'connected') {
        patch(id, { problem: 'The connection ended.' });
        return;
      }
      try {
        await look(id);
        failures = 0;
      } catch (error) {
        failures += 1;
        patch(id, { problem: error.message });
        if (failures >= MOST_FAILURES) return;
      }
    }
  } finally {
    polling.delete(id);
  }
}

async function look(id) {
  const { modern } = find(id);
  const got = await ask('tasks/get', { taskId: id });
  const detailed = isObject(got.task) ? { ...got, ...got.task } : got;
  const task = normalise({ ...detailed, taskId: id });
  const questions = task.status === 'input_required' && isObject(detailed.inputRequests) ? Object.entries(detailed.inputRequests).filter(([, one]) => isObject(one)).map(([key, one]) => ({ key, method: one.method, params: one.params })) : [];
  patch(id, { task, questions, problem: undefined });
  if (modern) {
    if (task.status === 'completed') patch(id, { answer: ended({ result: detailed.result ?? {} }) });
    else if (task.status === 'failed') patch(id, { answer: ended({ error: isObject(detailed.error) ? detailed.error : { code: 0, message: task.statusMessage ?? 'The task failed.' } }) });
    else if (task.status === 'cancelled') patch(id, { answer: { cancelled: true } });
  } else if (task.status === 'cancelled') patch(id, { answer: { cancelled: true } });
  // The server asks its questions while this request waits.
  else if (isOver({ task }) || task.status === 'input_required') collect(id);
}

const ended = (answer) => ({ ...answer, ms: undefined, bytes: stringify(answer.result ?? answer.error).length });

const collecting = new Set();
/** Requests the result of a task of 2025-11-25, once. */
async function collect(id) {
  if (collecting.has(id)) return;
  collecting.add(id);
  try {
    const answer = await rpc(nextId(), 'tasks/result', stringify({ taskId: id }));
    patch(id, { answer });
  } catch (error) {
    patch(id, { answer: { failed: error.message } });
  } finally {
    collecting.delete(id);
    poll(id);
  }
}

/** Cancels a task. */
export async function cancel(id) {
  try {
    await ask('tasks/cancel', { taskId: id });
  } catch (error) {
    patch(id, { problem: error.message });
  }
  poll(id);
}

/** Answers a question of a task of 2026-07-28. */
export async function respond(id, key, result) {
  patch(id, { questions: find(id).questions.filter((one) => one.key !== key) });
  try {
    await ask('tasks/update', { taskId: id, inputResponses: { [key]: result } });
  } catch (error) {
    patch(id, { problem: error.message });
  }
  poll(id);
}

onMessage((entry) => {
  if (entry.method !== 'notifications/tasks/status' && entry.method !== 'notifications/tasks') return;
  let params;
  try {
    params = JSON.parse(entry.text).params;
  } catch {
    return;
  }
  if (find(params?.taskId) !== undefined && polling.has(params.taskId)) polling.get(params.taskId)();
});

let connection;
effect(() => {
  if (phase.value.name !== 'connected' || state.value.connection === connection) return;
  connection = state.value.connection;
  untracked(recall);
});
