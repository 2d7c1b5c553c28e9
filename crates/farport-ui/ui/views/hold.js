// Holding a sign-in before each of its steps.

import { call } from '../api.js';
import { disconnect, phase, state } from '../store.js';
import { STEPS } from '../signin.js';
import { component, freshId, html, signal } from '../ui.js';
import { icon } from '../icons.js';

/** What the next step does. */
const NEXT = {
  resource: 'farport requests the metadata of the protected resource.',
  server: 'farport requests the metadata of the authorization server.',
  client: 'farport registers a client, or uses one that it knows.',
  authorization: 'farport opens the sign-in page.',
  token: 'farport exchanges the code for a token.',
  refresh: 'farport exchanges the refresh token for a new token.',
};

/** The step that waits: its number and its name. */
export const waiting = () => state.value?.hold?.waiting ?? undefined;

export const HoldSwitch = component(() => {
  const id = freshId();
  return () => html`<label class="check" for=${id}><input id=${id} type="checkbox" checked=${state.value?.hold?.on ?? false} onChange=${(event) => call('hold', { on: event.target.checked }).catch(() => {})} /> Hold a sign-in before each step</label>`;
});

/** The card of the step that waits. */
export const Held = component(() => {
  const error = signal(undefined);
  return () => {
    const now = waiting();
    if (!now) return null;
    const [number, step] = now;
    const release = async () => {
      error.value = undefined;
      try {
        await call('continue', { number });
      } catch (failure) {
        error.value = failure.message;
      }
    };
    return html`<section class="card pad status-card held" role="status" aria-label="Held step">${icon('stop')}<div class="grow"><strong>Held before: ${STEPS.find(([name]) => name === step)?.[1] ?? step}</strong>
      <p class="muted">${NEXT[step] ?? ''} Look at the steps so far, then continue.</p>${error.value && html`<p class="warn-text">${error.value}</p>`}</div>
      ${phase.value.name === 'connecting' && html`<button type="button" class="button" onClick=${() => disconnect()}>Cancel</button>`}
      <button type="button" class="button" onClick=${() => call('hold', { on: false }).catch((failure) => { error.value = failure.message; })}>Continue to the end</button>
      <button type="button" class="button primary" data-send onClick=${release}>Continue <kbd>Ctrl ↵</kbd></button></section>`;
  };
});
