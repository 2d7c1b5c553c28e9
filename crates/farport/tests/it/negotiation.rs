//! `initialize`: the revision of a session.

use serde_json::{Value, json};

use crate::support::{
    client::{Client, SESSIONS, initialize, modern, request, text},
    http::Ask,
    server::start,
    workshop::Kind,
};

#[tokio::test]
async fn a_client_gets_the_requested_revision_or_the_newest_with_sessions() {
    let server = start(Kind::Quiet).await;
    for (asked, given) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("2099-01-01", "2025-11-25"),
        ("1.0", "2025-11-25"),
    ] {
        let opening = Ask::post("/mcp").json(&initialize(asked, json!({})));
        let opened = opening.to(server.address).await;
        assert_eq!(opened.status, 200, "{asked}");
        let id = opened.header("mcp-session-id").unwrap().to_owned();
        assert!(id.len() >= 32 && id.bytes().all(|byte| byte.is_ascii_graphic()));
        let message = opened.json().await;
        assert_eq!(message["id"], 0);
        let result = &message["result"];
        assert_eq!(result["protocolVersion"], given, "{asked}");
        assert_eq!(result["serverInfo"]["name"], "workshop");
        assert_eq!(result["capabilities"], json!({ "tools": {} }));
        assert_eq!(result.get("resultType"), None, "that is the modern era's");
    }
}

#[tokio::test]
async fn every_session_has_a_unique_id() {
    let server = start(Kind::Quiet).await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..50 {
        assert!(ids.insert(server.client("2025-06-18").await.session));
    }
}

#[tokio::test]
async fn a_handler_sees_its_own_client() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for version in SESSIONS {
            let client = server.client(version).await;
            let call = client.call("client", json!({})).await.json().await;
            assert!(text(&call).contains("tester"), "{call}");
            assert!(text(&call).contains(version), "{call}");
        }
    }
}

#[tokio::test]
async fn initialize_opens_a_session_with_any_headers() {
    let server = start(Kind::Quiet).await;
    // Some clients do so after a successful discovery.
    let mut message = initialize("2025-11-25", json!({}));
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let opening = Ask::post("/mcp")
        .with("mcp-protocol-version", "2026-07-28")
        .with("mcp-method", "initialize")
        .json(&message);
    let opened = opening.to(server.address).await;
    assert_eq!(opened.status, 200);
    assert!(opened.header("mcp-session-id").is_some());
    assert_eq!(
        opened.json().await["result"]["protocolVersion"],
        "2025-11-25"
    );
}

#[tokio::test]
async fn an_invalid_initialize_is_an_error_without_a_session() {
    let server = start(Kind::Quiet).await;
    let huge = "x".repeat(20_000);
    for params in [
        Value::Null,
        json!({}),
        json!({ "protocolVersion": 5, "capabilities": {}, "clientInfo": {} }),
        json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": "me" }),
        json!({ "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": huge, "version": "1" } }),
    ] {
        let message = request(1, "initialize", params.clone());
        let refused = Ask::post("/mcp").json(&message).to(server.address).await;
        assert_eq!(refused.header("mcp-session-id"), None);
        assert_eq!(refused.error_code().await, -32602, "{params}");
    }
    // The server created one handler at the start to read its capabilities, and dropped it.
    server.shop.shrinks_to(0).await;
}

#[tokio::test]
async fn a_session_can_be_initialized_only_once() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    let again = client.post(&initialize("2025-06-18", json!({}))).await;
    assert_eq!(again.status, 400);
    assert_eq!(again.error_code().await, -32600);
    assert_eq!(client.call("echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn both_eras_are_served_at_once() {
    let server = start(Kind::Talkative).await;
    let client: Client = server.client("2025-11-25").await;
    let discovered = modern("d", "server/discover", json!({}))
        .to(server.address)
        .await;
    let discovered = discovered.json().await;
    let versions: Vec<_> = discovered["result"]["supportedVersions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version.as_str().unwrap())
        .collect();
    assert!(versions.contains(&"2026-07-28"), "{versions:?}");
    assert_eq!(client.call("echo", json!({})).await.status, 200);
}
