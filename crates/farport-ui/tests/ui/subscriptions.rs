//! Followed resources, in both eras.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use farport_ui::Target;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::Page;

type Seen = Arc<Mutex<Vec<Value>>>;

/// A server that records subscriptions, and its URL.
async fn server(modern: bool) -> (String, Seen) {
    let seen = Seen::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let state = Arc::clone(&seen);
    let answer = move |body: String| {
        let seen = Arc::clone(&state);
        async move { respond(&body, modern, &seen).await }
    };
    let app = Router::new().route("/mcp", post(answer));
    tokio::spawn(std::future::IntoFuture::into_future(axum::serve(
        listener, app,
    )));
    (url, seen)
}

async fn respond(body: &str, modern: bool, seen: &Seen) -> Response {
    let message: Value = serde_json::from_str(body).unwrap();
    let (method, id) = (message["method"].as_str().unwrap(), &message["id"]);
    if id.is_null() {
        return StatusCode::ACCEPTED.into_response();
    }
    let capabilities = json!({ "resources": { "subscribe": true } });
    let result = match method {
        "server/discover" if modern => json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"],
            "capabilities": capabilities,
        }),
        "initialize" if !modern => json!({
            "protocolVersion": "2025-11-25", "capabilities": capabilities,
            "serverInfo": { "name": "s", "version": "1" },
        }),
        "subscriptions/listen" if modern => {
            seen.lock()
                .unwrap()
                .push(message["params"]["notifications"]["resourceSubscriptions"].clone());
            return std::future::pending().await;
        }
        "resources/subscribe" | "resources/unsubscribe" if !modern => {
            if message["params"]["uri"] == "x://refused" {
                let error = json!({ "code": -32602, "message": "no such resource" });
                return Json(json!({ "jsonrpc": "2.0", "id": id, "error": error })).into_response();
            }
            seen.lock()
                .unwrap()
                .push(json!([method, message["params"]["uri"]]));
            json!({})
        }
        _ => {
            let error = json!({ "code": -32601, "message": "unknown" });
            return Json(json!({ "jsonrpc": "2.0", "id": id, "error": error })).into_response();
        }
    };
    Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
}

#[tokio::test]
async fn a_session_subscribes_by_requests() {
    let (url, seen) = server(false).await;
    let page = Page::start(Some(Target::new(url, Vec::new(), false))).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    let follow = |uri: &str, on: bool| page.api("subscribe", json!({ "uri": uri, "on": on }));
    assert_eq!(follow("x://a", true).await.status, 204);
    events
        .next(|event| event["subscriptions"] == json!(["x://a"]))
        .await;
    let refused = follow("x://refused", true).await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("no such resource"), "{refused:?}");
    assert_eq!(follow("x://a", false).await.status, 204);
    events
        .next(|event| event["subscriptions"] == json!([]))
        .await;
    assert_eq!(
        *seen.lock().unwrap(),
        [
            json!(["resources/subscribe", "x://a"]),
            json!(["resources/unsubscribe", "x://a"]),
        ]
    );
}

#[tokio::test]
async fn the_stream_of_2026_07_28_is_opened_again_with_each_subscription() {
    let (url, seen) = server(true).await;
    let page = Page::start(Some(Target::new(url, Vec::new(), false))).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    for (uri, on, expected) in [
        ("x://b", true, json!(["x://b"])),
        ("x://a", true, json!(["x://a", "x://b"])),
        ("x://b", false, json!(["x://a"])),
    ] {
        let answer = page.api("subscribe", json!({ "uri": uri, "on": on })).await;
        assert_eq!(answer.status, 204);
        events
            .next(|event| event["method"] == "subscriptions/listen" && event["kind"] == "request")
            .await;
        while seen.lock().unwrap().last() != Some(&expected) {
            tokio::task::yield_now().await;
        }
    }
}
