// The frame: header, navigation, the chosen view, questions, the timeline, and the keyboard.

import { CAPABILITY, capabilities, connected, drawerOpen, go, lists, notices, paletteOpen, phase, questions, reconnect, server, serverInfo, state, stream, timeline, view } from '../store.js';
import { tasks } from '../tasks.js';
import { classes, component, duration, html, link } from '../ui.js';
import { icon } from '../icons.js';
import { ChatView } from './chat.js';
import { Connect } from './connect.js';
import { Palette } from './palette.js';
import { Prompts } from './prompts.js';
import { Questions } from './questions.js';
import { Resources } from './resources.js';
import { Server } from './server.js';
import { SignIn } from './signin.js';
import { Skills } from './skills.js';
import { Tasks } from './tasks.js';
import { Timeline } from './timeline.js';
import { Tools } from './tools.js';

const VIEWS = { connect: Connect, tools: Tools, resources: Resources, prompts: Prompts, tasks: Tasks, skills: Skills, server: Server, signin: SignIn, chat: ChatView };

const count = (name) => (connected.value && capabilities.value[CAPABILITY[name]] !== undefined ? lists[name].value.items?.length : undefined);
const resourceCount = () => {
  const [a, b] = [count('resources'), count('templates')];
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
};

/** Where the navigation is narrow, it scrolls to the view in use. */
const showItem = (element) => element?.scrollIntoView({ block: 'nearest', inline: 'nearest' });

function NavItem({ name, label, number }) {
  return html`<button type="button" ref=${view.value === name ? showItem : undefined} class=${classes('nav-item', view.value === name && 'on')} aria-current=${view.value === name ? 'page' : undefined}
    onClick=${() => go(name)}>${icon(name)}<span>${label}</span>${number !== undefined && html`<b>${number}</b>`}</button>`;
}

const Nav = component(() => () => html`<nav class="nav" aria-label="Views">
  <${NavItem} name="connect" label="Connect" />
  <h2>Server</h2>
  <${NavItem} name="tools" label="Tools" number=${count('tools')} />
  <${NavItem} name="resources" label="Resources" number=${resourceCount()} />
  <${NavItem} name="prompts" label="Prompts" number=${count('prompts')} />
  ${(capabilities.value.skills !== undefined || view.value === 'skills') && html`<${NavItem} name="skills" label="Skills" number=${count('skills')} />`}
  ${(capabilities.value.tasks !== undefined || tasks.value.length > 0) && html`<${NavItem} name="tasks" label="Tasks" number=${tasks.value.length || undefined} />`}
  <${NavItem} name="server" label="Server" />
  <${NavItem} name="signin" label="Sign-in" />
  <h2>Model</h2>
  <${NavItem} name="chat" label="Chat" />
  <div class="only-narrow"><${NavItem} name="timeline" label="Timeline" /></div>
</nav>`);

const STATUS = {
  idle: ['off', 'Not connected'],
  connecting: ['busy', 'Connecting'],
  connected: ['ok', 'Connected'],
  failed: ['bad', 'Connection failed'],
};

const Top = component(() => () => {
  const now = phase.value;
  const [tone, label] = stream.value === 'lost' ? ['bad', 'farport inspect is not running'] : now.name === 'connected' && !now.reachable ? ['busy', 'The server does not answer; waiting for it'] : STATUS[now.name];
  const url = state.value?.target?.url;
  const again = (now.name === 'failed' || (now.name === 'connected' && !now.reachable)) && state.value?.target && !state.value.target.process;
  return html`<header class="top" data-connection=${state.value?.connection}>
    <div class="mark"><svg viewBox="0 0 20 20" width="22" height="22" aria-hidden="true"><rect width="20" height="20" rx="6" class="mark-back" /><path class="mark-front" d="M8 15V9m0 0V8a2.500 2.500 0 0 1 3.800-2.100M6 9.500h5" /></svg><span>farport inspect</span></div>
    <button type="button" class="address" onClick=${() => go('connect')} title=${label}>
      <i class=${`dot ${tone}`}></i><span class="visually-hidden">${label}: </span><span class="address-text">${url ?? 'Connect to a server'}</span>
    </button>
    ${again && html`<button type="button" class="button small" onClick=${() => reconnect().catch(() => go('connect'))}>${icon('refresh')} Reconnect</button>`}
    ${server.value && html`<span class="chip accent hide-narrow" title="Revision of the protocol">${now.revision}</span>
      ${serverInfo.value.name && html`<span class="chip hide-narrow">${serverInfo.value.name}</span>`}`}
    ${now.name === 'connected' && !now.reachable && html`<span class="chip warn hide-narrow" role="status">does not answer</span>`}
    <span class="grow"></span>
    ${connected.value && html`<span class="muted small-text hide-narrow" title="Time to connect">${duration(now.ms)}</span>`}
    <button type="button" class="keys" aria-label="Ctrl K: open the command palette" title="Command palette" onClick=${() => { paletteOpen.value = true; }}><kbd>Ctrl K</kbd></button>
  </header>`;
});

const Notices = component(() => () => notices.value.length > 0 && html`<div class="notices" role="status">
  ${notices.value.map((one) => html`<div class="notice" key=${one.id}><p>${one.text}</p>
    ${link(one.url) && html`<a class="button small" href=${link(one.url)} target="_blank" rel="noopener noreferrer">Sign in</a>`}
    <button type="button" class="icon-button" aria-label="Dismiss" onClick=${() => { notices.value = notices.value.filter((other) => other !== one); }}>${icon('close')}</button></div>`)}
</div>`);

function Locked() {
  return html`<main class="locked"><div class="empty">${icon('key')}<h1>Open the address from your terminal</h1>
    <p>This tab has no token for the running inspector. <code>farport inspect</code> prints an address that ends in <code>#token=…</code>; open that one.</p></div></main>`;
}

function toggleDrawer() {
  drawerOpen.value = !drawerOpen.value;
  localStorage.setItem('timeline', drawerOpen.value ? 'open' : 'closed');
}

const order = ['connect', 'tools', 'resources', 'prompts', 'server', 'signin', 'chat'];

/** The second key after `g`. */
const VIEW_KEYS = { c: 'connect', t: 'tools', r: 'resources', p: 'prompts', k: 'skills', a: 'tasks', s: 'server', i: 'signin', h: 'chat', l: 'timeline' };
/** How long `g` waits for its second key, in milliseconds. */
const SECOND_KEY = 1500;
let pressedG = -Infinity;

function keys(event) {
  const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    paletteOpen.value = !paletteOpen.value;
  } else if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') {
    const send = document.querySelector('.question [data-send]:not(:disabled)') ?? document.querySelector('[data-send]:not(:disabled)');
    if (send && !paletteOpen.value) {
      event.preventDefault();
      send.click();
    }
  } else if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector('[data-search]');
    if (search) {
      event.preventDefault();
      search.focus();
    }
  } else if (!typing && !paletteOpen.value && !event.ctrlKey && !event.metaKey && !event.altKey && (event.key === 'g' || event.timeStamp - pressedG < SECOND_KEY)) {
    const name = VIEW_KEYS[event.key];
    if (event.key !== 'g' && name) {
      event.preventDefault();
      go(name);
      setTimeout(() => document.getElementById('main')?.focus({ preventScroll: true }));
    }
    pressedG = event.key === 'g' ? event.timeStamp : -Infinity;
  } else if (event.altKey && /^[1-7]$/.test(event.key)) {
    event.preventDefault();
    go(order[Number(event.key) - 1]);
  }
}

export const App = component((_, { onCleanup }) => {
  document.addEventListener('keydown', keys);
  onCleanup(() => document.removeEventListener('keydown', keys));
  return () => {
    if (stream.value === 'locked') return html`<${Locked} />`;
    const View = VIEWS[view.value] ?? Tools;
    return html`<div class=${classes('app', drawerOpen.value && 'with-drawer', view.value === 'timeline' && 'timeline-view')}>
      <a class="skip" href="#main">Skip to the content</a>
      <${Top} /><${Nav} />
      <main id="main" class="main" tabindex="-1">
        ${stream.value === 'lost' && html`<div class="banner" role="alert">${icon('warn')} farport inspect does not answer. Start it again in the terminal; this page reconnects when the same start is still running.</div>`}
        ${view.value !== 'chat' && html`<${Questions} />`}
        ${view.value === 'timeline' ? html`<h1 class="visually-hidden">Timeline</h1>` : html`<div class="view" key=${view.value}><${View} /></div>`}
      </main>
      <${Timeline} open=${drawerOpen.value || view.value === 'timeline'} onToggle=${toggleDrawer} />
      <${Notices} />
      <${Palette} />
      <div class="visually-hidden" role="status">${questions.value.length > 0 ? 'The server asks a question' : ''}</div>
    </div>`;
  };
});
