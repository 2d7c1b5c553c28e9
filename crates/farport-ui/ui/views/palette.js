// The command palette: views, tools, resources and prompts by name.

import { connected, disconnect, go, lists, paletteOpen, reconnect, refresh, state } from '../store.js';
import { classes, component, effect, html, signal } from '../ui.js';
import { icon } from '../icons.js';

function commands() {
  const all = [
    ...[['connect', 'Connect'], ['tools', 'Tools'], ['resources', 'Resources'], ['prompts', 'Prompts'], ['tasks', 'Tasks'], ['skills', 'Skills'], ['server', 'Server'], ['signin', 'Sign-in'], ['chat', 'Chat'], ['timeline', 'Timeline']].map(([name, label]) => ({ icon: name, label, hint: 'view', run: () => go(name) })),
  ];
  if (state.value?.target && !state.value.target.process) all.push({ icon: 'refresh', label: 'Reconnect', hint: 'command', run: () => reconnect().catch(() => go('connect')) });
  if (connected.value) {
    all.push({ icon: 'refresh', label: 'Request every list again', hint: 'command', run: () => Object.keys(lists).forEach(refresh) });
    all.push({ icon: 'close', label: 'Disconnect', hint: 'command', run: () => disconnect() });
    for (const one of lists.tools.value.items ?? []) all.push({ icon: 'tools', label: one.name, hint: one.title ?? 'tool', mono: true, run: () => go('tools', one.name) });
    for (const one of lists.resources.value.items ?? []) all.push({ icon: 'resources', label: one.name, hint: one.uri, run: () => go('resources', { uri: one.uri }) });
    for (const one of lists.templates.value.items ?? []) all.push({ icon: 'resources', label: one.name, hint: one.uriTemplate, run: () => go('resources', { template: one.uriTemplate }) });
    for (const one of lists.prompts.value.items ?? []) all.push({ icon: 'prompts', label: one.name, hint: one.title ?? 'prompt', mono: true, run: () => go('prompts', one.name) });
  }
  return all;
}

const SHOWN = 12;

export const Palette = component((_, { onCleanup }) => {
  const query = signal('');
  const at = signal(0);
  let before;
  onCleanup(effect(() => {
    if (paletteOpen.value) {
      before = document.activeElement;
      query.value = '';
      at.value = 0;
    } else before?.focus?.();
  }));
  return () => {
    if (!paletteOpen.value) return null;
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = commands().filter((one) => words.every((word) => `${one.label} ${one.hint}`.toLowerCase().includes(word))).slice(0, SHOWN);
    const now = Math.min(at.value, Math.max(found.length - 1, 0));
    const close = () => { paletteOpen.value = false; };
    const run = (one) => {
      close();
      one?.run();
    };
    const keys = (event) => {
      if (event.key === 'Escape') close();
      else if (event.key === 'Enter') run(found[now]);
      else if (event.key === 'ArrowDown') at.value = Math.min(now + 1, found.length - 1);
      else if (event.key === 'ArrowUp') at.value = Math.max(now - 1, 0);
      else if (event.key !== 'Tab') return;
      event.preventDefault();
      event.stopPropagation();
    };
    return html`<div class="palette-back" onClick=${(event) => { if (event.target === event.currentTarget) close(); }}>
      <div class="palette" role="dialog" aria-modal="true" aria-label="Command palette">
        <input class="palette-input" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant=${`palette-${now}`} aria-label="Find a view, a tool, a resource or a prompt" placeholder="Find a view, a tool, a resource or a prompt" autocomplete="off" spellcheck=${false}
          ref=${(element) => element && document.activeElement !== element && element.focus()} value=${query.value} onInput=${(event) => { query.value = event.target.value; at.value = 0; }} onKeyDown=${keys} />
        <ul id="palette-list" role="listbox" aria-label="Matches">${found.map((one, index) => html`<li key=${`${one.icon}${one.label}${one.hint}`} id=${`palette-${index}`} role="option" aria-selected=${index === now} class=${classes(index === now && 'on')} onClick=${() => run(one)} onMouseMove=${() => { at.value = index; }}>
          ${icon(one.icon)}<span class=${classes(one.mono && 'mono')}>${one.label}</span><span class="grow"></span><span class="muted small-text">${one.hint}</span></li>`)}</ul>
        ${found.length === 0 && html`<p class="muted none">Nothing matches.</p>`}
      </div></div>`;
  };
});
