//! 2026-07-28: `subscriptions/listen`.

use serde_json::{Value, json};

use crate::support::{
    client::{modern, modern_call},
    events::Events,
    server::{Running, start},
    soon,
    workshop::Kind,
};

const ID: &str = "io.modelcontextprotocol/subscriptionId";

async fn listen(server: &Running, id: impl Into<Value>, wanted: Value) -> Events {
    let ask = modern(
        id,
        "subscriptions/listen",
        json!({ "notifications": wanted }),
    );
    let answer = ask.to(server.address).await;
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    answer.events()
}

#[tokio::test]
async fn the_first_frame_acknowledges_the_accepted_filter() {
    let server = start(Kind::Talkative).await;
    let wanted = json!({
        "toolsListChanged": true,
        // The server has no prompts.
        "promptsListChanged": true,
        "resourceSubscriptions": ["file:///a"],
    });
    for id in [json!(7), json!("7"), json!(0), json!("a b")] {
        let mut events = listen(&server, id.clone(), wanted.clone()).await;
        let first = events.event().await;
        assert_eq!((&first.id, &first.retry), (&None, &None));
        let first = first.message();
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(first["params"]["_meta"][ID], id, "with its type");
        let honoured = json!({ "toolsListChanged": true, "resourceSubscriptions": ["file:///a"] });
        assert_eq!(first["params"]["notifications"], honoured);
    }
}

#[tokio::test]
async fn a_subscription_reports_its_changes_with_the_request_id() {
    let server = start(Kind::Talkative).await;
    let tools = json!({ "toolsListChanged": true });
    let resource = json!({ "resourceSubscriptions": ["file:///a"] });
    let mut both = [
        listen(&server, 1, tools).await,
        listen(&server, "1", resource).await,
    ];
    for events in &mut both {
        events.message().await;
    }
    server.shop.has_seen("listening").await;
    let sinks = server.shop.sinks.lock().unwrap().clone();
    for sink in &sinks {
        // One of the two subscriptions does not include each of these.
        let _ = soon(sink.notify_tool_list_changed()).await;
        let _ = soon(sink.notify_resource_updated("file:///a")).await;
        let _ = soon(sink.notify_resource_updated("file:///b")).await;
    }
    let [tools, resource] = &mut both;
    let reported = tools.message().await;
    assert_eq!(reported["method"], "notifications/tools/list_changed");
    assert_eq!(reported["params"]["_meta"][ID], json!(1));
    let reported = resource.message().await;
    assert_eq!(reported["method"], "notifications/resources/updated");
    assert_eq!(reported["params"]["uri"], "file:///a");
    assert_eq!(reported["params"]["_meta"][ID], json!("1"));
    // No other message: the end follows.
    let stopped = server.stop();
    for events in &mut both {
        assert_eq!(events.rest().await.len(), 1);
    }
    soon(stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_ends_subscriptions_with_a_response() {
    let server = start(Kind::Talkative).await;
    let tools = json!({ "toolsListChanged": true });
    let mut events = listen(&server, "s", tools).await;
    events.message().await;
    let stopped = server.stop();
    let rest = events.rest().await;
    let answer = rest[0].message();
    assert_eq!(rest.len(), 1);
    assert_eq!(answer["id"], "s");
    assert_eq!(answer["result"]["resultType"], "complete");
    assert_eq!(answer["result"]["_meta"][ID], "s");
    soon(stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn disconnecting_unsubscribes() {
    let server = start(Kind::Talkative).await;
    let mut events = listen(&server, 1, json!({ "toolsListChanged": true })).await;
    events.message().await;
    assert_eq!(server.shop.alive(), 1);
    drop(events);
    server.shop.has_seen("ended listening").await;
    server.shop.shrinks_to(0).await;
    let sink = server.shop.sinks.lock().unwrap().pop().unwrap();
    assert!(soon(sink.notify_tool_list_changed()).await.is_err());
}

#[tokio::test]
async fn a_subscription_delays_no_other_request() {
    let server = start(Kind::Talkative).await;
    let mut all = Vec::new();
    for id in 0..20 {
        let mut events = listen(&server, id, json!({ "toolsListChanged": true })).await;
        events.message().await;
        all.push(events);
    }
    let call = modern_call(1, "echo", json!({}));
    assert_eq!(call.status(server.address).await, 200);
    let sinks = server.shop.sinks.lock().unwrap().clone();
    for sink in sinks {
        soon(sink.notify_tool_list_changed()).await.unwrap();
    }
    for (id, events) in all.iter_mut().enumerate() {
        assert_eq!(events.message().await["params"]["_meta"][ID], json!(id));
    }
}

#[tokio::test]
async fn a_subscription_without_a_filter_is_refused() {
    let server = start(Kind::Talkative).await;
    for params in [json!({}), json!({ "notifications": 1 })] {
        let refused = modern(1, "subscriptions/listen", params.clone());
        let refused = refused.to(server.address).await;
        assert_eq!(refused.error_code().await, -32602, "{params}");
    }
}
