//! Mounts an MCP server with sign-in in an axum application, beside its own routes, state and layers.
//!
//! Run it with `cargo run --example axum`. The application's page is at <http://localhost:3000/visits>,
//! and MCP clients connect to <http://localhost:3000/mcp>.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use farport::{ClientAddress, DevLogin, McpService, Server, SignedIn, host::shutdown_signal};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use tokio::net::TcpListener;

/// The state of the application, which its routes and its tools share.
#[derive(Clone, Default)]
pub(crate) struct Visits(Arc<AtomicU64>);

#[derive(Clone)]
struct Tools {
    visits: Visits,
}

#[tool_router]
impl Tools {
    /// Returns your name, and how many requests the application has received.
    #[tool]
    fn visits(&self, user: SignedIn) -> String {
        let name = user.name.as_deref().unwrap_or("You");
        format!(
            "{name}, this is request {}",
            self.visits.0.load(Ordering::Relaxed)
        )
    }
}

#[tool_handler]
impl ServerHandler for Tools {}

/// Creates the MCP server as a service. `url` is the address of the application.
pub(crate) fn mcp(url: &str, visits: Visits) -> Result<McpService, farport::Error> {
    Server::new(move |_| Tools {
        visits: visits.clone(),
    })
    .auth(DevLogin)
    .public_url(url)
    .service()
}

/// Creates the application. Its own routes win; the MCP server handles all other paths.
pub(crate) fn app(mcp: McpService, visits: Visits) -> Router {
    Router::new()
        .route("/visits", get(show))
        .fallback_service(mcp)
        .layer(middleware::from_fn(client_address))
        .layer(middleware::from_fn_with_state(visits.clone(), count))
        .with_state(visits)
}

async fn show(State(visits): State<Visits>) -> String {
    format!("{} requests", visits.0.load(Ordering::Relaxed))
}

/// Counts requests, for the application's routes and the MCP server.
async fn count(State(visits): State<Visits>, request: Request, next: Next) -> Response {
    visits.0.fetch_add(1, Ordering::Relaxed);
    next.run(request).await
}

/// Passes the client's address to the MCP server, which limits anonymous clients by it.
async fn client_address(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(ClientAddress(peer.ip()));
    next.run(request).await
}

/// Serves the application until `shutdown`.
pub(crate) async fn serve(
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn std::error::Error>> {
    let visits = Visits::default();
    let url = format!("http://localhost:{}", listener.local_addr()?.port());
    let mcp = mcp(&url, visits.clone())?;
    let app = app(mcp.clone(), visits).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            shutdown.await;
            // Ends the open streams of the MCP server, which axum would otherwise wait for.
            mcp.stop();
        })
        .await?;
    Ok(())
}

#[tokio::main]
#[cfg_attr(test, expect(dead_code, reason = "farport's tests call `serve`"))]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000)).await?;
    serve(listener, shutdown_signal()?).await
}
