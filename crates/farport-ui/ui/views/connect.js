// Connect: the address of a server, extra headers, saved servers, and why a connection failed.

import { connect, connected, disconnect, go, phase, serverInfo, state } from '../store.js';
import { component, freshId, html, link, signal } from '../ui.js';
import { icon } from '../icons.js';
import { FetchedExchange } from './exchange.js';
import { Held, HoldSwitch, waiting } from './hold.js';
import { SavedServers, SignIns } from './saved.js';

const REVISIONS = [['auto', 'Newest that the server supports'], ['2026-07-28', '2026-07-28'], ['2025-11-25', '2025-11-25'], ['2025-06-18', '2025-06-18'], ['2025-03-26', '2025-03-26'], ['2024-11-05', '2024-11-05']];
const TRANSPORTS = [['auto', 'Streamable HTTP, then HTTP+SSE'], ['http', 'Streamable HTTP'], ['sse', 'HTTP+SSE']];

export const Connect = component(() => {
  const url = signal(state.value?.target?.process ? '' : (state.value?.target?.url ?? ''));
  const touched = signal(false);
  const headers = signal([]);
  const loaded = signal(undefined);
  const insecure = signal(false);
  const settings = signal({ revision: 'auto', transport: 'auto', timeout: 0 });
  const error = signal(undefined);
  const from = signal(undefined);
  const ids = { url: freshId(), http: freshId(), revision: freshId(), transport: freshId(), timeout: freshId() };

  const adopt = () => {
    const target = state.value?.target;
    if (touched.value || !target || loaded.peek() === state.value.connection) return;
    loaded.value = state.value.connection;
    if (target.process) return;
    url.value = target.url;
    settings.value = target.settings;
    headers.value = target.headers.map((name) => ({ name, value: '', stored: true }));
    insecure.value = target.allow_http;
  };

  const start = async (target) => {
    error.value = undefined;
    touched.value = false;
    from.value = undefined;
    try {
      await connect(target);
    } catch (failure) {
      error.value = failure.message;
    }
  };
  const submit = (event) => {
    event.preventDefault();
    const all = headers.value.filter((one) => one.name.trim() !== '');
    start({
      url: url.value.trim(),
      allow_http: insecure.value,
      settings: settings.value,
      ...(from.value !== undefined && { server: from.value }),
      headers: all.map((one) => (one.stored && one.value === '' ? { name: one.name } : { name: one.name.trim(), value: one.value })),
    });
  };
  // A server whose headers the user has to enter.
  const fill = (one) => {
    touched.value = true;
    from.value = one.id;
    url.value = one.url;
    insecure.value = one.allow_http;
    settings.value = one.settings;
    headers.value = [...one.headers.map((name) => ({ name, value: '', stored: true })), ...one.missing.map((name) => ({ name, value: '' }))];
    queueMicrotask(() => document.querySelector('.header-row:last-of-type input[type=password]')?.focus());
  };
  const set = (change) => {
    touched.value = true;
    settings.value = { ...settings.value, ...change };
  };
  const header = (at, change) => {
    touched.value = true;
    headers.value = headers.value.map((one, index) => (index === at ? { ...one, ...change } : one));
  };

  return () => {
    if (state.value?.target && loaded.value !== state.value.connection) queueMicrotask(adopt);
    const now = phase.value;
    const needsHttp = /^http:/i.test(url.value) && !/^http:\/\/(localhost|127\.|\[::1\])/i.test(url.value);
    return html`<div class="page narrow-page">
      <h1>Connect</h1>
      <p class="lead">Enter the address of an MCP server. farport finds the transport and the revision, and signs in if the server requires it.</p>
      <form class="card pad" onSubmit=${submit}>
        <label class="field-label" for=${ids.url}>Server URL</label>
        <div class="row">
          <input id=${ids.url} class="input grow" type="text" inputmode="url" spellcheck=${false} autocomplete="off" placeholder="http://localhost:8787/mcp" required
            value=${url.value} onInput=${(event) => { touched.value = true; from.value = undefined; url.value = event.target.value; }} />
          <button class="button primary" type="submit" data-send disabled=${now.name === 'connecting'}>${connected.value ? 'Reconnect' : 'Connect'}</button>
        </div>
        ${needsHttp && html`<label class="check" for=${ids.http}><input id=${ids.http} type="checkbox" checked=${insecure.value} onChange=${(event) => { touched.value = true; insecure.value = event.target.checked; }} /> Send everything unencrypted over http</label>`}
        <div class="headers">
          ${headers.value.map((one, at) => html`<div class="header-row" key=${at}>
            <input class="input" aria-label="Header name" placeholder="Authorization" spellcheck=${false} autocomplete="off" value=${one.name} readonly=${one.stored} onInput=${(event) => header(at, { name: event.target.value })} />
            <input class="input" aria-label=${`Value of the header ${one.name}`} type="password" autocomplete="off" placeholder=${one.stored ? 'unchanged' : 'Bearer …'} value=${one.value} onInput=${(event) => header(at, { value: event.target.value })} />
            <button type="button" class="icon-button" aria-label="Remove this header" onClick=${() => { touched.value = true; headers.value = headers.value.filter((_, index) => index !== at); }}>${icon('close')}</button>
          </div>`)}
          <button type="button" class="button ghost small" onClick=${() => { touched.value = true; headers.value = [...headers.value, { name: '', value: '' }]; }}>${icon('plus')} Add a header</button>
        </div>
        <details class="options" open=${state.value?.hold?.on || settings.value.revision !== 'auto' || settings.value.transport !== 'auto' || settings.value.timeout > 0}><summary>Revision, transport, time limit, sign-in</summary>
          <div class="option-grid">
            <label class="field-label" for=${ids.revision}>Revision</label><select id=${ids.revision} class="input" onChange=${(event) => set({ revision: event.target.value })}>${REVISIONS.map(([value, label]) => html`<option value=${value} selected=${settings.value.revision === value}>${label}</option>`)}</select>
            <label class="field-label" for=${ids.transport}>Transport</label><select id=${ids.transport} class="input" onChange=${(event) => set({ transport: event.target.value })}>${TRANSPORTS.map(([value, label]) => html`<option value=${value} selected=${settings.value.transport === value}>${label}</option>`)}</select>
            <label class="field-label" for=${ids.timeout}>Time limit</label><div class="row"><input id=${ids.timeout} class="input" type="number" min="0" max="86400" placeholder="300" value=${settings.value.timeout || ''} onInput=${(event) => set({ timeout: Math.max(0, Math.min(86400, Math.floor(Number(event.target.value) || 0))) })} /><span class="muted small-text">seconds without a response; progress starts it again</span></div>
          </div><${HoldSwitch} /></details>
        ${error.value && html`<p class="problem" role="alert">${icon('warn')} ${error.value}</p>`}
      </form>
      <${Outcome} now=${now} />
      <h2 class="section">Configured servers</h2>
      <${SavedServers} start=${start} fill=${fill} />
      <h2 class="section">Sign-ins</h2>
      <${SignIns} start=${start} />
    </div>`;
  };
});

const times = (number) => (number === 1 ? 'once' : `${number} times`);

function Outcome({ now }) {
  if (now.name === 'connecting' && waiting()) return html`<${Held} />`;
  if (now.name === 'connecting') {
    const page = link(now.sign_in);
    return html`<div class="card pad status-card" role="status"><i class="spinner"></i><div class="grow">
      ${page ? html`<strong>Sign in to continue</strong><p class="muted">The server requires a sign-in. Finish it in the browser; this page continues by itself.</p>
        <a class="button primary" href=${page} target="_blank" rel="noopener noreferrer">${icon('link')} Open the sign-in page</a>`
      : html`<strong>Connecting</strong><p class="muted">${state.value.target?.process ? 'Starting the process and waiting for its first response.' : 'Waiting for the server\'s first response.'}</p>`}
      ${page && html` <button type="button" class="button ghost small" onClick=${() => go('signin')}>Show the steps</button>`}</div>
      <button type="button" class="button small" onClick=${() => disconnect()}>Cancel</button></div>`;
  }
  if (now.name === 'failed') {
    return html`<div class="card pad status-card bad" role="alert">${icon('warn')}<div class="grow"><strong>${now.step ? `The connection failed: ${now.step}` : 'The connection failed'}</strong><p>${now.why}</p>${now.hint && html`<p class="muted">Hint: ${now.hint}</p>`}
      ${state.value.target?.process && html`<p class="muted">Only the command line starts a process. Run <code>farport inspect -- ${state.value.target.url}</code> again.</p>`}
      ${now.exchange !== null && now.exchange !== undefined && html`<details class="failed-exchange" open><summary>The exchange of this step</summary><${FetchedExchange} key=${now.exchange} seq=${now.exchange} /></details>`}
      <div class="row">${!state.value.target?.process && html`<button type="button" class="button ghost small" onClick=${() => go('signin')}>Show the sign-in</button>`}</div></div></div>`;
  }
  if (now.name === 'connected') {
    return html`<div class="card pad status-card" role="status"><i class=${`dot ${now.reachable ? 'ok' : 'bad'}`}></i><div class="grow">
      <strong>${now.reachable ? `Connected to ${serverInfo.value.title ?? serverInfo.value.name ?? 'the server'}` : 'The server does not answer'}</strong>
      <p class="muted">${now.reachable ? `Revision ${now.revision}${now.reloads > 0 ? ` · reloaded ${times(now.reloads)}` : ''}${now.recoveries > 0 ? ` · recovered ${times(now.recoveries)}` : ''}` : 'Start the server again. farport waits for it, opens a new session where the server needs one, and requests its lists again.'}</p></div>
      <button type="button" class="button small" onClick=${() => disconnect()}>Disconnect</button></div>`;
  }
  return null;
}
