// A call in the form of other tools: curl, `farport call`, JSON-RPC, a Rust test, a client's configuration.
// The values of headers are never known here, so each stands as a variable.

import { isObject, stringify } from './json.js';

/** Text for a POSIX shell. */
export const shell = (text) => (/^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

const variable = (name) => name.toUpperCase().replace(/[^A-Z0-9]+/g, '_');

/** A header whose value is in the environment, in double quotes of a shell. */
const headerFlag = (name) => `-H "${name.replace(/["\\$`]/g, '')}: \${${variable(name)}}"`;

/** The server's words on a command line: its URL, or its command after `--`. */
const place = ({ url, process }) => (process ? { first: [], last: ['--', ...process.map(shell)] } : { first: [shell(url)], last: [] });

export function jsonRpc(method, params) {
  return stringify({ jsonrpc: '2.0', id: 1, method, params }, 2);
}

/** `params` for a server of the revision: 2026-07-28 requires its metadata in each request. */
function withMeta(params, revision) {
  const version = { 'io.modelcontextprotocol/protocolVersion': revision, 'io.modelcontextprotocol/clientInfo': { name: 'curl', version: '1' }, 'io.modelcontextprotocol/clientCapabilities': {} };
  return { ...params, _meta: { ...version, ...(isObject(params._meta) ? params._meta : {}) } };
}

export function curl(target, connection, method, params) {
  if (target.process) return undefined;
  const { modern, revision } = connection;
  const lines = [`curl ${shell(target.url)}`, "-H 'Content-Type: application/json'", "-H 'Accept: application/json, text/event-stream'", `-H ${shell(`MCP-Protocol-Version: ${revision}`)}`];
  if (modern) {
    lines.push(`-H ${shell(`Mcp-Method: ${method}`)}`);
    const name = params.name ?? params.uri;
    if (typeof name === 'string') lines.push(`-H ${shell(`Mcp-Name: ${name}`)}`);
  } else {
    lines.push('-H "Mcp-Session-Id: ${SESSION}"');
  }
  for (const name of target.headers ?? []) lines.push(headerFlag(name));
  if (target.signedIn) lines.push('-H "Authorization: Bearer ${TOKEN}"');
  const body = stringify({ jsonrpc: '2.0', id: 1, method, params: modern ? withMeta(params, revision) : params });
  lines.push(`--data ${shell(body)}`);
  return lines.join(' \\\n  ');
}

/** An argument of `farport call`: plain text for a string of the schema, JSON for the rest. */
function argument(name, value, schema) {
  const type = schema?.properties?.[name]?.type;
  // `@` begins the name of a file, and a bracket an array.
  if (typeof value === 'string' && type === 'string' && !value.startsWith('@')) return shell(`${name}=${value}`);
  if (typeof value !== 'object' && ['integer', 'number', 'boolean'].includes(type)) return shell(`${name}=${stringify(value)}`);
  return shell(`${name}:=${stringify(value)}`);
}

export function farportCall(target, tool, args, schema) {
  const { first, last } = place(target);
  const words = Object.entries(args ?? {}).map(([name, value]) => (/^[\w-]+$/.test(name) ? argument(name, value, schema) : undefined));
  const given = words.includes(undefined) ? ['--args', shell(stringify(args))] : words;
  const headers = (target.headers ?? []).map((name) => `-H '${name.replaceAll("'", '')}: \${${variable(name)}}'`);
  return ['farport call', ...headers, ...first, shell(tool), ...given, ...last].join(' ');
}

const identifier = (text) => {
  const name = text.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '').toLowerCase();
  return /^[a-z]/.test(name) ? name : `call_${name}`;
};

const indent = (text, by) => text.split('\n').map((line, at) => (at === 0 ? line : ' '.repeat(by) + line)).join('\n');

/** A Rust string: raw, with as many signs as it takes. */
function rustString(text) {
  if (!/["\\\n\r]/.test(text)) return JSON.stringify(text);
  let signs = '#';
  while (text.includes(`"${signs}`)) signs += '#';
  return `r${signs}"${text}"${signs}`;
}

export function rustTest(tool, args, answer) {
  const result = answer?.result;
  const text = Array.isArray(result?.content) && result.content.length > 0 && typeof result.content[0]?.text === 'string' ? result.content[0].text : undefined;
  const short = text !== undefined && text.length <= 200;
  const checks = [`assert_eq!(result["isError"].as_bool().unwrap_or(false), ${result?.isError === true});`];
  if (short) checks.push(`assert_eq!(result["content"][0]["text"], ${rustString(text)});`);
  return `#[tokio::test]
async fn ${identifier(tool)}() {
    // The function that returns your server.
    let client = farport::testing::Client::new(server());
    let arguments = serde_json::json!(${indent(stringify(args ?? {}, 2), 4)});
    let result = client.call_tool(${rustString(tool)}, arguments).await.unwrap();
    ${checks.join('\n    ')}
}
`;
}

/** An entry for a client's configuration. */
export function configuration(target, name) {
  const key = identifier(name ?? 'server');
  if (target.process) {
    const [command, ...args] = target.process;
    return JSON.stringify({ mcpServers: { [key]: { command, args } } }, null, 2);
  }
  const headers = (target.headers ?? []).flatMap((one) => ['--header', `${one}: \${${variable(one)}}`]);
  return JSON.stringify({ mcpServers: { [key]: { command: 'farport', args: ['connect', target.url, ...headers] } } }, null, 2);
}
