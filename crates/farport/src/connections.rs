//! Connections: hyper under explicit limits, until the server is told to stop.

mod timer;

use std::{
    cell::Cell, convert::Infallible, future::Future, io, pin::pin, sync::Arc, time::Duration,
};

use farport_http::McpService;
use http::{HeaderName, HeaderValue, Request, Version, header};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc},
};

use self::timer::ConnectionTimer;
use crate::{Listeners, auth::client_address};

/// How long a request's head may take to arrive, and a connection may be idle between requests.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// The same, in words that clients know: one that keeps connections for later then does not send
/// a request on one that is just being closed.
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// How long what was sent may stay untaken. A client that reads nothing would otherwise hold its
/// connection for ever.
const STALL_TIME: Duration = Duration::from_secs(60);

/// How long a connection that was accepted just before the end has to send its first request.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(1);

/// The largest head of a request, in bytes. It has a hundred headers at most, which is hyper's own
/// bound: to name it would have hyper clear its room for them with every request.
const HEAD_BYTES: usize = 64 * 1024;

/// Serves `service` on `listeners` until `shutdown`; then stops accepting, ends streams, and gives
/// calls that are going on `grace` to finish.
pub(crate) async fn serve(
    service: McpService,
    listeners: Listeners,
    most: usize,
    behind_proxy: bool,
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
    http.header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
    let tidying = tokio::spawn({
        let service = service.clone();
        async move {
            loop {
                tokio::time::sleep(McpService::TIDY_EVERY).await;
                service.tidy().await;
            }
        }
    });
    let mut shutdown = pin!(shutdown);
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
        let peer = accepted.as_ref().ok().map(|(_, peer)| peer.ip());
        let Some(stream) = accepted_stream(accepted.map(|(stream, _)| stream)).await else {
            continue;
        };
        let service = service.clone();
        let first = Cell::new(Some(fresh.clone()));
        let answers = service_fn(move |request| {
            drop(first.take());
            let stays = stays_open(&request);
            let address = peer
                .and_then(|peer| client_address(peer, Request::headers(&request), behind_proxy));
            let service = service.clone();
            // On the heap: a connection keeps room for this future for as long as it is open.
            Box::pin(async move {
                let answer = pin!(service.handle_from(request, address));
                let mut response = answer.await;
                if stays {
                    let time = HeaderValue::from_static("timeout=15");
                    response.headers_mut().insert(&KEEP_ALIVE, time);
                }
                Ok::<_, Infallible>(response)
            })
        });
        let mut http = http.clone();
        http.timer(ConnectionTimer::default());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), answers));
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

/// Whether the connection is still there for another request after this one.
fn stays_open<B>(request: &Request<B>) -> bool {
    let asked = request.headers().get(header::CONNECTION);
    let closes = asked.is_some_and(|asked| asked.as_bytes().eq_ignore_ascii_case(b"close"));
    request.version() == Version::HTTP_11 && !closes
}

/// Ends a connection whose client takes nothing any more, where the system can tell. Elsewhere it
/// is held until the server stops, or the system gives it up.
fn limit_stalls(stream: &TcpStream, stalled: Duration) -> io::Result<()> {
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(stalled))?;
    #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
    let _ = (stream, stalled);
    Ok(())
}

/// The connection, ready to use. What fails here fails for one connection only.
async fn accepted_stream(accepted: io::Result<TcpStream>) -> Option<TcpStream> {
    match accepted {
        Ok(stream) => {
            // Without it an event waits for the acknowledgement of the one before.
            let set = stream.set_nodelay(true);
            if let Err(error) = set.and_then(|()| limit_stalls(&stream, STALL_TIME)) {
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

#[cfg(all(
    test,
    any(target_os = "android", target_os = "fuchsia", target_os = "linux")
))]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener, time::timeout};

    use super::*;

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        limit_stalls(&stream, Duration::from_millis(300)).unwrap();
        let flood = async {
            loop {
                if let Err(error) = stream.write_all(&[0; 65_536]).await {
                    return error;
                }
            }
        };
        let ended = timeout(Duration::from_secs(60), flood).await.unwrap();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }
}
