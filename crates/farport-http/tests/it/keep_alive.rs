//! Comments on idle streams.

use std::time::Duration;

use http::{Request, StatusCode};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::fixture::{Fixture, next};

const PERIOD: Duration = Duration::from_secs(20);

const COMMENT: &str = ": keep-alive\n\n";

#[tokio::test(start_paused = true)]
async fn an_idle_stream_has_a_comment_every_20_seconds() {
    let fixture = Fixture::new();
    let session = fixture.open().await;
    let params = json!({ "texts": ["one"], "gate": "g" });
    let sse = Request::get("/sse").header("accept", "text/event-stream");
    for (name, response) in [
        ("session", fixture.listen(&session, None).await),
        ("call", fixture.call(&session, 5, "say", params).await),
        ("legacy", fixture.send(sse, "").await),
    ] {
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let mut chunk = next(&mut body).await.unwrap();
        if name == "call" {
            chunk = next(&mut body).await.unwrap();
        }
        assert_ne!(chunk, COMMENT);
        for round in 0..5 {
            let began = Instant::now();
            assert_eq!(
                next(&mut body).await.as_deref(),
                Some(COMMENT),
                "{name} {round}"
            );
            assert_eq!(began.elapsed(), PERIOD, "{name} {round}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_delays_the_next_comment() {
    let fixture = Fixture::new();
    let session = fixture.open().await;
    let mut body = fixture.listen(&session, None).await.into_body();
    next(&mut body).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut received = Vec::new();
        let began = Instant::now();
        for _ in 0..4 {
            let text = next(&mut body).await.unwrap();
            received.push((text == COMMENT, began.elapsed().as_secs()));
        }
        received
    });
    for wait in [7, 12] {
        sleep(Duration::from_secs(wait)).await;
        fixture.notify(&session, "notifications/hello").await;
    }
    let received = reading.await.unwrap();
    assert_eq!(received, [(false, 7), (false, 19), (true, 39), (true, 59)]);
}

#[tokio::test(start_paused = true)]
async fn a_long_call_without_messages_gets_its_response() {
    let fixture = std::sync::Arc::new(Fixture::new());
    let session = fixture.open().await;
    let asking = fixture.clone();
    let call = tokio::spawn(async move {
        let params = json!({ "texts": [], "gate": "g" });
        let mut body = asking.call(&session, 5, "say", params).await.into_body();
        let mut received = String::new();
        while let Some(text) = next(&mut body).await {
            received.push_str(&text);
        }
        received
    });
    sleep(Duration::from_secs(3600)).await;
    fixture.server.gate("g").add_permits(1);
    assert!(call.await.unwrap().contains(r#""id":5"#));
}
