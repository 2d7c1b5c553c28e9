//! Connecting, calling, cancelling, and what the timeline records.

use serde_json::json;

use crate::support::{Page, SECRET, mcp_server, target};

#[tokio::test]
async fn an_inspector_connects_to_its_target_at_once() {
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = page.events().await;
    let state = events.phase("connected").await;
    assert_eq!(state["phase"]["server"]["serverInfo"]["name"], "small");
    assert_eq!(state["target"]["headers"], json!(["X-Api-Key"]));
    let answer = page.rpc(1, "tools/list", json!({})).await;
    assert_eq!(answer["result"]["tools"][0]["name"], "echo");
    assert!(answer["ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn parameters_reach_the_server_as_they_were_written() {
    let page = Page::start(Some(target(&mcp_server().await))).await;
    page.events().await.phase("connected").await;
    let arguments = r#"{"n":12345678901234567890,"f":1.0,"s":"012","z":null}"#;
    let body = format!(
        r#"{{"id":5,"method":"tools/call","params":{{"name":"echo","arguments":{arguments}}}}}"#
    );
    let answer = page
        .send("POST", "/api/request", &page.headers(), &body)
        .await
        .json();
    let arrived = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(arrived.contains(arguments), "{arrived}");
}

#[tokio::test]
async fn header_values_reach_the_server_and_never_the_timeline() {
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    let answer = page.rpc(1, "tools/call", json!({ "name": "echo" })).await;
    // The server repeats the value that it received.
    assert_eq!(answer["result"]["key"], "***");
    assert_eq!(answer["masked"], true);
    assert_ne!(page.rpc(2, "tools/list", json!({})).await["masked"], true);
    let recorded = events
        .next(|event| event["kind"] == "result" && event["method"] == "tools/call")
        .await;
    assert!(recorded["text"].as_str().unwrap().contains("***"));
    // A page that opens later receives the same.
    let mut later = page.events().await;
    later.phase("connected").await;
    let entry = page.api("entry", json!({ "seq": recorded["seq"] })).await;
    for text in [&events.seen, &later.seen, &entry.body] {
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains(&page.token));
    }
}

#[tokio::test]
async fn a_stored_header_value_is_never_sent_to_another_server() {
    let same = mcp_server().await;
    let page = Page::start(Some(target(&same))).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    let other = mcp_server().await;
    let header = json!([{ "name": "X-Api-Key" }]);
    let refused = page
        .api("connect", json!({ "url": other, "headers": header }))
        .await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.json()["message"],
        "enter the value of the header X-Api-Key"
    );
    let accepted = page
        .api("connect", json!({ "url": same, "headers": header }))
        .await;
    assert_eq!(accepted.status, 204);
    events.phase("connecting").await;
    events.phase("connected").await;
    let answer = page.rpc(1, "tools/call", json!({ "name": "echo" })).await;
    // The server repeats the value that it received.
    assert_eq!(answer["result"]["key"], "***");
}

#[tokio::test]
async fn a_running_call_can_be_cancelled() {
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    let waiting = page.rpc(7, "tools/call", json!({ "name": "wait" }));
    let cancelling = async {
        events
            .next(|event| event["kind"] == "request" && event["method"] == "tools/call")
            .await;
        let cancelled = page.api("cancel", json!({ "id": 7 })).await.json();
        assert_eq!(cancelled["cancelled"], true);
    };
    let (answer, ()) = tokio::join!(waiting, cancelling);
    assert_eq!(answer["cancelled"], true);
    let again = page.api("cancel", json!({ "id": 7 })).await.json();
    assert_eq!(again["cancelled"], false);
}

#[tokio::test]
async fn a_failed_connection_says_why() {
    let page = Page::start(None).await;
    let mut events = page.events().await;
    events.phase("idle").await;
    let nowhere = json!({ "url": "http://127.0.0.1:9/mcp" });
    assert_eq!(page.api("connect", nowhere).await.status, 204);
    let state = events.phase("failed").await;
    let why = state["phase"]["why"].as_str().unwrap();
    assert!(
        why.starts_with("cannot reach http://127.0.0.1:9/mcp: "),
        "{why}"
    );
    let hint = &state["phase"]["hint"];
    assert_eq!(hint, "check the URL, and that the server is running");
    assert_eq!(state["phase"]["step"], "Reaching the server");
    let exchange = page
        .api("entry", json!({ "seq": state["phase"]["exchange"] }))
        .await;
    let exchange = exchange.json()["text"].as_str().unwrap().to_owned();
    assert!(exchange.contains("http://127.0.0.1:9/mcp"), "{exchange}");
    let request = page
        .api("request", json!({ "id": 1, "method": "ping" }))
        .await;
    assert_eq!(request.status, 409, "{request:?}");
}

#[tokio::test]
async fn an_invalid_request_is_refused_with_its_reason() {
    let page = Page::start(None).await;
    for (path, body, status) in [
        ("connect", json!({ "url": "no url" }), 422),
        ("connect", json!({ "url": "http://mcp.example/mcp" }), 422),
        (
            "connect",
            json!({ "url": "http://localhost:1/mcp", "command": "sh" }),
            400,
        ),
        ("connect", json!({ "url": "file:///etc/passwd" }), 422),
        (
            "connect",
            json!({ "url": "http://localhost:1/mcp", "sign_in": "none" }),
            422,
        ),
        ("request", json!({ "id": 0, "method": "ping" }), 400),
        ("request", json!({ "id": 1, "method": "ping" }), 409),
        ("answer", json!({ "number": 1, "result": {} }), 404),
        ("answer", json!({ "number": 1 }), 400),
        ("entry", json!({ "seq": 99 }), 404),
        ("roots", json!({ "roots": [{ "uri": 1 }] }), 400),
        (
            "connect",
            json!({ "url": "http://localhost:1/mcp", "settings": { "revision": "1999" } }),
            400,
        ),
        ("export", json!({ "format": "pdf" }), 400),
        ("refresh-token", json!({}), 409),
        ("sign-out", json!({ "key": "../../etc/passwd" }), 404),
        (
            "save",
            json!({ "name": "", "tool": "add", "arguments": {} }),
            422,
        ),
        (
            "save",
            json!({ "name": "one", "tool": "add", "arguments": [] }),
            422,
        ),
        ("save", json!({ "name": "one", "tool": "add" }), 400),
        (
            "save",
            json!({ "name": "one", "tool": "add", "arguments": {}, "path": "/etc/passwd" }),
            400,
        ),
        ("forget", json!({}), 400),
    ] {
        let answer = page.api(path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {answer:?}");
        assert!(answer.json()["message"].is_string(), "{path} {body}");
    }
}

#[tokio::test]
async fn the_stored_sign_ins_are_listed() {
    let page = Page::start(None).await;
    assert_eq!(page.api("sign-ins", json!({})).await.json(), json!([]));
}

#[tokio::test]
async fn the_timeline_shows_the_exchange_below_each_message() {
    let page = Page::start(Some(target(&mcp_server().await))).await;
    let mut events = page.events().await;
    events.phase("connected").await;
    page.rpc(1, "tools/call", json!({ "name": "echo" })).await;
    let row = events
        .next(|event| {
            event["type"] == "http" && event["rpc_method"] == "tools/call" && event["ended"] == true
        })
        .await;
    assert_eq!(row["status"], 200);
    assert_eq!(row["path"], "/mcp");
    assert!(row["bytes"].as_u64().unwrap() > 0);
    let entry = page.api("entry", json!({ "seq": row["seq"] })).await.json();
    let exchange: serde_json::Value =
        serde_json::from_str(entry["text"].as_str().unwrap()).unwrap();
    let headers = exchange["request_headers"].as_array().unwrap();
    assert!(
        headers.contains(&json!(["x-api-key", "***"])),
        "{headers:?}"
    );
    assert!(
        exchange["request_body"]["text"]
            .as_str()
            .unwrap()
            .contains("echo")
    );
    assert!(
        exchange["response_body"]["text"]
            .as_str()
            .unwrap()
            .contains("***")
    );
}

#[tokio::test]
async fn an_export_has_every_entry_and_no_secret() {
    let page = Page::start(Some(target(&mcp_server().await))).await;
    page.events().await.phase("connected").await;
    page.rpc(
        1,
        "tools/call",
        json!({ "name": "echo", "arguments": { "n": 7 } }),
    )
    .await;
    let lines = page.api("export", json!({ "format": "ndjson" })).await;
    assert!(lines.head.contains("application/x-ndjson"));
    let har = page.api("export", json!({ "format": "har" })).await;
    for text in [&lines.body, &har.body] {
        assert!(text.contains("tools/call"), "{text}");
        assert!(!text.contains(SECRET), "{text}");
        assert!(!text.contains(&page.token));
    }
    let har: serde_json::Value = serde_json::from_str(&unchunked(&har.body)).unwrap();
    assert_eq!(har["log"]["version"], "1.2");
    let call = har["log"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| {
            let text = one["request"]["postData"]["text"].as_str();
            text.is_some_and(|text| text.contains("tools/call"))
        })
        .unwrap();
    assert_eq!(call["response"]["status"], 200);
    assert_eq!(call["response"]["statusText"], "OK");
    assert!(call["time"].as_f64().unwrap() > 0.0);
    assert_eq!(call["startedDateTime"].as_str().unwrap().len(), 24);
}

/// A body without the sizes of its chunks.
fn unchunked(body: &str) -> String {
    if body.starts_with('{') {
        body.to_owned()
    } else {
        body.split("\r\n").skip(1).step_by(2).collect()
    }
}

#[tokio::test]
async fn calls_are_saved_in_the_project_as_they_were_written() {
    let page = Page::start(None).await;
    assert_eq!(
        page.api("saved", json!({})).await.json()["calls"],
        json!([])
    );
    let body = r#"{"name":"two","tool":"add","arguments":{"n":12345678901234567890,"f":1.0}}"#;
    let saved = page.send("POST", "/api/save", &page.headers(), body).await;
    assert_eq!(saved.status, 200, "{saved:?}");
    let file = page.folder.path().join("project/.farport/calls.json");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains(r#"{"n":12345678901234567890,"f":1.0}"#),
        "{text}"
    );
    let answer = page.api("saved", json!({})).await;
    assert!(answer.body.contains("12345678901234567890"));
    page.api("forget", json!({ "name": "two" })).await;
    assert_eq!(
        page.api("saved", json!({})).await.json()["calls"],
        json!([])
    );
}

#[tokio::test]
async fn a_revision_can_be_pinned() {
    let url = mcp_server().await;
    let page = Page::start(None).await;
    let mut events = page.events().await;
    let pinned = json!({ "url": url, "settings": { "revision": "2025-06-18" } });
    assert_eq!(page.api("connect", pinned).await.status, 204);
    let state = events.phase("connected").await;
    assert_eq!(state["target"]["settings"]["revision"], "2025-06-18");
    assert!(
        events
            .seen
            .contains(r#"\"protocolVersion\":\"2025-06-18\""#),
        "initialize names it"
    );
    assert!(
        !events.seen.contains("server/discover"),
        "no other era is tried"
    );
    let modern = json!({ "url": url, "settings": { "revision": "2026-07-28" } });
    assert_eq!(page.api("connect", modern).await.status, 204);
    let state = events.phase("failed").await;
    assert_eq!(state["phase"]["step"], "Discovery (server/discover)");
}
