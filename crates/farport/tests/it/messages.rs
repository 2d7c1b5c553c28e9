//! Valid POSTs, and how the server refuses invalid ones.

use serde_json::{Value, json};

use crate::support::{
    client::{SESSIONS, modern_call, notification, request, text, tool},
    http::{Ask, Wire},
    server::start,
    soon,
    workshop::Kind,
};

const MAX_BODY: usize = 4 << 20;

#[tokio::test]
async fn notifications_and_responses_are_202_without_a_body() {
    let server = start(Kind::Talkative).await;
    for version in SESSIONS {
        let client = server.client(version).await;
        for message in [
            notification("notifications/initialized", json!({})),
            notification("notifications/roots/list_changed", Value::Null),
            notification("notifications/cancelled", json!({ "requestId": 99 })),
            notification("notifications/cancelled", json!({ "requestId": {} })),
            notification(
                "notifications/progress",
                json!({ "progressToken": "x", "progress": 1 }),
            ),
            notification("notifications/no/such", json!({ "a": 1 })),
            json!({ "jsonrpc": "2.0", "id": "unasked", "result": {} }),
            json!({ "jsonrpc": "2.0", "id": 12, "result": {} }),
            json!({ "jsonrpc": "2.0", "id": 0, "error": { "code": -1, "message": "no" } }),
            json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -1, "message": "no" } }),
        ] {
            let taken = client.post(&message).await;
            assert_eq!(taken.status, 202, "{version} {message}");
            assert_eq!(taken.text().await, "");
        }
    }
}

#[tokio::test]
async fn a_body_requires_the_content_type_json() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    for (kind, status) in [
        ("application/json; charset=utf-8", 200),
        ("APPLICATION/JSON", 200),
        ("text/plain", 415),
        ("text/plain; application/json", 415),
        ("application/jsonp", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ] {
        let ask = client.posting(&request(1, "ping", json!({})));
        let ask = ask.with("content-type", kind);
        assert_eq!(ask.status(server.address).await, status, "{kind}");
        let modern = modern_call(1, "echo", json!({})).with("content-type", kind);
        assert_eq!(modern.status(server.address).await, status, "{kind}");
    }
    let untyped = Ask::post("/mcp").without("content-type").body("{}");
    assert_eq!(untyped.status(server.address).await, 415);
    let legacy = Ask::post("/sse/message?sessionId=x").with("content-type", "text/plain");
    assert_eq!(legacy.status(server.address).await, 415);
}

fn sized(size: usize) -> Vec<u8> {
    let mut message = request(1, "tools/call", tool("echo", json!({ "text": "" })));
    let room = size - message.to_string().len();
    message["params"]["arguments"]["text"] = "x".repeat(room).into();
    message.to_string().into_bytes()
}

#[tokio::test]
async fn a_body_of_four_mebibytes_is_taken_and_a_byte_more_is_413() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    let fits = client.headed(Ask::post("/mcp")).body(sized(MAX_BODY));
    let answer = fits.to(server.address).await;
    assert_eq!(answer.status, 200);
    assert!(text(&answer.json().await).len() > MAX_BODY - 200);
    let large = client.headed(Ask::post("/mcp")).body(sized(MAX_BODY + 1));
    let refused = large.to(server.address).await;
    assert_eq!(refused.status, 413);
    assert_eq!(refused.error_code().await, -32600);
}

#[tokio::test]
async fn a_body_without_a_length_has_the_same_limit() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    let ask = client
        .headed(Ask::post("/mcp"))
        .with("transfer-encoding", "chunked");
    for (size, status) in [(MAX_BODY, 200), (MAX_BODY + 1, 413)] {
        let mut wire = Wire::connect(server.address).await;
        wire.send(ask.head(0)).await;
        for piece in sized(size).chunks(1 << 16) {
            let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
            chunk.extend_from_slice(piece);
            chunk.extend_from_slice(b"\r\n");
            // The server may close the connection early.
            if wire.try_send(chunk).await.is_err() {
                break;
            }
        }
        let _ = wire.try_send("0\r\n\r\n").await;
        let response = soon(wire.response()).await.unwrap();
        assert_eq!(response.status, status, "{size}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_400_with_its_code() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("nonsense", -32700),
        ("{}{}", -32700),
        ("{'jsonrpc':'2.0'}", -32700),
        ("\u{feff}{}", -32700),
        ("{}", -32600),
        ("null", -32600),
        ("true", -32600),
        ("17", -32600),
        ("[]", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":null}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#,
            -32602,
        ),
    ] {
        let refused = client
            .headed(Ask::post("/mcp"))
            .body(body)
            .to(server.address)
            .await;
        assert_eq!(refused.status, 400, "{body}");
        let refused = refused.json().await;
        assert_eq!(refused["error"]["code"], code, "{body}");
        // An error without a request has no id, not even null.
        let known = body.contains(r#""id":1,"#) || body.contains(r#""id":1}"#);
        let id = known.then_some(json!(1));
        assert_eq!(refused.get("id").cloned(), id, "{body}");
    }
    let binary = client.headed(Ask::post("/mcp")).body([0xff, 0xfe, 0x00]);
    assert_eq!(binary.to(server.address).await.error_code().await, -32700);
}

#[tokio::test]
async fn a_response_repeats_the_id_with_its_type() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-06-18").await;
    for id in [
        json!(1),
        json!("1"),
        json!(0),
        json!(-5),
        json!(i64::MIN),
        json!(""),
        json!("ü\n"),
    ] {
        let session = client.post(&request(id.clone(), "ping", json!({}))).await;
        assert_eq!(session.json().await["id"], id);
        let params = tool("steps", json!({ "text": "x" }));
        let called = client
            .post(&request(id.clone(), "tools/call", params))
            .await;
        assert_eq!(called.json().await["id"], id);
        let modern = modern_call(id.clone(), "echo", json!({}))
            .to(server.address)
            .await;
        assert_eq!(modern.json().await["id"], id);
    }
}

#[tokio::test]
async fn the_id_of_a_running_request_cannot_be_reused() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-11-25").await;
    let call = request(5, "tools/call", tool("wait", json!({ "text": "first" })));
    let first = tokio::spawn(client.posting(&call).sent_to(server.address));
    server.shop.has_seen("began first").await;
    let again = client.post(&call).await;
    assert_eq!(again.status, 400);
    assert_eq!(again.error_code().await, -32600);
    // A text is a different id.
    let other = request("5", "ping", json!({}));
    assert_eq!(client.post(&other).await.status, 200);
    server.shop.open("first");
    assert_eq!(first.await.unwrap().status, 200);
    server.shop.open("first");
    assert_eq!(client.post(&call).await.status, 200);
}

#[tokio::test]
async fn an_unknown_method_is_an_error() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    for (method, params, code) in [
        ("no/such", json!({}), -32601),
        ("prompts/get", json!({ "name": "x" }), -32601),
        ("notifications/initialized", json!({}), -32601),
        ("tools/call", json!({}), -32602),
        ("tools/call", json!({ "name": 5 }), -32602),
        (
            "tools/call",
            json!({ "name": "echo", "arguments": [] }),
            -32602,
        ),
        ("tools/call", json!({ "name": "nothing" }), -32602),
    ] {
        let answer = client
            .post(&request(3, method, params.clone()))
            .await
            .json()
            .await;
        assert_eq!(answer["error"]["code"], code, "{method} {params} {answer}");
        assert_eq!(answer["id"], 3);
    }
}

#[tokio::test]
async fn an_unknown_path_or_http_method_is_refused() {
    let server = start(Kind::Quiet).await;
    for (method, path, status, allow) in [
        ("POST", "/", 405, Some("GET, OPTIONS")),
        ("POST", "/mcp//", 404, None),
        ("POST", "//mcp", 404, None),
        ("POST", "/MCP", 404, None),
        ("POST", "/sse/message/x", 404, None),
        ("PUT", "/mcp", 405, Some("GET, POST, DELETE, OPTIONS")),
        ("PATCH", "/mcp", 405, Some("GET, POST, DELETE, OPTIONS")),
        ("HEAD", "/mcp", 405, Some("GET, POST, DELETE, OPTIONS")),
        ("DELETE", "/sse", 405, Some("GET, OPTIONS")),
        ("POST", "/sse", 405, Some("GET, OPTIONS")),
        ("GET", "/sse/message", 405, Some("POST, OPTIONS")),
        ("POST", "/health", 405, Some("GET, OPTIONS")),
    ] {
        let answer = Ask::get(path).method(method).to(server.address).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
    let health = Ask::get("/health").to(server.address).await;
    assert_eq!(health.json().await, json!({ "status": "ok" }));
}
