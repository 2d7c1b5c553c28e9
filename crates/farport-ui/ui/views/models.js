// The panel beside the chat: the model, the tools, and how the model is asked.

import { call as api } from '../api.js';
import { act, chat, chosenProvider, findProviders, panel, providers, set } from '../chat.js';
import { classes, component, freshId, html, signal } from '../ui.js';
import { icon } from '../icons.js';
import { visible } from './markdown.js';

const SHOWN = 60;

const ModelList = component(({ provider }) => {
  const models = signal(undefined);
  const filter = signal('');
  const typed = signal('');
  const failed = signal(undefined);
  const id = freshId();
  api('chat/models', { provider: provider.id }).then(
    (all) => {
      models.value = all;
      // There is nothing to choose.
      if (all.length === 1 && !chat.value.model) act('model', { provider: provider.id, model: all[0].id });
    },
    (error) => { models.value = []; failed.value = error.message; },
  );
  const choose = (model) => act('model', { provider: provider.id, model });
  return () => {
    const all = models.value;
    if (all === undefined) return html`<div class="skeleton-list"><i></i></div>`;
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.filter((one) => words.every((word) => one.id.toLowerCase().includes(word)));
    const chosen = chat.value.model?.provider === provider.id ? chat.value.model.model : undefined;
    return html`${failed.value && html`<p class="problem">${icon('warn')} ${visible(failed.value)}</p>`}
      ${all.length > 8 && html`<input class="input" type="search" aria-label="Filter the models" placeholder=${`Filter ${all.length} models`} spellcheck=${false} autocomplete="off" value=${filter.value} onInput=${(event) => { filter.value = event.target.value; }} />`}
      <div class="model-list" role="group" aria-label="Models">${found.slice(0, SHOWN).map((one) => html`<button type="button" key=${one.id} class=${classes('model', one.id === chosen && 'on')} aria-pressed=${one.id === chosen} onClick=${() => choose(one.id)}><span>${visible(one.id)}</span>${one.context && html`<b>${Math.round(one.context / 1024)}k</b>`}</button>`)}
        ${found.length > SHOWN && html`<p class="muted small-text">${found.length - SHOWN} more; filter to see them</p>`}</div>
      <form class="row model-name" onSubmit=${(event) => { event.preventDefault(); if (typed.value.trim()) choose(typed.value.trim()); }}><input id=${id} class="input" aria-label="Name of another model" placeholder="Another model's name" spellcheck=${false} autocomplete="off" value=${typed.value} onInput=${(event) => { typed.value = event.target.value; }} /><button type="submit" class="button small">Use</button></form>`;
  };
});

/** Puts a provider's key into the keyring. Returns why it failed. */
async function keepKey(provider) {
  try {
    await api('chat/keep-key', { provider });
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/** Whether the provider's key is in the keyring, and how to change that. */
const KeyPlace = component(({ failed }) => {
  const running = signal(false);
  const change = (what) => async () => {
    running.value = true;
    try {
      await api(`chat/${what}`, { provider: chosen.id });
      failed.value = undefined;
    } catch (error) {
      failed.value = error.message;
    }
    running.value = false;
    await findProviders(false);
  };
  let chosen;
  return ({ provider }) => {
    chosen = provider;
    if (!provider.has_key) return null;
    const note = provider.kept ? 'Its key is in the keyring.' : `Its key is in ${provider.source.includes('_') ? 'the environment' : "farport's process"}.`;
    return html`<div class="row key-place"><span class="muted small-text grow">${note}</span>${provider.kept
      ? html`<button type="button" class="button ghost small" disabled=${running.value} onClick=${change('forget-key')}>Forget the key</button>`
      : html`<button type="button" class="button ghost small" disabled=${running.value} onClick=${change('keep-key')}>${icon('key')} Keep in the keyring</button>`}</div>`;
  };
});

const EMPTY = { label: '', api: 'openai', base_url: '', key: '' };

const AddProvider = component(({ onDone }) => {
  const form = signal(EMPTY);
  const keep = signal(false);
  const error = signal(undefined);
  const ids = { url: freshId(), key: freshId(), api: freshId(), label: freshId() };
  const change = (name) => (event) => { form.value = { ...form.value, [name]: event.target.value }; };
  const submit = async (event) => {
    event.preventDefault();
    const { key, ...rest } = form.value;
    try {
      const added = await api('chat/provider', key === '' ? rest : { ...rest, key });
      // The provider is there, also if the keyring is not.
      const why = keep.value && key !== '' ? await keepKey(added.id) : undefined;
      form.value = EMPTY;
      error.value = undefined;
      await findProviders(false);
      onDone(added.id, why);
    } catch (failure) {
      error.value = failure.message;
    }
  };
  return () => html`<form class="add-provider" onSubmit=${submit} autocomplete="off">
    <label class="field-label" for=${ids.url}>Base URL</label><input id=${ids.url} class="input" inputmode="url" required spellcheck=${false} autocomplete="off" placeholder="http://127.0.0.1:8080/v1" value=${form.value.base_url} onInput=${change('base_url')} />
    <label class="field-label" for=${ids.api}>API</label><select id=${ids.api} class="input" onChange=${change('api')}><option value="openai" selected=${form.value.api === 'openai'}>OpenAI Chat Completions</option><option value="anthropic" selected=${form.value.api === 'anthropic'}>Anthropic Messages</option></select>
    <label class="field-label" for=${ids.key}>Key, if it needs one</label><input id=${ids.key} class="input" type="password" autocomplete="off" value=${form.value.key} onInput=${change('key')} />
    <label class="check"><input type="checkbox" checked=${keep.value} disabled=${form.value.key === ''} onChange=${(event) => { keep.value = event.target.checked; }} /> Keep the key in this system's keyring</label>
    <p class="muted small-text">${keep.value && form.value.key !== '' ? 'The key goes into the keyring, and farport reads it from there until you forget it.' : "The key stays in farport's process until it ends."} It is never on this page, in a log or in an export.</p>
    <label class="field-label" for=${ids.label}>Name</label><input id=${ids.label} class="input" autocomplete="off" placeholder="My server" value=${form.value.label} onInput=${change('label')} />
    ${error.value && html`<p class="problem" role="alert">${icon('warn')} ${visible(error.value)}</p>`}
    <button type="submit" class="button small">Add</button></form>`;
});

const ModelPanel = component(() => {
  const current = signal(undefined);
  const adding = signal(false);
  const looking = signal(providers.value === undefined);
  const failed = signal(undefined);
  const look = async () => {
    looking.value = true;
    await findProviders();
    looking.value = false;
  };
  if (looking.value) look();
  const id = freshId();
  return () => {
    const all = providers.value ?? [];
    const provider = all.find((one) => one.id === (current.value ?? chat.value.model?.provider)) ?? all[0];
    return html`${looking.value && html`<p class="muted small-text"><i class="spinner small"></i> Looking for models on this machine</p>`}
      ${all.length === 0 && !looking.value && html`<p>farport found no models. Set <code>OPENAI_API_KEY</code>, <code>ANTHROPIC_API_KEY</code> or another key before you start farport, start Ollama, or add a provider.</p>`}
      ${all.length > 0 && html`<label class="field-label" for=${id}>Provider</label><select id=${id} class="input" onChange=${(event) => { current.value = event.target.value; }}>${all.map((one) => html`<option key=${one.id} value=${one.id} selected=${one.id === provider.id}>${visible(one.label)}${one.local ? ' · this machine' : ''}</option>`)}</select>
        <p class="muted small-text">${visible(provider.base_url)} · from ${visible(provider.source)}</p>
        <${KeyPlace} key=${`key-${provider.id}`} provider=${provider} failed=${failed} />
        <${ModelList} key=${provider.id} provider=${provider} />`}
      <div class="row"><button type="button" class="button ghost small" aria-expanded=${adding.value} onClick=${() => { adding.value = !adding.value; }}>${icon('plus')} Add a provider</button><button type="button" class="button ghost small" disabled=${looking.value} onClick=${look}>${icon('refresh')} Look again</button></div>
      ${failed.value && html`<p class="problem" role="alert">${icon('warn')} ${visible(failed.value)}</p>`}
      ${adding.value && html`<${AddProvider} onDone=${(added, why) => { current.value = added; adding.value = false; failed.value = why; }} />`}`;
  };
});

function ToolsPanel() {
  const { tools, settings } = chat.value;
  const servers = [...new Set(tools.map((one) => one.server))];
  const turn = (group, on) => {
    const keys = new Set(group.map((one) => JSON.stringify([one.server, one.tool])));
    const rest = settings.disabled.filter((one) => !keys.has(JSON.stringify(one)));
    return set({ disabled: on ? rest : [...rest, ...group.map((one) => [one.server, one.tool])] });
  };
  return html`<label class="check"><input type="checkbox" checked=${settings.tools} onChange=${(event) => set({ tools: event.target.checked })} /> Offer tools to the model</label>
    ${tools.length === 0 && html`<p class="muted small-text">No server offers a tool.</p>`}
    ${servers.map((server) => {
      const group = tools.filter((one) => one.server === server);
      return html`<div key=${server} class="tool-group"><div class="row"><strong class="grow">${visible(server)}</strong><button type="button" class="button ghost small" onClick=${() => turn(group, true)}>All</button><button type="button" class="button ghost small" onClick=${() => turn(group, false)}>None</button></div>
        ${group.map((one) => html`<div key=${one.name} class="tool-row"><label><input type="checkbox" disabled=${!settings.tools} checked=${!one.disabled} onChange=${(event) => turn([one], event.target.checked)} /> <code>${visible(one.tool)}</code></label>
          ${one.annotations?.readOnlyHint === true && html`<span class="chip" title="A claim of the server">read-only</span>`}
          ${one.rule && html`<button type="button" class="chip rule-chip" title="Ask again before each call" onClick=${() => act('ask_again', { server: one.server, tool: one.tool })}>${one.rule} ×</button>`}</div>`)}</div>`;
    })}`;
}

const SettingsPanel = component(() => {
  const ids = { system: freshId(), temperature: freshId(), tokens: freshId(), steps: freshId() };
  const numeric = (event) => (event.target.value.trim() === '' || Number.isNaN(Number(event.target.value)) ? null : Number(event.target.value));
  return () => {
    const { settings } = chat.value;
    return html`<label class="field-label" for=${ids.system}>System prompt</label><textarea id=${ids.system} class="input tall-prompt" rows="6" value=${settings.system} onChange=${(event) => set({ system: event.target.value })}></textarea>
      <label class="field-label" for=${ids.temperature}>Temperature</label><input id=${ids.temperature} class="input" type="number" min="0" max="2" step="0.1" placeholder="the provider's" value=${settings.temperature ?? ''} onChange=${(event) => set({ temperature: numeric(event) })} />
      <label class="field-label" for=${ids.tokens}>Limit of a response, in tokens</label><input id=${ids.tokens} class="input" type="number" min="1" placeholder="the provider's" value=${settings.max_tokens ?? ''} onChange=${(event) => set({ max_tokens: numeric(event) === null ? null : Math.max(1, Math.floor(numeric(event))) })} />
      <label class="field-label" for=${ids.steps}>Steps before the model pauses</label><input id=${ids.steps} class="input" type="number" min="1" max="1000" value=${settings.steps} onChange=${(event) => set({ steps: Math.max(1, Math.min(1000, Math.floor(numeric(event) ?? 20))) })} />`;
  };
});

const TABS = [['model', 'Model'], ['tools', 'Tools'], ['settings', 'Settings']];

export const Panel = component(() => () => {
  if (panel.value === undefined) return null;
  return html`<aside class="chat-panel" aria-label="Model, tools and settings"><header class="card-head"><div class="tabs" role="tablist">${TABS.map(([name, label]) => html`<button type="button" key=${name} role="tab" aria-selected=${panel.value === name} class=${classes(panel.value === name && 'on')} onClick=${() => { panel.value = name; }}>${label}</button>`)}</div><span class="grow"></span>
    <button type="button" class="icon-button" aria-label="Close the panel" onClick=${() => { panel.value = undefined; }}>${icon('close')}</button></header>
    <div class="panel-body">${panel.value === 'model' ? html`<${ModelPanel} />` : panel.value === 'tools' ? html`<${ToolsPanel} />` : html`<${SettingsPanel} />`}</div></aside>`;
});

/** The chosen model in a few words. */
export function modelLabel() {
  const { model } = chat.value;
  if (!model) return undefined;
  return `${model.model} · ${chosenProvider()?.label ?? model.provider}`;
}
