//! Servers for the duration of a test.

use std::{net::SocketAddr, sync::Arc};

use farport::{Error, Server};
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    client::Client,
    shop::Shop,
    soon,
    vault::Vault,
    workshop::{Kind, Workshop},
};

/// A server on a free port, until it is stopped or dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) shop: Arc<Shop>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), Error>>,
}

impl Running {
    /// Stops the server. The handle is ready when it has stopped.
    pub(crate) fn stop(self) -> JoinHandle<Result<(), Error>> {
        self.stop.send(()).unwrap();
        self.served
    }

    /// Returns a client with a session of this revision, without capabilities.
    pub(crate) async fn client(&self, version: &'static str) -> Client {
        Client::open(self.address, version).await
    }
}

/// Serves workshops of this kind.
pub(crate) async fn start(kind: Kind) -> Running {
    start_with(kind, |server| server).await
}

/// Like [`start`], with settings.
pub(crate) async fn start_with(kind: Kind, set: impl FnOnce(Server) -> Server) -> Running {
    let shop = Arc::new(Shop::default());
    let shared = shop.clone();
    let server = Server::new(move |_| Workshop::new(kind, shared.clone()));
    serve(shop, set(server)).await
}

/// Serves vaults.
pub(crate) async fn start_vault(set: impl FnOnce(Server) -> Server) -> Running {
    let shop = Arc::new(Shop::default());
    let shared = shop.clone();
    let server = Server::new(move |_| Vault(shared.clone()));
    serve(shop, set(server)).await
}

/// Serves a server whose handlers share `shop`.
pub(crate) async fn serve(shop: Arc<Shop>, server: Server) -> Running {
    let bound = soon(server.port(0).bind()).await.unwrap();
    let address = bound.local_addr();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(bound.serve_until(async {
        // The end of the test drops the sender, which also stops the server.
        let _ = stopped.await;
    }));
    Running {
        address,
        shop,
        stop,
        served,
    }
}
