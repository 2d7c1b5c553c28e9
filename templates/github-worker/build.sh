#!/bin/sh
# Builds the worker for whoever runs wrangler itself: `npx wrangler deploy`, or Cloudflare's own builds,
# whose machines have no Rust. `farport deploy` and `farport dev --worker` build without it.
set -eu

target=wasm32-unknown-unknown
if ! command -v cargo >/dev/null; then
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
    sh -s -- -y --profile minimal --target "$target"
  . "$HOME/.cargo/env"
elif command -v rustup >/dev/null; then
  rustup target add "$target"
fi
command -v worker-build >/dev/null || cargo install --quiet --locked worker-build@0.8.7

# Small rather than fast: a small worker starts soon. The program is built as cargo builds it.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=z
export CARGO_PROFILE_RELEASE_LTO=true
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1
export CARGO_PROFILE_RELEASE_STRIP=true
worker-build --release
