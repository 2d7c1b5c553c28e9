//! One request over a connection of its own, without TLS: to a server of this machine.

use std::io;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Sends a request, and waits for the head of its answer.
///
/// # Errors
/// When nobody listens there, or what they say is no HTTP.
pub(crate) async fn send(
    host: &str,
    port: u16,
    request: Request<Full<Bytes>>,
) -> io::Result<Response<Incoming>> {
    let stream = TcpStream::connect((host, port)).await?;
    let (mut server, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // What goes wrong on it is told to whoever waits for the answer.
    drop(tokio::spawn(connection));
    server.send_request(request).await.map_err(io::Error::other)
}
