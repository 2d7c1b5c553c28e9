// A view of MCP Apps: the frame that shows it, what it asks of the user, and what it has sent.

import { post, rpc } from '../api.js';
import { parse, stringify } from '../json.js';
import { lists, nextId, state } from '../store.js';
import { classes, component, html, signal, untracked } from '../ui.js';
import { AppError, Bridge, pickView } from '../appbridge.js';
import { icon } from '../icons.js';
import { visible } from './markdown.js';
import { Block } from './result.js';
import { Code } from './tree.js';

const MOST_LOGGED = 200;
/** Longer messages are logged without their contents. */
const LONGEST_LOGGED = 50_000;
/** Questions of a view that may be open at once. */
const MOST_ASKED = 3;
const [LOWEST, HIGHEST] = [80, 2000];

/** The host name of the views: another one than the page's. */
function viewsHost() {
  if (location.hostname === '127.0.0.1') return 'localhost';
  if (location.hostname === 'localhost') return '127.0.0.1';
  throw new Error(`this address shows no apps; open the page at http://127.0.0.1:${location.port}`);
}

/** Sends a request of the view to the MCP server: the inspector's own, or one besides it. */
async function request(method, params, server) {
  const answer = server === undefined ? await rpc(nextId(), method, stringify(params)) : (await beside(server, method, params)).outcome;
  if (answer.error) throw new AppError(String(answer.error.message ?? 'The server returned an error'), Number(answer.error.code) || -32000, answer.error.data);
  if (answer.failed !== undefined) throw new AppError(answer.failed);
  if (answer.result === undefined) throw new AppError('The request was cancelled');
  return answer.result;
}

/** Sends a request to a server besides the inspector's own. */
async function beside({ name, address }, method, params) {
  const wanted = `{"server":${JSON.stringify(name)},"address":${JSON.stringify(address ?? null)},"method":${JSON.stringify(method)},"params":${stringify(params)}}`;
  return parse(await (await post('chat/view', wanted)).text());
}

const MOST_PAGES = 20;
/** A server besides the inspector's own, with its tools. */
export async function serverOf(name) {
  const server = { name, address: undefined, tools: [] };
  let cursor;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { address, outcome } = await beside(server, 'tools/list', cursor === undefined ? {} : { cursor });
    if (!Array.isArray(outcome.result?.tools)) throw new Error(outcome.failed ?? outcome.error?.message ?? 'the server lists no tools');
    server.address = address;
    server.tools.push(...outcome.result.tools);
    cursor = outcome.result.nextCursor;
    if (typeof cursor !== 'string') break;
  }
  return server;
}

const VARIABLES = {
  '--color-background-primary': '--panel', '--color-background-secondary': '--bg', '--color-background-tertiary': '--line-soft', '--color-background-inverse': '--ink', '--color-background-ghost': '--panel', '--color-background-info': '--accent-soft', '--color-background-danger': '--bad-soft', '--color-background-success': '--accent-soft', '--color-background-warning': '--warn-soft', '--color-background-disabled': '--line-soft',
  '--color-text-primary': '--ink', '--color-text-secondary': '--ink-2', '--color-text-tertiary': '--ink-3', '--color-text-inverse': '--panel', '--color-text-info': '--accent', '--color-text-danger': '--bad', '--color-text-success': '--ok', '--color-text-warning': '--warn', '--color-text-disabled': '--ink-3', '--color-text-ghost': '--ink-3',
  '--color-border-primary': '--line', '--color-border-secondary': '--line-soft', '--color-border-tertiary': '--line-soft', '--color-border-inverse': '--ink', '--color-border-ghost': '--line-soft', '--color-border-info': '--accent', '--color-border-danger': '--bad', '--color-border-success': '--ok', '--color-border-warning': '--warn', '--color-border-disabled': '--line-soft',
  '--color-ring-primary': '--accent', '--color-ring-secondary': '--line', '--color-ring-inverse': '--ink', '--color-ring-info': '--accent', '--color-ring-danger': '--bad', '--color-ring-success': '--ok', '--color-ring-warning': '--warn',
  '--font-sans': '--ui', '--font-mono': '--mono',
};
const FIXED = {
  '--font-weight-normal': '400', '--font-weight-medium': '500', '--font-weight-semibold': '600', '--font-weight-bold': '700',
  '--font-text-xs-size': '12px', '--font-text-sm-size': '13px', '--font-text-md-size': '14px', '--font-text-lg-size': '16px',
  '--font-text-xs-line-height': '1.4', '--font-text-sm-line-height': '1.45', '--font-text-md-line-height': '1.5', '--font-text-lg-line-height': '1.5',
  '--font-heading-xs-size': '14px', '--font-heading-sm-size': '15px', '--font-heading-md-size': '17px', '--font-heading-lg-size': '19px', '--font-heading-xl-size': '22px', '--font-heading-2xl-size': '26px', '--font-heading-3xl-size': '32px',
  '--border-radius-xs': '4px', '--border-radius-sm': '6px', '--border-radius-md': '8px', '--border-radius-lg': '10px', '--border-radius-xl': '12px', '--border-radius-full': '999px', '--border-width-regular': '1px',
  '--shadow-hairline': '0 0 0 1px rgb(0 0 0 / .06)', '--shadow-sm': '0 1px 2px rgb(0 0 0 / .06)', '--shadow-md': '0 4px 12px -4px rgb(0 0 0 / .14)', '--shadow-lg': '0 12px 28px -12px rgb(0 0 0 / .2)',
};

const darkScheme = matchMedia('(prefers-color-scheme: dark)');

function appearance() {
  const style = getComputedStyle(document.documentElement);
  const variables = { ...FIXED };
  for (const [name, own] of Object.entries(VARIABLES)) variables[name] = style.getPropertyValue(own).trim();
  return { theme: darkScheme.matches ? 'dark' : 'light', styles: { variables } };
}

function save(file, contents) {
  const bytes = typeof contents.text === 'string' ? contents.text : Uint8Array.from(atob(contents.blob ?? ''), (one) => one.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = file.name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function saveAll(files, server) {
  for (const file of files) {
    const found = file.uri === undefined ? file : (await request('resources/read', { uri: file.uri }, server)).contents?.[0];
    if (found === undefined) throw new Error(`the server returned nothing for ${file.uri}`);
    save(file, found);
  }
}

/**
 * Shows the view `uri`.
 *
 * With a call, `tool` is its tool, `callId` its JSON-RPC id, `input` its arguments (undefined until they
 * are complete), `partial` what is known of them, and `answer` its end: `{result}`, `{error}`,
 * `{failed}` or `{cancelled}`. A new call needs a new `key`. `onMessage` and `onModelContext` receive
 * what the view sends to the chat, and return false to refuse it. `plain` leaves out the details. `server` is
 * from `serverOf`; without it, the view belongs to the inspector's own server.
 * With `asks`, the user permits each tool that the view calls.
 */
export const AppFrame = component((first, { onCleanup }) => {
  const phase = signal({ name: 'loading' });
  const mode = signal('inline');
  const height = signal(undefined);
  const asked = signal([]);
  const logged = signal([]);
  const policy = signal(undefined);
  const context = signal(undefined);
  const messages = signal([]);
  const border = signal(true);
  const slow = signal(false);
  const timer = setTimeout(() => { slow.value = true; }, 200);
  let props = first;
  let origin;
  let path;
  let holder;
  const frame = document.createElement('iframe');
  frame.title = `App of ${first.tool?.name ?? first.uri}`;
  frame.setAttribute('sandbox', 'allow-scripts allow-same-origin');
  frame.referrerPolicy = 'no-referrer';
  frame.className = 'app-frame';

  const ask = (kind, params) => new Promise((resolve) => {
    if (asked.peek().length >= MOST_ASKED) {
      resolve(false);
      return;
    }
    asked.value = [...asked.peek(), { id: nextId(), kind, params, resolve }];
  });
  const permitted = new Set();
  const ofView = async (method, params) => {
    if (method === 'tools/call' && props.asks && !permitted.has(params.name)) {
      if (!(await ask('call', params))) throw new AppError('The user did not permit this call');
      permitted.add(params.name);
    }
    return request(method, params, props.server);
  };
  const send = (message) => frame.contentWindow?.postMessage(stringify(message), origin);
  const containerDimensions = () => (mode.peek() === 'fullscreen' ? { width: innerWidth, height: Math.max(innerHeight - 52, LOWEST) } : { width: frame.clientWidth || 600, maxHeight: HIGHEST });
  const bridge = new Bridge({
    send,
    now: () => performance.now(),
    info: { name: 'farport-inspect', title: 'farport inspect', version: state.peek()?.version ?? '0' },
    capabilities: () => ({
      openLinks: {}, downloadFile: {}, serverTools: {}, serverResources: {}, logging: {}, message: { text: {}, image: {}, audio: {}, resource: {}, resourceLink: {} },
      updateModelContext: { text: {}, image: {}, audio: {}, resource: {}, resourceLink: {}, structuredContent: {} },
      sandbox: { permissions: {}, csp: policy.peek()?.granted ?? {} },
    }),
    context: () => ({
      ...appearance(),
      ...(props.tool && { toolInfo: { ...(props.callId !== undefined && { id: props.callId }), tool: props.tool } }),
      containerDimensions: containerDimensions(),
      locale: navigator.language, timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone, userAgent: 'farport-inspect', platform: 'web',
      deviceCapabilities: { touch: matchMedia('(any-pointer: coarse)').matches, hover: matchMedia('(any-hover: hover)').matches },
      safeAreaInsets: { top: 0, right: 0, bottom: 0, left: 0 },
    }),
    request: ofView,
    tools: () => props.server?.tools ?? lists.tools.peek().items ?? [],
    ask,
    message: (params) => {
      messages.value = [...messages.peek(), params].slice(-20);
      return props.onMessage?.(params);
    },
    modelContext: (params) => {
      context.value = params;
      return props.onModelContext?.(params);
    },
    mode: (next) => { mode.value = next; },
    size: (size) => { if (size.height !== undefined) height.value = Math.min(Math.max(Math.ceil(size.height), LOWEST), HIGHEST); },
    log: (direction, message) => {
      const length = stringify(message).length;
      const { jsonrpc, id, method } = message;
      const kept = length > LONGEST_LOGGED ? { jsonrpc, id, method, 'farport/length': length } : message;
      logged.value = [...logged.peek(), { direction, message: kept }].slice(-MOST_LOGGED);
    },
    leave: () => close('the app asked to be closed'),
    flood: () => stop('The app sent too many messages, so farport stopped it.'),
  });

  function onMessage(event) {
    if (event.source === null || event.source !== frame.contentWindow || event.origin !== origin || typeof event.data !== 'string') return;
    let message;
    try {
      message = JSON.parse(event.data);
    } catch {
      return;
    }
    if (message?.method === 'ui/notifications/sandbox-proxy-ready') {
      if (path === undefined) return;
      send({ jsonrpc: '2.0', method: 'ui/notifications/sandbox-resource-ready', params: { path } });
      path = undefined;
      phase.value = { name: 'running' };
    } else if (message?.method === 'ui/notifications/sandbox-proxy-refused') {
      bridge.allow();
    } else bridge.receive(message);
  }

  const answerAsked = (one, yes) => {
    asked.value = asked.peek().filter((other) => other !== one);
    one.resolve(yes);
  };
  function stop(text, name = 'failed') {
    frame.remove();
    for (const one of asked.peek()) one.resolve(false);
    asked.value = [];
    phase.value = { name, text };
  }
  async function close(reason) {
    await bridge.teardown(reason);
    stop('The app is closed.', 'closed');
  }

  async function load() {
    try {
      const host = viewsHost();
      const listed = first.server === undefined ? lists.resources.peek().items?.find((one) => one.uri === first.uri) : undefined;
      const { contents } = await request('resources/read', { uri: first.uri }, first.server);
      const view = pickView(contents, first.uri, listed);
      border.value = view.border;
      const opened = parse(await (await post('app', JSON.stringify({ html: view.html, csp: view.csp }))).text());
      policy.value = { ...opened, permissions: view.permissions };
      path = opened.path;
      origin = `http://${host}:${opened.port}`;
      frame.src = `${origin}/proxy#${location.origin}`;
      // Not before: an empty document in this sandbox would share the page's origin.
      holder?.append(frame);
    } catch (error) {
      stop(error.message);
    }
  }

  window.addEventListener('message', onMessage);
  const onScheme = () => bridge.contextChanged(appearance());
  darkScheme.addEventListener('change', onScheme);
  const resized = new ResizeObserver(() => bridge.contextChanged({ containerDimensions: containerDimensions() }));
  resized.observe(frame);
  const keys = (event) => { if (event.key === 'Escape' && mode.peek() === 'fullscreen') bridge.setMode('inline'); };
  document.addEventListener('keydown', keys);
  load();

  onCleanup(() => {
    clearTimeout(timer);
    darkScheme.removeEventListener('change', onScheme);
    document.removeEventListener('keydown', keys);
    resized.disconnect();
    for (const one of asked.peek()) one.resolve(false);
    const end = () => {
      window.removeEventListener('message', onMessage);
      frame.remove();
    };
    // A frame that moves keeps its document, where browsers can do that, and so can answer.
    if (bridge.ready && !bridge.closed && typeof document.body.moveBefore === 'function' && frame.isConnected) {
      frame.className = 'app-frame leaving';
      document.body.moveBefore(frame, null);
      bridge.teardown('the view was left').then(end);
    } else {
      bridge.teardown('the view was left');
      end();
    }
  });

  /** Passes what is known of the call to the view. */
  function follow({ input, partial, answer }) {
    if (input !== undefined) bridge.input(input);
    else if (partial !== undefined) bridge.partial(partial);
    if (answer === undefined) return;
    if (answer.result !== undefined) bridge.result(answer.result);
    else bridge.cancelled(answer.error?.message ?? answer.failed ?? 'the user cancelled the call');
  }

  const attach = (element) => {
    holder = element;
    if (element && frame.src !== '' && frame.parentNode !== element) element.append(frame);
  };
  return (now) => {
    props = now;
    untracked(() => follow(now));
    const { name, text } = phase.value;
    const full = mode.value === 'fullscreen';
    const shown = policy.value;
    const open = name === 'loading' || name === 'running';
    return html`<section class=${classes('card app-card', full && 'fullscreen')} aria-label="App">
      <header class="card-head"><strong>App</strong><span class="muted small-text app-uri">${now.uri}</span><span class="grow"></span>
        ${open && html`<button type="button" class="icon-button" aria-label=${full ? 'Show the app in the page' : 'Show the app in the whole window'} title=${full ? 'Smaller' : 'Whole window'} onClick=${() => bridge.setMode(full ? 'inline' : 'fullscreen')}>${icon(full ? 'shrink' : 'expand')}</button>
        <button type="button" class="icon-button" aria-label="Close the app" title="Close" onClick=${() => close('the user closed it')}>${icon('close')}</button>`}</header>
      ${asked.value.map((one) => html`<${Asked} key=${one.id} one=${one} answer=${answerAsked} server=${now.server} />`)}
      ${!open && html`<p class=${name === 'failed' ? 'problem app-note' : 'muted app-note'} role=${name === 'failed' ? 'alert' : undefined}>${name === 'failed' && icon('warn')} ${text}</p>`}
      ${open && html`<div class=${classes('app-body', border.value && 'framed')} style=${!full && height.value !== undefined ? { height: `${height.value}px` } : undefined} ref=${attach}>${name === 'loading' && slow.value && html`<p class="app-loading muted small-text" role="status"><i class="spinner small"></i> Loading the app</p>`}</div>`}
      ${!now.plain && shown && html`<${Details} policy=${shown} logged=${logged} context=${context} messages=${messages} />`}
    </section>`;
  };
});

function Asked({ one, answer, server }) {
  const { kind, params } = one;
  if (kind === 'call') {
    return html`<div class="app-asked" role="alertdialog" aria-label="The app asks">
      <div class="grow"><p>The app wants to call <code>${visible(params.name)}</code></p><${Code} text=${visible(stringify(params.arguments, 2))} /></div>
      <div class="row"><button type="button" class="button small primary" onClick=${() => answer(one, true)}>Allow for this app</button>
        <button type="button" class="button small" onClick=${() => answer(one, false)}>Refuse</button></div></div>`;
  }
  return html`<div class="app-asked" role="alertdialog" aria-label="The app asks">
    ${kind === 'link' ? html`<p>The app wants to open <code class="uri">${params.url}</code></p>` : html`<p>The app wants to save ${params.files.map((file, at) => html`${at > 0 && ', '}<code class="uri">${file.name}</code>`)}</p>`}
    <div class="row">${kind === 'link' ? html`<a class="button small primary" href=${params.url} target="_blank" rel="noopener noreferrer" onClick=${() => answer(one, true)}>Open</a>`
      : html`<button type="button" class="button small primary" onClick=${() => saveAll(params.files, server).then(() => answer(one, true), () => answer(one, false))}>Save</button>`}
      <button type="button" class="button small" onClick=${() => answer(one, false)}>Refuse</button></div></div>`;
}

const KINDS = [['connectDomains', 'Connects to'], ['resourceDomains', 'Loads from'], ['frameDomains', 'Shows frames of'], ['baseUriDomains', 'Resolves URLs against']];

const access = (number) => `Access to ${number} other ${number === 1 ? 'site' : 'sites'}`;

const Details = component(() => ({ policy, logged, context, messages }) => {
  const granted = KINDS.filter(([kind]) => policy.granted[kind]?.length > 0);
  return html`<div class="app-details">
    <details><summary>${granted.length === 0 ? 'No access to other sites' : access(new Set(granted.flatMap(([kind]) => policy.granted[kind])).size)}</summary>
      <dl class="facts compact">${granted.map(([kind, label]) => html`<dt key=${kind}>${label}</dt><dd><code>${policy.granted[kind].join(' ')}</code></dd>`)}
        ${policy.refused.length > 0 && html`<dt>Not granted</dt><dd class="warn-text"><code>${policy.refused.join(' ')}</code></dd>`}
        ${policy.permissions.length > 0 && html`<dt>Permissions</dt><dd>The app declares ${policy.permissions.join(', ')}; farport grants none.</dd>`}
        <dt>Policy</dt><dd><code>${policy.policy}</code></dd></dl></details>
    <details><summary>${logged.value.length} ${logged.value.length === 1 ? 'message' : 'messages'} with the app</summary>
      <ol class="app-log">${logged.value.map((one, at) => html`<li key=${at}><details><summary><span class=${`app-way ${one.direction}`}>${one.direction === 'in' ? 'app' : 'host'}</span> <code>${one.message.method ?? (one.message.error ? 'error' : 'result')}</code></summary><${Code} value=${one.message} /></details></li>`)}</ol></details>
    ${context.value && html`<details open><summary>Context for the model</summary>${(context.value.content ?? []).map((block, at) => html`<${Block} key=${at} block=${block} />`)}${context.value.structuredContent && html`<${Code} value=${context.value.structuredContent} />`}</details>`}
    ${messages.value.length > 0 && html`<details open><summary>Messages to the chat</summary>${messages.value.map((one, at) => html`<div class="message" key=${at}><span class="chip">${one.role}</span><div>${one.content.map((block, index) => html`<${Block} key=${index} block=${block} />`)}</div></div>`)}</details>`}
  </div>`;
});
