//! The chat's API: a model that is played by the test, a permission, an answer, and no key anywhere.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Events, Page, mcp_server, target};

/// A key that must appear nowhere.
pub(crate) const KEY: &str = "sk-s3cret-key-of-the-user";

/// What a model received: the key, and each body.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) keys: Vec<String>,
    bodies: Vec<Value>,
}

/// Starts a provider whose model calls `echo`, and answers once it has the result. It repeats the key.
pub(crate) async fn provider() -> (String, Arc<Mutex<Received>>) {
    let received = Arc::new(Mutex::new(Received::default()));
    let log = Arc::clone(&received);
    let chat = move |headers: HeaderMap, body: String| {
        let log = Arc::clone(&log);
        async move { respond(&log, &headers, &body) }
    };
    let models = || async { axum::Json(json!({ "data": [{ "id": "played" }] })) };
    let app = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/models", get(models));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(std::future::IntoFuture::into_future(axum::serve(
        listener, app,
    )));
    (url, received)
}

fn respond(log: &Mutex<Received>, headers: &HeaderMap, body: &str) -> Response {
    let body: Value = serde_json::from_str(body).unwrap();
    let last = body["messages"].as_array().unwrap().last().unwrap().clone();
    let mut received = log.lock().unwrap();
    let key = headers
        .get("authorization")
        .map(|key| key.to_str().unwrap().to_owned());
    received.keys.extend(key);
    received.bodies.push(body);
    let deltas = match (last["role"].as_str(), last["content"].as_str()) {
        (_, Some("fail")) => {
            let error = json!({ "error": { "message": format!("bad key {KEY}") } });
            return (StatusCode::UNAUTHORIZED, error.to_string()).into_response();
        }
        (Some("tool"), _) => vec![json!({ "content": "I see " }), json!({ "content": KEY })],
        _ => vec![json!({ "tool_calls": [{ "index": 0, "id": "c1",
            "function": { "name": "echo", "arguments": "{\"n\":1}" } }] })],
    };
    let mut stream = String::new();
    for delta in deltas {
        stream.push_str(&format!(
            "data: {}\n\n",
            json!({ "choices": [{ "delta": delta }] })
        ));
    }
    let end = json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] });
    stream.push_str(&format!("data: {end}\n\ndata: [DONE]\n\n"));
    ([(header::CONTENT_TYPE, "text/event-stream")], stream).into_response()
}

pub(crate) async fn act(page: &Page, body: Value) -> u16 {
    page.api("chat/act", body).await.status
}

/// Waits until the last call of the chat has this state, and returns it.
pub(crate) async fn call(events: &mut Events, state: &str) -> Value {
    let has = |event: &Value| find(event).is_some_and(|call| call["state"] == state);
    let event = events.next(has).await;
    find(&event).unwrap().clone()
}

fn find(event: &Value) -> Option<&Value> {
    let parts = event["message"]["parts"].as_array()?;
    parts.iter().rfind(|part| part["type"] == "call")
}

pub(crate) async fn begin(page: &Page, base: &str) -> Events {
    let mut events = page.events().await;
    events.phase("connected").await;
    let added = json!({ "label": "Played", "api": "openai", "base_url": base, "key": KEY });
    let added = page.api("chat/provider", added).await.json();
    let provider = added["id"].as_str().unwrap();
    let models = page
        .api("chat/models", json!({ "provider": provider }))
        .await;
    assert_eq!(models.json(), json!([{ "id": "played", "context": null }]));
    let chosen = json!({ "do": "model", "provider": provider, "model": "played" });
    assert_eq!(act(page, chosen).await, 204);
    events
}

#[tokio::test]
async fn a_call_waits_for_the_user_and_its_result_reaches_the_model() {
    let (base, received) = provider().await;
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = begin(&page, &base).await;
    assert_eq!(
        act(&page, json!({ "do": "send", "text": "echo 1" })).await,
        204
    );
    let waiting = call(&mut events, "waiting").await;
    assert_eq!(
        (&waiting["tool"], &waiting["server"]),
        (&json!("echo"), &json!("small"))
    );
    assert_eq!(
        act(&page, json!({ "do": "send", "text": "again" })).await,
        409
    );
    let decided = json!({ "do": "decide", "call": waiting["number"], "decision": "once" });
    assert_eq!(act(&page, decided.clone()).await, 204);
    let done = call(&mut events, "done").await;
    // The card leads to the request in the timeline.
    let row = format!(r#""method":"tools/call","id":{}"#, done["request"]);
    assert!(events.seen.contains(&row), "{row}");
    events.next(|event| event["message"]["stop"] == "end").await;
    assert_eq!(
        act(&page, decided).await,
        409,
        "a call is decided about once"
    );
    let whole = page
        .api("chat/result", json!({ "call": done["number"] }))
        .await
        .json();
    assert_eq!(whole["content"][0]["type"], "text");
    let bodies = received.lock().unwrap().bodies.clone();
    assert_eq!(bodies[1]["messages"][2]["role"], "tool");
    assert_eq!(received.lock().unwrap().keys[0], format!("Bearer {KEY}"));
}

#[tokio::test]
async fn a_key_is_not_shown_recorded_or_exported() {
    let (base, _) = provider().await;
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = begin(&page, &base).await;
    act(&page, json!({ "do": "send", "text": "fail" })).await;
    let failed = events
        .next(|event| event["message"]["failure"].is_object())
        .await;
    let failure = &failed["message"]["failure"];
    assert_eq!(failure["kind"], "key");
    assert!(failure["message"].as_str().unwrap().contains("bad key ***"));
    let step = &failed["message"]["id"];
    let raw = page.api("chat/raw", json!({ "step": step })).await;
    assert!(raw.body.contains("bad key ***"), "{}", raw.body);
    let export = page.api("chat/export", json!({})).await;
    let providers = page.api("chat/providers", json!({})).await;
    let timeline = page.api("export", json!({ "format": "ndjson" })).await;
    for text in [
        &events.seen,
        &raw.body,
        &export.body,
        &providers.body,
        &timeline.body,
    ] {
        assert!(!text.contains(KEY), "{text}");
    }
    assert_eq!(providers.json()["providers"][0]["has_key"], true);
}

#[tokio::test]
async fn a_provider_that_would_leak_its_key_is_refused() {
    let page = Page::start(None).await;
    for (base, part) in [
        ("http://models.example/v1", "unencrypted"),
        ("nonsense", "cannot use the base URL"),
        ("file:///etc/passwd", "http or https"),
    ] {
        let body = json!({ "api": "openai", "base_url": base, "key": KEY });
        let refused = page.api("chat/provider", body).await;
        assert_eq!(refused.status, 422, "{base}");
        assert!(
            refused.body.contains(part) && !refused.body.contains(KEY),
            "{}",
            refused.body
        );
    }
}

#[tokio::test]
async fn an_exported_chat_is_imported_again() {
    let (base, _) = provider().await;
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = begin(&page, &base).await;
    act(&page, json!({ "do": "send", "text": "fail" })).await;
    events
        .next(|event| event["message"]["failure"].is_object())
        .await;
    let export = page.api("chat/export", json!({})).await.body;
    assert_eq!(act(&page, json!({ "do": "clear" })).await, 204);
    let imported = page.api("chat/import", json!({ "text": export })).await;
    assert_eq!(imported.status, 204, "{}", imported.body);
    let again = page.api("chat/export", json!({})).await.json();
    assert_eq!(
        again["messages"][0],
        json!({ "role": "user", "text": "fail" })
    );
    let refused = page.api("chat/import", json!({ "text": "{}" })).await;
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn another_server_of_the_chat_offers_its_tools_with_its_name() {
    let (base, received) = provider().await;
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = begin(&page, &base).await;
    let other = mcp_server().await;
    assert_eq!(
        act(&page, json!({ "do": "add_server", "url": other })).await,
        204
    );
    assert_eq!(
        act(&page, json!({ "do": "add_server", "url": other })).await,
        409
    );
    let both = |event: &Value| {
        event["tools"]
            .as_array()
            .is_some_and(|tools| tools.len() == 2)
    };
    let shown = events.next(both).await;
    let names: Vec<_> = shown["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].clone())
        .collect();
    assert_eq!(names, ["small_echo", "small-2_echo"]);
    act(&page, json!({ "do": "send", "text": "fail" })).await;
    events
        .next(|event| event["message"]["failure"].is_object())
        .await;
    assert_eq!(
        received.lock().unwrap().bodies[0]["tools"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        act(&page, json!({ "do": "remove_server", "name": other })).await,
        204
    );
    events
        .next(|event| {
            event["tools"]
                .as_array()
                .is_some_and(|tools| tools.len() == 1)
        })
        .await;
}
