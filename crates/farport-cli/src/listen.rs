//! Why a port cannot be used, and the process that uses it.

use std::io::{self, ErrorKind};

/// Why a listening socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Another process listens on the port.
    #[error("cannot listen on port {port}: in use{}", by(.holder.as_ref()))]
    InUse { port: u16, holder: Option<Holder> },
    /// The system does not permit this user to listen on the port.
    #[error("cannot listen on port {port}: permission denied")]
    NotAllowed { port: u16 },
    /// The host is not an address of this machine.
    #[error("cannot listen on `{host}`")]
    Host {
        host: String,
        #[source]
        source: io::Error,
    },
}

/// The process that uses a port.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) pid: u32,
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |Holder { name, pid }| {
        format!(" by `{name}` (pid {pid})")
    })
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::InUse { holder, .. } => {
                let stop = match holder {
                    Some(Holder { pid, .. }) => format!(", or stop that process with `kill {pid}`"),
                    None => String::new(),
                };
                format!("use `--port 0` to pick a free port{stop}")
            }
            Self::NotAllowed { .. } => "use a port above 1023, such as `--port 8787`".to_owned(),
            Self::Host { .. } => "use `--host localhost` to serve this machine only, or \
                                  `--host 0.0.0.0` to serve other machines"
                .to_owned(),
        })
    }

    /// Creates the error for a failed attempt to listen on `host` and `port`.
    pub(crate) fn new(host: &str, port: u16, source: io::Error) -> Self {
        match source.kind() {
            ErrorKind::AddrInUse => Self::in_use(port),
            ErrorKind::PermissionDenied => Self::NotAllowed { port },
            _ => Self::Host {
                host: host.to_owned(),
                source,
            },
        }
    }

    /// Creates the error for a port that another process uses.
    pub(crate) fn in_use(port: u16) -> Self {
        Self::InUse {
            port,
            holder: holder_of(port),
        }
    }
}

/// Returns the process that listens on a port, if this user may see it.
fn holder_of(port: u16) -> Option<Holder> {
    // Without the list, the message names no process.
    let listeners = listeners::get_all().ok()?;
    let holder = listeners.into_iter().find(|listener| {
        listener.socket.port() == port
            && listener.protocol == listeners::Protocol::TCP
            && listener.state == listeners::SocketState::Listen
    })?;
    Some(Holder {
        name: holder.process.name,
        pid: holder.process.pid,
    })
}
