//! A server that `farport dev` replaces.

use serde_json::json;

use crate::support::{Page, mcp_server, target};

#[tokio::test]
async fn a_reload_connects_again_without_closing_what_is_shown() {
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = page.events().await;
    let before = events.phase("connected").await;
    assert_eq!(before["phase"]["reloads"], 0);
    events.seen.clear();
    page.handle.reload();
    let after = events.next(|event| event["phase"]["reloads"] == 1).await;
    assert!(after["connection"].as_u64() > before["connection"].as_u64());
    assert!(
        !events.seen.contains(r#""name":"connecting""#),
        "the page shows the server all the time"
    );
    let note = events
        .next(|event| event["type"] == "note" && event["topic"] == "reload")
        .await;
    assert!(note["text"].as_str().unwrap().contains("reloaded"));
    let answer = page.rpc(1, "tools/list", json!({})).await;
    assert_eq!(answer["result"]["tools"][0]["name"], "echo");
    page.handle.reload();
    events.next(|event| event["phase"]["reloads"] == 2).await;
}

#[tokio::test]
async fn a_reload_waits_for_the_calls_that_run() {
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    let call = page.rpc(7, "tools/call", json!({ "name": "wait" }));
    let reloading = async {
        events
            .next(|event| event["kind"] == "request" && event["method"] == "tools/call")
            .await;
        page.handle.reload();
        // The new connection is open, and the old one still has its call.
        events
            .next(|event| event["kind"] == "result" && event["method"] == "initialize")
            .await;
        page.api("cancel", json!({ "id": 7 })).await;
        events.next(|event| event["phase"]["reloads"] == 1).await;
    };
    let (answer, ()) = tokio::join!(call, reloading);
    assert_eq!(answer["cancelled"], true);
}

#[tokio::test]
async fn a_reload_that_fails_says_why_and_the_next_one_connects() {
    let url = mcp_server().await;
    let page = Page::start(None).await;
    let mut events = page.events().await;
    page.handle.connect(target("http://127.0.0.1:9/mcp"));
    events.phase("failed").await;
    page.handle.reload();
    events.phase("connecting").await;
    events.phase("failed").await;
    page.handle.connect(target(&url));
    let state = events.phase("connected").await;
    assert_eq!(state["phase"]["reloads"], 0);
    page.handle
        .report("Build failed. Still serving the previous version.");
    events
        .next(|event| event["type"] == "note" && event["topic"] == "reload")
        .await;
}
