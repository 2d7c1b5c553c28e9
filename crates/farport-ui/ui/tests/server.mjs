// MCP servers for the page's tests: one with a tool that has every kind of argument, and one with hostile
// text in every string that a server can send.

import { createServer } from 'node:http';

const HOSTILE = '<img src=x onerror="window.executed=1"><script>window.executed=1</script>{{7*7}}${alert(1)}';

const tools = [
  {
    name: 'plan_trip',
    title: 'Plan a trip',
    description: 'Finds connections and books nothing. Every kind of argument is in here.',
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: true },
    inputSchema: {
      type: 'object',
      required: ['from', 'to', 'travellers', 'stops'],
      properties: {
        from: { type: 'string', description: 'Station where the trip starts' },
        to: { type: 'string', description: 'Station where it ends' },
        departure: { $ref: '#/$defs/date' },
        class: { enum: ['first', 'second'], default: 'second' },
        travellers: { type: 'integer', minimum: 1, maximum: 9, default: 1 },
        direct: { type: 'boolean', description: 'Only connections without a change' },
        note: { type: ['string', 'null'], description: 'Shown on the ticket' },
        stops: {
          type: 'array',
          items: { type: 'object', required: ['station'], properties: { station: { type: 'string' }, minutes: { type: 'integer', minimum: 0 } } },
        },
        payment: {
          oneOf: [
            { title: 'Card', type: 'object', required: ['kind', 'number'], properties: { kind: { const: 'card' }, number: { type: 'string', pattern: '^[0-9 ]+$' } } },
            { title: 'Voucher', type: 'object', required: ['kind', 'code'], properties: { kind: { const: 'voucher' }, code: { type: 'string' } } },
          ],
        },
        limits: { type: 'object', additionalProperties: { type: 'number' } },
      },
      $defs: { date: { type: 'string', format: 'date', description: 'Day of the departure' } },
    },
    outputSchema: { type: 'object', required: ['connections'], properties: { connections: { type: 'integer' } } },
  },
  { name: 'find_station', description: 'Finds stations by a part of their name.', annotations: { readOnlyHint: true }, inputSchema: { type: 'object', required: ['query'], properties: { query: { type: 'string' }, limit: { type: 'integer', default: 10 } } } },
  { name: 'departures', description: 'Lists the next trains at a station.', annotations: { readOnlyHint: true }, inputSchema: { type: 'object', required: ['station'], properties: { station: { type: 'string' }, at: { type: 'string', format: 'date-time' } } } },
  { name: 'book_seat', description: 'Books a seat on a train. The booking is binding.', annotations: { destructiveHint: true }, inputSchema: { type: 'object', required: ['train', 'date'], properties: { train: { type: 'string' }, date: { type: 'string', format: 'date' }, window: { type: 'boolean' } } } },
  { name: 'flood', description: 'Sends ten thousand log messages', inputSchema: { type: 'object' } },
  { name: 'clear_cache', description: 'Empties the cache', inputSchema: { type: 'object' } },
  { name: 'count', description: 'Counts its calls', inputSchema: { type: 'object' } },
  { name: 'large', description: 'Returns ten megabytes of JSON', inputSchema: { type: 'object' } },
];

const hostileTools = [
  { name: `hostile${HOSTILE}`, title: HOSTILE, description: HOSTILE, annotations: { title: HOSTILE }, inputSchema: { type: 'object', properties: { [HOSTILE]: { type: 'string', title: HOSTILE, description: HOSTILE, default: HOSTILE, enum: [HOSTILE, 'b'] } } } },
  { name: 'fails', description: 'Answers with a hostile error', inputSchema: { type: 'object' } },
];

const large = JSON.stringify(Array.from({ length: 100_000 }, (_, at) => ({ id: at, name: `item ${at}`, tags: ['one', 'two'], text: 'lorem ipsum dolor sit amet consectetur' })));

let calls = 0;

function answer({ method, params }, hostile) {
  if (!hostile && method === 'initialize') {
    return { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'travel', title: 'Travel planner', version: '1.4.0' }, instructions: 'Plan the trip before you book a seat.' };
  }
  if (method === 'initialize') {
    return { protocolVersion: '2025-11-25', capabilities: { tools: {}, resources: {}, prompts: {} }, serverInfo: { name: HOSTILE, title: `Hostile ${HOSTILE}`, version: HOSTILE, description: HOSTILE, websiteUrl: 'javascript:window.executed=1' }, instructions: HOSTILE };
  }
  if (method === 'tools/list') return { tools: hostile ? hostileTools : tools };
  if (method === 'resources/list') return { resources: [{ uri: 'javascript:window.executed=1', name: HOSTILE, description: HOSTILE, mimeType: 'text/html' }] };
  if (method === 'resources/templates/list') return { resourceTemplates: [{ uriTemplate: `x://{a}${HOSTILE}`, name: HOSTILE }] };
  if (method === 'resources/read') return { contents: [{ uri: params.uri, mimeType: 'text/html', text: HOSTILE }, { uri: 'x://svg', mimeType: 'image/svg+xml', blob: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="window.executed=1"/>').toString('base64') }] };
  if (method === 'prompts/list') return { prompts: [{ name: HOSTILE, description: HOSTILE, arguments: [{ name: HOSTILE, description: HOSTILE }] }] };
  if (method === 'prompts/get') return { description: HOSTILE, messages: [{ role: HOSTILE, content: { type: 'text', text: HOSTILE } }] };
  if (method !== 'tools/call') return {};
  if (params.name === 'count') return { content: [{ type: 'text', text: JSON.stringify({ call: (calls += 1), tool: 'count' }) }] };
  if (params.name === 'clear_cache') return { content: [] };
  if (params.name === 'large') return { content: [{ type: 'text', text: large }] };
  if (params.name === 'plan_trip') {
    const structuredContent = { connections: 3, fastest: { departure: '08:12', arrival: '11:47', changes: 0 }, received: params.arguments };
    return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
  }
  return {
    isError: true,
    content: [
      { type: 'text', text: HOSTILE },
      { type: 'image', mimeType: 'text/html', data: Buffer.from(HOSTILE).toString('base64') },
      { type: 'resource_link', uri: 'javascript:window.executed=1', name: HOSTILE, description: HOSTILE },
      { type: 'resource', resource: { uri: HOSTILE, mimeType: HOSTILE, text: HOSTILE } },
      { type: HOSTILE, [HOSTILE]: HOSTILE },
    ],
    structuredContent: { [HOSTILE]: HOSTILE },
  };
}

/** Ten thousand notifications, and then the result. */
function flood(id, response) {
  response.setHeader('content-type', 'text/event-stream');
  for (let number = 0; number < 10_000; number += 1) {
    response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: `message ${number}` } })}\n\n`);
  }
  response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'done' }] } })}\n\n`);
}

/** Starts a server, and returns its URL. */
export async function startServer({ hostile = false } = {}) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const message = request.method === 'POST' ? JSON.parse(body) : undefined;
    response.setHeader('content-type', 'application/json');
    if (message === undefined) response.writeHead(405).end();
    else if (message.id === undefined) response.writeHead(202).end();
    else if (message.params?.name === 'flood') flood(message.id, response);
    else if (hostile && message.params?.name === 'fails') response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32000, message: HOSTILE, data: { [HOSTILE]: HOSTILE } } }));
    else {
      if (hostile) response.setHeader('x-hostile', HOSTILE);
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: answer(message, hostile) }));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, close: () => server.close() };
}
