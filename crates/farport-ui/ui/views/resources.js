// Resources and templates: a list, and the contents of the chosen one.

import { call } from '../api.js';
import { ask, capabilities, chosen, connected, go, lists, refresh, state as inspector, updates } from '../store.js';
import { get as member } from '../schema.js';
import { variables, expand } from '../template.js';
import { batch, classes, component, effect, freshId, html, signal, size } from '../ui.js';
import { isAppMime, isViewUri } from '../appbridge.js';
import { icon } from '../icons.js';
import { AppFrame } from './apps.js';
import { Empty, ListFrame, NotConnected, Search } from './list.js';
import { Contents } from './result.js';

/** Values typed for templates, kept while the user looks elsewhere. */
const typed = new Map();

export const Resources = component(() => {
  const query = signal('');
  return () => {
    if (!connected.value) return html`<${NotConnected} what="resources" />`;
    if (capabilities.value.resources === undefined) return html`<${Empty} symbol="resources" title="This server offers no resources" text="Its capabilities name no resources." action=${['Open the server view', () => go('server')]} />`;
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const match = (one) => words.every((word) => `${one.name} ${one.title ?? ''} ${one.uri ?? one.uriTemplate} ${one.description ?? ''}`.toLowerCase().includes(word));
    const resources = lists.resources.value.items ?? [];
    const templates = lists.templates.value.items ?? [];
    const now = chosen.value.resources;
    const item = (one, uri, pick) => html`<button type="button" key=${uri} class=${classes('list-item', now && (now.uri ?? now.template) === uri && 'on')} onClick=${() => go('resources', pick)}>
      <strong>${one.title ?? one.name}${inspector.value?.subscriptions?.includes(uri) && html` <span class="chip accent">subscribed</span>`}</strong><code class="uri">${uri}</code>${one.description && html`<p>${one.description}</p>`}</button>`;
    const template = now?.template !== undefined ? templates.find((one) => one.uriTemplate === now.template) : undefined;
    const known = now?.uri !== undefined ? resources.find((one) => one.uri === now.uri) : undefined;
    return html`<div class=${classes('split', now && 'has-detail')}>
      <${ListFrame} list=${lists.resources.value} what="resources" onRefresh=${() => { refresh('resources'); refresh('templates'); }} search=${html`<${Search} query=${query} label=${`Search ${resources.length + templates.length} resources`} />`}>
        ${resources.filter(match).map((one) => item(one, one.uri, { uri: one.uri }))}
        ${templates.some(match) && html`<h2 class="list-title">Templates</h2>`}
        ${templates.filter(match).map((one) => item(one, one.uriTemplate, { template: one.uriTemplate }))}
        ${!resources.some(match) && !templates.some(match) && lists.resources.value.items && html`<p class="muted none">${words.length > 0 ? `Nothing matches “${query.value}”.` : 'The server lists no resources.'}</p>`}
      </${ListFrame}>
      <section class="detail" aria-label="Resource">
        ${template ? html`<${Template} key=${template.uriTemplate} template=${template} />`
          : now?.uri !== undefined ? html`<${Resource} key=${now.uri} uri=${now.uri} resource=${known} />`
          : html`<${Empty} symbol="resources" title="Choose a resource" text="Pick one from the list to read it." />`}
      </section></div>`;
  };
});

/** Reads a resource, and keeps the newest result. */
function reader() {
  const state = signal({});
  let last = 0;
  const read = async (uri) => {
    const own = (last += 1);
    state.value = { ...state.value, busy: true, error: undefined };
    const since = performance.now();
    try {
      const result = await ask('resources/read', { uri });
      if (own === last) state.value = { uri, contents: result.contents ?? [], ms: performance.now() - since };
    } catch (error) {
      if (own === last) state.value = { uri, error: error.message };
    }
  };
  return { state, read };
}

/** Follows the changes of a resource, if the server reports them. */
const Subscribe = component(() => {
  const error = signal(undefined);
  const busy = signal(false);
  return ({ uri }) => {
    if (capabilities.value.resources?.subscribe !== true) return null;
    const on = inspector.value?.subscriptions?.includes(uri) ?? false;
    const toggle = async () => {
      busy.value = true;
      error.value = undefined;
      try {
        await call('subscribe', { uri, on: !on });
      } catch (failure) {
        error.value = failure.message;
      }
      busy.value = false;
    };
    const update = updates.value.get(uri);
    return html`<button type="button" class="button" aria-pressed=${on} disabled=${busy.value} onClick=${toggle}>${on ? 'Unsubscribe' : 'Subscribe'}</button>
      ${on && html`<span class="chip accent" role="status">${update ? `updated ${update.count === 1 ? 'once' : `${update.count} times`}, last at ${new Date(update.at).toLocaleTimeString()}` : 'subscribed'}</span>`}
      ${error.value && html`<span class="warn-text small-text" role="alert">${icon('warn')} ${error.value}</span>`}`;
  };
});

/** Reads a resource again when the server reports a change of it. */
function rereads(uri, read, onCleanup) {
  let seen = updates.peek().get(uri())?.count ?? 0;
  onCleanup(effect(() => {
    const count = updates.value.get(uri())?.count ?? 0;
    if (count !== seen) {
      seen = count;
      queueMicrotask(() => read(uri()));
    }
  }));
}

function Read({ state }) {
  if (state.error) return html`<p class="problem" role="alert">${icon('warn')} ${state.error}</p>`;
  if (state.contents === undefined) return null;
  return html`<section class="card result" aria-label="Contents"><header class="card-head"><span class="tone ok"><i class="dot ok"></i>read</span><span class="grow"></span><span class="muted small-text">${Math.round(state.ms)} ms</span></header>
    <div class="card-body">${state.contents.length === 0 ? html`<p class="muted">The server returned no contents.</p>` : state.contents.map((one, at) => html`<${Contents} key=${at} contents=${one} />`)}</div></section>`;
}

const Back = () => html`<button type="button" class="button ghost small back" onClick=${() => go('resources', null)}>${icon('back')} All resources</button>`;

const Resource = component(({ uri }, { onCleanup }) => {
  const { state, read } = reader();
  const shown = signal(0);
  read(uri);
  rereads(() => uri, read, onCleanup);
  return ({ uri: now, resource }) => html`<div class="tool-page"><${Back} />
    <h1>${resource?.title ?? resource?.name ?? 'Resource'}</h1><p><code class="uri">${now}</code></p>
    ${resource?.description && html`<p class="description">${resource.description}</p>`}
    <div class="badges">${resource?.mimeType && html`<span class="chip">${resource.mimeType}</span>`}${typeof resource?.size === 'number' && html`<span class="chip">${size(resource.size)}</span>`}</div>
    <div class="row actions"><button type="button" class="button primary" data-send disabled=${state.value.busy} onClick=${() => read(now)}>Read again <kbd>Ctrl ↵</kbd></button><${Subscribe} key=${now} uri=${now} />
      ${isViewUri(now) && isAppMime(resource?.mimeType ?? state.value.contents?.[0]?.mimeType) && html`<button type="button" class="button" onClick=${() => { shown.value += 1; }}>${icon('app')} Show the app</button>`}</div>
    ${shown.value > 0 && html`<${AppFrame} key=${shown.value} uri=${now} />`}
    <${Read} state=${state.value} /></div>`;
});

const Template = component(({ template }, { onCleanup }) => {
  const { state, read } = reader();
  rereads(() => state.peek().uri, read, onCleanup);
  if (!typed.has(template.uriTemplate)) typed.set(template.uriTemplate, signal({}));
  const values = typed.get(template.uriTemplate);
  return ({ template: now }) => {
    const names = variables(now.uriTemplate);
    const uri = expand(now.uriTemplate, values.value);
    const set = (name, value) => {
      const { [name]: _, ...rest } = values.value;
      values.value = value === '' ? rest : { ...rest, [name]: value };
    };
    return html`<div class="tool-page"><${Back} />
      <h1>${now.title ?? now.name}</h1><p><code class="uri">${now.uriTemplate}</code></p>
      ${now.description && html`<p class="description">${now.description}</p>`}
      <section class="card" aria-label="Variables"><div class="card-body fields">
        ${names.map((name) => html`<${Argument} key=${name} name=${name} value=${member(values.value, [name]) ?? ''} onInput=${(value) => set(name, value)} reference=${{ type: 'ref/resource', uri: now.uriTemplate }} others=${values.value} />`)}
        <p class="small-text muted">Reads <code>${uri}</code></p></div></section>
      <div class="row actions"><button type="button" class="button primary" data-send disabled=${state.value.busy} onClick=${() => read(uri)}>Read <kbd>Ctrl ↵</kbd></button>${state.value.uri && html`<${Subscribe} key=${state.value.uri} uri=${state.value.uri} />`}</div>
      <${Read} state=${state.value} /></div>`;
  };
});

/** A text field that the server completes, if it can. */
export const Argument = component(({ reference }, { onCleanup }) => {
  const id = freshId();
  const options = signal([]);
  const wanted = signal(undefined);
  let timer;
  let last = 0;
  const stop = effect(() => {
    if (wanted.value === undefined) return;
    const { name, value, others } = wanted.value;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const own = (last += 1);
      const { [name]: _, ...rest } = others;
      try {
        const result = await ask('completion/complete', { ref: reference, argument: { name, value }, ...(Object.keys(rest).length > 0 && { context: { arguments: rest } }) });
        if (own === last) options.value = (result.completion?.values ?? []).filter((one) => typeof one === 'string');
      } catch {
        if (own === last) options.value = [];
      }
    }, 150);
  });
  onCleanup(() => { clearTimeout(timer); stop(); });
  return ({ name, value, required, description, onInput, others }) => {
    const complete = (text) => {
      if (capabilities.peek().completions !== undefined) batch(() => { wanted.value = { name, value: text, others }; });
    };
    return html`<div class="field"><div class="field-head"><label class="field-label" for=${id}>${name}${required && html`<sup title="required">*</sup>`}</label></div>
      ${description && html`<p class="hint" id=${`${id}hint`}>${description}</p>`}
      <input id=${id} class="input" autocomplete="off" spellcheck=${false} list=${`${id}list`} aria-describedby=${description ? `${id}hint` : undefined} value=${value}
        onFocus=${() => complete(value)} onInput=${(event) => { onInput(event.target.value); complete(event.target.value); }} />
      <datalist id=${`${id}list`}>${options.value.map((one) => html`<option key=${one} value=${one}></option>`)}</datalist></div>`;
  };
});
