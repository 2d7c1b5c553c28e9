// What the page knows: the inspector's state, the server's lists, running calls and the timeline.

import { ApiError, call, events, hasToken, post, rpc } from './api.js';
import { arrivals } from './arrivals.js';
import { changes } from './changes.js';
import { takeChat } from './chat.js';
import { parse, stringify } from './json.js';
import { batch, computed, signal } from './ui.js';

const MOST_ENTRIES = 10_000;

/** The inspector's state, as the last event described it. */
export const state = signal(undefined);
/** ok, waiting (for the first event), lost, or locked (no valid token). */
export const stream = signal(hasToken() ? 'waiting' : 'locked');
/** The newest messages of the client, such as "Signed in". */
export const notices = signal([]);
/** Timeline entries, oldest first. */
export const timeline = signal([]);
/** The view: connect, tools, resources, prompts, tasks, skills, server, timeline. */
export const view = signal('connect');
/** The chosen tool, resource and prompt. */
export const chosen = signal({ tools: undefined, resources: undefined, prompts: undefined, tasks: undefined, skills: undefined });
export const paletteOpen = signal(false);
export const drawerOpen = signal(localStorage.getItem('timeline') !== 'closed');

export const phase = computed(() => state.value?.phase ?? { name: 'idle' });
export const connected = computed(() => phase.value.name === 'connected');
export const server = computed(() => (connected.value ? phase.value.server : undefined));
/** Name and version of the server. In 2026-07-28 they are metadata of a result. */
export const serverInfo = computed(() => server.value?.serverInfo ?? server.value?._meta?.['io.modelcontextprotocol/serverInfo'] ?? {});
/** Counts changes of the sign-in, so that its view requests them. */
export const signInVersion = signal(0);
/** The saved calls of this folder: `{ path, calls }`. */
export const saved = signal(undefined);
/** The log level that the user chose. */
export const logLevel = signal(undefined);
/** The log level that calls request in 2026-07-28, where no request sets it for all. */
export const callLogLevel = computed(() => (phase.value.modern && capabilities.value.logging !== undefined ? (logLevel.value ?? 'info') : undefined));
/** The changes of followed resources: for each URI how many, and when the last one was reported. */
export const updates = signal(new Map());
/** The entries that the user pinned, by number. */
export const pinned = signal(new Set());
/** The entry of the timeline to show: `{ seq }`. */
export const reveal = signal(undefined);
/** The capabilities, and the extensions that the page knows, under their short names. */
export const capabilities = computed(() => {
  const all = server.value?.capabilities ?? {};
  const extensions = all.extensions ?? {};
  return { ...all, tasks: all.tasks ?? extensions['io.modelcontextprotocol/tasks'], skills: extensions['io.modelcontextprotocol/skills'] };
});
export const questions = computed(() => state.value?.questions ?? []);

/** A list of the server: undefined until it was requested. */
const empty = { items: undefined, loading: false, error: undefined };
export const lists = {
  tools: signal(empty),
  resources: signal(empty),
  templates: signal(empty),
  prompts: signal(empty),
  skills: signal(empty),
};
const METHODS = {
  tools: ['tools/list', 'tools'],
  resources: ['resources/list', 'resources'],
  templates: ['resources/templates/list', 'resourceTemplates'],
  prompts: ['prompts/list', 'prompts'],
  skills: ['skills/list', 'skills'],
};
/** The capability that each list belongs to. */
export const CAPABILITY = { tools: 'tools', resources: 'resources', templates: 'resources', prompts: 'prompts', skills: 'skills' };
const MOST_PAGES = 200;

// Another tab starts elsewhere.
let lastId = (1 + (crypto.getRandomValues(new Uint16Array(1))[0] % 8999)) * 1000;
/** A new JSON-RPC id. */
export const nextId = () => (lastId += 1);

/** Sends a request that the page itself needs, and returns its result. */
export async function ask(method, params) {
  const answer = await rpc(nextId(), method, stringify(params ?? {}));
  if (answer.error) throw new ApiError(200, answer.error.message ?? 'The server answered with an error.');
  if (answer.failed !== undefined) throw new ApiError(0, answer.failed);
  if (answer.result === undefined) throw new ApiError(0, 'The request was cancelled.');
  return answer.result;
}

/** Requests every page of a list. */
export async function refresh(name) {
  const list = lists[name];
  const connection = state.value?.connection;
  if (!connected.value || capabilities.value[CAPABILITY[name]] === undefined) {
    list.value = { ...empty, items: [] };
    return;
  }
  list.value = { ...list.value, loading: true, error: undefined };
  const [method, member] = METHODS[name];
  const items = [];
  try {
    let cursor;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const result = await ask(method, cursor === undefined ? {} : { cursor });
      if (Array.isArray(result[member])) items.push(...result[member]);
      cursor = result.nextCursor;
      if (cursor === undefined || cursor === null) break;
    }
    if (state.value?.connection === connection) list.value = { items, loading: false, error: undefined };
  } catch (error) {
    if (state.value?.connection === connection) list.value = { items: list.value.items ?? [], loading: false, error: error.message };
  }
}

/** Shows a view, and in it one item. */
export function go(name, item) {
  batch(() => {
    view.value = name;
    if (item !== undefined) chosen.value = { ...chosen.value, [name]: item };
  });
}

export async function connect(target) {
  await call('connect', target);
}

export const reconnect = () => {
  const { url, headers, allow_http, settings } = state.value.target;
  return connect({ url, allow_http, settings, headers: headers.map((name) => ({ name })) });
};

export const disconnect = () => call('disconnect');

// Without inherited members: a server may name its notification "constructor".
const CHANGED = {
  __proto__: null,
  'notifications/tools/list_changed': ['tools'],
  'notifications/resources/list_changed': ['resources', 'templates'],
  'notifications/prompts/list_changed': ['prompts'],
};

const listeners = new Set();
/** Calls `listen` with each JSON-RPC message that the server sends. Returns a function that stops it. */
export function onMessage(listen) {
  listeners.add(listen);
  return () => listeners.delete(listen);
}

let notice = 0;
const changed = new Set();
const isNew = arrivals();

function take(all) {
  const entries = [];
  const arrived = all.filter((event) => isNew(event) && event.type === 'message' && event.direction === 'in');
  let cleared = false;
  batch(() => {
    for (const event of all) {
      if (event.type === 'message' || event.type === 'http' || event.type === 'note') entries.push(event);
      else if (event.type === 'cleared') {
        cleared = true;
        entries.length = 0;
      } else if (event.type === 'notice') {
        // The page shows the link of a sign-in itself.
        if (phase.value.sign_in && event.text.includes(phase.value.sign_in)) continue;
        notices.value = [...notices.value, { id: (notice += 1), text: event.text }].slice(-3);
      } else if (event.type === 'sign_in') {
        notices.value = [...notices.value, { id: (notice += 1), text: 'The server requires a new sign-in.', url: event.url }].slice(-3);
      } else if (event.type === 'sign_in_log') signInVersion.value += 1;
      else if (event.type === 'state') update(event);
      else takeChat(event);
    }
    if (cleared) {
      timeline.value = merge([], entries);
      pinned.value = new Set();
    } else if (entries.length > 0) timeline.value = merge(timeline.value.slice(), entries);
    stream.value = 'ok';
  });
  for (const entry of arrived) {
    for (const listen of listeners) listen(entry);
    for (const name of CHANGED[entry.method] ?? []) changed.add(name);
    if (entry.method === 'notifications/resources/updated') resourceUpdated(entry);
  }
  if (changed.size > 0) {
    setTimeout(() => {
      for (const name of changed) refresh(name);
      changed.clear();
    }, 50);
  }
}

function resourceUpdated(entry) {
  let uri;
  try {
    uri = JSON.parse(entry.text).params.uri;
  } catch {
    return;
  }
  if (typeof uri !== 'string') return;
  const all = new Map(updates.value);
  all.set(uri, { count: (all.get(uri)?.count ?? 0) + 1, at: entry.at });
  updates.value = all;
}

/** Adds entries to a list, and replaces those that have changed. Numbers of a list have no gaps. */
export function merge(list, entries) {
  for (const entry of entries) {
    const last = list.at(-1);
    if (last === undefined || entry.seq > last.seq) list.push(entry);
    else if (entry.seq >= list[0].seq) list[entry.seq - list[0].seq] = entry;
  }
  return list.length > MOST_ENTRIES ? list.slice(-MOST_ENTRIES) : list;
}

function update(event) {
  const before = state.value;
  state.value = event;
  const now = event.phase.name;
  // The user wants to see the steps.
  if (event.hold?.waiting && !before?.hold?.waiting) view.value = 'signin';
  const fresh = before === undefined || before.connection !== event.connection || before.phase.name !== now;
  // A server that was restarted may offer something else.
  if (now === 'connected' && !fresh && event.phase.recoveries !== before.phase.recoveries) Object.keys(lists).forEach(refresh);
  if (!fresh) return;
  signInVersion.value += 1;
  if (now === 'connected' && event.phase.reloads > 0 && before?.phase.name === 'connected') {
    reloaded();
  } else if (now === 'connected') {
    notices.value = [];
    updates.value = new Map();
    for (const name of Object.keys(lists)) {
      if (before?.target?.url !== event.target?.url) lists[name].value = empty;
      refresh(name);
    }
    if (view.value === 'connect') view.value = event.phase.server?.capabilities?.tools === undefined ? 'server' : 'tools';
  } else if (now === 'failed' && (before === undefined || before.phase.name === 'connecting')) {
    // The chat shows it itself.
    if (view.value !== 'chat') view.value = 'connect';
  }
}

/** Requests the lists of a reloaded server, and says what is new. */
async function reloaded() {
  const before = Object.fromEntries(Object.keys(lists).map((name) => [name, lists[name].value.items]));
  await Promise.all(Object.keys(lists).map(refresh));
  const parts = Object.keys(lists).map((name) => changes(name, before[name], lists[name].value.items)).filter(Boolean);
  notices.value = [...notices.value, { id: (notice += 1), text: `The server was reloaded. ${parts.length > 0 ? parts.join('; ') : 'Its lists are the same'}.` }].slice(-3);
}

/** Follows the stream of events, and opens it again when it ends. */
export async function follow() {
  let wait = 250;
  while (hasToken()) {
    try {
      await events((all) => {
        wait = 250;
        try {
          take(all);
        } catch (error) {
          // A defect of the page. The stream continues: opened again, it would carry the same.
          reportError(error);
        }
      });
      // The page was too slow for the stream. A new one starts with the current state.
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        stream.value = 'locked';
        return;
      }
    }
    stream.value = 'lost';
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, 5000);
  }
}

/** The whole text of an entry. */
export async function detail(entry) {
  if (entry.type === 'note' || (entry.type === 'message' && entry.text !== null)) return entry.text;
  return (await call('entry', { seq: entry.seq })).text;
}

/** Reads the saved calls, or changes them. */
export async function savedCalls(path = 'saved', body = '{}') {
  const text = await (await post(path, body)).text();
  saved.value = parse(text);
}
