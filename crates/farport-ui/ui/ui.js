// Preact, htm and signals, tied together without a build step.

import { Component, Fragment, h, render } from './vendor/preact.module.js';
import { batch, computed, effect, signal, untracked } from './vendor/signals-core.module.js';
import htm from './vendor/htm.module.js';

export { Component, Fragment, batch, computed, effect, render, signal, untracked };
export const html = htm.bind(h);

/**
 * A component that renders again when a signal changes that its view reads. `setup` runs once for
 * each instance and returns the view, a function of the props.
 */
export function component(setup) {
  return class extends Component {
    constructor(props) {
      super(props);
      this.cleanups = [];
      this.view = setup(props, { onCleanup: (one) => this.cleanups.push(one), self: this });
    }

    componentWillUnmount() {
      this.stop?.();
      for (const one of this.cleanups) one();
    }

    render(props) {
      this.stop?.();
      let first = true;
      let output;
      this.stop = effect(() => {
        if (first) output = this.view(props);
        else this.setState({});
        first = false;
      });
      return output;
    }
  };
}

/** A list of classes, without the false ones. */
export const classes = (...all) => all.filter(Boolean).join(' ');

let lastId = 0;
/** An id for a label and its field. */
export const freshId = () => `f${(lastId += 1)}`;

/** For example 214 B, 3.1 KB, 10 MB. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const [value, unit] = bytes < 1e6 ? [bytes / 1e3, 'KB'] : [bytes / 1e6, 'MB'];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** For example 2.9 ms, 1.2 s. */
export function duration(ms) {
  if (ms === null || ms === undefined) return '';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** Copies text, and says whether it could. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** An http or https URL that may become a link, else undefined. */
export function link(text) {
  try {
    const url = new URL(text);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined;
  } catch {
    return undefined;
  }
}
