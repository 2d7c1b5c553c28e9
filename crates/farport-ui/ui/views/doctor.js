// The server's findings: the rules of the specification that it breaks.

import { call } from '../api.js';
import { state } from '../store.js';
import { component, html, link, signal } from '../ui.js';
import { icon } from '../icons.js';

/** The last report, kept while the user looks elsewhere. */
const last = signal(undefined);

function Finding({ finding }) {
  const { severity, rule, saw, remedy, section, revision, id } = finding;
  const url = link(finding.url);
  return html`<li class=${`finding ${severity}`}><span class="finding-mark">${icon('warn')}</span><div class="grow"><p class="finding-rule">${rule}</p><p class="finding-saw">${saw}</p>
    <p class="muted small-text">${remedy}</p><p class="small-text"><span class=${`chip ${severity === 'error' ? 'bad' : 'warn'}`}>${severity}</span> ${revision && html`<span class="chip">${revision}</span> `}
      ${url ? html`<a href=${url} target="_blank" rel="noopener noreferrer">${section}</a>` : html`<span class="muted">${section}</span>`} <code class="muted">${id}</code></p></div></li>`;
}

const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

export const Doctor = component(() => {
  const busy = signal(false);
  const error = signal(undefined);
  const run = async () => {
    busy.value = true;
    error.value = undefined;
    const { connection } = state.peek();
    try {
      last.value = { connection, report: await call('doctor') };
    } catch (failure) {
      error.value = failure.message;
    } finally {
      busy.value = false;
    }
  };
  return () => {
    const report = last.value?.connection === state.value?.connection ? last.value?.report : undefined;
    const process = state.value?.target?.process;
    const errors = report?.findings.filter((one) => one.severity === 'error').length;
    return html`<section class="doctor" aria-label="Doctor"><h2 class="section">Doctor</h2>
      <p class="muted">${process ? 'farport starts a program only from the command line, so it checks servers with a URL.' : 'farport sends the server valid and invalid requests in each revision, and shows the rules of the specification that it breaks. It calls no tool.'}</p>
      ${!process && html`<div class="row actions"><button type="button" class="button" disabled=${busy.value} onClick=${run}>${busy.value ? html`<i class="spinner small"></i> Checking` : report ? 'Check again' : 'Check the server'}</button></div>`}
      ${error.value && html`<p class="problem" role="alert">${icon('warn')} ${error.value}</p>`}
      ${report && html`<div role="status">${report.stopped && html`<p class="problem">${icon('warn')} ${report.stopped}</p>`}
        <p class=${report.findings.length === 0 ? 'tone ok' : ''}>${report.findings.length === 0 ? html`${icon('check')} No rule is broken.` : `${count(errors, 'error', 'errors')} and ${count(report.findings.length - errors, 'warning', 'warnings')}.`} <span class="muted small-text">${count(report.kept ?? 0, 'rule is', 'rules are')} kept.</span></p></div>
        ${report.findings.length > 0 && html`<ul class="card findings">${report.findings.map((one, at) => html`<${Finding} key=${at} finding=${one} />`)}</ul>`}
        ${report.skipped.length > 0 && html`<details><summary>${count(report.skipped.length, 'rule was', 'rules were')} not checked</summary><ul class="skipped">${report.skipped.map((one, at) => html`<li key=${at} class="small-text">${one.rule} ${one.revision && html`<span class="chip">${one.revision}</span>`} <span class="muted">${one.why}</span></li>`)}</ul></details>`}`}
    </section>`;
  };
});
