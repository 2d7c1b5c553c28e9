//! The test client for server authors.

use std::sync::Arc;

use farport::{
    Server, User,
    testing::{CallError, Client},
};
use serde_json::json;

use crate::support::{
    shop::Shop,
    workshop::{Kind, Workshop},
};

fn server() -> Server {
    let shop = Arc::new(Shop::default());
    Server::new(move |_| Workshop::new(Kind::Quiet, shop.clone()))
}

fn client() -> Client {
    Client::new(server())
}

#[tokio::test]
async fn a_call_returns_its_result() {
    let result = client().call_tool("echo", json!({ "text": "hello" })).await;
    let result = result.unwrap();
    assert_eq!(result["content"][0]["text"], "hello");
    assert_eq!(result["resultType"], "complete");
}

#[tokio::test]
async fn an_error_keeps_its_code_and_data() {
    let error = client().call_tool("needs_sampling", json!({})).await;
    let Err(CallError::Rpc { code, data, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(code, -32021);
    assert_eq!(data["requiredCapabilities"], json!({ "sampling": {} }));
}

#[tokio::test]
async fn the_same_calls_reach_a_running_server() {
    let bound = server().host("localhost").port(0).bind().await.unwrap();
    let url = format!("http://localhost:{}", bound.local_addr().port());
    tokio::spawn(bound.serve_until(std::future::pending()));

    let client = Client::at(&url);
    let result = client.call_tool("echo", json!({ "text": "hello" })).await;
    assert_eq!(result.unwrap()["content"][0]["text"], "hello");
    let error = client.call_tool("needs_sampling", json!({})).await;
    assert!(matches!(error, Err(CallError::Rpc { code: -32021, .. })));

    // A running server authenticates its users itself.
    let client = client.signed_in(User::new("https://example.com", "alice"));
    let refused = client.call_tool("echo", json!({ "text": "hello" })).await;
    assert!(matches!(refused, Err(CallError::Server(_))), "{refused:?}");
}

#[tokio::test]
async fn a_url_that_is_not_plain_http_is_refused() {
    for url in [
        "",
        "localhost:8787",
        "https://localhost",
        "http://localhost/mcp",
        "http:///",
    ] {
        let refused = Client::at(url).request("ping", json!({})).await;
        assert!(matches!(refused, Err(CallError::Server(_))), "{url}");
    }
}
