//! The service through the interface that other HTTP servers mount.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use bytes::Bytes;
use farport_core::{MemorySessions, SessionLimits};
use farport_http::{Body, ClientAddress, Limits, McpService};
use futures_util::future::{FutureExt, poll_fn};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tower_service::Service;

use crate::fixture::{Fixture, next, post};

/// Calls the service as a router does: through the trait, on its own clone.
async fn call(service: &McpService, request: Request<Full<Bytes>>) -> Response<Body> {
    async fn mounted<S>(mut service: S, request: Request<Full<Bytes>>) -> Response<Body>
    where
        S: Service<Request<Full<Bytes>>, Response = Response<Body>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        service.call(request).await.unwrap()
    }
    mounted(service.clone(), request).await
}

fn request(builder: http::request::Builder, body: &str) -> Request<Full<Bytes>> {
    let builder = builder
        .header("host", "localhost")
        .header("content-type", "application/json");
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    builder.body(body).unwrap()
}

/// A call of 2026-07-28 that waits for gate `g`, after it has sent a message if `streams`.
fn modern_call(streams: bool) -> Request<Full<Bytes>> {
    let texts = if streams { json!(["one"]) } else { json!([]) };
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "say", "params": {
        "texts": texts, "gate": "g", "_meta": {
            "progressToken": 1,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {} } } });
    let post = post()
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "say");
    request(post, &call.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_router_can_call_the_service() {
    let fixture = Fixture::new();
    let health = Request::get("/health");
    let response = call(&fixture.service, request(health, "")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"status":"ok"}"#);
    let foreign = Request::get("/health").header("origin", "https://evil.example");
    let response = call(&fixture.service, request(foreign, "")).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(start_paused = true)]
async fn the_client_address_comes_from_an_extension() {
    let limits = Limits {
        sessions_per_minute: 2,
        ..Limits::default()
    };
    let store = Arc::new(MemorySessions::new(SessionLimits::default()));
    let fixture = Fixture::limited(store, limits);
    let opening = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "tester", "version": "1" } } });
    for (address, expect) in [
        ("192.0.2.1", StatusCode::OK),
        ("192.0.2.1", StatusCode::OK),
        ("192.0.2.1", StatusCode::TOO_MANY_REQUESTS),
        ("192.0.2.2", StatusCode::OK),
    ] {
        let address: IpAddr = address.parse().unwrap();
        let mut request = request(post(), &opening.to_string());
        request.extensions_mut().insert(ClientAddress(address));
        let response = call(&fixture.service, request).await;
        assert_eq!(response.status(), expect, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_response_body_cancels_a_modern_call() {
    let fixture = Fixture::new();
    let response = call(&fixture.service, modern_call(true)).await;
    let mut body = response.into_body();
    while !next(&mut body).await.unwrap().contains("one") {}
    assert_eq!(fixture.server.alive(), 1);
    drop(body);
    assert_eq!(fixture.server.alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_cancels_a_modern_call() {
    let fixture = Fixture::new();
    let mut service = fixture.service.clone();
    let mut response = Service::call(&mut service, modern_call(false));
    assert!((&mut response).now_or_never().is_none());
    assert_eq!(fixture.server.alive(), 1);
    drop(response);
    assert_eq!(fixture.server.alive(), 0);
}
