//! The environment variables that `farport dev` sets for its servers.

/// Empty file that a server creates when it accepts connections. Set by `dev` for its servers.
pub(crate) const FARPORT_READY_FILE: &str = "FARPORT_READY_FILE";

/// Database of a server. Set by `dev` for its servers, unless the user has set it.
pub(crate) const FARPORT_STORE: &str = "FARPORT_STORE";

/// Log filter of a server. Set by `dev` for its servers, unless the user has set a filter.
pub(crate) const FARPORT_LOG: &str = "FARPORT_LOG";

/// Set by `dev` for a server that replaces another one: the server does not print its URLs again.
pub(crate) const FARPORT_RELOAD: &str = "FARPORT_RELOAD";

/// Number of listening sockets that a server inherits, from file descriptor 3 on (systemd's socket
/// activation). Set by `dev` for its servers.
pub(crate) const LISTEN_FDS: &str = "LISTEN_FDS";

/// Process id of the server that the sockets of `LISTEN_FDS` are for. Set by `dev` for its servers.
pub(crate) const LISTEN_PID: &str = "LISTEN_PID";
