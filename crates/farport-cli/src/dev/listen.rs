//! The listening sockets.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use crate::listen::Error;

/// Opens the listening sockets as a server does: `localhost` means one socket for each loopback
/// address.
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

#[cfg(test)]
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
