// The Chat view: servers, messages, and the field where the user writes.

import { post } from '../api.js';
import { act, busy, chat, chosenProvider, findProvidersOnce, messages, panel, problem } from '../chat.js';
import { connect, connected, go, phase, questions, serverInfo, state } from '../store.js';
import { classes, component, effect, html, link, signal } from '../ui.js';
import { icon } from '../icons.js';
import { Mine, Theirs } from './messages.js';
import { visible } from './markdown.js';
import { modelLabel, Panel } from './models.js';
import { Questions } from './questions.js';

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const LARGEST_IMAGE = 5 * 1024 * 1024;
const NEAR = 120;
const number = (count) => count.toLocaleString('en-US');

/** An image file as base64, or why it cannot be sent. */
async function read(file) {
  if (!IMAGES.includes(file.type)) throw new Error(`${file.name || 'The image'} is not a PNG, JPEG, GIF or WebP image.`);
  if (file.size > LARGEST_IMAGE) throw new Error(`${file.name || 'The image'} has more than 5 MB.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return { mime: file.type, data: btoa(text) };
}

async function saveChat() {
  try {
    const text = await (await post('chat/export')).text();
    const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    const anchor = document.createElement('a');
    anchor.href = url;
    anchor.download = 'chat.json';
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  } catch (error) {
    problem.value = error.message;
  }
}

async function openChat(event) {
  const [file] = event.target.files;
  event.target.value = '';
  if (!file) return;
  try {
    await post('chat/import', JSON.stringify({ text: await file.text() }));
    problem.value = undefined;
  } catch (error) {
    problem.value = error.message;
  }
}

const Servers = component(() => {
  const adding = signal(false);
  const url = signal('');
  const add = async (event) => {
    event.preventDefault();
    const address = url.value.trim();
    if (address === '') return;
    const own = !connected.value && phase.value.name !== 'connecting';
    try {
      if (own) await connect({ url: address, headers: [], allow_http: false });
      else if (!(await act('add_server', { url: address }))) return;
      problem.value = undefined;
      url.value = '';
      adding.value = false;
    } catch (error) {
      problem.value = error.message;
    }
  };
  return () => {
    const now = phase.value;
    const page = now.name === 'connecting' ? link(now.sign_in) : undefined;
    const tone = { connected: now.reachable === false ? 'busy' : 'ok', connecting: 'busy', failed: 'bad' }[now.name] ?? 'off';
    const own = state.value?.target && now.name !== 'idle';
    return html`<div class="chat-servers">
      ${own && html`<button type="button" class="chip server-chip" title=${state.value.target.url} onClick=${() => go('connect')}><i class=${`dot ${tone}`}></i>${visible(connected.value ? (serverInfo.value.title ?? serverInfo.value.name ?? state.value.target.url) : state.value.target.url)}</button>`}
      ${page && html`<a class="button small primary" href=${page} target="_blank" rel="noopener noreferrer">Sign in to continue</a>`}
      ${now.name === 'failed' && html`<span class="warn-text small-text" role="status">${visible(now.why)}</span>`}
      ${chat.value.servers.map((one) => html`<span class="chip server-chip" key=${one.url} title=${one.url}><i class=${`dot ${one.phase === 'connected' ? 'ok' : one.phase === 'failed' ? 'bad' : 'busy'}`}></i>${visible(one.name ?? one.url)}<button type="button" class="remove" aria-label=${`Remove ${one.url}`} onClick=${() => act('remove_server', { name: one.url })}>${icon('close')}</button></span>
        ${one.why && html`<span class="warn-text small-text" role="status">${visible(one.why)}</span>`}`)}
      ${adding.value || (!own && chat.value.servers.length === 0)
        ? html`<form class="row add-server" onSubmit=${add}><input class="input small grow" inputmode="url" aria-label="URL of a server" placeholder="http://localhost:8787/mcp" spellcheck=${false} autocomplete="off" value=${url.value} onInput=${(event) => { url.value = event.target.value; }} /><button type="submit" class="button small">Connect</button></form>`
        : html`<button type="button" class="button ghost small" onClick=${() => { adding.value = true; }}>${icon('plus')} Server</button>`}
      <span class="grow"></span>
      <div class="row chat-tools"><button type="button" class="icon-button" aria-label="New chat" title="New chat" disabled=${busy() || messages.value.length === 0} onClick=${() => act('clear')}>${icon('trash')}</button>
        <button type="button" class="icon-button" aria-label="Export the chat" title="Export as JSON" disabled=${messages.value.length === 0} onClick=${saveChat}>${icon('save')}</button>
        <label class="icon-button" title="Import a chat"><input type="file" class="visually-hidden" accept="application/json,.json" aria-label="Import a chat" onChange=${openChat} />${icon('resources')}</label>
        <button type="button" class=${classes('icon-button', panel.value && 'pressed')} aria-label="Model, tools and settings" aria-expanded=${panel.value !== undefined} title="Model, tools and settings" onClick=${() => { panel.value = panel.value ? undefined : 'model'; }}>${icon('tools')}</button></div>
    </div>`;
  };
});

function Welcome({ suggest }) {
  const provider = chosenProvider();
  const { tools } = chat.value;
  const sum = tools.find((one) => one.tool === 'add');
  const ideas = sum ? ['Could you use the math tool to add 23 and 19?', 'What can your tools do?'] : ['What can your tools do?'];
  return html`<div class="empty">${icon('chat')}<h1>Chat with a model that calls your tools</h1>
    <p>${tools.length > 0 ? 'Each tool asks for your permission before it runs.' : 'Connect to a server above. Its tools become available to the model.'}</p>
    ${chat.value.model ? html`<div class="ideas">${ideas.map((text) => html`<button type="button" key=${text} class="button small" onClick=${() => suggest(text)}>${text}</button>`)}</div>` : html`<button type="button" class="button primary" onClick=${() => { panel.value = 'model'; }}>Choose a model</button>`}
    ${provider && html`<p class="muted small-text">Your messages, the tools' descriptions and their results go from this machine to ${provider.local ? html`a model on this machine (${visible(provider.base_url)})` : html`<strong>${visible(provider.base_url)}</strong>`}, and nowhere else.</p>`}</div>`;
}

const Composer = component(() => {
  const images = signal([]);
  const notice = signal(undefined);
  const add = async (files) => {
    try {
      for (const file of files) images.value = [...images.value, await read(file)];
      notice.value = undefined;
    } catch (error) {
      notice.value = error.message;
    }
  };
  return ({ draft, onSent }) => {
    const running = busy();
    const { usage, tools, settings, model } = chat.value;
    const offered = settings.tools ? tools.filter((one) => !one.disabled).length : 0;
    const last = messages.value.findLast((one) => one.role === 'assistant' && one.tools_share !== null);
    const submit = async () => {
      if (running || (draft.value.trim() === '' && images.value.length === 0)) return;
      if (!model) {
        panel.value = 'model';
        return;
      }
      onSent();
      if (await act('send', { text: draft.value, images: images.value })) {
        draft.value = '';
        images.value = [];
      }
    };
    const keys = (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      submit();
    };
    const paste = (event) => {
      const files = [...event.clipboardData.files].filter((file) => file.type.startsWith('image/'));
      if (files.length === 0) return;
      event.preventDefault();
      add(files);
    };
    return html`<form class="composer" onSubmit=${(event) => { event.preventDefault(); submit(); }} onDragOver=${(event) => event.preventDefault()} onDrop=${(event) => { event.preventDefault(); add([...event.dataTransfer.files]); }}>
      ${images.value.length > 0 && html`<div class="row attached">${images.value.map((image, at) => html`<span key=${at} class="attachment"><img src=${`data:${image.mime};base64,${image.data}`} alt=${`Image ${at + 1}`} /><button type="button" aria-label=${`Remove image ${at + 1}`} onClick=${() => { images.value = images.value.filter((_, index) => index !== at); }}>${icon('close')}</button></span>`)}</div>`}
      <textarea class="composer-text" rows="1" aria-label="Message" placeholder=${chat.value.phase === 'calling' ? 'The model waits for its tools' : running ? 'The model is responding' : 'Message, or paste an image'} value=${draft.value} onInput=${(event) => { draft.value = event.target.value; }} onKeyDown=${keys} onPaste=${paste}></textarea>
      ${(problem.value ?? notice.value) && html`<p class="problem small-text" role="alert">${icon('warn')} ${visible(problem.value ?? notice.value)}</p>`}
      <div class="composer-foot"><button type="button" class=${classes('chip', model ? 'accent' : 'warn')} onClick=${() => { panel.value = 'model'; }}>${model ? visible(modelLabel()) : 'Choose a model'}</button>
        <button type="button" class="chip" onClick=${() => { panel.value = 'tools'; }}>${offered === 1 ? '1 tool' : `${offered} tools`}</button>
        ${usage.input + usage.output > 0 && html`<span class="chip hide-narrow" title=${`${number(usage.input)} tokens read, ${number(usage.cached)} of them from the provider's cache, and ${number(usage.output)} written`}>${number(usage.input + usage.output)} tokens${last?.tools_share ? ` · tools ${last.tools_share} %` : ''}</span>`}
        <span class="grow"></span>
        ${running ? html`<button type="button" class="button small" data-stop onClick=${() => act('stop')}>${icon('stop')} Stop</button>` : html`<button type="submit" class="button primary small" data-ask disabled=${draft.value.trim() === '' && images.value.length === 0}>Send</button>`}</div>
    </form>`;
  };
});

export const ChatView = component((_, { onCleanup }) => {
  const draft = signal('');
  let box = null;
  let follow = true;
  findProvidersOnce();
  // The model's tools are listed when the view opens, and again when a server connects.
  let shown;
  onCleanup(effect(() => {
    const now = connected.value ? state.value?.connection : undefined;
    if (now === shown) return;
    shown = now;
    if (now !== undefined) queueMicrotask(() => act('refresh_tools'));
  }));
  const down = () => { if (box && follow) box.scrollTop = box.scrollHeight; };
  onCleanup(effect(() => {
    messages.value;
    chat.value;
    questions.value;
    requestAnimationFrame(down);
  }));
  // Sizes change after they were drawn, such as those of images.
  const observer = new ResizeObserver(down);
  onCleanup(() => observer.disconnect());
  const attach = (element) => {
    box = element;
    if (element) requestAnimationFrame(down);
  };
  const measure = (element) => {
    observer.disconnect();
    if (element) observer.observe(element);
  };
  let before = 0;
  const scrolled = (event) => {
    const { scrollHeight, scrollTop, clientHeight } = event.target;
    // Only the user scrolls up. A distance alone may be new text.
    if (scrollHeight - scrollTop - clientHeight < NEAR) follow = true;
    else if (scrollTop < before) follow = false;
    before = scrollTop;
  };
  return () => {
    const all = messages.value;
    return html`<div class=${classes('chat', panel.value && 'with-panel')}>
      <div class="chat-main"><${Servers} />
        <div class="chat-scroll" ref=${attach} onScroll=${scrolled} tabindex="0" role="log" aria-label="Conversation" aria-live="off">
          ${all.length === 0 ? html`<${Welcome} suggest=${(text) => { draft.value = text; document.querySelector('.composer-text')?.focus(); }} />` : html`<h1 class="visually-hidden">Chat</h1><div class="msgs" ref=${measure}>
            ${all.map((message, at) => (message.role === 'user' ? html`<${Mine} key=${`u${at}`} message=${message} at=${at} last=${false} />` : html`<${Theirs} key=${message.id} message=${message} last=${at === all.length - 1} />`))}
            ${chat.value.phase === 'listing' && html`<p class="muted"><i class="spinner small"></i> Requesting the tools</p>`}
            ${chat.value.phase === 'limit' && html`<div class="card pad status-card" role="status">${icon('stop')}<div class="grow"><strong>The model paused after ${chat.value.steps} steps</strong><p class="muted">Let it continue, or send another message.</p><div class="row"><button type="button" class="button primary small" onClick=${() => act('continue')}>Continue</button></div></div></div>`}
          </div>`}
          <${Questions} />
        </div>
        <${Composer} draft=${draft} onSent=${() => { follow = true; }} />
        <div class="visually-hidden" role="status">${all.at(-1)?.parts?.some((part) => part.state === 'waiting') ? 'A tool needs your permission' : chat.value.phase === 'idle' && all.length > 0 ? 'The model has finished' : ''}</div>
      </div>
      <${Panel} />
    </div>`;
  };
});
