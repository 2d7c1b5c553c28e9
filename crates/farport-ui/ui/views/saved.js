// What the Connect view offers besides a URL: the servers in configurations of MCP clients, and stored
// sign-ins.

import { call } from '../api.js';
import { component, copy, html, signal } from '../ui.js';
import { icon } from '../icons.js';

/** The command that inspects a server which is a program. */
export const command = (one) => `farport inspect ${/^[A-Za-z0-9_.-]+$/.test(one.name) ? one.name : `'${one.name.replaceAll("'", "'\\''")}'`}`;

const CopyCommand = component(() => {
  const done = signal(false);
  return ({ text }) => html`<button type="button" class="button small" title="Only the command line starts a process" onClick=${async () => {
    done.value = await copy(text);
    setTimeout(() => { done.value = false; }, 1500);
  }}>${icon(done.value ? 'check' : 'copy')} ${done.value ? 'Copied' : 'Copy the command'}</button>`;
});

/** The servers in configurations. `start` connects, and `fill` enters a server into the form. */
export const SavedServers = component(() => {
  const all = signal(undefined);
  const error = signal(undefined);
  const query = signal('');
  call('servers').then((servers) => { all.value = servers; }, (failure) => { error.value = failure.message; });
  return ({ start, fill }) => {
    if (error.value) return html`<p class="problem" role="alert">${icon('warn')} ${error.value}</p>`;
    if (all.value === undefined) return html`<div class="skeleton-list"><i></i></div>`;
    if (all.value.length === 0) return html`<p class="muted">No MCP client on this machine has a server. <code>farport add</code> adds one.</p>`;
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.value.filter((one) => words.every((word) => `${one.name} ${one.client} ${one.url ?? one.command.join(' ')}`.toLowerCase().includes(word)));
    return html`${all.value.length > 6 && html`<input class="input saved-search" type="search" aria-label="Search the configured servers" placeholder=${`Search ${all.value.length} servers`} autocomplete="off" spellcheck=${false} value=${query.value} onInput=${(event) => { query.value = event.target.value; }} />`}
      <div class="card list-card saved-servers">${found.map((one) => html`<div class="list-row" key=${one.id}>
        <div class="grow"><strong>${one.name}</strong> <span class="chip" title=${one.file}>${one.client}${one.id.startsWith('project:') ? ' · this project' : ''}</span>
          <p class="muted small-text"><code>${one.url ?? one.command.join(' ')}</code></p></div>
        ${one.command ? html`<${CopyCommand} text=${command(one)} />`
          : one.missing.length > 0 ? html`<button type="button" class="button small" title=${`Only ${one.client} knows the value of ${one.missing.join(', ')}`} onClick=${() => fill(one)}>Enter ${one.missing.length === 1 ? 'its header' : 'its headers'}</button>`
          : html`<button type="button" class="button small" onClick=${() => start(request(one))}>Connect</button>`}
      </div>`)}${found.length === 0 && html`<p class="muted none">Nothing matches “${query.value}”.</p>`}</div>`;
  };
});

/** The request that connects to a configured server with what its configuration contains. */
const request = (one) => ({ url: one.url, server: one.id, allow_http: one.allow_http, settings: one.settings, headers: one.headers.map((name) => ({ name })) });

/** The stored sign-ins. */
export const SignIns = component(() => {
  const all = signal(undefined);
  const error = signal(undefined);
  const load = () => call('sign-ins').then((found) => { all.value = found; }, (failure) => { all.value = []; error.value = failure.message; });
  load();
  const signOut = async (key) => {
    error.value = undefined;
    try {
      await call('sign-out', { key });
    } catch (failure) {
      error.value = failure.message;
    }
    load();
  };
  return ({ start }) => html`${error.value && html`<p class="problem" role="alert">${icon('warn')} ${error.value}</p>`}
    ${all.value === undefined ? html`<div class="skeleton-list"><i></i></div>` : all.value.length === 0
      ? html`<p class="muted">No sign-ins are stored. When a server requires one, farport opens its sign-in page and stores the result for <code>farport connect</code>, too.</p>`
      : html`<div class="card list-card">${all.value.map((one) => html`<div class="list-row" key=${one.key}>
          <div class="grow"><code class="strong">${one.url}</code><p class="muted small-text">${describe(one)}</p></div>
          <button type="button" class="button ghost small" onClick=${() => signOut(one.key)}>Sign out</button>
          <button type="button" class="button small" disabled=${one.headers.length > 0} title=${one.headers.length > 0 ? `Enter the URL and its headers above: ${one.headers.join(', ')}` : ''} onClick=${() => start({ url: one.url, sign_in: one.key, headers: [] })}>Connect</button>
        </div>`)}</div>`}`;
});

function describe(one) {
  if (!one.signed_in) return 'Registered, not signed in';
  const scopes = one.scopes.length > 0 ? ` · ${one.scopes.join(' ')}` : '';
  const expired = one.expires_at !== null && one.expires_at * 1000 < Date.now();
  const token = expired ? (one.renews ? 'token expired, farport renews it' : 'token expired') : 'signed in';
  return `${token.charAt(0).toUpperCase()}${token.slice(1)}${one.issuer ? ` at ${one.issuer}` : ''}${scopes}`;
}
