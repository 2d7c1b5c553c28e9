//! The example that mounts a server in an axum application.

#[path = "../../examples/axum.rs"]
mod example;

use std::net::SocketAddr;

use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot};

use crate::support::{
    browser::token,
    client::{initialize, request, text, tool},
    era::bearing,
    http::Ask,
    soon,
};

/// Starts the example. Dropping the sender stops it.
async fn start() -> (
    SocketAddr,
    oneshot::Sender<()>,
    tokio::task::JoinHandle<bool>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        example::serve(listener, shutdown).await.is_ok()
    });
    (address, stop, serving)
}

#[tokio::test]
async fn an_axum_application_serves_its_routes_and_an_mcp_server_with_sign_in() {
    let (address, _stop, _serving) = start().await;
    let own = Ask::get("/visits").to(address).await;
    assert_eq!(own.text().await, "1 requests");

    let refused = Ask::get("/mcp").to(address).await;
    assert_eq!(refused.status, 401);
    let expect = format!(
        "Bearer resource_metadata=\"http://localhost:{}/.well-known/oauth-protected-resource/mcp\"",
        address.port()
    );
    assert_eq!(refused.header("www-authenticate"), Some(&*expect));

    let token = token(address, "ann", &[]).await;
    let opened = bearing(Ask::post("/mcp"), Some(&token))
        .json(&initialize("2025-06-18", json!({})))
        .to(address)
        .await;
    assert_eq!(opened.status, 200);
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let called = bearing(Ask::post("/mcp"), Some(&token))
        .with("mcp-session-id", &session)
        .json(&request(1, "tools/call", tool("visits", json!({}))))
        .to(address)
        .await;
    let result = called.json().await;
    let said = text(&result);
    assert!(said.starts_with("ann, this is request "), "{said}");

    let other_host = Ask::get("/mcp")
        .with("host", "evil.example")
        .to(address)
        .await;
    assert_eq!(other_host.status, 403);
}

#[tokio::test]
async fn a_mounted_server_stops_with_its_application() {
    let (address, stop, serving) = start().await;
    let token = token(address, "ann", &[]).await;
    let stream = bearing(Ask::get("/sse"), Some(&token)).to(address).await;
    assert_eq!(stream.status, 200);
    let mut events = stream.events();
    assert_eq!(events.event().await.name, "endpoint");
    stop.send(()).unwrap();
    assert!(soon(serving).await.unwrap());
}
