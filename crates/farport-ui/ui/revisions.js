// What a server offers in each revision, side by side.

import { isObject, stringify } from './json.js';

const flags = (value) => (isObject(value) ? Object.entries(value).filter(([, one]) => one === true || isObject(one)).map(([name]) => name).sort() : []);

/** The members of two tools that differ. */
export function differing(one, other) {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => stringify(one[name] ?? null) !== stringify(other[name] ?? null)).sort();
}

/**
 * The answer of the API as a table: `columns` with `{revision, state, note}`, and `groups` of rows with
 * `{name, cells, differs}`. A cell is undefined where the revision is not offered.
 */
export function compare(offers) {
  const columns = offers.map((one) => {
    if (one.offered) return { revision: one.requested, state: 'offered', note: one.offered.problem ?? undefined };
    if (one.other !== undefined) return { revision: one.requested, state: 'other', note: `the server chose ${one.other}` };
    return { revision: one.requested, state: 'failed', note: one.failed };
  });
  const all = offers.map((one) => one.offered);
  const offered = all.filter(Boolean);
  const row = (name, cell) => {
    const cells = all.map((one) => (one ? cell(one) : undefined));
    const shown = cells.filter((one) => one !== undefined).map((one) => `${one.state} ${one.text ?? ''}`);
    return { name, cells, differs: new Set(shown).size > 1 };
  };
  const capabilities = new Map(offered.flatMap((one) => Object.entries(one.server?.capabilities ?? {}).flatMap(([name, value]) => (name === 'extensions' || name === 'experimental' ? Object.keys(value ?? {}).map((inner) => [inner, name]) : [[name, undefined]]))));
  const capability = (one, name, inside) => (inside ? one.server?.capabilities?.[inside]?.[name] : one.server?.capabilities?.[name]);
  const tools = [...new Set(offered.flatMap((one) => one.tools.map((tool) => tool.name)))];
  const first = new Map();
  for (const one of offered) for (const tool of one.tools) if (!first.has(tool.name)) first.set(tool.name, tool);
  const info = (one) => one.server?.serverInfo ?? one.server?._meta?.['io.modelcontextprotocol/serverInfo'] ?? {};
  return {
    columns,
    groups: [
      ['Server', [
        row('name and version', (one) => ({ state: 'text', text: [info(one).name, info(one).version].filter((part) => typeof part === 'string').join(' ') || 'not named' })),
        row('instructions', (one) => (one.server?.instructions ? { state: one.server.instructions === offered.find((other) => other.server?.instructions)?.server.instructions ? 'yes' : 'changed', text: one.server.instructions === offered.find((other) => other.server?.instructions)?.server.instructions ? undefined : 'another text' } : { state: 'no' })),
      ]],
      ['Capabilities', [...capabilities].map(([name, inside]) => row(name, (one) => {
        const value = capability(one, name, inside);
        return value === undefined ? { state: 'no' } : { state: 'yes', text: flags(value).join(', ') || undefined };
      }))],
      ['Tools', tools.map((name) => row(name, (one) => {
        const tool = one.tools.find((other) => other.name === name);
        if (tool === undefined) return { state: 'no' };
        const found = differing(first.get(name), tool);
        return found.length === 0 ? { state: 'yes' } : { state: 'changed', text: found.join(', ') };
      }))],
    ].filter(([, rows]) => rows.length > 0),
  };
}
