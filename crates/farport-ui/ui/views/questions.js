// The server's questions: elicitation as a form or a link, sampling answered by hand.

import { call, post } from '../api.js';
import { chat } from '../chat.js';
import { isObject, stringify } from '../json.js';
import { questions } from '../store.js';
import { initial } from '../schema.js';
import { component, freshId, html, link, signal } from '../ui.js';
import { icon } from '../icons.js';
import { Form, formState } from './form.js';
import { Block } from './result.js';
import { Code } from './tree.js';

const forms = new Map();

function respond(number, member, value) {
  forms.delete(number);
  return post('answer', `{"number":${number},"${member}":${stringify(value)}}`).catch(() => {});
}

export const Questions = component(() => () => {
  const open = questions.value;
  if (open.length === 0) return null;
  return html`<div class="questions">${open.map((one) => html`<${Question} key=${one.number} question=${one} />`)}</div>`;
});

function Frame({ title, note, children }) {
  return html`<section class="card question" aria-label=${title}><header class="card-head">${icon('question')}<strong>${title}</strong><span class="grow"></span><span class="chip warn">${note}</span></header><div class="card-body">${children}</div></section>`;
}

/** One question. `respond` sends the answer: its number, `result` or `error`, and the value. */
export const Question = ({ question, respond: send = respond }) => (question.method === 'sampling/createMessage' ? html`<${Sampling} question=${question} send=${send} />` : html`<${Elicitation} question=${question} send=${send} />`);

const Elicitation = component(({ question, send }) => {
  const params = question.params ?? {};
  const schema = isObject(params.requestedSchema) ? params.requestedSchema : { type: 'object', properties: {} };
  if (!forms.has(question.number)) forms.set(question.number, formState(schema, initial(schema) ?? {}));
  const form = forms.get(question.number);
  return () => {
    const byUrl = params.mode === 'url';
    const href = byUrl ? link(params.url) : undefined;
    const problems = form.problems.value;
    const answer = (action) => send(question.number, 'result', action === 'accept' && !byUrl ? { action, content: form.value.value ?? {} } : { action });
    return html`<${Frame} title="The server asks you" note=${byUrl ? 'elicitation · URL' : 'elicitation'}>
      <p class="question-text">${params.message}</p>
      ${byUrl ? html`<p><code class="uri">${params.url}</code></p>${href ? html`<p><a class="button" href=${href} target="_blank" rel="noopener noreferrer">${icon('link')} Open this page</a></p>` : html`<p class="problem">${icon('warn')} This is no http or https address, so the page does not open it.</p>`}` : html`<${Form} form=${form} />`}
      <div class="row actions"><button type="button" class="button primary" data-send onClick=${() => answer('accept')}>${!byUrl && problems.length > 0 ? 'Accept anyway' : 'Accept'} <kbd>Ctrl ↵</kbd></button>
        <button type="button" class="button" onClick=${() => answer('decline')}>Decline</button><button type="button" class="button" onClick=${() => answer('cancel')}>Cancel</button></div>
    </${Frame}>`;
  };
});

const Sampling = component(({ question, send }) => {
  const params = question.params ?? {};
  const text = signal('');
  const model = signal('by hand');
  const ids = { text: freshId(), model: freshId() };
  const asked = signal({});
  // The chosen model writes the answer; the user sees it before the server does.
  const ask = async () => {
    asked.value = { busy: true };
    try {
      const answer = await call('chat/sample', { params });
      text.value = answer.text;
      model.value = answer.model;
      asked.value = {};
    } catch (error) {
      asked.value = { failed: error.message };
    }
  };
  return () => html`<${Frame} title="The server asks for a model's answer" note="sampling">
    ${params.systemPrompt && html`<p class="muted small-text">System prompt</p><p class="question-text">${params.systemPrompt}</p>`}
    ${(Array.isArray(params.messages) ? params.messages : []).map((one, at) => html`<div class="message" key=${at}><span class="chip">${one.role}</span>${(Array.isArray(one.content) ? one.content : [one.content]).map((block, index) => html`<${Block} key=${index} block=${block} />`)}</div>`)}
    <details><summary>The whole request</summary><${Code} value=${params} /></details>
    <div class="field"><label class="field-label" for=${ids.text}>Answer</label><textarea id=${ids.text} class="input" rows="3" value=${text.value} onInput=${(event) => { text.value = event.target.value; }}></textarea></div>
    <div class="field"><label class="field-label" for=${ids.model}>Model</label><input id=${ids.model} class="input" value=${model.value} onInput=${(event) => { model.value = event.target.value; }} /></div>
    ${asked.value.failed && html`<p class="problem" role="alert">${icon('warn')} ${asked.value.failed}</p>`}
    <div class="row actions">${chat.value.model && html`<button type="button" class="button" data-sample disabled=${asked.value.busy} onClick=${ask}>${asked.value.busy ? html`<i class="spinner small"></i>` : icon('chat')} Let ${chat.value.model.model} answer</button>`}<button type="button" class="button primary" data-send onClick=${() => send(question.number, 'result', { role: 'assistant', content: { type: 'text', text: text.value }, model: model.value, stopReason: 'endTurn' })}>Send the answer <kbd>Ctrl ↵</kbd></button>
      <button type="button" class="button" onClick=${() => send(question.number, 'error', { code: -1, message: 'User rejected sampling request' })}>Reject</button></div>
  </${Frame}>`;
});
