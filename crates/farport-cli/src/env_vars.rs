//! Every environment variable that the `farport` command reads or sets.

/// Default of `--port`. Read by `demo` and `dev`.
pub(crate) const FARPORT_PORT: &str = "FARPORT_PORT";

/// Default of `--host`. Read by `demo` and `dev`.
pub(crate) const FARPORT_HOST: &str = "FARPORT_HOST";

/// Default of `--auth`. Read by `demo`.
pub(crate) const FARPORT_AUTH_PROVIDER: &str = "FARPORT_AUTH_PROVIDER";

/// Cargo to build with, instead of `cargo` in `PATH`. Cargo sets it for its subcommands. Read by `dev` and
/// `deploy`.
pub(crate) const CARGO: &str = "CARGO";

/// Compiler to search for the Workers target; cargo uses it, too. Read by `deploy` and
/// `dev --worker`.
pub(crate) const RUSTC: &str = "RUSTC";

/// Crates of the standard library that cargo builds from source. Then no target has to be installed.
/// Read by `deploy`, `dev --worker` and cargo.
pub(crate) const BUILD_STD: &str = "CARGO_UNSTABLE_BUILD_STD";

/// wasm-bindgen to run, instead of the one that farport finds or builds. Read by `deploy` and
/// `dev --worker`.
pub(crate) const WASM_BINDGEN_BIN: &str = "WASM_BINDGEN_BIN";

/// wrangler to run, instead of the project's or the first in `PATH`. Read by `deploy`, `secret`,
/// `tail` and `dev --worker`.
pub(crate) const WRANGLER: &str = "WRANGLER";

/// Token for Cloudflare's API. With it, wrangler needs no sign-in.
pub(crate) const CLOUDFLARE_API_TOKEN: &str = "CLOUDFLARE_API_TOKEN";

/// File that wrangler writes a report of the deployment to. Set by `deploy`.
pub(crate) const WRANGLER_OUTPUT_FILE_PATH: &str = "WRANGLER_OUTPUT_FILE_PATH";

/// Whether wrangler sends usage data to Cloudflare. farport sets it to `false` unless the user has
/// set it.
pub(crate) const WRANGLER_SEND_METRICS: &str = "WRANGLER_SEND_METRICS";

/// Folders to search for programs.
pub(crate) const PATH: &str = "PATH";
