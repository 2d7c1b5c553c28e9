//! Connections: hyper with explicit limits, until shutdown.

mod places;
mod timer;

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Future, ready},
    io,
    pin::{Pin, pin},
    time::Duration,
};

use farport_http::McpService;
use http::{HeaderName, HeaderValue, Request, Response, Version, header};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use tokio::{net::TcpStream, sync::mpsc};

use self::{places::Places, timer::ConnectionTimer};
use super::{address::client_address, listen::Listeners, system::limit_stalls};

/// The target of this module's log messages, which log filters name. It stays when files move.
const LOG: &str = "farport::connections";

/// The timeout for the head of a request, and for an idle connection between requests.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// The timeout for the head of a request on a connection beyond the limit.
const RESERVED_TIME: Duration = Duration::from_secs(2);

/// Announces that timeout, so that a client does not send a request on a connection that the server is
/// about to close.
static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// How long sent data may stay unacknowledged. Otherwise a client that reads nothing could hold its
/// connection forever.
const STALL_TIME: Duration = Duration::from_secs(60);

/// The timeout for the first request on a connection that was accepted just before shutdown.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(1);

/// The maximum size of a request's head, in bytes. hyper limits it to a hundred headers by default;
/// setting that limit here would make hyper clear its buffer for each request.
const HEAD_BYTES: usize = 64 * 1024;

/// The limits on connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) most: usize,
    pub(crate) most_of_address: usize,
    pub(crate) behind_proxy: bool,
}

/// The response to a request on a connection.
type Handled =
    Pin<Box<dyn Future<Output = Result<Response<farport_http::Body>, Infallible>> + Send>>;

/// Serves `service` on `listeners` until `shutdown`. Then it stops accepting connections, calls
/// `closed`, ends streams, and gives running calls `grace` to finish.
pub(crate) async fn serve(
    service: McpService,
    listeners: Listeners,
    bounds: Bounds,
    grace: Duration,
    shutdown: impl Future<Output = ()>,
    closed: impl FnOnce(),
) {
    // Each connection holds a sender until its first request. hyper's graceful shutdown closes
    // connections that have not sent one yet, although it may be on its way.
    let (fresh, mut none_fresh) = mpsc::channel::<Infallible>(1);
    let Bounds {
        most,
        most_of_address,
        behind_proxy,
    } = bounds;
    let places = Places::new(most, most_of_address, behind_proxy);
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.header_read_timeout(HEAD_TIME).max_buf_size(HEAD_BYTES);
    let tidying = tokio::spawn(service.keep_tidy());
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listeners.accept() => accepted,
        };
        let peer = accepted.as_ref().ok().map(|(_, peer)| peer.ip());
        let Some(stream) = accepted_stream(accepted.map(|(stream, _)| stream)).await else {
            continue;
        };
        // Listeners report the peer with each connection.
        let Some(place) = peer.and_then(|peer| places.take(peer)) else {
            tracing::debug!(target: LOG, "closed a connection beyond the limit");
            continue;
        };
        let reserved = place.reserved;
        let service = service.clone();
        let first = Cell::new(Some(fresh.clone()));
        let answers = service_fn(move |request| {
            drop(first.take());
            let stays = stays_open(&request) && !reserved;
            let refused = reserved && !service.is_health_check(request.uri().path());
            let address = peer
                .and_then(|peer| client_address(peer, Request::headers(&request), behind_proxy));
            let service = service.clone();
            // On the heap, because a connection reserves space for this future while it is open. Two
            // futures, because the request is moved twice as often where one decides.
            if refused {
                return Box::pin(ready(Ok(McpService::overloaded()))) as Handled;
            }
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
        if reserved {
            http.keep_alive(false).header_read_timeout(RESERVED_TIME);
        }
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), answers));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(target: LOG, %error, "connection failed");
            }
            drop(place);
        });
    }
    drop(listeners);
    closed();
    tidying.abort();
    tracing::info!(target: LOG, "stopping; running calls may finish");
    service.stop();
    drop(fresh);
    // The channel carries no value. It closes when every connection has sent its first request.
    let _ = tokio::time::timeout(FIRST_REQUEST_TIME, none_fresh.recv()).await;
    if tokio::time::timeout(grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(target: LOG, "some calls did not finish within the grace period");
    }
}

/// Whether the connection stays open for another request.
fn stays_open<B>(request: &Request<B>) -> bool {
    let header = request.headers().get(header::CONNECTION);
    let closes = header.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    request.version() == Version::HTTP_11 && !closes
}

/// Prepares an accepted connection. An error affects this connection only.
async fn accepted_stream(accepted: io::Result<TcpStream>) -> Option<TcpStream> {
    match accepted {
        Ok(stream) => {
            // Otherwise an event would wait until the client acknowledges the one before.
            let set = stream.set_nodelay(true);
            if let Err(error) = set.and_then(|()| limit_stalls(&stream, STALL_TIME)) {
                tracing::debug!(target: LOG, %error, "cannot set up a connection");
                return None;
            }
            Some(stream)
        }
        Err(error) => {
            tracing::warn!(target: LOG, %error, "cannot accept a connection");
            // The process is probably out of file descriptors, until a connection closes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
