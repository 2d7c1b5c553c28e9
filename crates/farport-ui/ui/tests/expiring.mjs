// A protected MCP server with its own authorization server, whose tokens expire and lack a scope.

import { createServer } from 'node:http';

/** A protected server whose tool `admin` needs another scope than the first sign-in grants. */
export function expiring() {
  const state = { token: 'first', calls: 0, refreshed: 0 };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const origin = `http://127.0.0.1:${server.address().port}`;
    const url = new URL(request.url, origin);
    const json = (status, value, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers }).end(JSON.stringify(value));
    if (url.pathname === '/.well-known/oauth-protected-resource') return json(200, { resource: `${origin}/mcp`, authorization_servers: [origin], scopes_supported: ['read'] });
    if (url.pathname === '/.well-known/oauth-authorization-server') return json(200, { issuer: origin, authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token`, registration_endpoint: `${origin}/register`, response_types_supported: ['code'], code_challenge_methods_supported: ['S256'] });
    if (url.pathname === '/register') return json(201, { ...JSON.parse(body), client_id: 'client' });
    if (url.pathname === '/authorize') {
      const back = new URL(url.searchParams.get('redirect_uri'));
      back.searchParams.set('code', 'code');
      back.searchParams.set('state', url.searchParams.get('state'));
      return response.writeHead(302, { location: back.href }).end();
    }
    if (url.pathname === '/token') {
      const refresh = body.includes('grant_type=refresh_token');
      if (refresh) state.refreshed += 1;
      state.scope = refresh ? state.scope : 'read';
      if (body.includes('scope=') || state.wanted) state.scope = state.wanted ?? 'read';
      state.token = `token-${state.refreshed}-${state.scope.length}`;
      return json(200, { access_token: state.token, token_type: 'Bearer', expires_in: 3600, refresh_token: `refresh-${state.refreshed}`, scope: state.scope });
    }
    if (url.pathname !== '/mcp') return response.writeHead(404).end();
    const metadata = `resource_metadata="${origin}/.well-known/oauth-protected-resource"`;
    if (request.headers.authorization !== `Bearer ${state.token}`) return json(401, {}, { 'www-authenticate': `Bearer error="invalid_token", ${metadata}` });
    if (request.method !== 'POST') return response.writeHead(405).end();
    const message = JSON.parse(body);
    if (message.id === undefined) return response.writeHead(202).end();
    const result = (value) => json(200, { jsonrpc: '2.0', id: message.id, result: value });
    if (message.method === 'initialize') return result({ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'expiring', version: '1' } });
    if (message.method === 'tools/list') return result({ tools: [{ name: 'work', inputSchema: { type: 'object' } }, { name: 'admin', inputSchema: { type: 'object' } }] });
    if (message.method !== 'tools/call') return json(200, { jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } });
    if (message.params.name === 'admin' && state.scope !== 'read admin') {
      state.wanted = 'read admin';
      return json(403, {}, { 'www-authenticate': `Bearer error="insufficient_scope", scope="read admin", ${metadata}` });
    }
    state.calls += 1;
    return result({ content: [{ type: 'text', text: `done with ${state.token}`.replaceAll(state.token, 'a token') }] });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({ state, url: `http://127.0.0.1:${server.address().port}/mcp`, close: () => { server.closeAllConnections(); server.close(); } })));
}
