//! Clients that stop reading, on systems that do not report them.

use std::{io, time::Duration};

use tokio::net::TcpStream;

/// Does nothing: the connection stays open until the server stops or the system closes it.
pub(crate) fn limit_stalls(_: &TcpStream, _: Duration) -> io::Result<()> {
    Ok(())
}
