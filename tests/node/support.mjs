// What the client tests share: the server's addresses, a proxy that cuts a connection, free ports, and waiting.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** The fixture's addresses, given by `cargo xtask clients`. */
export const MCP_URL = address('FARPORT_MCP_URL');
export const SSE_URL = address('FARPORT_SSE_URL');

function address(variable) {
  const value = process.env[variable];
  assert.ok(value, `${variable} is not set: run these tests with \`cargo xtask clients\``);
  return value;
}

/** A promise that is settled from outside, and fails by itself after `ms`. */
export function later(what, ms = 10_000) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const timer = setTimeout(() => reject(new Error(`${what} did not happen within ${ms} ms`)), ms);
  return { promise: promise.finally(() => clearTimeout(timer)), resolve };
}

/** A free port on loopback. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** The only text of a tool's result. */
export function text(result) {
  const texts = result.content.filter((block) => block.type === 'text');
  assert.equal(texts.length, 1, `one text in ${JSON.stringify(result.content)}`);
  return texts[0].text;
}

/** The reports of progress that arrive at `client` from now on, whether or not its SDK passes them on. */
export function reportsTo({ transport }) {
  const reports = [];
  const { onmessage } = transport;
  transport.onmessage = (message, extra) => {
    if (message.method === 'notifications/progress') reports.push(message.params);
    return onmessage(message, extra);
  };
  return reports;
}

/**
 * A TCP proxy in front of the fixture. It cuts the first connection that carries an event with
 * `marker` in it, right after that event: what the server sends later never arrives there.
 */
export async function cuttingProxy(marker) {
  const target = new URL(MCP_URL);
  const seen = { cut: false, requests: '' };
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    let received = '';
    for (const [socket, other] of [[near, far], [far, near]]) {
      sockets.add(socket);
      // Either end may go away at any time: that is what this proxy is for.
      socket.on('error', () => other.destroy());
      socket.on('close', () => { sockets.delete(socket); other.destroy(); });
    }
    near.on('data', (chunk) => {
      seen.requests += chunk.toString('latin1');
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      const before = received.length;
      received += chunk.toString('latin1');
      const marked = seen.cut ? -1 : received.indexOf(marker);
      const end = marked < 0 ? -1 : received.indexOf('\n\n', marked);
      if (end < 0) {
        near.write(chunk);
        return;
      }
      seen.cut = true;
      near.write(chunk.subarray(0, end + 2 - before), () => { near.destroy(); far.destroy(); });
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(MCP_URL);
  url.port = String(server.address().port);
  return {
    url: url.href,
    seen,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
