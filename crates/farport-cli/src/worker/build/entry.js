// The Worker's entry point: passes events and calls to the crate, and starts a new WebAssembly instance
// after a panic.
import { WorkerEntrypoint } from "cloudflare:workers";
import * as bindings from "./bindings.js";

const EVENTS = ["fetch", "scheduled", "queue", "email", "connect"];
// The `worker` crate counts instances, and marks one that panicked.
const state = bindings.__worker_init_state();

const isClass = (value) => Object.getOwnPropertyDescriptor(value, "prototype")?.writable === false;

function failed(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    console.error("the Worker failed; the next call starts a new instance", error);
    state.criticalError = true;
  }
}

function guarded(run) {
  if (state.criticalError) {
    bindings.__wbg_reset_state();
    state.criticalError = false;
  }
  try {
    return run();
  } catch (error) {
    failed(error);
    throw error;
  }
}

addEventListener("error", (event) => failed(event.error));

export default class Entrypoint extends WorkerEntrypoint {}
for (const [name, value] of Object.entries(bindings)) {
  if (typeof value !== "function" || isClass(value) || name.startsWith("__")) continue;
  Entrypoint.prototype[name] = EVENTS.includes(name)
    ? function (event) { return guarded(() => value.call(this, event, this.env, this.ctx)); }
    : function (...args) { return guarded(() => value.apply(this, args)); };
}

// A class whose objects outlive the instance: after a restart, the next call creates the inner object again.
function durable(Class) {
  class Durable {
    #args;
    #inner;
    #instance;
    constructor(...args) {
      this.#args = args;
      guarded(() => this.#current());
    }
    #current() {
      if (this.#instance !== state.instanceId) {
        this.#inner = new Class(...this.#args);
        this.#instance = state.instanceId;
      }
      return this.#inner;
    }
    static call(object, name, args) {
      return guarded(() => object.#current()[name](...args));
    }
  }
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(Class.prototype))) {
    if (typeof value !== "function" || name === "constructor" || name === "free" || name.startsWith("__")) continue;
    Durable.prototype[name] = function (...args) { return Durable.call(this, name, args); };
  }
  return Durable;
}

