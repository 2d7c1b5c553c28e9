// The platform's own way: a fresh server for each request, by `createMcpHandler` of npm `agents`.

import { McpServer } from '@modelcontextprotocol/server';
import { createMcpHandler } from 'agents/mcp/server';
import { z } from 'zod';

function createServer() {
  const server = new McpServer({ name: 'Calculator', version: '1.0.0' });
  server.registerTool(
    'add',
    { description: 'Adds two numbers.', inputSchema: z.object({ a: z.number(), b: z.number() }) },
    async ({ a, b }) => ({ content: [{ type: 'text', text: String(a + b) }] }),
  );
  return server;
}

const handler = createMcpHandler(createServer, { route: '/mcp' });

export default {
  fetch: (request, env, context) => handler(request, env, context),
};
