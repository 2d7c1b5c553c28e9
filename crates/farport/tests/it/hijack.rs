//! The id of another user's session gives no access to it.

use farport::DevLogin;
use serde_json::{Value, json};

use crate::support::{
    browser::token,
    client::{Client, SESSIONS, initialize, notification, request, text, tool},
    era::{Sse, bearing},
    http::Ask,
    server::{Running, start_vault},
};

async fn protected() -> Running {
    start_vault(|server| server.auth(DevLogin)).await
}

/// Every kind of request for the session of `client`.
fn intrusions(client: &Client) -> Vec<(&'static str, Ask)> {
    let call = request(7, "tools/call", tool("whoami", json!({})));
    let initialized = notification("notifications/initialized", json!({}));
    let cancelled = notification("notifications/cancelled", json!({ "requestId": 1 }));
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    let headed = |ask: Ask| client.headed(ask).without("authorization");
    let posting = |message: &Value| headed(Ask::post("/mcp")).json(message);
    vec![
        ("call", posting(&call)),
        ("notification", posting(&initialized)),
        ("cancellation", posting(&cancelled)),
        ("answer", posting(&answer)),
        ("batch", posting(&json!([call]))),
        ("listening", headed(Ask::get("/mcp"))),
        (
            "coming back",
            headed(Ask::get("/mcp")).with("last-event-id", "0-0"),
        ),
        (
            "coming back to a call",
            headed(Ask::get("/mcp")).with("last-event-id", "1-0"),
        ),
        ("deletion", headed(Ask::delete("/mcp"))),
    ]
}

#[tokio::test]
async fn a_session_is_not_found_by_another_user() {
    let server = protected().await;
    let ann = token(server.address, "ann", &[]).await;
    let bob = token(server.address, "bob", &[]).await;
    for version in SESSIONS {
        let client = Client::open_bearing(server.address, version, Some(&ann)).await;
        let before = server.shop.seen();
        for (name, ask) in intrusions(&client) {
            let refused = bearing(ask, Some(&bob)).to(server.address).await;
            assert_eq!(refused.status, 404, "{version} {name}");
            assert_eq!(refused.header("mcp-session-id"), None);
            assert_eq!(refused.header("www-authenticate"), None);
            // The same as for an unknown session.
            let error = refused.json().await["error"].clone();
            let ask = Ask::get("/mcp").with("mcp-session-id", &"0".repeat(client.session.len()));
            let unknown = bearing(ask, Some(&bob)).to(server.address).await;
            assert_eq!(unknown.status, 404);
            assert_eq!(unknown.json().await["error"], error, "{version} {name}");
        }
        assert_eq!(server.shop.seen(), before);
        // It still exists, and still belongs to its user.
        let answer = client.call("whoami", json!({})).await.json().await;
        assert!(text(&answer).contains("\"ann\""));
        assert_eq!(client.delete().await, 204);
    }
}

#[tokio::test]
async fn a_session_belongs_to_the_user_and_not_to_the_token() {
    let server = protected().await;
    let first = token(server.address, "ann", &[]).await;
    let second = token(server.address, "ann", &[]).await;
    let client = Client::open_bearing(server.address, "2025-11-25", Some(&first)).await;
    for (name, ask) in intrusions(&client) {
        if name == "call" {
            let answer = bearing(ask, Some(&second)).to(server.address).await;
            assert!(text(&answer.json().await).contains("\"ann\""));
        }
    }
}

#[tokio::test]
async fn a_request_without_a_token_cannot_use_a_session() {
    let server = protected().await;
    let ann = token(server.address, "ann", &[]).await;
    let client = Client::open_bearing(server.address, "2025-06-18", Some(&ann)).await;
    for (name, ask) in intrusions(&client) {
        assert_eq!(ask.status(server.address).await, 401, "{name}");
    }
    assert_eq!(client.delete().await, 204);
}

#[tokio::test]
async fn on_a_server_with_public_tools_sessions_are_separate() {
    let server = start_vault(|server| server.auth(DevLogin).public("whoami")).await;
    let ann = token(server.address, "ann", &[]).await;
    let signed_in = Client::open_bearing(server.address, "2025-03-26", Some(&ann)).await;
    let anonymous = Client::open(server.address, "2025-03-26").await;
    for (client, token) in [(&signed_in, None), (&anonymous, Some(&*ann))] {
        for (name, ask) in intrusions(client) {
            let refused = bearing(ask, token).status(server.address).await;
            assert_eq!(refused, 404, "{name} {token:?}");
        }
        assert_eq!(client.delete().await, 204);
    }
}

#[tokio::test]
async fn a_legacy_stream_only_accepts_messages_from_its_user() {
    let server = start_vault(|server| server.auth(DevLogin).public("whoami")).await;
    let ann = token(server.address, "ann", &[]).await;
    let bob = token(server.address, "bob", &[]).await;
    let mut stream = Sse::open(server.address, Some(&ann)).await;
    let call = |id| request(id, "tools/call", tool("whoami", json!({})));
    let cancelled = notification("notifications/cancelled", json!({ "requestId": 1 }));
    for message in [
        call(1),
        initialize("2024-11-05", json!({})),
        cancelled,
        json!([call(2)]),
    ] {
        for token in [Some(&*bob), None] {
            let ask = Ask::post(&stream.endpoint).json(&message);
            let refused = bearing(ask, token).to(server.address).await;
            assert_eq!(refused.status, 404, "{message} {token:?}");
        }
    }
    // Nothing of it appeared on the stream.
    assert_eq!(stream.posting(&call(3)).status(server.address).await, 202);
    let answer = stream.events.message().await;
    assert_eq!(answer["id"], 3);
    assert!(text(&answer).contains("\"ann\""));
}

#[tokio::test]
async fn the_two_transports_do_not_share_sessions() {
    let server = protected().await;
    let ann = token(server.address, "ann", &[]).await;
    let client = Client::open_bearing(server.address, "2025-06-18", Some(&ann)).await;
    let stream = Sse::open(server.address, Some(&ann)).await;
    let (_, id) = stream.endpoint.split_once("sessionId=").unwrap();
    let call = request(1, "tools/call", tool("whoami", json!({})));
    let path = format!("/sse/message?sessionId={}", client.session);
    for ask in [
        Ask::post(&path).json(&call),
        Ask::post("/mcp").with("mcp-session-id", id).json(&call),
    ] {
        let refused = bearing(ask, Some(&ann)).status(server.address).await;
        assert_eq!(refused, 404);
    }
}
