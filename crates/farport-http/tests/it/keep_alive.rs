//! Comments on streams that are quiet.

use std::time::Duration;

use http::{Request, StatusCode};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::house::{House, next};

const PERIOD: Duration = Duration::from_secs(20);

const COMMENT: &str = ": keep-alive\n\n";

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_has_a_comment_every_20_seconds() {
    let house = House::new();
    let session = house.open().await;
    let params = json!({ "texts": ["one"], "gate": "g" });
    let sse = Request::get("/sse").header("accept", "text/event-stream");
    for (name, response) in [
        ("session", house.listen(&session, None).await),
        ("call", house.ask(&session, 5, "say", params).await),
        ("legacy", house.send(sse, "").await),
    ] {
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let mut said = next(&mut body).await.unwrap();
        if name == "call" {
            said = next(&mut body).await.unwrap();
        }
        assert_ne!(said, COMMENT);
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
async fn what_is_said_puts_the_comment_off() {
    let house = House::new();
    let session = house.open().await;
    let mut body = house.listen(&session, None).await.into_body();
    next(&mut body).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut heard = Vec::new();
        let began = Instant::now();
        for _ in 0..4 {
            let text = next(&mut body).await.unwrap();
            heard.push((text == COMMENT, began.elapsed().as_secs()));
        }
        heard
    });
    for wait in [7, 12] {
        sleep(Duration::from_secs(wait)).await;
        house.tell(&session, "notifications/hello").await;
    }
    let heard = reading.await.unwrap();
    assert_eq!(heard, [(false, 7), (false, 19), (true, 39), (true, 59)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_says_nothing_for_long_is_answered_when_it_is_done() {
    let house = std::sync::Arc::new(House::new());
    let session = house.open().await;
    let asking = house.clone();
    let call = tokio::spawn(async move {
        let params = json!({ "texts": [], "gate": "g" });
        let mut body = asking.ask(&session, 5, "say", params).await.into_body();
        let mut heard = String::new();
        while let Some(text) = next(&mut body).await {
            heard.push_str(&text);
        }
        heard
    });
    sleep(Duration::from_secs(3600)).await;
    house.server.gate("g").add_permits(1);
    assert!(call.await.unwrap().contains(r#""id":5"#));
}
