//! 2026-07-28: stateless requests.

use serde_json::{Value, json};

use crate::support::{
    client::{MODERN, modern, modern_call, notification, request, text, tool},
    http::{Ask, Wire},
    server::start,
    soon,
    workshop::Kind,
};

fn with_meta(key: &str, value: Value, name: &str, arguments: Value) -> Ask {
    let mut params = tool(name, arguments);
    params["_meta"] = json!({ key: value });
    modern(1, "tools/call", params)
}

#[tokio::test]
async fn a_response_without_other_messages_is_json() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for ask in [
            modern_call(1, "echo", json!({ "text": "hello" })),
            // It may report progress, but does not.
            with_meta(
                "progressToken",
                json!("p"),
                "echo",
                json!({ "text": "hello" }),
            ),
            // It reports progress without a token.
            modern_call(1, "steps", json!({ "text": "hello", "count": 3 })),
            modern_call(1, "log", json!({ "text": "hello" })),
        ] {
            let answer = ask.to(server.address).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("mcp-session-id"), None);
            let message = answer.json().await;
            assert_eq!(text(&message), "hello");
            assert_eq!(message["result"]["resultType"], "complete");
            let info = &message["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
            assert_eq!(info, &json!({ "name": "workshop", "version": "1.2.3" }));
        }
    }
}

#[tokio::test]
async fn a_response_after_progress_is_the_end_of_a_stream() {
    let server = start(Kind::Quiet).await;
    let arguments = json!({ "text": "hello", "count": 3 });
    let answer = with_meta("progressToken", json!("p-1"), "steps", arguments)
        .to(server.address)
        .await;
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert!(answer.header("cache-control").unwrap().contains("no-cache"));
    let events = answer.events().rest().await;
    assert!(
        events
            .iter()
            .all(|event| event.id.is_none() && event.retry.is_none())
    );
    let messages: Vec<_> = events.iter().map(|event| event.message()).collect();
    assert_eq!(messages.len(), 4);
    for (step, report) in messages[..3].iter().enumerate() {
        assert_eq!(report["method"], "notifications/progress");
        assert_eq!(report["params"]["progressToken"], "p-1");
        assert_eq!(report["params"]["message"], format!("hello-{}", step + 1));
    }
    let result = &messages[3]["result"];
    assert_eq!(text(&messages[3]), "hello");
    assert_eq!(result["resultType"], "complete");
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "workshop"
    );
}

#[tokio::test]
async fn log_messages_start_at_the_level_of_the_request() {
    let server = start(Kind::Talkative).await;
    let levels = crate::support::workshop::LEVELS;
    for (from, (level, _)) in levels.iter().enumerate() {
        let key = "io.modelcontextprotocol/logLevel";
        let ask = with_meta(key, json!(level), "log", json!({ "text": "x" }));
        let events = ask.to(server.address).await.events().rest().await;
        let heard: Vec<_> = events[..events.len() - 1]
            .iter()
            .map(|event| {
                event.message()["params"]["level"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        let expect: Vec<_> = levels[from..].iter().map(|(name, _)| *name).collect();
        assert_eq!(heard, expect, "{level}");
    }
    let wrong = with_meta(
        "io.modelcontextprotocol/logLevel",
        json!("loud"),
        "log",
        json!({}),
    );
    let refused = wrong.to(server.address).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.error_code().await, -32602);
}

#[tokio::test]
async fn an_unknown_method_is_404() {
    let server = start(Kind::Talkative).await;
    for method in [
        "no/such",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "prompts/get",
        "notifications/initialized",
        "Tools/List",
    ] {
        let params = match method {
            "logging/setLevel" => json!({ "level": "info" }),
            "prompts/get" => json!({ "name": "x" }),
            _ => json!({ "uri": "a:b" }),
        };
        let mut ask = modern(1, method, params);
        if method == "resources/unsubscribe" {
            ask = ask.with("mcp-name", "a:b");
        }
        let answer = ask.to(server.address).await;
        assert_eq!(answer.status, 404, "{method}");
        let body = answer.json().await;
        assert_eq!(
            (&body["error"]["code"], &body["id"]),
            (&json!(-32601), &json!(1)),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_capability_that_is_missing_is_400_and_named() {
    let server = start(Kind::Quiet).await;
    let answer = modern_call(1, "needs_sampling", json!({}))
        .to(server.address)
        .await;
    assert_eq!(answer.status, 400);
    let body = answer.json().await;
    assert_eq!(body["error"]["code"], -32021);
    assert_eq!(
        body["error"]["data"]["requiredCapabilities"],
        json!({ "sampling": {} })
    );
}

#[tokio::test]
async fn an_unknown_revision_is_400_with_the_supported_ones() {
    let server = start(Kind::Quiet).await;
    for version in ["2099-01-01", "1900-01-01", "x"] {
        let mut params = tool("echo", json!({}));
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let ask = Ask::post("/mcp")
            .with("mcp-protocol-version", version)
            .with("mcp-method", "tools/call")
            .with("mcp-name", "echo")
            .json(&request(1, "tools/call", params));
        let answer = ask.to(server.address).await;
        assert_eq!(answer.status, 400, "{version}");
        let body = answer.json().await;
        assert_eq!(body["error"]["code"], -32022);
        assert_eq!(body["error"]["data"]["requested"], version);
        let supported = body["error"]["data"]["supported"].as_array().unwrap();
        assert!(supported.contains(&json!(MODERN)));
    }
}

#[tokio::test]
async fn a_request_that_does_not_describe_itself_is_400() {
    let server = start(Kind::Quiet).await;
    let full = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let without = |key: &str| {
        let mut meta = full.clone();
        meta.as_object_mut().unwrap().remove(key);
        meta
    };
    let mut odd = full.clone();
    odd["io.modelcontextprotocol/clientCapabilities"] = json!([]);
    for meta in [
        Value::Null,
        json!({}),
        without("io.modelcontextprotocol/protocolVersion"),
        without("io.modelcontextprotocol/clientCapabilities"),
        odd,
        json!([]),
        json!("x"),
    ] {
        let mut params = tool("echo", json!({}));
        params["_meta"] = meta.clone();
        let ask = Ask::post("/mcp")
            .with("mcp-protocol-version", MODERN)
            .with("mcp-method", "tools/call")
            .with("mcp-name", "echo")
            .json(&request(1, "tools/call", params));
        let refused = ask.to(server.address).await;
        assert_eq!(refused.status, 400, "{meta}");
        assert_eq!(refused.error_code().await, -32602, "{meta}");
    }
}

#[tokio::test]
async fn the_new_revision_has_no_sessions_and_no_resumable_streams() {
    let server = start(Kind::Talkative).await;
    for ask in [Ask::get("/mcp"), Ask::delete("/mcp")] {
        let refused = ask
            .with("mcp-protocol-version", MODERN)
            .to(server.address)
            .await;
        assert_eq!(refused.status, 405);
        assert!(refused.header("allow").unwrap().contains("POST"));
    }
    let call = modern_call(1, "echo", json!({ "text": "hello" }))
        .with("mcp-session-id", "whatever")
        .with("last-event-id", "1-1");
    let answer = call.to(server.address).await;
    assert_eq!(answer.header("mcp-session-id"), None);
    assert_eq!(text(&answer.json().await), "hello");
}

#[tokio::test]
async fn a_post_has_one_message_which_is_not_a_response() {
    let server = start(Kind::Quiet).await;
    let headed = Ask::post("/mcp").with("mcp-protocol-version", MODERN);
    let response = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    let refused = headed.clone().json(&response).to(server.address).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.error_code().await, -32600);
    let mut meta = tool("echo", json!({}));
    meta["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let batch = json!([request(1, "tools/call", meta)]);
    let refused = headed.clone().json(&batch).to(server.address).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.error_code().await, -32600);
    let cancelled = notification("notifications/cancelled", json!({ "requestId": 1 }));
    assert_eq!(headed.json(&cancelled).status(server.address).await, 202);
}

#[tokio::test]
async fn disconnecting_cancels_a_call() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        // One call without messages, and one that has started to stream.
        let plain = modern_call(1, "watched", json!({ "text": "plain" }));
        let mut wire = Wire::connect(server.address).await;
        wire.send(plain.bytes()).await;
        let arguments = json!({ "text": "streaming" });
        let streaming = with_meta("progressToken", json!(1), "watched", arguments);
        let mut streaming = streaming.to(server.address).await.events();
        streaming.message().await;
        for name in ["plain", "streaming"] {
            server.shop.has_seen(&format!("began {name}")).await;
        }
        assert!(!server.shop.seen().contains(&"ended plain".to_owned()));
        drop((wire, streaming));
        for name in ["plain", "streaming"] {
            server.shop.has_seen(&format!("token of {name}")).await;
            server.shop.has_seen(&format!("ended {name}")).await;
        }
        server.shop.shrinks_to(0).await;
    }
}

#[tokio::test]
async fn the_server_sends_no_requests() {
    let server = start(Kind::Talkative).await;
    for tool in ["ask", "sample", "roots"] {
        for ask in [
            modern_call(1, tool, json!({})),
            with_meta("progressToken", json!(1), tool, json!({})),
        ] {
            let answer = ask.to(server.address).await.json().await;
            assert!(text(&answer).starts_with("refused"), "{tool} {answer}");
        }
    }
}

#[tokio::test]
async fn a_peer_of_a_finished_call_reaches_no_client() {
    let server = start(Kind::Talkative).await;
    let ask = with_meta("progressToken", json!(1), "leave", json!({}));
    assert_eq!(ask.status(server.address).await, 200);
    let left = server.shop.peers.lock().unwrap().pop().unwrap();
    assert!(soon(left.notify_tool_list_changed()).await.is_err());
}

#[tokio::test]
async fn each_request_has_its_own_handler_while_it_runs() {
    let server = start(Kind::Talkative).await;
    for id in 0..5 {
        let call = modern_call(id, "client", json!({}))
            .to(server.address)
            .await;
        let said = call.json().await;
        assert!(text(&said).contains("tester"), "{said}");
        assert!(text(&said).contains(MODERN), "{said}");
        server.shop.shrinks_to(0).await;
    }
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let server = start(Kind::Quiet).await;
    let mut wire = Wire::connect(server.address).await;
    for id in 0..20 {
        let call = modern_call(id, "echo", json!({ "text": id.to_string() }));
        wire.send(call.bytes()).await;
        let response = soon(wire.response()).await.unwrap();
        let (body, rest) = response.whole().await;
        let message: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&message["id"], text(&message)),
            (&json!(id), &*id.to_string())
        );
        wire = rest;
    }
}
