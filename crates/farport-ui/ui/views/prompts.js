// Prompts: a list, the chosen prompt's arguments, and the messages that the server makes of them.

import { ask, capabilities, chosen, connected, go, lists, refresh } from '../store.js';
import { classes, component, html, signal } from '../ui.js';
import { icon } from '../icons.js';
import { get as member } from '../schema.js';
import { Empty, ListFrame, NotConnected, Search } from './list.js';
import { Argument } from './resources.js';
import { Block } from './result.js';

export const Prompts = component(() => {
  const query = signal('');
  return () => {
    if (!connected.value) return html`<${NotConnected} what="prompts" />`;
    if (capabilities.value.prompts === undefined) return html`<${Empty} symbol="prompts" title="This server offers no prompts" text="Its capabilities name no prompts." action=${['Open the server view', () => go('server')]} />`;
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = lists.prompts.value.items ?? [];
    const found = all.filter((one) => words.every((word) => `${one.name} ${one.title ?? ''} ${one.description ?? ''}`.toLowerCase().includes(word)));
    const prompt = all.find((one) => one.name === chosen.value.prompts);
    return html`<div class=${classes('split', prompt && 'has-detail')}>
      <${ListFrame} list=${lists.prompts.value} what="prompts" onRefresh=${() => refresh('prompts')} search=${html`<${Search} query=${query} label=${`Search ${all.length} prompts`} onEnter=${() => found[0] && go('prompts', found[0].name)} />`}>
        ${found.map((one) => html`<button type="button" key=${one.name} class=${classes('list-item', one === prompt && 'on')} onClick=${() => go('prompts', one.name)}>
          <code>${one.name}<span>(${(one.arguments ?? []).map((argument) => (argument.required ? argument.name : `[${argument.name}]`)).join(', ')})</span></code>
          ${(one.title || one.description) && html`<p>${one.title ?? one.description}</p>`}</button>`)}
        ${lists.prompts.value.items && found.length === 0 && html`<p class="muted none">${all.length === 0 ? 'The server lists no prompts.' : `No prompt matches “${query.value}”.`}</p>`}
      </${ListFrame}>
      <section class="detail" aria-label="Prompt">${prompt ? html`<${Prompt} key=${prompt.name} prompt=${prompt} />` : html`<${Empty} symbol="prompts" title="Choose a prompt" text="Pick one from the list, or press / to search." />`}</section></div>`;
  };
});

const Prompt = component(() => {
  const values = signal({});
  const state = signal({});
  const get = async (prompt) => {
    state.value = { busy: true };
    const since = performance.now();
    try {
      const result = await ask('prompts/get', { name: prompt.name, arguments: values.value });
      state.value = { result, ms: performance.now() - since };
    } catch (error) {
      state.value = { error: error.message };
    }
  };
  return ({ prompt }) => {
    const names = prompt.arguments ?? [];
    const missing = names.filter((one) => one.required && member(values.value, [one.name]) === undefined);
    const { result, error, busy, ms } = state.value;
    const messages = Array.isArray(result?.messages) ? result.messages : [];
    return html`<div class="tool-page"><button type="button" class="button ghost small back" onClick=${() => go('prompts', null)}>${icon('back')} All prompts</button>
      <h1><code>${prompt.name}</code></h1>${prompt.title && html`<p class="subtitle">${prompt.title}</p>`}${prompt.description && html`<p class="description">${prompt.description}</p>`}
      <section class="card" aria-label="Arguments"><div class="card-body fields">${names.length === 0 ? html`<p class="muted">This prompt takes no arguments.</p>` : names.map((one) => html`<${Argument} key=${one.name} name=${one.name} required=${one.required} description=${one.description} value=${member(values.value, [one.name]) ?? ''} others=${values.value} reference=${{ type: 'ref/prompt', name: prompt.name }}
        onInput=${(text) => { const { [one.name]: _, ...rest } = values.value; values.value = text === '' ? rest : { ...rest, [one.name]: text }; }} />`)}</div></section>
      <div class="row actions"><button type="button" class="button primary" data-send disabled=${busy} onClick=${() => get(prompt)}>${missing.length > 0 ? 'Get anyway' : 'Get the prompt'} <kbd>Ctrl ↵</kbd></button>
        ${missing.length > 0 && html`<span class="warn-text small-text">${icon('warn')} ${missing.map((one) => one.name).join(', ')} ${missing.length === 1 ? 'is' : 'are'} required.</span>`}</div>
      ${error && html`<p class="problem" role="alert">${icon('warn')} ${error}</p>`}
      ${result && html`<section class="card result" aria-label="Messages"><header class="card-head"><span class="tone ok"><i class="dot ok"></i>${messages.length} ${messages.length === 1 ? 'message' : 'messages'}</span><span class="grow"></span><span class="muted small-text">${Math.round(ms)} ms</span></header>
        <div class="card-body">${result.description && html`<p class="muted">${result.description}</p>`}${messages.map((one, at) => html`<div class="message" key=${at}><span class="chip">${one.role}</span><${Block} block=${one.content} /></div>`)}${messages.length === 0 && html`<p class="muted">The server returned no messages.</p>`}</div></section>`}</div>`;
  };
});
