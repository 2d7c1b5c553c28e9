//! Sends one request on a dedicated connection, without TLS.

use std::io;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Sends a request, and waits for the head of the response.
///
/// # Errors
/// When no server listens there, or it does not respond with HTTP.
pub(crate) async fn send(
    host: &str,
    port: u16,
    request: Request<Full<Bytes>>,
) -> io::Result<Response<Incoming>> {
    let stream = TcpStream::connect((host, port)).await?;
    let (mut server, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // `send_request` returns the connection's errors.
    drop(tokio::spawn(connection));
    server.send_request(request).await.map_err(io::Error::other)
}
