// What the page knows of the chat, and what it asks farport to do.

import { call } from './api.js';
import { signal } from './ui.js';

/** The messages, oldest first. */
export const messages = signal([]);
/** Everything else: phase, settings, tools, servers besides the inspector's, tokens. */
export const chat = signal({ phase: 'idle', steps: 0, usage: { input: 0, output: 0, cached: 0 }, settings: { tools: true, disabled: [], system: '', steps: 20 }, tools: [], servers: [], model: null });
/** The providers of models; undefined until they were requested. */
export const providers = signal(undefined);
/** Why the last action failed. */
export const problem = signal(undefined);
/** The panel that is open: model, tools, settings. */
export const panel = signal(undefined);

/** Handles an event about the chat. Numbers of a list have no gaps. */
export function takeChat(event) {
  if (event.type === 'chat') chat.value = event;
  else if (event.type === 'chat_reset') messages.value = messages.value.slice(0, event.length);
  else if (event.type === 'chat_message') {
    const next = messages.value.slice();
    next[event.at] = event.message;
    messages.value = next;
  }
}

/** Whether the model responds, or calls run. */
export const busy = () => !['idle', 'limit'].includes(chat.value.phase);

/** Does something, and shows why it failed. Returns whether it succeeded. */
export async function act(name, more = {}) {
  try {
    await call('chat/act', { do: name, ...more });
    problem.value = undefined;
    return true;
  } catch (error) {
    problem.value = error.message;
    return false;
  }
}

/** Changes settings. */
export function set(change) {
  // Another change may come before the answer to this one.
  chat.value = { ...chat.value, settings: { ...chat.value.settings, ...change } };
  return act('settings', { settings: chat.value.settings });
}

let requested = false;
/** Requests the providers, and looks for those on this machine. Chooses the only model there is. */
export async function findProviders(probe = true) {
  requested = true;
  try {
    const found = await call('chat/providers', { probe });
    providers.value = found.providers;
    return found.providers;
  } catch (error) {
    problem.value = error.message;
    return [];
  }
}
export const findProvidersOnce = () => (requested ? undefined : findProviders());

/** The chosen provider, if it is known. */
export const chosenProvider = () => providers.value?.find((one) => one.id === chat.value.model?.provider);
