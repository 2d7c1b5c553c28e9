// The inspector's API. Each call carries this start's token, which never leaves this tab.

import { parse } from './json.js';

const KEY = 'farport-inspect-token';
/** Longer answers are parsed by the browser, which is faster and rounds large numbers. */
const EXACT_UP_TO = 1_000_000;

/** Moves the token from the address's fragment into this tab's storage. Returns the view to show, if any. */
export function takeToken() {
  const found = /^#token=([A-Za-z0-9_-]+)(?:&view=(chat))?$/.exec(location.hash);
  if (found === null) return undefined;
  sessionStorage.setItem(KEY, found[1]);
  history.replaceState(null, '', location.pathname);
  return found[2];
}

/** Whether this tab has a token. */
export const hasToken = () => sessionStorage.getItem(KEY) !== null;

/** An answer of the API that reports a failure. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Posts JSON text. */
export async function post(path, body = '{}', signal) {
  let response;
  try {
    response = await fetch(`/api/${path}`, {
      method: 'POST',
      headers: { 'authorization': `Bearer ${sessionStorage.getItem(KEY) ?? ''}`, 'content-type': 'application/json' },
      body,
      signal,
      cache: 'no-store',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, 'farport inspect is not running. Start it again in the terminal.');
  }
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try {
    message = JSON.parse(text).message;
  } catch {
    // Plain text is the message.
  }
  throw new ApiError(response.status, message);
}

/** Posts a value, and parses the answer. */
export async function call(path, value = {}) {
  const response = await post(path, JSON.stringify(value));
  const text = await response.text();
  return text === '' ? undefined : JSON.parse(text);
}

/** Sends JSON-RPC. `params` is JSON text, so that it is sent exactly as it is shown. */
export async function rpc(id, method, params) {
  const body = `{"id":${id},"method":${JSON.stringify(method)}${params === undefined ? '' : `,"params":${params}`}}`;
  const response = await post('request', body);
  const text = await response.text();
  if (text.length > EXACT_UP_TO) return JSON.parse(text);
  const answer = parse(text);
  // farport's own numbers are for calculation, also when they are spelled 12.0.
  return { ...answer, ms: Number(answer.ms), bytes: Number(answer.bytes) };
}

/** Calls `take` with each event of the stream, until it ends. */
export async function events(take, signal) {
  const response = await post('events', '{}', signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (pending + value).split('\n');
      pending = lines.pop();
      take(lines.filter((line) => line !== '').map((line) => JSON.parse(line)));
    }
  } finally {
    // An open response would keep one of the six connections that a browser has to a server.
    reader.cancel().catch(() => {});
  }
}
