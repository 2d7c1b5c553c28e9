// What the lists of tools, resources and prompts share.

import { go, phase } from '../store.js';
import { component, html, signal } from '../ui.js';
import { icon } from '../icons.js';

export function Empty({ symbol, title, text, action }) {
  return html`<div class="empty">${icon(symbol)}<h2>${title}</h2><p>${text}</p>${action && html`<button type="button" class="button" onClick=${action[1]}>${action[0]}</button>`}</div>`;
}

export function NotConnected({ what }) {
  const busy = phase.value.name === 'connecting';
  return html`<${Empty} symbol="connect" title=${busy ? 'Connecting' : 'Not connected'} text=${busy ? `The ${what} appear here once the server answers.` : `Connect to a server to see its ${what}.`} action=${['Open the connection', () => go('connect')]} />`;
}

export function Search({ query, label, onEnter }) {
  return html`<div class="search"><span class="search-icon">${icon('search')}</span>
    <input class="input" type="search" data-search aria-label=${label} placeholder=${label} autocomplete="off" spellcheck=${false} value=${query.value}
      onInput=${(event) => { query.value = event.target.value; }}
      onKeyDown=${(event) => { if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) onEnter?.(); else if (event.key === 'Escape') { query.value = ''; event.target.blur(); } }} /><kbd>/</kbd></div>`;
}

/** True from 200 ms on, so that a fast answer shows no skeleton. */
const Skeleton = component((_, { onCleanup }) => {
  const shown = signal(false);
  const timer = setTimeout(() => { shown.value = true; }, 200);
  onCleanup(() => clearTimeout(timer));
  return () => shown.value && html`<div class="skeleton-list" role="status" aria-label="Loading">${[1, 2, 3, 4].map((one) => html`<i key=${one}></i>`)}</div>`;
});

export function ListFrame({ list, what, onRefresh, search, children }) {
  return html`<section class="list" aria-label=${`List of ${what}`}><h1 class="visually-hidden">${what.charAt(0).toUpperCase() + what.slice(1)}</h1><div class="list-head">${search}
      <button type="button" class="icon-button" aria-label=${`Request the ${what} again`} title="Refresh" disabled=${list.loading} onClick=${onRefresh}>${icon('refresh')}</button></div>
    ${list.error && html`<p class="problem" role="alert">${icon('warn')} ${list.error}</p>`}
    ${list.items === undefined && list.loading ? html`<${Skeleton} />` : children}</section>`;
}
