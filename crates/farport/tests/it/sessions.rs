//! `Mcp-Session-Id` and `MCP-Protocol-Version`: the session and the revision of a message.

use serde_json::{Value, json};

use crate::support::{
    client::{Client, SESSIONS, initialize, notification, request, tool},
    http::Ask,
    server::start,
    workshop::Kind,
};

fn asks() -> Vec<(&'static str, Ask)> {
    let result = json!({ "jsonrpc": "2.0", "id": "x", "result": {} });
    let call = request(1, "tools/call", tool("echo", json!({})));
    let initialized = notification("notifications/initialized", json!({}));
    vec![
        ("request", Ask::post("/mcp").json(&call)),
        ("notification", Ask::post("/mcp").json(&initialized)),
        ("response", Ask::post("/mcp").json(&result)),
        ("batch", Ask::post("/mcp").json(&json!([call]))),
        ("listening", Ask::get("/mcp")),
        ("deletion", Ask::delete("/mcp")),
    ]
}

#[tokio::test]
async fn a_message_without_a_session_is_400() {
    let server = start(Kind::Quiet).await;
    for (name, ask) in asks() {
        let refused = ask.to(server.address).await;
        assert_eq!(refused.status, 400, "{name}");
        assert_eq!(refused.error_code().await, -32600, "{name}");
    }
}

#[tokio::test]
async fn a_session_that_is_none_is_404() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    let mut near = client.session.clone();
    let last = near.pop().unwrap();
    near.push(if last == '0' { '1' } else { '0' });
    let long = "0".repeat(8_000);
    for id in [
        &*near,
        &client.session.to_uppercase(),
        &client.session[1..],
        "x",
        "",
        "../../etc/passwd",
        "00000000000000000000000000000000",
        "\u{e9}",
        &long,
    ] {
        if id == client.session {
            continue;
        }
        for (name, ask) in asks() {
            let refused = ask.with("mcp-session-id", id).to(server.address).await;
            assert_eq!(refused.status, 404, "{name} {id}");
            assert_eq!(refused.error_code().await, -32001, "{name} {id}");
        }
    }
    // Two ids are ambiguous.
    for (name, ask) in asks() {
        let twice = client.headed(ask).and("mcp-session-id", &client.session);
        assert_eq!(twice.status(server.address).await, 404, "{name}");
    }
}

#[tokio::test]
async fn an_error_about_a_request_carries_its_id() {
    let server = start(Kind::Quiet).await;
    for id in [json!(7), json!("seven"), json!(-1), json!(i64::MAX)] {
        let ask = Ask::post("/mcp").json(&request(id.clone(), "tools/list", json!({})));
        let gone = ask.with("mcp-session-id", "gone").to(server.address).await;
        assert_eq!(gone.json().await["id"], id);
    }
}

#[tokio::test]
async fn a_deleted_session_is_not_found() {
    let server = start(Kind::Talkative).await;
    for version in SESSIONS {
        let client = server.client(version).await;
        let mut listening = client.listen(None).await.events();
        assert_eq!(client.delete().await, 204, "{version}");
        assert_eq!(listening.rest().await, [], "the stream has ended");
        for (name, ask) in asks() {
            let status = client.headed(ask).status(server.address).await;
            assert_eq!(status, 404, "{version} {name}");
        }
    }
    server.shop.shrinks_to(0).await;
}

#[tokio::test]
async fn deleting_one_session_keeps_the_others() {
    let server = start(Kind::Quiet).await;
    let (one, other) = (
        server.client("2025-11-25").await,
        server.client("2025-11-25").await,
    );
    assert_eq!(one.delete().await, 204);
    assert_eq!(other.call("echo", json!({})).await.status, 200);
}

#[tokio::test]
async fn initialize_has_no_session_and_is_not_in_a_batch() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-03-26").await;
    let opening = initialize("2025-03-26", json!({}));
    let batch = json!([opening, request(1, "ping", json!({}))]);
    for (name, ask) in [
        ("with the session", client.posting(&opening)),
        (
            "with no session there is",
            Ask::post("/mcp").with("mcp-session-id", "x").json(&opening),
        ),
        ("in a batch", Ask::post("/mcp").json(&batch)),
        ("in a batch of a session", client.posting(&batch)),
        (
            "alone in a batch",
            Ask::post("/mcp").json(&json!([opening])),
        ),
    ] {
        let refused = ask.to(server.address).await;
        assert_eq!(refused.status, 400, "{name}");
        assert_eq!(refused.header("mcp-session-id"), None, "{name}");
        assert_eq!(refused.error_code().await, -32600, "{name}");
    }
}

#[tokio::test]
async fn an_unknown_revision_is_400() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    let call = request(1, "tools/call", tool("echo", json!({})));
    for (version, status) in [
        (None, 200),
        (Some("2025-06-18"), 200),
        // Some clients send another revision than the one they negotiated.
        (Some("2025-11-25"), 200),
        (Some("2024-11-05"), 200),
        (Some("2025-06-19"), 400),
        (Some("1999-01-01"), 400),
        (Some("latest"), 400),
        (Some(""), 400),
    ] {
        let ask = Ask::post("/mcp").with("mcp-session-id", &client.session);
        let ask = match version {
            Some(version) => ask.with("mcp-protocol-version", version),
            None => ask,
        };
        let answer = ask.json(&call).to(server.address).await;
        assert_eq!(answer.status, status, "{version:?}");
        if status == 400 {
            assert_eq!(answer.error_code().await, -32600, "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_session_takes_precedence_over_the_newest_revision_in_a_header() {
    let server = start(Kind::Quiet).await;
    for version in ["2024-11-05", "2025-03-26", "2025-11-25"] {
        let client = server.client(version).await;
        for (name, ask) in asks() {
            let status = match name {
                "request" | "listening" => 200,
                "notification" | "response" => 202,
                "batch" if version == "2025-03-26" => 200,
                "batch" => 400,
                _ => 204,
            };
            let ask = client
                .headed(ask)
                .with("mcp-protocol-version", "2026-07-28");
            let answer = ask.to(server.address).await;
            assert_eq!(answer.status, status, "{version} {name}");
        }
    }
}

#[tokio::test]
async fn a_client_cannot_use_the_session_of_another() {
    let server = start(Kind::Talkative).await;
    let (a, b) = (
        Client::open(server.address, "2025-11-25").await,
        Client::open(server.address, "2025-11-25").await,
    );
    // A has a resumable stream. B tries A's event id in its own session.
    let mut stream = a
        .stream_progress(1, "gated", json!({ "text": "secret" }))
        .await;
    let event = stream.message_event().await;
    let id = event.id.unwrap();
    let stolen = b.listen(Some(&id)).await;
    assert_eq!(stolen.status, 404);
    let body: Value = stolen.json().await;
    assert!(!body.to_string().contains("secret"), "{body}");
    server.shop.open("secret");
    assert_eq!(stream.rest().await.len(), 2);
}
