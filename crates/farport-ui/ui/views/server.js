// Server: who it is, what it offers, its instructions; a ping; and the roots that it may request.

import { call } from '../api.js';
import { ask, callLogLevel, capabilities, connected, logLevel, phase, server, serverInfo, state } from '../store.js';
import { component, duration, html, link, signal } from '../ui.js';
import { icon } from '../icons.js';
import { NotConnected } from './list.js';
import { Doctor } from './doctor.js';
import { Revisions } from './revisions.js';
import { Code, Long } from './tree.js';

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
const KNOWN = [
  ['tools', 'Tools'], ['resources', 'Resources'], ['prompts', 'Prompts'], ['completions', 'Completion'], ['logging', 'Logging'], ['tasks', 'Tasks'], ['skills', 'Skills'],
];

export const Server = component(() => {
  const ping = signal(undefined);
  const level = signal(undefined);
  const error = signal(undefined);
  const measure = async () => {
    const since = performance.now();
    ping.value = { busy: true };
    try {
      await ask(phase.value.modern ? 'server/discover' : 'ping');
      ping.value = { ms: performance.now() - since };
    } catch (failure) {
      ping.value = { error: failure.message };
    }
  };
  const setLevel = async (event) => {
    level.value = event.target.value;
    error.value = undefined;
    logLevel.value = level.value;
    if (phase.value.modern) return;
    try {
      await ask('logging/setLevel', { level: level.value });
    } catch (failure) {
      error.value = failure.message;
    }
  };
  return () => {
    if (!connected.value) return html`<${NotConnected} what="server's description" />`;
    const info = serverInfo.value;
    const site = link(info.websiteUrl);
    const all = capabilities.value;
    return html`<div class="page narrow-page"><h1>${info.title ?? info.name ?? 'Server'}</h1>
      <p class="lead">${info.description ?? 'What the server said when the inspector connected.'}</p>
      <dl class="facts card pad">
        ${info.name && html`<dt>Name</dt><dd><code>${info.name}</code></dd>`}${info.version && html`<dt>Version</dt><dd><code>${info.version}</code></dd>`}
        <dt>${state.value.target?.process ? 'Command' : 'Address'}</dt><dd><code>${state.value.target?.url}</code></dd><dt>Revision</dt><dd><code>${phase.value.revision}</code></dd>
        ${phase.value.recoveries > 0 && html`<dt>Recovered</dt><dd>${phase.value.recoveries === 1 ? 'once' : `${phase.value.recoveries} times`} <span class="muted">from a restart or an expired session</span></dd>`}
        ${Array.isArray(server.value.supportedVersions) && html`<dt>Supports</dt><dd><code>${server.value.supportedVersions.join(', ')}</code></dd>`}
        <dt>Connected in</dt><dd>${duration(phase.value.ms)}</dd>
        ${site && html`<dt>Website</dt><dd><a href=${site} target="_blank" rel="noopener noreferrer">${site}</a></dd>`}
        <dt>Ping</dt><dd class="row"><button type="button" class="button small" disabled=${ping.value?.busy} onClick=${measure}>Ping</button>
          ${ping.value?.ms !== undefined && html`<span class="muted">${duration(ping.value.ms)}</span>`}${ping.value?.error && html`<span class="warn-text">${ping.value.error}</span>`}</dd>
        ${all.logging !== undefined && html`<dt>Log level</dt><dd class="row"><select class="input small" aria-label="Log level" onChange=${setLevel}><option selected=${(callLogLevel.value ?? logLevel.value) === undefined} disabled>Not set</option>${LEVELS.map((one) => html`<option value=${one} selected=${(callLogLevel.value ?? logLevel.value) === one}>${one}</option>`)}</select>${error.value && html`<span class="warn-text">${error.value}</span>`}</dd>`}
      </dl>
      <h2 class="section">Capabilities</h2>
      <div class="capabilities">${KNOWN.map(([name, label]) => html`<div class=${`capability ${all[name] === undefined ? 'off' : 'on'}`} key=${name}>${icon(all[name] === undefined ? 'minus' : 'check')}<span>${label}</span>
        <span class="muted small-text">${all[name] === undefined ? 'not offered' : Object.entries(all[name]).filter(([, value]) => value === true).map(([flag]) => flag).join(', ')}</span></div>`)}</div>
      <details class="section"><summary>The whole response</summary><${Code} value=${server.value} /></details>
      <h2 class="section">Instructions</h2>
      ${server.value.instructions ? html`<div class="card pad"><${Long} text=${server.value.instructions} plain /></div>` : html`<p class="muted">The server gives no instructions.</p>`}
      <${Revisions} />
      <${Doctor} />
      <${Roots} /></div>`;
  };
});

const Roots = component(() => {
  const uri = signal('');
  const error = signal(undefined);
  const set = async (roots) => {
    error.value = undefined;
    try {
      await call('roots', { roots });
    } catch (failure) {
      error.value = failure.message;
    }
  };
  return () => {
    const roots = state.value?.roots ?? [];
    const add = (event) => {
      event.preventDefault();
      if (uri.value.trim() === '') return;
      set([...roots, { uri: uri.value.trim() }]);
      uri.value = '';
    };
    return html`<h2 class="section">Roots</h2><p class="muted">The folders that the inspector names when the server requests its roots. The server is notified of each change.</p>
      ${roots.length > 0 && html`<div class="card list-card">${roots.map((one, at) => html`<div class="list-row" key=${at}><code class="grow">${one.uri}</code><button type="button" class="icon-button" aria-label=${`Remove ${one.uri}`} onClick=${() => set(roots.filter((_, index) => index !== at))}>${icon('close')}</button></div>`)}</div>`}
      <form class="row" onSubmit=${add}><input class="input grow" aria-label="URI of a root" placeholder="file:///home/me/project" spellcheck=${false} autocomplete="off" value=${uri.value} onInput=${(event) => { uri.value = event.target.value; }} /><button class="button" type="submit">${icon('plus')} Add</button></form>
      ${error.value && html`<p class="problem" role="alert">${icon('warn')} ${error.value}</p>`}`;
  };
});
