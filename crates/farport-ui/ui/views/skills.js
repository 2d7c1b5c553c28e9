// Skills (SEP-2640): folders of instructions and files that the server offers to an agent.

import { ask, capabilities, chosen, connected, go, lists, refresh } from '../store.js';
import { classes, component, html, signal, size } from '../ui.js';
import { isObject } from '../json.js';
import { icon } from '../icons.js';
import { Empty, ListFrame, NotConnected, Search } from './list.js';
import { Contents } from './result.js';
import { Code } from './tree.js';

const nameOf = (skill) => (isObject(skill.frontmatter) && typeof skill.frontmatter.name === 'string' ? skill.frontmatter.name : skill.uri);
const about = (skill) => (isObject(skill.frontmatter) ? skill.frontmatter.description : undefined);

export const Skills = component(() => {
  const query = signal('');
  return () => {
    if (!connected.value) return html`<${NotConnected} what="skills" />`;
    if (capabilities.value.skills === undefined) return html`<${Empty} symbol="skills" title="This server offers no skills" text="Its capabilities do not name the skills extension." action=${['Open the server view', () => go('server')]} />`;
    const all = (lists.skills.value.items ?? []).filter((one) => typeof one?.uri === 'string');
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.filter((one) => words.every((word) => `${nameOf(one)} ${one.uri} ${about(one) ?? ''}`.toLowerCase().includes(word)));
    const skill = all.find((one) => one.uri === chosen.value.skills);
    return html`<div class=${classes('split', skill && 'has-detail')}>
      <${ListFrame} list=${lists.skills.value} what="skills" onRefresh=${() => refresh('skills')} search=${html`<${Search} query=${query} label=${`Search ${all.length} ${all.length === 1 ? 'skill' : 'skills'}`} onEnter=${() => found[0] && go('skills', found[0].uri)} />`}>
        ${found.map((one) => html`<button type="button" key=${one.uri} class=${classes('list-item', one === skill && 'on')} aria-current=${one === skill ? 'true' : undefined} onClick=${() => go('skills', one.uri)}>
          <strong>${nameOf(one)}</strong><code class="uri">${one.uri}</code>${about(one) && html`<p>${about(one)}</p>`}</button>`)}
        ${lists.skills.value.items && found.length === 0 && html`<p class="muted none">${all.length === 0 ? 'The server lists no skills.' : `No skill matches “${query.value}”.`}</p>`}
      </${ListFrame}>
      <section class="detail" aria-label="Skill">${skill ? html`<${Skill} key=${skill.uri} skill=${skill} />` : html`<${Empty} symbol="skills" title="Choose a skill" text="Pick one from the list to see its instructions and files." />`}</section></div>`;
  };
});

/** Whether the contents have the digest and size that the manifest gives. Undefined if it gives none. */
async function check(contents, file) {
  if (typeof file.digest !== 'string') return undefined;
  const bytes = typeof contents.text === 'string' ? new TextEncoder().encode(contents.text) : Uint8Array.from(atob(contents.blob ?? ''), (one) => one.charCodeAt(0));
  if (typeof file.size === 'number' && bytes.length !== file.size) return `is ${bytes.length} bytes long, and the manifest says ${file.size}`;
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const digest = `sha256:${[...hash].map((one) => one.toString(16).padStart(2, '0')).join('')}`;
  return digest === file.digest ? '' : 'does not have the digest of the manifest';
}

const Skill = component(({ skill }) => {
  const open = signal({});
  const folder = signal(undefined);
  const read = async (file) => {
    open.value = { uri: file.uri, busy: true };
    try {
      const { contents } = await ask('resources/read', { uri: file.uri });
      const first = Array.isArray(contents) ? contents[0] : undefined;
      const verdict = first ? await check(first, file) : undefined;
      if (open.peek().uri === file.uri) open.value = { uri: file.uri, contents: contents ?? [], verdict };
    } catch (error) {
      if (open.peek().uri === file.uri) open.value = { uri: file.uri, error: error.message };
    }
  };
  const list = async () => {
    try {
      const result = await ask('resources/directory/read', { uri: skill.uri.replace(/\/[^/]*$/, '') });
      folder.value = { files: (result.resources ?? result.entries ?? []).filter((one) => typeof one?.uri === 'string') };
    } catch (error) {
      folder.value = { error: error.message };
    }
  };
  read({ uri: skill.uri, ...(Array.isArray(skill.resources) ? skill.resources.find((one) => one.uri === skill.uri) : {}) });
  return ({ skill: now }) => {
    const dynamic = !Array.isArray(now.resources);
    const files = dynamic ? [{ uri: now.uri }, ...(folder.value?.files ?? []).filter((one) => one.uri !== now.uri)] : now.resources.filter((one) => typeof one?.uri === 'string');
    const { name: _, description: __, ...rest } = isObject(now.frontmatter) ? now.frontmatter : {};
    const base = now.uri.replace(/[^/]*$/, '');
    const shown = open.value;
    return html`<div class="tool-page"><button type="button" class="button ghost small back" onClick=${() => go('skills', null)}>${icon('back')} All skills</button>
      <h1>${nameOf(now)}</h1><p><code class="uri">${now.uri}</code></p>${about(now) && html`<p class="description">${about(now)}</p>`}
      <div class="badges">${dynamic ? html`<span class="chip" title="The files change, so the manifest has no digests">dynamic</span>` : html`<span class="chip">${files.length} ${files.length === 1 ? 'file' : 'files'}</span>`}</div>
      ${Object.keys(rest).length > 0 && html`<details><summary>Other fields of the frontmatter</summary><${Code} value=${rest} /></details>`}
      <div class="two skill"><section class="card" aria-label="Files"><header class="card-head"><strong>Files</strong><span class="grow"></span>${dynamic && capabilities.value.skills?.directoryRead && html`<button type="button" class="button small ghost" onClick=${list}>List the folder</button>`}</header>
        <div class="files">${files.map((one) => html`<button type="button" key=${one.uri} class=${classes('file', shown.uri === one.uri && 'on')} title=${one.digest} onClick=${() => read(one)}>${icon('resources')}<code class="grow">${one.uri.startsWith(base) ? one.uri.slice(base.length) : one.uri}</code>${typeof one.size === 'number' && html`<span class="muted small-text">${size(one.size)}</span>`}</button>`)}
        ${folder.value?.error && html`<p class="problem" role="alert">${icon('warn')} ${folder.value.error}</p>`}</div></section>
      <section class="card" aria-label="Contents"><header class="card-head"><strong>Contents</strong><span class="grow"></span>
          ${shown.verdict === '' ? html`<span class="tone ok small-text">${icon('check')} matches its digest</span>` : shown.verdict ? html`<span class="tone bad small-text">${icon('warn')} ${shown.verdict}</span>` : null}</header>
        <div class="card-body">${shown.error ? html`<p class="problem" role="alert">${icon('warn')} ${shown.error}</p>` : shown.busy ? html`<p class="muted">Loading</p>` : (shown.contents ?? []).map((one, index) => html`<${Contents} key=${index} contents=${one} />`)}</div></section></div></div>`;
  };
});
