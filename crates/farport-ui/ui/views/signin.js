// Sign-in: its steps with their exchanges and verdicts, the scopes, the token's claims, and what to do.

import { call } from '../api.js';
import { connected, go, phase, signInVersion, state } from '../store.js';
import { STEPS, outcome, signIns, verdicts } from '../signin.js';
import { classes, component, effect, html, link, signal } from '../ui.js';
import { icon } from '../icons.js';
import { Exchange, statusText, statusTone } from './exchange.js';
import { Held, HoldSwitch } from './hold.js';
import { Code } from './tree.js';
import { Empty } from './list.js';

const OUTCOME = { ok: 'passed', warn: 'problems', bad: 'failed', waiting: 'not reached' };
const SYMBOL = { ok: 'check', warn: 'warn', bad: 'close', waiting: 'minus' };
const TIMES = ['exp', 'iat', 'nbf', 'auth_time'];

const when = (seconds) => new Date(seconds * 1000).toLocaleString();

function Verdict({ one }) {
  const tone = one.ok === true ? 'ok' : one.ok === false ? 'bad' : 'info';
  return html`<li class=${`verdict ${tone}`}>${icon(one.ok === true ? 'check' : one.ok === false ? 'close' : 'minus')}<span>${one.text}</span>${one.rule && html`<span class="rule">${one.rule}</span>`}</li>`;
}

const StepCard = component(() => {
  const open = signal(undefined);
  const shown = signal(undefined);
  return ({ name, label, signIn, server }) => {
    const found = verdicts(name, signIn, server);
    const tone = outcome(name, signIn, found);
    const step = signIn.steps.get(name);
    const isOpen = open.value ?? (tone === 'bad' || tone === 'warn');
    if (step === undefined) return html`<li class="step waiting"><span class="step-mark">${icon(SYMBOL.waiting)}</span><div class="step-head"><strong>${label}</strong><span class="grow"></span><span class="muted small-text">${OUTCOME.waiting}</span></div></li>`;
    return html`<li class=${`step ${tone}`}><span class="step-mark">${icon(SYMBOL[tone])}</span>
      <button type="button" class="step-head" aria-expanded=${isOpen} onClick=${() => { open.value = !isOpen; }}><strong>${label}</strong>
        <span class="muted small-text step-sum">${step.exchanges.length > 0 ? step.exchanges.map((one) => `${one.method} ${statusText(one)}`).slice(-3).join(', ') : ''}</span>
        <span class="grow"></span><span class=${`tone-text ${tone}`}>${OUTCOME[tone]}</span><span class=${isOpen ? 'turned' : ''}>${icon('right')}</span></button>
      ${isOpen && html`<div class="step-body"><ul class="verdicts">${found.map((one, at) => html`<${Verdict} key=${at} one=${one} />`)}</ul>
        ${step.report?.url && html`<p class="mono small-text uri">${step.report.url}</p>`}
        ${step.exchanges.map((one, at) => html`<div class="step-exchange" key=${at}><button type="button" class="exchange-row" aria-expanded=${shown.value === at} onClick=${() => { shown.value = shown.value === at ? undefined : at; }}>
          <span class=${shown.value === at ? 'turned' : ''}>${icon('right')}</span><code class="grow">${one.method} ${one.url}</code><code class=${`tone ${statusTone(one)}`}>${statusText(one)}</code></button>
          ${shown.value === at && html`<${Exchange} exchange=${one} />`}</div>`)}</div>`}</li>`;
  };
});

function Scopes({ list, missing = [] }) {
  if (!list || list.length === 0) return html`<span class="muted">none named</span>`;
  return html`<span class="scopes">${list.map((one) => html`<span class=${classes('chip', missing.includes(one) && 'warn')} key=${one}>${one}</span>`)}</span>`;
}

function Claims({ token }) {
  if (!token) return null;
  if (!token.claims) return html`<section class="card pad"><h2 class="plain">Access token</h2><p class="muted">The token is opaque: it has no claims to decode.</p></section>`;
  const times = TIMES.filter((name) => typeof token.claims[name] === 'number');
  return html`<section class="card" aria-label="Claims"><header class="card-head"><strong>Access token</strong><span class="chip warn">decoded, not verified</span></header><div class="card-body">
    ${times.length > 0 && html`<dl class="facts compact">${times.map((name) => html`<dt key=${name}><code>${name}</code></dt><dd>${when(token.claims[name])}${name === 'exp' && token.claims.exp * 1000 < Date.now() ? ' (expired)' : ''}</dd>`)}</dl>`}
    <${Code} value=${token.claims} /><details><summary>Header</summary><${Code} value=${token.header} /></details></div></section>`;
}

export const SignIn = component((_, { onCleanup }) => {
  const data = signal(undefined);
  const error = signal(undefined);
  const busy = signal(false);
  const chosen = signal(undefined);
  let timer;
  const load = async () => {
    try {
      data.value = await call('sign-in');
    } catch (failure) {
      error.value = failure.message;
    }
  };
  onCleanup(effect(() => {
    signInVersion.value;
    clearTimeout(timer);
    timer = setTimeout(load, 80);
  }));
  onCleanup(() => clearTimeout(timer));
  const act = async (path, body) => {
    busy.value = true;
    error.value = undefined;
    try {
      await call(path, body);
    } catch (failure) {
      error.value = failure.message;
    }
    busy.value = false;
    load();
  };
  return () => {
    if (!state.value?.target) return html`<${Empty} symbol="key" title="Not connected" text="Connect to a server. Its sign-in appears here, step by step." action=${['Open the connection', () => go('connect')]} />`;
    if (data.value === undefined) return html`<div class="page narrow-page"><h1>Sign-in</h1>${error.value ? html`<p class="problem" role="alert">${icon('warn')} ${error.value}</p>` : html`<p class="muted">Loading</p>`}</div>`;
    const { log, summary, token } = data.value;
    const all = signIns(log);
    const at = chosen.value !== undefined && chosen.value < all.length ? chosen.value : all.length - 1;
    const signIn = all[at];
    const server = state.value.target.url;
    const granted = signIn?.granted ?? summary?.scopes;
    const missing = (signIn?.requested ?? []).filter((one) => granted?.length > 0 && !granted.includes(one));
    const page = phase.value.name === 'connecting' ? link(phase.value.sign_in) : undefined;
    const expired = summary?.expires_at && summary.expires_at * 1000 < Date.now();
    return html`<div class="page narrow-page"><h1>Sign-in</h1>
      <p class="lead">${signIn ? 'Each step with its exchanges, and what the specifications say about it.' : summary?.signed_in ? 'farport uses a stored sign-in. Refresh the token, or sign out and connect again, to see the steps.' : 'This server required no sign-in so far.'}</p>
      ${error.value && html`<p class="problem" role="alert">${icon('warn')} ${error.value}</p>`}
      <${HoldSwitch} />
      <${Held} />
      ${page && !state.value.hold?.waiting && html`<div class="card pad status-card" role="status"><i class="spinner"></i><div class="grow"><strong>Waiting for you</strong><p class="muted">Finish the sign-in in the browser.</p><a class="button primary" href=${page} target="_blank" rel="noopener noreferrer">${icon('link')} Open the sign-in page</a></div></div>`}
      ${(summary || signIn) && html`<section class="card pad sign-in-facts" aria-label="Current sign-in"><dl class="facts">
        ${summary?.issuer && html`<dt>Signed in at</dt><dd><code>${summary.issuer}</code></dd>`}
        ${signIn?.requested && html`<dt>Scopes requested</dt><dd><${Scopes} list=${signIn.requested} missing=${missing} /></dd>`}
        <dt>Scopes granted</dt><dd><${Scopes} list=${granted} /></dd>
        ${summary?.resource && html`<dt>Resource</dt><dd><code>${summary.resource}</code></dd>`}
        ${summary?.signed_in && html`<dt>Token</dt><dd>${summary.expires_at ? `${expired ? 'expired' : 'valid until'} ${when(summary.expires_at)}` : 'valid until the server ends it'}${summary.renews ? ', with a refresh token' : ', without a refresh token'}</dd>`}
      </dl>
      ${summary && html`<div class="row actions">${connected.value && summary.signed_in && html`<button type="button" class="button" disabled=${busy.value} onClick=${() => act('refresh-token')}>${icon('refresh')} ${summary.renews ? 'Refresh now' : 'Sign in again'}</button>`}
        <button type="button" class="button" disabled=${busy.value} onClick=${() => act('sign-out', { key: summary.key })}>Sign out</button>${busy.value && html`<i class="spinner small"></i>`}</div>`}</section>`}
      ${all.length > 1 && html`<div class="row attempts" role="group" aria-label="Sign-ins">${all.map((one, index) => html`<button type="button" key=${index} class=${classes('button small', index === at && 'on')} aria-pressed=${index === at} onClick=${() => { chosen.value = index; }}>${new Date(one.at).toLocaleTimeString()}${one.failed ? ' · failed' : one.steps.has('refresh') ? ' · refresh' : ''}</button>`)}</div>`}
      ${signIn && html`<ol class="steps" aria-label="Steps">${STEPS.filter(([name]) => signIn.steps.has(name) || (!['refresh', 'revocation'].includes(name) && !signIn.steps.has('refresh') && !signIn.steps.has('revocation'))).map(([name, label]) => html`<${StepCard} key=${`${at} ${name}`} name=${name} label=${label} signIn=${signIn} server=${server} />`)}</ol>`}
      <${Claims} token=${token} />
    </div>`;
  };
});
