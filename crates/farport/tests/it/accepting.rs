//! The types that a client accepts, and its spelling of URLs and bodies.

use farport::ApiToken;
use serde_json::{Value, json};

use crate::support::{
    client::{SESSIONS, initialize, modern, modern_call, request, text, tool},
    http::{Ask, Response},
    server::{start, start_vault},
    workshop::Kind,
};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// The value of Accept, and the type of the response.
const ACCEPTED: [(Option<&str>, &str); 14] = [
    (Some("application/json, text/event-stream"), JSON),
    (Some("text/event-stream, application/json"), EVENTS),
    (Some("application/json"), JSON),
    (Some("text/event-stream"), EVENTS),
    (Some("APPLICATION/JSON; charset=utf-8"), JSON),
    (Some("*/*"), JSON),
    (Some("application/*"), JSON),
    (Some("text/*"), EVENTS),
    (None, JSON),
    (Some(""), JSON),
    (Some("text/event-stream;q=0.1,application/json"), JSON),
    (
        Some("application/json;q=0.2, text/event-stream;q=0.3"),
        EVENTS,
    ),
    (Some("application/json, text/event-stream;q=0"), JSON),
    (Some("*/*, application/json;q=0"), EVENTS),
];

const UNACCEPTED: [&str; 4] = [
    "text/html",
    "application/json;q=0",
    "image/png, application/xml;q=0.9",
    "*/*;q=0",
];

fn accepting(ask: Ask, accept: Option<&str>) -> Ask {
    let ask = ask.without("accept");
    match accept {
        Some(accept) => ask.and("accept", accept),
        None => ask,
    }
}

/// Returns the one message of a response, in the form of its Content-Type.
async fn message(response: Response, kind: &str) -> Value {
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some(kind));
    match kind {
        JSON => response.json().await,
        _ => {
            let events = response.events().rest().await;
            assert_eq!(events.len(), 1);
            events[0].message()
        }
    }
}

#[tokio::test]
async fn a_response_has_a_type_that_the_client_accepts_in_every_era() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for (accept, expect) in ACCEPTED {
            for version in SESSIONS {
                let opening = Ask::post("/mcp").json(&initialize(version, json!({})));
                let opened = accepting(opening, accept).to(server.address).await;
                assert!(opened.header("mcp-session-id").is_some(), "{accept:?}");
                let opened = message(opened, expect).await;
                assert_eq!(opened["result"]["protocolVersion"], version);
                let client = server.client(version).await;
                let call = request(1, "tools/call", tool("echo", json!({ "text": "x" })));
                let call = accepting(client.posting(&call), accept);
                let answer = message(call.to(server.address).await, expect).await;
                assert_eq!(text(&answer), "x", "{version} {accept:?}");
            }
            let call = accepting(modern_call(1, "echo", json!({ "text": "x" })), accept);
            let answer = message(call.to(server.address).await, expect).await;
            assert_eq!(text(&answer), "x", "{accept:?}");
        }
        for accept in UNACCEPTED {
            let client = server.client("2025-06-18").await;
            let ping = client.posting(&request(1, "ping", json!({})));
            for ask in [ping, modern_call(1, "echo", json!({}))] {
                let refused = accepting(ask, Some(accept)).to(server.address).await;
                assert_eq!(refused.status, 406, "{accept}");
                assert_eq!(refused.error_code().await, -32600);
            }
        }
    }
}

#[tokio::test]
async fn a_batch_response_has_a_type_that_the_client_accepts() {
    let server = start(Kind::Quiet).await;
    let batch = json!([request(1, "ping", json!({})), request(2, "ping", json!({}))]);
    for (accept, expect) in ACCEPTED {
        let client = server.client("2025-03-26").await;
        let ask = accepting(client.posting(&batch), accept);
        let response = ask.to(server.address).await;
        assert_eq!(response.header("content-type"), Some(expect), "{accept:?}");
        let ids: Vec<Value> = match expect {
            JSON => {
                let answers = response.json().await;
                let answers = answers.as_array().unwrap().iter();
                answers.map(|answer| answer["id"].clone()).collect()
            }
            _ => {
                let events = response.events().rest().await;
                events
                    .iter()
                    .map(|event| event.message()["id"].clone())
                    .collect()
            }
        };
        assert_eq!(ids, [1, 2], "{accept:?}");
    }
}

#[tokio::test]
async fn a_client_that_only_accepts_json_gets_the_result_of_a_streaming_call() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        let mut params = tool("steps", json!({ "text": "x", "count": 3 }));
        params["_meta"] = json!({ "progressToken": 7 });
        for version in SESSIONS {
            let client = server.client(version).await;
            let call = client.posting(&request(1, "tools/call", params.clone()));
            let call = call.with("accept", JSON).to(server.address).await;
            assert_eq!(text(&message(call, JSON).await), "x", "{version}");
        }
        let call = modern(1, "tools/call", params).with("accept", JSON);
        let call = call.to(server.address).await;
        assert_eq!(text(&message(call, JSON).await), "x");
    }
}

#[tokio::test]
async fn messages_for_a_json_client_go_to_its_get_stream() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-06-18").await;
    let mut stream = client.listen(None).await.events();
    let mut params = tool("steps", json!({ "text": "x", "count": 1 }));
    params["_meta"] = json!({ "progressToken": 7 });
    let call = client.posting(&request(1, "tools/call", params));
    let call = call.with("accept", JSON).to(server.address).await;
    assert_eq!(text(&message(call, JSON).await), "x");
    let progress = stream.message().await;
    assert_eq!(progress["params"]["progressToken"], 7, "{progress}");
}

#[tokio::test]
async fn an_endless_stream_requires_a_client_that_accepts_streams() {
    let server = start(Kind::Talkative).await;
    let client = server.client("2025-06-18").await;
    let listen = json!({ "notifications": { "toolsListChanged": true } });
    for (accept, _) in ACCEPTED {
        let gets_events = accept.is_none_or(|accept| {
            accept.is_empty() || ["*/*", "text/"].iter().any(|range| accept.contains(range))
        }) && accept != Some("application/json, text/event-stream;q=0");
        let expect = if gets_events { 200 } else { 406 };
        for ask in [
            client.headed(Ask::get("/mcp")),
            Ask::get("/sse"),
            modern(1, "subscriptions/listen", listen.clone()),
        ] {
            let ask = accepting(ask, accept);
            assert_eq!(ask.status(server.address).await, expect, "{ask:?}");
        }
    }
}

#[tokio::test]
async fn a_slash_at_the_end_of_an_endpoint_makes_no_difference() {
    let server = start(Kind::Quiet).await;
    let opening = Ask::post("/mcp/").json(&initialize("2025-11-25", json!({})));
    let opened = opening.to(server.address).await;
    assert_eq!(opened.status, 200);
    let client = server.client("2025-11-25").await;
    let ping = client.posting(&request(1, "ping", json!({})));
    for (ask, expect) in [
        (ping, 200),
        (modern_call(1, "echo", json!({})), 200),
        (client.headed(Ask::get("/mcp")), 200),
        (client.headed(Ask::delete("/mcp")), 204),
        (Ask::get("/mcp").method("OPTIONS"), 204),
        (Ask::get("/mcp").method("PUT"), 405),
    ] {
        let ask = ask.at("/mcp/");
        assert_eq!(ask.status(server.address).await, expect, "{ask:?}");
    }
    for (path, expect) in [
        ("/sse/", 200),
        ("/health/", 200),
        ("/mcp//", 404),
        ("//mcp", 404),
        ("/mcp/x", 404),
    ] {
        assert_eq!(
            Ask::get(path).status(server.address).await,
            expect,
            "{path}"
        );
    }
    let mut stream = Ask::get("/sse/").to(server.address).await.events();
    let endpoint = stream.event().await.data;
    let posted = endpoint.replace("/sse/message?", "/sse/message/?");
    assert_ne!(posted, endpoint);
    let opening = Ask::post(&posted).json(&initialize("2024-11-05", json!({})));
    assert_eq!(opening.status(server.address).await, 202);
    assert_eq!(stream.message().await["id"], 0);
}

#[tokio::test]
async fn metadata_repeat_the_slash_at_the_end_of_a_resource() {
    let server = start_vault(|server| server.auth(ApiToken)).await;
    let base = format!("http://localhost:{}", server.address.port());
    let host = format!("localhost:{}", server.address.port());
    for path in ["/mcp", "/mcp/", "/sse", "/sse/"] {
        let ask = if path.starts_with("/mcp") {
            modern_call(1, "whoami", json!({})).at(path)
        } else {
            Ask::get(path)
        };
        let refused = ask.with("host", &host).to(server.address).await;
        assert_eq!(refused.status, 401, "{path}");
        let metadata = format!("/.well-known/oauth-protected-resource{path}");
        let challenge = refused.header("www-authenticate").unwrap();
        let named = format!("resource_metadata=\"{base}{metadata}\"");
        assert!(challenge.contains(&named), "{path} {challenge}");
        let found = Ask::get(&metadata)
            .with("host", &host)
            .with("accept", "*/*");
        let found = found.to(server.address).await;
        assert_eq!(found.status, 200, "{path}");
        assert_eq!(found.json().await["resource"], format!("{base}{path}"));
    }
}

#[tokio::test]
async fn a_compressed_body_is_415_with_the_accepted_encoding() {
    let server = start(Kind::Quiet).await;
    let client = server.client("2025-06-18").await;
    let ping = client.posting(&request(1, "ping", json!({})));
    let call = modern_call(1, "echo", json!({}));
    let stream = Ask::get("/sse").to(server.address).await;
    let endpoint = stream.events().event().await.data;
    let message = Ask::post(&endpoint).json(&request(1, "ping", json!({})));
    for ask in [ping.clone(), call.clone(), message] {
        for coding in [
            "gzip",
            "br",
            "zstd",
            "deflate",
            "x-unknown",
            "identity, gzip",
        ] {
            let refused = ask.clone().with("content-encoding", coding);
            let refused = refused.to(server.address).await;
            assert_eq!(refused.status, 415, "{coding}");
            assert_eq!(refused.header("accept-encoding"), Some("identity"));
            assert_eq!(refused.error_code().await, -32600, "{coding}");
        }
    }
    for ask in [ping, call] {
        for coding in ["identity", "Identity", ""] {
            let ask = ask.clone().with("content-encoding", coding);
            assert_eq!(ask.status(server.address).await, 200, "{coding}");
        }
    }
}
