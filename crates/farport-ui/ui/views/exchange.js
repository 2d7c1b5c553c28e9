// One HTTP exchange: its request and its response, with headers and bodies.

import { parse, stringify } from '../json.js';
import { component, duration, html, signal, size } from '../ui.js';
import { call } from '../api.js';
import { icon } from '../icons.js';
import { Code, Long } from './tree.js';

const PURPOSE = { message: 'Message', stream: 'Stream', close: 'End of the session', challenge: 'Challenge', metadata: 'Metadata', registration: 'Registration', token: 'Token' };

export function statusTone(exchange) {
  if (exchange.error || exchange.status >= 500) return 'bad';
  if (exchange.status >= 400) return 'warn';
  return exchange.status === null ? '' : 'ok';
}

export const statusText = (exchange) => (exchange.status !== null && exchange.status !== undefined ? String(exchange.status) : exchange.error || exchange.failed ? 'failed' : exchange.ended ? 'ended' : 'waiting');

function Headers({ all }) {
  if (all.length === 0) return null;
  return html`<dl class="http-headers">${all.map(([name, value], at) => html`<div key=${at}><dt>${name}</dt><dd class=${value === '***' || value.endsWith(' ***') ? 'masked' : ''}>${value === '***' ? 'masked' : value}</dd></div>`)}</dl>`;
}

/** Text as JSON, as a form, or as it is. */
function Body({ body, type = '' }) {
  if (!body || body.length === 0) return null;
  let shown;
  if (/urlencoded/.test(type)) {
    shown = html`<${Headers} all=${[...new URLSearchParams(body.text)]} />`;
  } else {
    try {
      shown = html`<${Code} text=${stringify(parse(body.text), 2)} />`;
    } catch {
      shown = html`<${Long} text=${body.text} plain />`;
    }
  }
  return html`<div class="http-body">${shown}${body.text.length < body.length && html`<p class="muted small-text">The first ${size(body.text.length)} of ${size(body.length)}.</p>`}</div>`;
}

const typeOf = (headers) => headers.find(([name]) => name === 'content-type')?.[1];

/** An exchange that the page has. */
export function Exchange({ exchange }) {
  const { request_headers: sent, response_headers: received, events = [], more_events: more = 0 } = exchange;
  return html`<div class="http">
    <p class="http-line"><span class="chip">${PURPOSE[exchange.purpose] ?? exchange.purpose}</span>${exchange.attempt > 1 && html`<span class="chip warn">attempt ${exchange.attempt}</span>`}</p>
    <p class="http-line mono"><strong>${exchange.method}</strong> <span class="uri">${exchange.url}</span></p>
    <${Headers} all=${sent} /><${Body} body=${exchange.request_body} type=${typeOf(sent)} />
    ${exchange.status !== null && html`<p class="http-line mono http-status"><strong class=${`tone ${statusTone(exchange)}`}>${exchange.status}</strong><span class="muted">${duration(exchange.head_ms)}${exchange.ended ? ` · ${size(exchange.bytes)} in ${duration(exchange.ms)}` : ' · open'}</span></p>`}
    <${Headers} all=${received} /><${Body} body=${exchange.response_body} type=${typeOf(received)} />
    ${events.map((one, at) => html`<div class="http-event" key=${at}><p class="muted small-text mono">${one.name || 'message'}${one.id ? ` · id ${one.id}` : ''} · after ${duration(one.ms)}</p><${Body} body=${one.data} /></div>`)}
    ${more > 0 && html`<p class="muted small-text">${more} more ${more === 1 ? 'event' : 'events'}, which the timeline shows as messages.</p>`}
    ${exchange.error && html`<p class="problem">${icon('warn')} ${exchange.error}</p>`}
  </div>`;
}

/** An exchange of the timeline, which is fetched. */
export const FetchedExchange = component(({ seq }) => {
  const exchange = signal(undefined);
  const error = signal(undefined);
  call('entry', { seq }).then(({ text }) => { exchange.value = JSON.parse(text); }, (failure) => { error.value = failure.message; });
  return () => (exchange.value ? html`<${Exchange} exchange=${exchange.value} />` : html`<p class="muted">${error.value ?? 'Loading'}</p>`);
});
