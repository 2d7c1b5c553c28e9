//! A sign-in that is held before each step.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use farport_ui::Target;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Events, Page};

/// A server that requires a sign-in, and offers metadata and a registration.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let url = format!("{origin}/mcp");
    let answer = move |request: Request| {
        let origin = origin.clone();
        async move { respond(request.uri().path(), &origin) }
    };
    let app = Router::new().fallback(answer);
    tokio::spawn(std::future::IntoFuture::into_future(axum::serve(
        listener, app,
    )));
    url
}

fn respond(path: &str, origin: &str) -> Response {
    let document = match path {
        "/.well-known/oauth-protected-resource/mcp" => json!({
            "resource": format!("{origin}/mcp"), "authorization_servers": [origin],
        }),
        "/.well-known/oauth-authorization-server" => json!({
            "issuer": origin,
            "authorization_endpoint": format!("{origin}/authorize"),
            "token_endpoint": format!("{origin}/token"),
            "registration_endpoint": format!("{origin}/register"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }),
        "/register" => {
            let client = json!({ "client_id": "client" });
            return (StatusCode::CREATED, Json(client)).into_response();
        }
        "/mcp" => return StatusCode::UNAUTHORIZED.into_response(),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    Json(document).into_response()
}

/// The step that waits, and the number of its hold.
async fn waits(events: &mut Events) -> (u64, String) {
    let state = events
        .next(|event| event["hold"]["waiting"].is_array())
        .await;
    let waiting = &state["hold"]["waiting"];
    (
        waiting[0].as_u64().unwrap(),
        waiting[1].as_str().unwrap().to_owned(),
    )
}

/// What the log of the sign-in has.
async fn steps(page: &Page) -> Vec<String> {
    let answer = page.api("sign-in", json!({})).await.json();
    let log = answer["log"].as_array().unwrap();
    let step = |item: &Value| item["step"].as_str().map(ToOwned::to_owned);
    log.iter().filter_map(step).collect()
}

#[tokio::test]
async fn each_step_waits_until_the_user_continues() {
    let target = Target::new(server().await, Vec::new(), false);
    let page = Page::start(None).await;
    let mut events = page.events().await;
    assert_eq!(page.api("hold", json!({ "on": true })).await.status, 204);
    page.handle.connect(target);
    let mut last = 0;
    for (name, before) in [
        ("resource", vec!["challenge"]),
        ("server", vec!["challenge"]),
        ("client", vec!["challenge", "discovered"]),
        ("authorization", vec!["challenge", "discovered", "client"]),
    ] {
        let (number, step) = loop {
            let found = waits(&mut events).await;
            if found.0 > last {
                break found;
            }
        };
        assert_eq!(step, name);
        assert_eq!(steps(&page).await, before, "{name}");
        last = number;
        let go = json!({ "number": number });
        assert_eq!(page.api("continue", go.clone()).await.status, 204);
        assert_eq!(page.api("continue", go).await.status, 404, "it waits once");
    }
    // The browser is next.
    events
        .next(|event| event["phase"]["sign_in"].is_string())
        .await;
}

#[tokio::test]
async fn a_cancelled_sign_in_is_no_longer_held() {
    let page = Page::start(None).await;
    let mut events = page.events().await;
    page.api("hold", json!({ "on": true })).await;
    let target = Target::new(server().await, Vec::new(), false);
    page.handle.connect(target.clone());
    waits(&mut events).await;
    page.api("disconnect", json!({})).await;
    events
        .next(|event| event["phase"]["name"] == "idle" && event["hold"]["waiting"].is_null())
        .await;
    // Switched off, a sign-in continues by itself.
    page.handle.connect(target);
    waits(&mut events).await;
    page.api("hold", json!({ "on": false })).await;
    events
        .next(|event| event["phase"]["sign_in"].is_string())
        .await;
}
