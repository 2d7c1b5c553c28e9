//! The sockets that a server listens on.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpStream};

use farport_server::{Error, HostError};

/// The sockets that a server listens on. `localhost` has two, one for each loopback address.
#[derive(Debug)]
pub struct Listeners {
    sockets: Vec<TcpListener>,
}

impl Listeners {
    /// Takes the sockets that the starting process opened and passed on (systemd socket activation,
    /// `LISTEN_FDS`), or returns `None` if it passed none.
    ///
    /// # Errors
    /// When one of them is not a listening TCP socket.
    pub fn inherited() -> Result<Option<Self>, Error> {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            if let Some(socket) = passed.take_tcp_listener(index)? {
                socket.set_nonblocking(true)?;
                sockets.push(TcpListener::from_std(socket)?);
            }
        }
        Ok(Some(Self { sockets }).filter(|listeners| !listeners.sockets.is_empty()))
    }

    /// Listens on `host` and `port`; port 0 picks a free one.
    ///
    /// # Errors
    /// [`ErrorKind::Listen`](crate::ErrorKind::Listen), with the system's error as its source unless another
    /// program uses the port.
    pub async fn bind(host: &str, port: u16) -> Result<Self, Error> {
        if host != "localhost" {
            let socket = TcpListener::bind((host, port)).await;
            return Ok(Self {
                sockets: vec![socket.map_err(|e| refused(host, port, e))?],
            });
        }
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let first = first.map_err(|error| refused(host, port, error))?;
        let taken = first.local_addr()?.port();
        let second = TcpListener::bind((Ipv6Addr::LOCALHOST, taken)).await;
        let mut sockets = vec![first];
        match second {
            Ok(second) => sockets.push(second),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port != 0 => {
                return Err(refused(host, port, error));
            }
            // On a machine without IPv6, IPv4 is enough.
            Err(error) => tracing::debug!(%error, "not listening on [::1]"),
        }
        Ok(Self { sockets })
    }

    /// Returns the address of the first socket.
    ///
    /// # Errors
    /// When the system does not return it.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        let first = self
            .sockets
            .first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(first.local_addr()?)
    }

    /// Returns the addresses of all sockets.
    ///
    /// # Errors
    /// When the system does not return them.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let addresses = self.sockets.iter().map(TcpListener::local_addr);
        Ok(addresses.collect::<io::Result<_>>()?)
    }

    /// Accepts the next connection on any of the sockets.
    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepts = self.sockets.iter().map(|socket| Box::pin(socket.accept()));
        futures_util::future::select_all(accepts).await.0
    }
}

fn refused(host: &str, port: u16, source: io::Error) -> Error {
    HostError::listen(host, port, source).into()
}
