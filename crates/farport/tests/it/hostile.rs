//! Requests that are expensive or ambiguous on purpose.

use serde_json::{Value, json};

use crate::support::{
    client::{MODERN, request, text, tool},
    http::{Ask, Wire},
    server::start,
    soon,
    workshop::Kind,
};

#[tokio::test]
async fn a_body_that_nests_too_deep_or_has_too_many_members_is_400() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    let deep = |open: &str, close: &str| {
        let (open, close) = (open.repeat(100_000), close.repeat(100_000));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{open}1{close}}}}}"#)
    };
    let members: String = (0..200_000).map(|n| format!(r#""{n}":0,"#)).collect();
    let wide = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{{members}"z":0}}}}"#);
    let million: String = "\"a\":0,".repeat(600_000);
    for (name, body) in [
        ("arrays", deep("[", "]")),
        ("objects", deep(r#"{"a":"#, "}")),
        ("unclosed", "[".repeat(100_000)),
        ("unclosed objects", r#"{"a":"#.repeat(100_000)),
        ("closed only", "]".repeat(100_000)),
        ("wide", wide),
        (
            "a million members of one name",
            format!("{{{million}\"a\":0}}"),
        ),
        (
            "a million entries",
            format!("[{}1]", "1,".repeat(1_000_000)),
        ),
        (
            "a million empty entries",
            format!("[{}{{}}]", "{},".repeat(1_000_000)),
        ),
    ] {
        for ask in [
            client.headed(Ask::post("/mcp")),
            Ask::post("/mcp").with("mcp-protocol-version", MODERN),
        ] {
            let refused = ask.body(body.clone()).to(server.address).await;
            assert_eq!(refused.status, 400, "{name}");
            let code = refused.error_code().await;
            assert!([-32700, -32600].contains(&code), "{name} {code}");
        }
    }
}

#[tokio::test]
async fn an_unusual_body_within_the_limits_is_accepted() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    let nested = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    let brackets = "[{\\\"".repeat(50_000);
    for text_sent in [
        nested,
        brackets,
        ":".repeat(100_000),
        "\u{1F600}".repeat(1000),
    ] {
        let call = request(1, "tools/call", tool("echo", json!({ "text": text_sent })));
        let answer = client.post(&call).await.json().await;
        assert_eq!(text(&answer), text_sent);
    }
}

#[tokio::test]
async fn a_body_with_a_large_content_length_is_refused_before_it_arrives() {
    let server = start(Kind::Quiet).await;
    for (length, status) in [
        ("1073741824", 413),
        ("18446744073709551615", 431),
        ("99999999999999999999999999", 400),
        ("-1", 400),
        ("1, 2", 400),
        ("0x10", 400),
    ] {
        for path in ["/mcp", "/sse/message?sessionId=x"] {
            let mut wire = Wire::connect(server.address).await;
            let head = Ask::post(path).with("content-length", length).head(0);
            wire.send(head).await;
            let refused = soon(wire.response()).await.unwrap();
            assert_eq!(refused.status, status, "{path} {length}");
        }
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = start(Kind::Quiet).await;
    let long = "x".repeat(70 * 1024);
    let mut many = Ask::get("/health");
    for number in 0..150 {
        many = many.and(&format!("x-{number}"), "1");
    }
    for (name, ask) in [
        ("one header", Ask::get("/health").with("x-long", &long)),
        ("many headers", many),
        ("target", Ask::get(&format!("/health?{long}"))),
    ] {
        let refused = ask.to(server.address).await;
        assert!(
            [414, 431].contains(&refused.status),
            "{name} {}",
            refused.status
        );
    }
    assert_eq!(Ask::get("/health").status(server.address).await, 200);
}

#[tokio::test]
async fn invalid_http_is_refused_or_closed() {
    let server = start(Kind::Quiet).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/9.9\r\nhost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\n host: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: local\0host\r\n\r\n",
        b"G\0T /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /he alth HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ] {
        let mut wire = Wire::connect(server.address).await;
        wire.send(bytes).await;
        if let Some(response) = soon(wire.response()).await {
            let shown = String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(response.status, 400, "{shown}");
        }
    }
    assert_eq!(Ask::get("/health").status(server.address).await, 200);
}

#[tokio::test]
async fn a_request_with_ambiguous_framing_is_refused() {
    let server = start(Kind::Quiet).await;
    let inner = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let body = request(1, "ping", json!({})).to_string();
    let ask = || Ask::post("/mcp");
    for (name, head) in [
        (
            "both framings",
            ask()
                .with("content-length", "5")
                .and("transfer-encoding", "chunked"),
        ),
        (
            "two lengths",
            ask().with("content-length", "5").and("content-length", "6"),
        ),
        (
            "an unknown coding",
            ask().with("transfer-encoding", "xchunked"),
        ),
        (
            "chunked and then something",
            ask().with("transfer-encoding", "chunked, identity"),
        ),
    ] {
        let mut wire = Wire::connect(server.address).await;
        wire.send(head.head(0)).await;
        let _ = wire.try_send(format!("0\r\n\r\n{body}{inner}")).await;
        let Some(response) = soon(wire.response()).await else {
            continue;
        };
        assert_eq!(response.status, 400, "{name}");
        // The server does not respond to the smuggled request after it.
        let (_, wire) = response.whole().await;
        assert!(soon(wire.closes()).await, "{name}");
    }
}

#[tokio::test]
async fn members_that_stand_twice_or_in_the_wrong_case_are_400() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    for (body, code) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/list"}"#,
            -32600,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600),
        (
            r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}"#,
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{}}"#,
            -32600,
        ),
        // The same name, with an escape.
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/list"}"#,
            -32600,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"Method":"ping"}"#, -32600),
        (r#"{"JSONRPC":"2.0","id":1,"method":"ping"}"#, -32600),
        (
            r#"{"jsonrpc":"2.0","ID":1,"method":"ping","result":{}}"#,
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"panic"}}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","n\u0061me":"panic"}}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{},"_meta":{}}}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"progressToken":1,"progressToken":2}}}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{},"arguments":{}}}"#,
            -32602,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\0\"}",
            -32700,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\0",
            -32700,
        ),
        (
            "\0{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
            -32700,
        ),
    ] {
        let refused = client
            .headed(Ask::post("/mcp"))
            .body(body)
            .to(server.address)
            .await;
        assert_eq!(refused.status, 400, "{body:?}");
        assert_eq!(refused.error_code().await, code, "{body:?}");
    }
}

#[tokio::test]
async fn a_name_may_contain_a_nul() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    for name in ["echo\0", "\0echo", "echo\0panic"] {
        let call = request(1, "tools/call", tool(name, json!({})));
        let answer = client.post(&call).await.json().await;
        assert_eq!(answer["error"]["code"], -32602, "{name:?}");
        let answer: Value = client.post(&request(1, name, json!({}))).await.json().await;
        assert_eq!(answer["error"]["code"], -32601, "{name:?}");
    }
}
