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
