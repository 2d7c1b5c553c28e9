//! The listening sockets, and the process that uses a port when it is not free.

use std::io::{self, ErrorKind};
#[cfg(unix)]
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

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

/// Opens the listening sockets as a server does: `localhost` means one socket for each loopback
/// address.
#[cfg(unix)]
pub(crate) fn bind(host: &str, port: u16) -> Result<Vec<TcpListener>, Error> {
    let failed = |source| Error::new(host, port, source);
    if host != "localhost" {
        return Ok(vec![TcpListener::bind((host, port)).map_err(failed)?]);
    }
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    let taken = first.local_addr().map_err(failed)?.port();
    match TcpListener::bind((Ipv6Addr::LOCALHOST, taken)) {
        Ok(second) => Ok(vec![first, second]),
        Err(error) if error.kind() == ErrorKind::AddrInUse && port != 0 => Err(failed(error)),
        // The system has no IPv6, or the port that it picked is only free for IPv4.
        Err(_) => Ok(vec![first]),
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn port_of(socket: &TcpListener) -> u16 {
        socket.local_addr().unwrap().port()
    }

    #[test]
    fn the_error_for_a_used_port_names_its_process_and_a_fix() {
        for (holding, wanted) in [
            ("127.0.0.1", "localhost"),
            ("::1", "localhost"),
            ("localhost", "127.0.0.1"),
            ("0.0.0.0", "localhost"),
        ] {
            let held = bind(holding, 0).unwrap();
            let port = port_of(&held[0]);

            let error = bind(wanted, port).unwrap_err();

            let pid = std::process::id();
            let is_us = |error: &Error| matches!(error, Error::InUse { holder: Some(holder), .. } if holder.pid == pid);
            assert!(is_us(&error), "{holding} {wanted} {error:?}");
            assert!(
                error.to_string().ends_with(&format!("(pid {pid})")),
                "{error}"
            );
            let hint = error.hint().unwrap();
            assert!(
                hint.contains("--port 0") && hint.contains(&format!("kill {pid}")),
                "{hint}"
            );
        }
    }

    #[test]
    fn localhost_means_both_loopback_addresses_on_one_port() {
        let sockets = bind("localhost", 0).unwrap();
        let port = port_of(&sockets[0]);
        assert!(sockets.iter().all(|socket| port_of(socket) == port));
        assert!(
            sockets
                .iter()
                .all(|socket| socket.local_addr().unwrap().ip().is_loopback())
        );
    }

    #[test]
    fn the_address_of_another_machine_fails_with_a_hint() {
        for host in ["192.0.2.1", "no such host"] {
            let error = bind(host, 0).unwrap_err();
            assert!(matches!(error, Error::Host { .. }), "{error:?}");
            assert!(error.hint().unwrap().contains("--host localhost"));
        }
    }
}
