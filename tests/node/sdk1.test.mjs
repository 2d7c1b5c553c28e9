// `@modelcontextprotocol/sdk` 1.x: streamable HTTP on /mcp, HTTP+SSE on /sse.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { ANSWERS, basics } from './features.mjs';
import { connectWith, SDK1 } from './sdk1.mjs';
import { cuttingProxy, MCP_URL, SSE_URL, text } from './support.mjs';

basics({
  ...SDK1,
  name: 'sdk 1.x, streamable HTTP',
  connect: (handlers) => connectWith(new StreamableHTTPClientTransport(new URL(MCP_URL)), handlers),
});

basics({
  ...SDK1,
  name: 'sdk 1.x, HTTP+SSE',
  losesReports: true,
  connect: (handlers) => connectWith(new SSEClientTransport(new URL(SSE_URL)), handlers),
});

test('sdk 1.x: resumes a call whose connection was cut', async () => {
  const proxy = await cuttingProxy('notifications/progress');
  const client = await connectWith(new StreamableHTTPClientTransport(new URL(proxy.url)), ANSWERS);
  try {
    const heard = [];
    const options = { onprogress: ({ progress }) => heard.push(progress) };
    const result = await SDK1.call(client, { name: 'test_tool_with_progress', arguments: {} }, options);
    assert.match(text(result), /done/);
    assert.deepEqual(heard, [0, 50, 100], 'each report arrives once');
    assert.ok(proxy.seen.cut, 'the connection was cut');
    assert.match(proxy.seen.requests, /^last-event-id: \S+/im);
  } finally {
    await client.close();
    proxy.close();
  }
});

test('sdk 1.x: comes back for the result when the server closes the stream', async () => {
  const client = await connectWith(new StreamableHTTPClientTransport(new URL(MCP_URL)), ANSWERS);
  try {
    const result = await SDK1.call(client, { name: 'test_reconnection', arguments: {} });
    assert.match(text(result), /you came back/);
  } finally {
    await client.close();
  }
});

test('sdk 1.x: ends its session, which is then unknown', async () => {
  const transport = new StreamableHTTPClientTransport(new URL(MCP_URL));
  const client = await connectWith(transport, ANSWERS);
  const session = transport.sessionId;
  assert.ok(session, 'the server gave a session id');
  await transport.terminateSession();
  await client.close();
  const answer = await fetch(MCP_URL, {
    method: 'POST',
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': '2025-11-25',
      'mcp-session-id': session,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
  assert.equal(answer.status, 404);
});
