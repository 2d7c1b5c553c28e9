//! 2026-07-28: headers that repeat parts of the body.

use serde_json::{Value, json};

use crate::support::{
    client::{modern, modern_call, request, text, tool},
    server::start,
    workshop::Kind,
};

#[tokio::test]
async fn a_header_that_is_not_what_the_body_says_is_400() {
    let server = start(Kind::Quiet).await;
    let call = modern_call(9, "echo", json!({ "text": "x" }));
    assert_eq!(call.status(server.address).await, 200);
    for (header, value) in [
        ("mcp-protocol-version", None),
        ("mcp-protocol-version", Some("2025-11-25")),
        ("mcp-protocol-version", Some("2026-07-29")),
        ("mcp-protocol-version", Some("")),
        ("mcp-method", None),
        ("mcp-method", Some("tools/list")),
        ("mcp-method", Some("TOOLS/CALL")),
        ("mcp-method", Some("tools/call, tools/list")),
        ("mcp-name", None),
        ("mcp-name", Some("Echo")),
        ("mcp-name", Some("echo2")),
        ("mcp-name", Some("echo, panic")),
        ("mcp-name", Some("=?base64?!!!?=")),
        ("mcp-name", Some("=?base64?cGFuaWM=?=")),
        ("mcp-name", Some("=?BASE64?ZWNobw==?=")),
        ("mcp-name", Some("\u{e9}cho")),
    ] {
        let ask = match value {
            None => call.clone().without(header),
            Some(value) => call.clone().with(header, value),
        };
        let refused = ask.to(server.address).await;
        assert_eq!(refused.status, 400, "{header} {value:?}");
        let body = refused.json().await;
        assert_eq!(body["error"]["code"], -32020, "{header} {value:?}");
        assert_eq!(body["id"], 9, "{header} {value:?}");
    }
    for header in ["mcp-protocol-version", "mcp-method", "mcp-name"] {
        let value = match header {
            "mcp-protocol-version" => "2026-07-28",
            "mcp-method" => "tools/call",
            _ => "echo",
        };
        let twice = call.clone().and(header, value).to(server.address).await;
        assert_eq!(twice.error_code().await, -32020, "{header} twice");
    }
    let encoded = call.with("mcp-name", "=?base64?ZWNobw==?=");
    assert_eq!(encoded.status(server.address).await, 200);
}

#[tokio::test]
async fn every_method_with_a_name_repeats_it_in_a_header() {
    let server = start(Kind::Talkative).await;
    for (method, params) in [
        ("tools/call", json!({ "name": "echo" })),
        ("prompts/get", json!({ "name": "greeting" })),
        ("resources/read", json!({ "uri": "file:///a" })),
    ] {
        let ask = modern(1, method, params).without("mcp-name");
        let refused = ask.to(server.address).await;
        assert_eq!(refused.status, 400, "{method}");
        assert_eq!(refused.error_code().await, -32020, "{method}");
    }
    let list = modern(1, "tools/list", json!({}));
    assert_eq!(list.status(server.address).await, 200);
}

#[tokio::test]
async fn arguments_that_a_tool_requires_in_headers_are_compared() {
    let server = start(Kind::Quiet).await;
    let arguments = json!({ "region": "eu", "count": 42, "sure": true });
    let good = [
        ("mcp-param-region", "eu"),
        ("mcp-param-count", "42"),
        ("mcp-param-sure", "true"),
    ];
    let call = |arguments: &Value, replaced: &[(&str, &str)]| {
        let mut ask = modern(1, "tools/call", tool("region", arguments.clone()));
        for (name, value) in good.iter().chain(replaced) {
            ask = ask.without(name);
            if !value.is_empty() {
                ask = ask.and(name, value);
            }
        }
        ask
    };
    for replaced in [
        ("mcp-param-region", "=?base64?ZXU=?="),
        ("mcp-param-count", "42.0"),
        ("mcp-param-other", "anything"),
    ] {
        let answer = call(&arguments, &[replaced]).to(server.address).await;
        assert_eq!(answer.status, 200, "{replaced:?}");
        assert_eq!(text(&answer.json().await), "\"eu\"");
    }
    for replaced in [
        ("mcp-param-region", ""),
        ("mcp-param-region", "us"),
        ("mcp-param-region", "EU"),
        ("mcp-param-region", "=?base64?dXM=?="),
        ("mcp-param-region", "=?base64?*?="),
        ("mcp-param-region", "\u{e9}"),
        ("mcp-param-count", "43"),
        ("mcp-param-count", "forty-two"),
        ("mcp-param-sure", "True"),
        ("mcp-param-sure", "false"),
    ] {
        let refused = call(&arguments, &[replaced]).to(server.address).await;
        assert_eq!(refused.status, 400, "{replaced:?}");
        assert_eq!(refused.error_code().await, -32020, "{replaced:?}");
    }
    let absent = json!({ "region": null, "count": 42, "sure": true });
    let refused = call(&absent, &[]).to(server.address).await;
    assert_eq!(
        refused.error_code().await,
        -32020,
        "a header for no argument"
    );
    let without = call(&absent, &[("mcp-param-region", "")])
        .to(server.address)
        .await;
    assert_eq!(without.status, 200);
}

#[tokio::test]
async fn older_revisions_may_omit_the_headers_but_not_contradict_them() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-11-25").await;
    let call = request(1, "tools/call", tool("echo", json!({})));
    assert_eq!(client.post(&call).await.status, 200);
    let wrong = client.posting(&call).with("mcp-method", "tools/list");
    let refused = wrong.to(server.address).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.error_code().await, -32020);
}
