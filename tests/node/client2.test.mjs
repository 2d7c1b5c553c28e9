// `@modelcontextprotocol/client` 2.x in both eras: sessions up to 2025-11-25, and 2026-07-28.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { ANSWERS, basics } from './features.mjs';
import { cuttingProxy, MCP_URL, SSE_URL, text } from './support.mjs';

const MODERN = { mode: { pin: '2026-07-28' } };

async function connectWith(transport, handlers, versionNegotiation) {
  const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
  const client = new Client({ name: 'farport-tests', version: '1.0.0' }, { capabilities, versionNegotiation });
  for (const [method, handler] of Object.entries(handlers)) client.setRequestHandler(method, handler);
  await client.connect(transport);
  return client;
}

const CLIENT2 = {
  call: (client, params, options) => client.callTool(params, options),
  hear: (client, method, listener) => client.setNotificationHandler(method, listener),
};
const SESSION = { ...CLIENT2, modern: false };

basics({
  ...SESSION,
  name: 'client 2.x, sessions',
  connect: (handlers) => connectWith(new StreamableHTTPClientTransport(new URL(MCP_URL)), handlers),
});

basics({
  ...SESSION,
  name: 'client 2.x, HTTP+SSE',
  losesReports: true,
  connect: (handlers) => connectWith(new SSEClientTransport(new URL(SSE_URL)), handlers),
});

basics({
  ...CLIENT2,
  name: 'client 2.x, 2026-07-28',
  modern: true,
  connect: (handlers) => connectWith(new StreamableHTTPClientTransport(new URL(MCP_URL)), handlers, MODERN),
});

test('client 2.x: finds the modern era by itself', async () => {
  const client = await connectWith(new StreamableHTTPClientTransport(new URL(MCP_URL)), ANSWERS, { mode: 'auto' });
  try {
    assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28');
    assert.ok(client.getDiscoverResult().supportedVersions.includes('2026-07-28'));
  } finally {
    await client.close();
  }
});

test('client 2.x: takes several rounds of questions within one call', async () => {
  const transport = new StreamableHTTPClientTransport(new URL(MCP_URL));
  let asked = 0;
  const answer = async ({ params }) => {
    asked += 1;
    const fields = Object.entries(params.requestedSchema.properties);
    const value = ([name, schema]) => [name, { string: 'blue', boolean: true }[schema.type] ?? 7];
    return { action: 'accept', content: Object.fromEntries(fields.map(value)) };
  };
  const client = await connectWith(transport, { ...ANSWERS, 'elicitation/create': answer }, MODERN);
  try {
    const result = await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} });
    assert.notEqual(result.isError, true, JSON.stringify(result));
    assert.ok(asked >= 2, `${asked} questions were put`);
  } finally {
    await client.close();
  }
});

test('client 2.x: resumes a call whose connection was cut', async () => {
  const proxy = await cuttingProxy('notifications/progress');
  const client = await connectWith(new StreamableHTTPClientTransport(new URL(proxy.url)), ANSWERS);
  try {
    const heard = [];
    const options = { onprogress: ({ progress }) => heard.push(progress) };
    const result = await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, options);
    assert.match(text(result), /done/);
    assert.deepEqual(heard, [0, 50, 100], 'each report arrives once');
    assert.ok(proxy.seen.cut, 'the connection was cut');
    assert.match(proxy.seen.requests, /^last-event-id: \S+/im);
  } finally {
    await client.close();
    proxy.close();
  }
});
