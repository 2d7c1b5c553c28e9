// How a list of the server differs from the one before.

import { stringify } from './json.js';

const KEY = { tools: 'name', resources: 'uri', templates: 'uriTemplate', prompts: 'name' };

/** How a list differs from the one before, or undefined. */
export function changes(name, before, after) {
  if (before === undefined || after === undefined) return undefined;
  const index = (list) => new Map(list.map((one) => [one[KEY[name]], stringify(one)]));
  const [was, is] = [index(before), index(after)];
  const added = [...is.keys()].filter((key) => !was.has(key));
  const removed = [...was.keys()].filter((key) => !is.has(key));
  const changed = [...is].filter(([key, one]) => was.has(key) && was.get(key) !== one).map(([key]) => key);
  const shown = (keys) => keys.slice(0, 3).join(', ') + (keys.length > 3 ? ` and ${keys.length - 3} more` : '');
  const parts = [[added, 'new'], [changed, 'changed'], [removed, 'removed']].filter(([keys]) => keys.length > 0).map(([keys, what]) => `${what} ${shown(keys)}`);
  return parts.length > 0 ? `${name.charAt(0).toUpperCase()}${name.slice(1)}: ${parts.join(', ')}` : undefined;
}
