//! One exported function that goes through all of the portable crates, so that the linker keeps
//! them and whatever they would need of a host.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farport_core::{BoxFuture, MemorySessions, Runtime, SessionLimits, Timestamp};
use farport_http::{Config, McpService};
use farport_oauth as _;
use farport_rmcp::RmcpDispatch;
use futures_util::FutureExt;
use http::Request;
use http_body_util::Full;
use rmcp::ServerHandler;

/// A server without a feature.
struct Nothing;

impl ServerHandler for Nothing {}

/// A host that has neither a clock nor tasks: enough for a request that is answered at once.
struct Host;

impl Runtime for Host {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        drop(future);
    }

    fn random(&self, buffer: &mut [u8]) {
        buffer.fill(4);
    }
}

/// Serves the request body at `body`, `length` bytes long, and gives the HTTP status; 0 when the
/// answer is not there at once.
///
/// # Safety
/// `body` has to be readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn serve(body: *const u8, length: usize) -> u16 {
    // SAFETY: the caller promises it.
    let body = unsafe { std::slice::from_raw_parts(body, length) };
    let dispatch = RmcpDispatch::new(|_| Nothing);
    let store = MemorySessions::new(SessionLimits::default());
    let service = McpService::new(Arc::new(dispatch), Arc::new(store), Arc::new(Host), Config::default());
    let request = Request::post("http://localhost/mcp")
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::copy_from_slice(body)));
    let Ok(request) = request else { return 0 };
    let response = service.handle(request).now_or_never();
    response.map_or(0, |response| response.status().as_u16())
}
