// Markdown becomes elements: nothing is loaded, no text becomes markup, and what hides is made visible.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { INJECTIONS } from './chatserver.mjs';
import { Markdown, visible } from '../views/markdown.js';

/** Every element of a tree, and its text. Components are shown by their props. */
function walk(node, found = { elements: [], text: '' }) {
  if (node === null || node === undefined || typeof node === 'boolean') return found;
  if (Array.isArray(node)) for (const one of node) walk(one, found);
  else if (typeof node !== 'object') found.text += String(node);
  else {
    found.elements.push(typeof node.type === 'function' ? { name: 'component', ...node.props } : { name: node.type, ...node.props });
    walk(node.props?.children, found);
  }
  return found;
}

const render = (text) => walk(Markdown({ text }));
const names = (found) => new Set(found.elements.map((one) => one.name));

test('Markdown becomes the elements that it names', () => {
  const found = render('# Title\n\nSome **bold**, *soft*, ~~gone~~ and `code`.\n\n- one\n- two\n\n1. first\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\n- [x] done');
  for (const name of ['p', 'strong', 'em', 'del', 'code', 'ul', 'ol', 'li', 'blockquote', 'table', 'th', 'td', 'hr', 'input']) assert.ok(names(found).has(name), name);
  assert.ok(found.text.includes('Title') && found.text.includes('bold'));
});

test('code keeps its text and its language', () => {
  const block = render('```js\nlet a = "<b>" && 1;\n```').elements.find((one) => one.name === 'component');
  assert.equal(block.text, 'let a = "<b>" && 1;');
  assert.equal(block.lang, 'js');
});

test('nothing becomes an image, a link, a frame or a script', () => {
  for (const text of [...Object.values(INJECTIONS), '<https://evil.example>', 'https://evil.example/auto', '![a][b]\n\n[b]: http://evil.example/x.png', '[a](<javascript:x>)', '<svg onload=x>', '<style>*{}</style>']) {
    const found = render(text);
    for (const name of ['img', 'a', 'iframe', 'script', 'svg', 'style', 'object', 'form']) assert.ok(!names(found).has(name), `${name} in ${text}`);
    for (const element of found.elements) {
      for (const prop of Object.keys(element)) assert.ok(!/^on|^src|^style|innerHTML/i.test(prop) || element.name === 'component', `${prop} in ${text}`);
    }
  }
});

test('a link and an image are shown as text with their address', () => {
  const [first, second] = render('[here](http://a.example/?q=1) ![pic](http://b.example/p.png)').elements.filter((one) => one.name === 'component');
  assert.deepEqual([first.href, first.label, first.kind], ['http://a.example/?q=1', 'here', 'link']);
  assert.deepEqual([second.href, second.label, second.kind], ['http://b.example/p.png', 'pic', 'image']);
});

test('markup and entities are shown as they are', () => {
  assert.ok(render('a <b>c</b> &amp; 1 < 2').text.includes('<b>'));
  assert.ok(render('1 < 2 & 3').text.includes('1 < 2 & 3'));
});

test('characters that hide or turn text are visible', () => {
  assert.equal(visible('a\u202eb\u001b[2J\u0000'), 'a\\u{202e}b\\u{1b}[2J\\u{0}');
  assert.equal(visible('tab\there\nline'), 'tab\there\nline');
});

test('deep and long text ends', () => {
  render('> '.repeat(5000));
  render('[['.repeat(5000));
  assert.ok(render('x'.repeat(300_000)).text.length === 300_000);
});
