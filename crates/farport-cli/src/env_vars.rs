//! Every environment variable the `farport` command reads or sets, in one place.

/// Port to listen on, when no `--port` is given. Read by `demo` and `dev`.
pub(crate) const FARPORT_PORT: &str = "FARPORT_PORT";

/// Address to listen on, when no `--host` is given. Read by `demo` and `dev`.
pub(crate) const FARPORT_HOST: &str = "FARPORT_HOST";

/// How users sign in, when no `--auth` is given. Read by `demo`.
pub(crate) const FARPORT_AUTH_PROVIDER: &str = "FARPORT_AUTH_PROVIDER";

/// File that a server creates, empty, once it accepts connections. Set by `dev` for its servers.
#[cfg(unix)]
pub(crate) const FARPORT_READY_FILE: &str = "FARPORT_READY_FILE";

/// Where a server keeps sessions and sign-ins. Set by `dev` for its servers, unless it is set.
#[cfg(unix)]
pub(crate) const FARPORT_STORE: &str = "FARPORT_STORE";

/// How many listening sockets were handed over, from descriptor 3 on (systemd's socket
/// activation). Set by `dev` for its servers.
#[cfg(unix)]
pub(crate) const LISTEN_FDS: &str = "LISTEN_FDS";

/// The process the sockets of `LISTEN_FDS` are meant for. Set by `dev` for its servers.
#[cfg(unix)]
pub(crate) const LISTEN_PID: &str = "LISTEN_PID";

/// The cargo to build with, when not `cargo` from `PATH`. Cargo itself sets it. Read by `dev`.
#[cfg(unix)]
pub(crate) const CARGO: &str = "CARGO";

/// The compiler to look for the target of workers with; cargo itself honours it. Read by `deploy`
/// and `dev --worker`.
pub(crate) const RUSTC: &str = "RUSTC";

/// Crates of the standard library that cargo compiles along, where no target is installed. Read by
/// `deploy` and `dev --worker`, and by cargo.
pub(crate) const BUILD_STD: &str = "CARGO_UNSTABLE_BUILD_STD";

/// The worker-build to run, when not the first in `PATH`. Read by `deploy` and `dev --worker`.
pub(crate) const WORKER_BUILD: &str = "WORKER_BUILD";

/// The wrangler to run, when neither the project's nor the first in `PATH`. Read by `deploy`,
/// `secret`, `tail` and `dev --worker`.
pub(crate) const WRANGLER: &str = "WRANGLER";

/// A token of Cloudflare's API: wrangler takes it, and nobody has to have signed in.
pub(crate) const CLOUDFLARE_API_TOKEN: &str = "CLOUDFLARE_API_TOKEN";

/// Where wrangler writes what it has done. Set by `deploy`.
pub(crate) const WRANGLER_OUTPUT_FILE_PATH: &str = "WRANGLER_OUTPUT_FILE_PATH";

/// Whether wrangler tells its makers how it is used. Set to no unless it is set.
pub(crate) const WRANGLER_SEND_METRICS: &str = "WRANGLER_SEND_METRICS";

/// Where programs are looked for.
pub(crate) const PATH: &str = "PATH";
