//! The listening sockets, and who holds the port when it is taken.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

/// Why a socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Somebody listens there already.
    #[error("port {port} is taken{}", by(.holder.as_ref()))]
    Taken { port: u16, holder: Option<Holder> },
    /// The system refused the port to this user.
    #[error("this user may not listen on port {port}")]
    NotAllowed { port: u16 },
    /// The host is not an address of this machine, or no address at all.
    #[error("cannot listen on `{host}`")]
    Host {
        host: String,
        #[source]
        source: io::Error,
    },
}

/// The process that holds a port.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) pid: u32,
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |Holder { name, pid }| {
        format!(" by `{name}` (process {pid})")
    })
}

impl Error {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Taken { port, holder } => {
                let other = match port.checked_add(1) {
                    Some(next) => format!("choose another port with `--port {next}`, or "),
                    None => String::new(),
                };
                let end = match holder {
                    Some(Holder { pid, .. }) => format!(", or end that process with `kill {pid}`"),
                    None => String::new(),
                };
                format!("{other}take a free one with `--port 0`{end}")
            }
            Self::NotAllowed { .. } => "choose a port above 1023, as in `--port 8787`".to_owned(),
            Self::Host { .. } => "use `--host localhost` for this machine alone, or \
                                  `--host 0.0.0.0` for all its addresses"
                .to_owned(),
        })
    }

    /// Words why listening on `host` and `port` failed.
    pub(crate) fn new(host: &str, port: u16, source: io::Error) -> Self {
        match source.kind() {
            ErrorKind::AddrInUse => Self::taken(port),
            ErrorKind::PermissionDenied => Self::NotAllowed { port },
            _ => Self::Host {
                host: host.to_owned(),
                source,
            },
        }
    }

    /// Somebody listens on `port`.
    pub(crate) fn taken(port: u16) -> Self {
        Self::Taken {
            port,
            holder: holder_of(port),
        }
    }
}

/// Opens the listening sockets, as the server itself would: for `localhost` one for each
/// loopback address.
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
        // Without IPv6, or with a free port that is free for IPv4 alone.
        Err(_) => Ok(vec![first]),
    }
}

/// The process that listens on a port, as far as this user may know.
fn holder_of(port: u16) -> Option<Holder> {
    // Not being told is no error: the message is then less precise.
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
    fn a_taken_port_names_its_holder_and_the_way_out() {
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
            let is_us = |error: &Error| matches!(error, Error::Taken { holder: Some(holder), .. } if holder.pid == pid);
            assert!(is_us(&error), "{holding} {wanted} {error:?}");
            assert!(
                error.to_string().ends_with(&format!("(process {pid})")),
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
    fn localhost_is_both_loopback_addresses_on_one_port() {
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
    fn a_host_of_another_machine_is_refused_with_a_hint() {
        for host in ["192.0.2.1", "no such host"] {
            let error = bind(host, 0).unwrap_err();
            assert!(matches!(error, Error::Host { .. }), "{error:?}");
            assert!(error.hint().unwrap().contains("--host localhost"));
        }
    }
}
