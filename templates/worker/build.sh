#!/bin/sh
# Builds the Worker for wrangler: for `npx wrangler deploy`, and for Cloudflare's own builds, whose machines
# have no Rust. `farport deploy` and `farport dev --worker` do the same without it.
set -eu

target=wasm32-unknown-unknown
if ! command -v cargo >/dev/null; then
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
    sh -s -- -y --profile minimal --target "$target"
  . "$HOME/.cargo/env"
elif command -v rustup >/dev/null; then
  rustup target add "$target"
fi

# wasm-bindgen must have the version of the lock file: the installed one, else the one of its release, else a
# compiled one.
version=$(cargo pkgid wasm-bindgen)
version=${version##*@}
bindgen=wasm-bindgen
if [ "$(wasm-bindgen --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
  tools="${XDG_CACHE_HOME:-$HOME/.cache}/farport/wasm-bindgen-$version"
  bindgen="$tools/wasm-bindgen"
  release="wasm-bindgen-$version-$(uname -m)-unknown-linux-musl"
  url="https://github.com/wasm-bindgen/wasm-bindgen/releases/download/$version/$release.tar.gz"
  if [ ! -x "$bindgen" ]; then
    mkdir -p "$tools"
    if [ "$(uname -s)" = Linux ] && curl --proto '=https' --tlsv1.2 -sSfL "$url" | tar -xzf - -C "$tools"; then
      mv "$tools/$release/wasm-bindgen" "$bindgen"
    else
      CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo install --quiet --locked "wasm-bindgen-cli@$version" \
        --bin wasm-bindgen --root "$tools/cargo"
      mv "$tools/cargo/bin/wasm-bindgen" "$bindgen"
    fi
  fi
fi

# Optimize for size, because a small Worker starts fast. The program uses the usual profile.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=z
export CARGO_PROFILE_RELEASE_LTO=true
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
export CARGO_PROFILE_RELEASE_STRIP=debuginfo
export WASM_BINDGEN_USE_JS_SYS=1
cargo build --lib --release --target "$target"

folder="${CARGO_TARGET_DIR:-target}/$target/release"
"$bindgen" "$folder/my_mcp_server.wasm" --out-dir build --out-name index --target module --no-typescript \
  --experimental-reset-state-function --force-enable-abort-handler \
  --remove-name-section --remove-producers-section
sed 's/^import source /import /' build/index.js >build/bindings.js
cat >build/index.js <<'EOF'
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

EOF
sed -n 's/^export class \([A-Za-z0-9_$]*\).*/export const \1 = durable(bindings.\1);/p' build/bindings.js \
  >>build/index.js
