//! One exported function that goes through all of the portable crates, so that the linker keeps
//! them and whatever they would need of a host.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farport_core::{BoxFuture, MemorySessions, Runtime, SessionLimits, Timestamp, policy::Policy};
use farport_http::{Auth, Authority, Config, McpService, RESOURCES, Theme};
use farport_oauth::{
    AuthorizationServer, Fetch, FetchError, Fetcher, Keys, MemoryStore, Random, Scopes,
    SignInMethod, Site, Environment,
};
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

impl Random for Host {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(4);
    }
}

impl Fetcher for Host {
    fn fetch(&self, _: Fetch) -> BoxFuture<'_, Result<http::Response<Bytes>, FetchError>> {
        Box::pin(async { Err(FetchError::TimedOut) })
    }
}

/// What stands before a server with sign-in.
fn auth() -> Option<Auth> {
    let world = Environment {
        store: Arc::new(MemoryStore::default()),
        random: Arc::new(Host),
        fetcher: Arc::new(Host),
    };
    let config = farport_oauth::Config::default();
    let keys = Keys::new([1; 32], []);
    let server = AuthorizationServer::new(config, keys, SignInMethod::Development, world);
    Some(Auth::new(
        vec![Site::new("https://mcp.example.com", RESOURCES).ok()?],
        Authority::Own(Arc::new(server)),
        Arc::new(Policy::protected()),
        Scopes::none(),
        Scopes::none(),
        Theme::default(),
    ))
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
    let (dispatch, store, host) = (Arc::new(dispatch), Arc::new(store), Arc::new(Host));
    // One byte decides, so that the linker keeps both ways.
    let service = match auth().filter(|_| body.first() == Some(&b'!')) {
        Some(auth) => McpService::protected(dispatch, store, host, Config::default(), auth),
        None => McpService::new(dispatch, store, host, Config::default()),
    };
    let request = Request::post("http://localhost/mcp")
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::copy_from_slice(body)));
    let Ok(request) = request else { return 0 };
    let response = service.handle(request).now_or_never();
    response.map_or(0, |response| response.status().as_u16())
}
