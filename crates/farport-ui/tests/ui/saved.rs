//! Servers from the configurations of MCP clients.

use serde_json::json;

use crate::support::{Page, SAVED, SECRET, mcp_server};

#[tokio::test]
async fn a_saved_server_is_reached_with_its_headers_and_shown_without_them() {
    let url = mcp_server().await;
    SAVED.set(url.clone()).unwrap();
    let page = Page::start(None).await;
    let mut events = page.events().await;
    let listed = page.api("servers", json!({})).await;
    assert!(!listed.body.contains(SECRET), "{listed:?}");
    let listed = listed.json();
    assert_eq!(listed[0]["url"], url);
    assert_eq!(listed[0]["headers"], json!(["X-Api-Key"]));
    assert_eq!(listed[1]["missing"], json!(["X-Other"]));
    assert_eq!(listed[2]["command"], json!(["sh", "-c", "exit 1"]));
    let header = json!([{ "name": "X-Api-Key" }]);
    let wanted = json!({ "url": "elsewhere", "server": "remote", "headers": header });
    assert_eq!(page.api("connect", wanted).await.status, 204);
    let state = events.phase("connected").await;
    // The configuration's URL counts, and not the page's.
    assert_eq!(state["target"]["url"], url);
    let answer = page.rpc(1, "tools/call", json!({ "name": "echo" })).await;
    // The server repeats the header that it received.
    assert_eq!(answer["result"]["key"], "***");
    assert!(!events.seen.contains(SECRET));
}

#[tokio::test]
async fn a_saved_server_that_cannot_be_used_is_refused() {
    let page = Page::start(None).await;
    for (id, headers, why) in [
        (
            "process",
            json!([]),
            "only the command line starts a process",
        ),
        ("unknown", json!([]), "this server is no longer configured"),
        (
            "asks",
            json!([{ "name": "X-Other" }]),
            "enter the value of the header X-Other",
        ),
    ] {
        let wanted = json!({ "url": "http://localhost:1", "server": id, "headers": headers });
        let answer = page.api("connect", wanted).await;
        assert_eq!(answer.status, 422, "{id}");
        assert_eq!(answer.json()["message"], why);
    }
}
