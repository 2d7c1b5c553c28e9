// MCP Apps (SEP-1865): what a server says about its views, and the host's side of the conversation
// with one. Nothing here touches the page, so that it is tested without one.

import { isObject } from './json.js';

/** The revision of the extension that the host speaks. */
export const APPS_VERSION = '2026-01-26';
/** The media type of a view. */
export const APP_MIME = 'text/html;profile=mcp-app';

/** Messages that a view may send at once, and how many more each second. */
const BURST = 200;
const EACH_SECOND = 50;
/** A view that sends this many more is stopped. */
const FLOOD = 2000;
/** Requests of a view that may run at the same time. */
const MOST_RUNNING = 16;
/** How long a view may take to save its state before it is removed. */
const TEARDOWN_MS = 1000;

const CODES = { parse: -32700, invalid: -32600, method: -32601, params: -32602, refused: -32000 };

/** An error that the view receives. */
export class AppError extends Error {
  constructor(message, code = CODES.refused, data) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** Whether a URI is that of a view. */
export const isViewUri = (uri) => typeof uri === 'string' && uri.startsWith('ui://');

/** The URI of a tool's view, or undefined. */
export function viewOf(tool) {
  const meta = isObject(tool?._meta) ? tool._meta : {};
  const uri = isObject(meta.ui) && meta.ui.resourceUri !== undefined ? meta.ui.resourceUri : meta['ui/resourceUri'];
  return isViewUri(uri) ? uri : undefined;
}

/** Whether a tool is for `who`: 'model' or 'app'. */
export function visibleTo(tool, who) {
  const visibility = isObject(tool?._meta?.ui) ? tool._meta.ui.visibility : undefined;
  return !Array.isArray(visibility) || visibility.includes(who);
}

/** Whether a media type is that of a view. */
export const isAppMime = (mime) => typeof mime === 'string' && mime.replace(/\s/g, '').toLowerCase() === APP_MIME;

/** The view in the contents of a resource. `listed` is the resource as the server lists it, if it does. */
export function pickView(contents, uri, listed) {
  const all = Array.isArray(contents) ? contents.filter(isObject) : [];
  const found = all.find((one) => one.uri === uri) ?? all[0];
  if (found === undefined) throw new Error('the server returned no contents for the view');
  if (!isAppMime(found.mimeType)) throw new Error(`the view has the media type ${String(found.mimeType ?? 'none')}, not ${APP_MIME}`);
  // What comes with the contents is newer than the listing.
  const meta = [found, listed].map((one) => one?._meta?.ui).find(isObject) ?? {};
  return { html: textOf(found), csp: domains(meta.csp), permissions: isObject(meta.permissions) ? Object.keys(meta.permissions) : [], border: meta.prefersBorder !== false };
}

function textOf({ text, blob }) {
  if (typeof text === 'string') return text;
  if (typeof blob !== 'string') throw new Error('the view has neither text nor a blob');
  const bytes = Uint8Array.from(atob(blob), (one) => one.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

function domains(csp) {
  const found = {};
  for (const name of ['connectDomains', 'resourceDomains', 'frameDomains', 'baseUriDomains']) {
    const list = isObject(csp) ? csp[name] : undefined;
    if (Array.isArray(list)) found[name] = list.filter((one) => typeof one === 'string');
  }
  return found;
}

/** A file name without folders, control characters or a leading dot. */
export function fileName(name) {
  const last = String(name ?? '').split(/[\\/]/).pop().replace(/[?#].*$/, '');
  const clean = last.replace(/[^\p{L}\p{N}._ -]/gu, '_').replace(/^[. ]+/, '').replace(/[. ]+$/, '').slice(-100);
  return clean === '' ? 'download' : clean;
}

/** An http or https URL, or undefined. */
export function webUrl(text) {
  try {
    const url = new URL(String(text));
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined;
  } catch {
    return undefined;
  }
}

/** The files of a `ui/download-file` request: `{name, mime, text, blob}` or `{name, uri}`. */
export function filesOf(params) {
  const contents = Array.isArray(params.contents) ? params.contents : [];
  if (contents.length === 0 || contents.length > 20) throw new AppError('Invalid contents', CODES.params);
  return contents.map((one) => {
    if (one?.type === 'resource_link' && typeof one.uri === 'string') return { name: fileName(one.name ?? one.uri), uri: one.uri };
    const { uri, mimeType, text, blob } = one?.type === 'resource' && isObject(one.resource) ? one.resource : {};
    if (typeof text !== 'string' && typeof blob !== 'string') throw new AppError('Invalid contents', CODES.params);
    return { name: fileName(uri), mime: typeof mimeType === 'string' ? mimeType : undefined, text, blob };
  });
}

const MODES = ['inline', 'fullscreen'];

/**
 * The host's side of one view.
 *
 * `host` provides `send(message)`, `capabilities()`, `context()`, `info`, `request(method, params)` for
 * the MCP server, `tools()`, `ask(kind, params)`, `message(params)`, `modelContext(params)`,
 * `mode(mode)`, `size(size)`, `log(direction, message)`, `leave()`, `flood()`, and `now()` in
 * milliseconds.
 */
export class Bridge {
  constructor(host) {
    this.host = host;
    this.ready = false;
    this.closed = false;
    /** Notifications that wait until the view is ready. */
    this.waiting = [];
    this.inputSent = false;
    this.ended = false;
    this.running = 0;
    this.tokens = BURST;
    this.refilled = host.now();
    this.dropped = 0;
    this.requests = new Map();
    this.lastId = 0;
    this.appModes = undefined;
    this.current = 'inline';
  }

  /** Sends a notification, once the view is ready. */
  notify(method, params) {
    if (this.closed) return;
    if (this.ready) this.send({ jsonrpc: '2.0', method, params });
    else this.waiting.push({ jsonrpc: '2.0', method, params });
  }

  send(message) {
    this.host.log('out', message);
    this.host.send(message);
  }

  /** The tool's arguments while the model still writes them. */
  partial(args) {
    if (!this.inputSent && this.ready) this.notify('ui/notifications/tool-input-partial', { arguments: args });
  }

  /** The tool's arguments. Only the first ones are sent. */
  input(args) {
    if (this.inputSent) return;
    this.inputSent = true;
    this.notify('ui/notifications/tool-input', { arguments: args });
  }

  /** The tool's result. Only the first end of a call is sent, and never before the arguments. */
  result(result) {
    if (!this.end()) return;
    this.notify('ui/notifications/tool-result', result);
  }

  cancelled(reason) {
    if (!this.end()) return;
    this.notify('ui/notifications/tool-cancelled', { reason });
  }

  end() {
    if (!this.inputSent || this.ended) return false;
    this.ended = true;
    return true;
  }

  /** A part of the context has changed. Before the view is ready, `ui/initialize` returns the whole. */
  contextChanged(changes) {
    if (this.ready) this.notify('ui/notifications/host-context-changed', changes);
  }

  /** Changes the display mode, if the view supports the new one. Returns the mode in use. */
  setMode(mode) {
    const known = MODES.includes(mode) && (this.appModes === undefined || this.appModes.includes(mode));
    if (known && mode !== this.current) {
      this.current = mode;
      this.host.mode(mode);
      this.contextChanged({ displayMode: mode, containerDimensions: this.host.context().containerDimensions });
    }
    return this.current;
  }

  /** Lets the view save its state. Resolves when it has, or after a second. */
  async teardown(reason) {
    if (this.closed) return;
    if (!this.ready) {
      this.closed = true;
      return;
    }
    const id = `host-${(this.lastId += 1)}`;
    const answered = new Promise((resolve) => this.requests.set(id, resolve));
    this.send({ jsonrpc: '2.0', id, method: 'ui/resource-teardown', params: { reason } });
    await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, TEARDOWN_MS))]);
    this.closed = true;
    this.requests.clear();
  }

  /** Takes a message of the view. */
  receive(message) {
    if (this.closed || !isObject(message) || message.jsonrpc !== '2.0') return;
    const request = typeof message.method === 'string' && (typeof message.id === 'string' || typeof message.id === 'number');
    if (!this.allow()) {
      if (request && this.dropped < FLOOD) this.fail(message.id, new AppError('Too many messages'));
      return;
    }
    this.host.log('in', message);
    if (typeof message.method !== 'string') {
      const waiting = this.requests.get(message.id);
      this.requests.delete(message.id);
      waiting?.();
      return;
    }
    const params = isObject(message.params) ? message.params : {};
    if (!request) this.notified(message.method, params);
    else if (this.running >= MOST_RUNNING) this.fail(message.id, new AppError('Too many requests are running'));
    else this.answer(message.id, message.method, params);
  }

  /** Whether the view may send another message now. */
  allow() {
    const now = this.host.now();
    this.tokens = Math.min(BURST, this.tokens + ((now - this.refilled) / 1000) * EACH_SECOND);
    this.refilled = now;
    if (this.tokens >= 1) {
      this.tokens -= 1;
      return true;
    }
    this.dropped += 1;
    if (this.dropped === FLOOD) {
      this.closed = true;
      this.host.flood();
    }
    return false;
  }

  notified(method, params) {
    if (method === 'ui/notifications/initialized') {
      if (this.ready || !this.initialized) return;
      this.ready = true;
      for (const message of this.waiting.splice(0)) this.send(message);
    } else if (method === 'ui/notifications/size-changed') {
      const pixels = (value) => (Number.isFinite(value) && value >= 0 ? value : undefined);
      this.host.size({ width: pixels(params.width), height: pixels(params.height) });
    } else if (method === 'ui/notifications/request-teardown' || method === 'ui/request-teardown') {
      this.host.leave();
    }
    // notifications/message is in the log. Other notifications are ignored.
  }

  async answer(id, method, params) {
    this.running += 1;
    try {
      const result = await this.handle(method, params);
      if (!this.closed) this.send({ jsonrpc: '2.0', id, result });
    } catch (error) {
      this.fail(id, error instanceof AppError ? error : new AppError(error.message));
    } finally {
      this.running -= 1;
    }
  }

  fail(id, error) {
    if (this.closed) return;
    this.send({ jsonrpc: '2.0', id, error: { code: error.code, message: error.message, ...(error.data !== undefined && { data: error.data }) } });
  }

  async handle(method, params) {
    switch (method) {
      case 'ui/initialize': {
        const modes = params.appCapabilities?.availableDisplayModes;
        this.appModes = Array.isArray(modes) ? modes : undefined;
        this.initialized = true;
        return { protocolVersion: APPS_VERSION, hostInfo: this.host.info, hostCapabilities: this.host.capabilities(), hostContext: { ...this.host.context(), displayMode: this.current, availableDisplayModes: MODES } };
      }
      case 'ping':
        return {};
      case 'tools/call':
        return this.callTool(params);
      case 'resources/read':
        if (typeof params.uri !== 'string') throw new AppError('The URI is missing', CODES.params);
        return this.host.request(method, { uri: params.uri });
      case 'resources/list':
      case 'resources/templates/list':
        return this.host.request(method, typeof params.cursor === 'string' ? { cursor: params.cursor } : {});
      case 'ui/open-link': {
        const url = webUrl(params.url);
        if (url === undefined) throw new AppError('Invalid URL');
        if (!(await this.host.ask('link', { url }))) throw new AppError('Link opening denied by user');
        return {};
      }
      case 'ui/download-file':
        if (!(await this.host.ask('download', { files: filesOf(params) }))) return { isError: true };
        return {};
      case 'ui/message': {
        // The first stable revision has one block, the current one a list.
        const content = Array.isArray(params.content) ? params.content : [params.content];
        if (params.role !== 'user' || !content.every((one) => isObject(one) && typeof one.type === 'string')) throw new AppError('Invalid message format', CODES.params);
        if ((await this.host.message({ role: 'user', content })) === false) throw new AppError('Message sending denied');
        return {};
      }
      case 'ui/update-model-context': {
        const { content, structuredContent } = params;
        if ((content !== undefined && !Array.isArray(content)) || (structuredContent !== undefined && !isObject(structuredContent))) throw new AppError('Invalid content format', CODES.params);
        if ((await this.host.modelContext({ content, structuredContent })) === false) throw new AppError('Context update denied');
        return {};
      }
      case 'ui/request-display-mode':
        return { mode: this.setMode(params.mode) };
      default:
        throw new AppError('Method not found', CODES.method);
    }
  }

  callTool(params) {
    const tool = this.host.tools().find((one) => one.name === params.name);
    if (tool === undefined) throw new AppError('Unknown tool', CODES.params);
    if (!visibleTo(tool, 'app')) throw new AppError('This tool is not for apps');
    return this.host.request('tools/call', { name: tool.name, arguments: isObject(params.arguments) ? params.arguments : {} });
  }
}
