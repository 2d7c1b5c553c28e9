// An MCP server of both eras, with tasks in the form of each, and skills.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const VERSION = '2026-07-28';
const FILES = new Map([
  ['skill://travel/plan/SKILL.md', '---\nname: plan\ndescription: Plans a trip by train\n---\n\n# Plan a trip\n\nAsk for the start, the end and the day. Then call `plan_trip`.\n'],
  ['skill://travel/plan/stations.csv', 'name,country\nBern,CH\nGenova,IT\n'],
  ['skill://travel/plan/altered.txt', 'as it was reviewed'],
]);
const manifest = (uri) => ({ uri, digest: `sha256:${createHash('sha256').update(FILES.get(uri)).digest('hex')}`, size: Buffer.byteLength(FILES.get(uri)) });
const SKILLS = [
  { uri: 'skill://travel/plan/SKILL.md', frontmatter: { name: 'plan', description: 'Plans a trip by train', license: 'MIT' }, resources: [...FILES.keys()].map(manifest) },
  { uri: 'skill://travel/live/SKILL.md', frontmatter: { name: 'live', description: 'Its files change' }, resources: 'dynamic' },
];
const TOOLS = [
  { name: 'slow_report', description: 'Writes a report, which takes a while', inputSchema: { type: 'object', required: ['topic'], properties: { topic: { type: 'string', default: 'trains' } } }, execution: { taskSupport: 'optional' } },
  { name: 'asks_later', description: 'Asks for a name while it works', inputSchema: { type: 'object' }, execution: { taskSupport: 'required' } },
  { name: 'fails_later', description: 'Fails after a while', inputSchema: { type: 'object' }, execution: { taskSupport: 'optional' } },
  { name: 'never_ends', description: 'Works until it is cancelled', inputSchema: { type: 'object' }, execution: { taskSupport: 'optional' } },
];

/** Starts the server, and returns its URL. */
export async function startExtensions() {
  const tasks = new Map();
  let last = 0;
  const begin = (name, args) => {
    const id = `task-${(last += 1)}`;
    tasks.set(id, { name, args, looks: 0, status: 'working', answer: undefined });
    return id;
  };
  const times = { createdAt: '2026-11-01T10:00:00Z', lastUpdatedAt: '2026-11-01T10:00:01Z' };
  const described = (id, modern) => {
    const task = tasks.get(id);
    return { taskId: id, status: task.status, ...(task.message && { statusMessage: task.message }), ...times, ...(modern ? { ttlMs: 60_000, pollIntervalMs: 250 } : { ttl: 60_000, pollInterval: 250 }) };
  };
  const advance = (task) => {
    task.looks += 1;
    if (task.status === 'cancelled' || task.status === 'completed') return;
    task.message = `step ${task.looks} of 4`;
    if (task.name === 'asks_later' && task.answer === undefined) task.status = task.looks > 1 ? 'input_required' : 'working';
    else if (task.name === 'never_ends') task.status = 'working';
    else if (task.looks > 3) task.status = task.name === 'fails_later' ? 'failed' : 'completed';
    else task.status = 'working';
  };
  const result = (task) => ({ content: [{ type: 'text', text: task.name === 'asks_later' ? `Hello ${task.answer?.content?.name}` : `A report on ${task.args?.topic}` }] });
  const answer = ({ method, params }, modern) => {
    const capabilities = { tools: {}, resources: {}, extensions: { 'io.modelcontextprotocol/skills': {}, ...(modern && { 'io.modelcontextprotocol/tasks': {} }) }, ...(!modern && { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }) };
    const serverInfo = { name: 'extensions', version: '1' };
    if (method === 'initialize') return { protocolVersion: '2025-11-25', capabilities, serverInfo };
    if (method === 'server/discover') return { supportedVersions: [VERSION], capabilities, ttlMs: 0, cacheScope: 'private', _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo } };
    if (method === 'tools/list') return { tools: modern ? TOOLS.map(({ execution: _, ...rest }) => rest) : TOOLS };
    if (method === 'resources/list') return { resources: [] };
    if (method === 'resources/templates/list') return { resourceTemplates: [] };
    if (method === 'skills/list') return { skills: SKILLS };
    if (method === 'resources/read') {
      const text = params.uri.endsWith('altered.txt') ? 'as it was changed.' : (FILES.get(params.uri) ?? '# Live');
      return { contents: [{ uri: params.uri, mimeType: 'text/plain', text }] };
    }
    if (method === 'tools/call') {
      if (!modern && params.task === undefined) return { content: [{ type: 'text', text: 'at once' }] };
      const id = begin(params.name, params.arguments);
      return modern ? { resultType: 'task', ...described(id, true) } : { task: described(id, false) };
    }
    const task = tasks.get(params?.taskId);
    if (method.startsWith('tasks/') && method !== 'tasks/list' && task === undefined) throw new Error('Unknown task');
    if (method === 'tasks/list') return { tasks: [...tasks.keys()].map((id) => described(id, false)) };
    if (method === 'tasks/get') {
      advance(task);
      return { ...described(params.taskId, modern), ...(modern && task.status === 'completed' && { result: result(task) }), ...(modern && task.status === 'failed' && { error: { code: -32000, message: 'The report failed' } }),
        ...(modern && task.status === 'input_required' && { inputRequests: { name: { method: 'elicitation/create', params: { mode: 'form', message: 'Who is the report for?', requestedSchema: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } } } } }) };
    }
    if (method === 'tasks/result') {
      if (task.status === 'failed') throw new Error('The report failed');
      return result(task);
    }
    if (method === 'tasks/update') {
      task.answer = params.inputResponses.name;
      return {};
    }
    if (method === 'tasks/cancel') {
      task.status = 'cancelled';
      return modern ? {} : described(params.taskId, false);
    }
    return {};
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    let message;
    response.setHeader('content-type', 'application/json');
    try {
      message = request.method === 'POST' ? JSON.parse(body) : undefined;
    } catch {
      response.writeHead(400).end('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}');
      return;
    }
    if (message === null || typeof message !== 'object' || Array.isArray(message)) message = undefined;
    if (message === undefined) response.writeHead(405).end();
    else if (message.id === undefined) response.writeHead(202).end();
    else {
      const modern = request.headers['mcp-protocol-version'] === VERSION;
      try {
        response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { ...(modern && { resultType: 'complete' }), ...answer(message, modern) } }));
      } catch (error) {
        response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32602, message: error.message } }));
      }
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, tasks, close: () => server.close() };
}
