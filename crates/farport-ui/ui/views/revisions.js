// The server in each revision of the protocol, side by side.

import { post } from '../api.js';
import { parse } from '../json.js';
import { compare } from '../revisions.js';
import { phase, state } from '../store.js';
import { classes, component, html, signal } from '../ui.js';
import { icon } from '../icons.js';

/** The last comparison, kept while the user looks elsewhere. */
const last = signal(undefined);

const WORDS = { yes: 'offered', no: 'not offered', changed: 'differs' };

function Cell({ cell }) {
  if (cell === undefined) return html`<td class="rev-cell off"><span class="visually-hidden">not connected</span></td>`;
  if (cell.state === 'text') return html`<td class="rev-cell">${cell.text}</td>`;
  return html`<td class=${`rev-cell ${cell.state}`}><span class="rev-mark">${icon({ yes: 'check', no: 'minus', changed: 'diff' }[cell.state])}<span class="visually-hidden">${WORDS[cell.state]}</span>${cell.text && html`<span class="small-text">${cell.text}</span>`}</span></td>`;
}

export const Revisions = component(() => {
  const busy = signal(false);
  const error = signal(undefined);
  const onlyDifferent = signal(false);
  const run = async () => {
    busy.value = true;
    error.value = undefined;
    const { connection } = state.peek();
    try {
      last.value = { connection, table: compare(parse(await (await post('revisions')).text())) };
    } catch (failure) {
      error.value = failure.message;
    } finally {
      busy.value = false;
    }
  };
  return () => {
    const table = last.value?.connection === state.value?.connection ? last.value?.table : undefined;
    const process = state.value?.target?.process;
    const rows = table?.groups.map(([title, all]) => [title, onlyDifferent.value ? all.filter((one) => one.differs) : all]).filter(([, all]) => all.length > 0) ?? [];
    const offered = table?.columns.filter((one) => one.state === 'offered').length;
    return html`<section class="revisions" aria-label="Revisions"><h2 class="section">Revisions</h2>
      <p class="muted">${process ? 'farport starts a program only from the command line, so it compares revisions of servers with a URL.' : 'farport connects once in each revision of the protocol, and shows what the server offers in it.'}</p>
      ${!process && html`<div class="row actions"><button type="button" class="button" disabled=${busy.value} onClick=${run}>${busy.value ? html`<i class="spinner small"></i> Connecting` : table ? 'Compare again' : 'Compare the revisions'}</button>
        ${table && html`<label class="check rev-check"><input type="checkbox" checked=${onlyDifferent.value} onChange=${(event) => { onlyDifferent.value = event.target.checked; }} /> Only what differs</label>`}</div>`}
      ${error.value && html`<p class="problem" role="alert">${icon('warn')} ${error.value}</p>`}
      ${table && html`<p class="muted small-text" role="status">The server offers ${offered} of ${table.columns.length} revisions.</p>
 ${rows.length > 0 && html`<div class="rev-scroll" tabindex="0" role="region" aria-label="Comparison of the revisions"><table class="rev-table"><thead><tr><th scope="col"><span class="visually-hidden">What</span></th>${table.columns.map((one) => html`<th scope="col" key=${one.revision} class=${classes(one.revision === phase.value.revision && 'current')} title=${one.note}><code>${one.revision}</code>
          <span class="small-text muted">${one.state === 'offered' ? (one.revision === phase.value.revision ? 'in use' : 'offered') : one.state === 'other' ? 'not offered' : 'failed'}</span></th>`)}</tr></thead>
        ${rows.map(([title, all]) => html`<tbody key=${title}><tr class="rev-group"><th scope="rowgroup" colspan=${table.columns.length + 1}>${title}</th></tr>${all.map((one) => html`<tr key=${one.name} class=${classes(one.differs && 'differs')}><th scope="row"><code>${one.name}</code></th>${one.cells.map((cell, at) => html`<${Cell} key=${at} cell=${cell} />`)}</tr>`)}</tbody>`)}</table></div>`}
        ${rows.length === 0 && html`<p class="muted">Nothing differs between the revisions.</p>`}
        ${table.columns.filter((one) => one.note).map((one) => html`<p key=${one.revision} class="small-text muted"><code>${one.revision}</code>: ${one.note}</p>`)}`}
    </section>`;
  };
});
