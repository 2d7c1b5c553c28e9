import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import { configuration, curl, farportCall, jsonRpc, rustTest, shell } from '../copyas.js';
import { parse } from '../json.js';

const target = { url: 'https://mcp.example.com/mcp', process: null, headers: ['X-Api-Key'] };
const schema = { type: 'object', properties: { text: { type: 'string' }, n: { type: 'integer' }, tags: { type: 'array' }, on: { type: 'boolean' } } };

test('a shell gives each word back as it is', () => {
  for (const word of ['plain', "it's", '$(rm -rf /)', '`id`', 'a b', '"q"', 'new\nline', '!x', '\\', '~', '']) {
    assert.equal(execFileSync('sh', ['-c', `printf %s ${shell(word)}`], { encoding: 'utf8' }), word);
  }
});

test('JSON-RPC keeps numbers as they were written', () => {
  assert.match(jsonRpc('tools/call', parse('{"name":"add","arguments":{"n":12345678901234567890}}')), /"n": 12345678901234567890\n/);
});

test('curl carries what each era requires, and no header value', () => {
  const params = { name: "it's", arguments: {} };
  const modern = curl(target, { modern: true, revision: '2026-07-28' }, 'tools/call', params);
  for (const part of ['MCP-Protocol-Version: 2026-07-28', 'Mcp-Method: tools/call', "Mcp-Name: it'\\''s", '-H "X-Api-Key: ${X_API_KEY}"', 'io.modelcontextprotocol/clientCapabilities']) assert.ok(modern.includes(part), part);
  const session = curl(target, { modern: false, revision: '2025-11-25' }, 'tools/call', params);
  assert.ok(session.includes('Mcp-Session-Id: ${SESSION}'));
  assert.ok(!session.includes('_meta'));
  assert.equal(curl({ ...target, process: ['node', 'x.js'] }, { modern: true }, 'ping', {}), undefined);
});

test('farport call types its arguments by the schema', () => {
  assert.equal(
    farportCall({ ...target, headers: [] }, 'add', { text: '012', n: 7, tags: ['a', 'b c'], on: true, other: 1, far: '@x' }, schema),
    `farport call https://mcp.example.com/mcp add text=012 n=7 'tags:=["a","b c"]' on=true other:=1 'far:="@x"'`,
  );
  assert.equal(farportCall(target, 'add', {}, schema), "farport call -H 'X-Api-Key: ${X_API_KEY}' https://mcp.example.com/mcp add");
  assert.equal(farportCall({ process: ['node', 'my server.js'], headers: [] }, 'add', { 'a b': 1 }, schema), `farport call add --args '{"a b":1}' -- node 'my server.js'`);
  assert.equal(farportCall({ ...target, headers: [] }, 'add', { text: '@file' }, schema), `farport call https://mcp.example.com/mcp add 'text:="@file"'`);
});

test('a Rust test calls the tool and checks the last result', () => {
  const text = rustTest('2-add', { q: '"#' }, { result: { content: [{ type: 'text', text: 'say "#hi"' }] } });
  assert.ok(text.includes('async fn call_2_add()'));
  assert.ok(text.includes('client.call_tool("2-add", arguments)'));
  assert.ok(text.includes('r##"say "#hi""##'), text);
  assert.ok(rustTest('x', {}, undefined).includes('unwrap_or(false), false)'));
});

test('a configuration starts farport connect, or the command', () => {
  assert.deepEqual(JSON.parse(configuration(target, 'My server')), { mcpServers: { my_server: { command: 'farport', args: ['connect', target.url, '--header', 'X-Api-Key: ${X_API_KEY}'] } } });
  assert.deepEqual(JSON.parse(configuration({ process: ['node', 'a b.js'] }, 'x')), { mcpServers: { x: { command: 'node', args: ['a b.js'] } } });
});
