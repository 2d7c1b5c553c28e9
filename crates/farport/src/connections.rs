//! Connections: hyper under explicit limits, until the server is told to stop.

use std::{cell::Cell, convert::Infallible, future::Future, io, sync::Arc, time::Duration};

use farport_http::McpService;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc},
};

use crate::Listeners;

/// How long a request's head may take to arrive, and a connection may be idle between requests.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// How long a connection that was accepted just before the end has to send its first request.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(1);

/// The largest head of a request, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// The most headers of a request.
const HEADERS: usize = 100;

/// Serves `service` on `listeners` until `shutdown`; then stops accepting, ends streams, and gives
/// calls that are going on `grace` to finish.
pub(crate) async fn serve(
    service: McpService,
    listeners: Listeners,
    most: usize,
    grace: Duration,
    shutdown: impl Future<Output = ()>,
    left: impl FnOnce(),
) {
    // Each connection holds a sender until its first request: hyper's graceful shutdown closes
    // connections that have not sent anything yet, whose request may be on its way.
    let (fresh, mut none_fresh) = mpsc::channel::<Infallible>(1);
    let open = Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS);
    let tidying = tokio::spawn({
        let service = service.clone();
        async move {
            loop {
                tokio::time::sleep(McpService::TIDY_EVERY).await;
                service.tidy().await;
            }
        }
    });
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            // The semaphore is never closed, so a permit always comes.
            let permit = open.clone().acquire_owned().await.ok();
            (permit, listeners.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = next => accepted,
        };
        let Some(stream) = accepted_stream(accepted.map(|(stream, _)| stream)).await else {
            continue;
        };
        let service = service.clone();
        let first = Cell::new(Some(fresh.clone()));
        let answer = service_fn(move |request| {
            drop(first.take());
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.handle(request).await) }
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), answer));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        });
    }
    drop(listeners);
    left();
    tidying.abort();
    tracing::info!("stopping: finishing what is going on");
    service.stop();
    drop(fresh);
    // Nothing is ever sent: it is ready when no connection is fresh any more, or too late.
    let _ = tokio::time::timeout(FIRST_REQUEST_TIME, none_fresh.recv()).await;
    if tokio::time::timeout(grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some calls did not finish in time");
    }
}

/// The connection, ready to use. What fails here fails for one connection only.
async fn accepted_stream(accepted: io::Result<TcpStream>) -> Option<TcpStream> {
    match accepted {
        Ok(stream) => {
            // Without it an event waits for the acknowledgement of the one before.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "connection ended before it began");
                return None;
            }
            Some(stream)
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            // Out of descriptors, most likely; some come back when connections end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
