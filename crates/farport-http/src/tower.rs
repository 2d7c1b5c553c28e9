//! [`McpService`] as a [`tower_service::Service`], to mount it in another HTTP server.

use std::{
    convert::Infallible,
    net::IpAddr,
    task::{Context, Poll},
};

use bytes::Bytes;
use farport_core::BoxFuture;
use http::{Request, Response};
use tower_service::Service;

use crate::{Body, McpService};

/// The client's IP address, as a request extension.
///
/// The service reads it when another server calls it through [`tower_service::Service`]. It counts
/// sessions and streams of anonymous clients per network, so without an address, all anonymous clients
/// share one limit. Set it from the connection. Behind a proxy, set it from a header only if the proxy
/// overwrites that header.
///
/// ```
/// use farport_http::ClientAddress;
/// # let peer: std::net::SocketAddr = ([192, 0, 2, 1], 50000).into();
///
/// let mut request = http::Request::get("/mcp").body(()).unwrap();
/// request.extensions_mut().insert(ClientAddress(peer.ip()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Handles a request like [`McpService::handle_from`], with the address from the request's
/// [`ClientAddress`] extension.
///
/// The service is always ready and never fails: a refused request gets a response. If the caller drops
/// the future or the response body, calls of 2026-07-28 are cancelled, and calls of a session continue
/// for a client that resumes them.
///
/// The service handles the paths `/mcp`, `/sse`, `/sse/message`, `/health` and `/`, and on a protected
/// server those of OAuth and its metadata. A router must pass them on unchanged. It must also call
/// [`McpService::tidy`] every [`McpService::TIDY_EVERY`].
impl<B> Service<Request<B>> for McpService
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let address = request.extensions().get::<ClientAddress>();
        let address = address.map(|address| address.0);
        let response = self.handle_from(request, address);
        Box::pin(async move { Ok(response.await) })
    }
}
