//! The second listener, which serves the views of MCP Apps.

use serde_json::{Value, json};

use crate::support::{Page, get};

/// Opens a view, and returns the address of its listener and the answer of the API.
async fn opened(page: &Page, body: Value) -> (String, Value) {
    let answer = page.api("app", body).await.json();
    (format!("127.0.0.1:{}", answer["port"]), answer)
}

fn framed(host: &str) -> [(&'static str, String); 2] {
    [
        ("Host", host.to_owned()),
        ("Sec-Fetch-Dest", "iframe".to_owned()),
    ]
}

#[tokio::test]
async fn a_view_is_served_once_with_its_policy_in_the_header() {
    let page = Page::start(None).await;
    let csp = json!({ "connectDomains": ["https://api.example.com", "https://a.example; x"] });
    let body = json!({ "html": "<!doctype html><p>é", "csp": csp });
    let (address, answer) = opened(&page, body).await;
    assert_ne!(address, page.host);
    assert_eq!(
        answer["granted"]["connectDomains"],
        json!(["https://api.example.com"])
    );
    assert_eq!(answer["refused"], json!(["https://a.example; x"]));
    let path = answer["path"].as_str().unwrap();
    let first = get(&address, path, &framed(&address)).await;
    assert_eq!((first.status, &*first.body), (200, "<!doctype html><p>é"));
    let policy = answer["policy"].as_str().unwrap().to_ascii_lowercase();
    assert!(first.head.contains(&policy), "{}", first.head);
    for wanted in [
        "sandbox allow-scripts allow-forms",
        "connect-src https://api.example.com;",
        "connection-allowlist: (\"https://api.example.com\")",
        "content-type: text/html; charset=utf-8",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "permissions-policy: camera=()",
        "cache-control: no-store",
    ] {
        assert!(first.head.contains(wanted), "{wanted}: {}", first.head);
    }
    let second = get(&address, path, &framed(&address)).await;
    assert_eq!(second.status, 404);
    assert!(!second.body.contains("é"));
}

#[tokio::test]
async fn views_load_in_a_frame_and_under_their_own_host_only() {
    let page = Page::start(None).await;
    let (address, answer) = opened(&page, json!({ "html": "<p>" })).await;
    let path = answer["path"].as_str().unwrap();
    let port = answer["port"].to_string();
    let dest = |dest: &str| ("Sec-Fetch-Dest", dest.to_owned());
    for headers in [
        vec![("Host", address.clone())],
        vec![("Host", address.clone()), dest("document")],
        vec![("Host", address.clone()), dest("script")],
        vec![("Host", format!("evil.example:{port}")), dest("iframe")],
        vec![("Host", page.host.clone()), dest("iframe")],
    ] {
        for path in [path, "/proxy"] {
            let refused = get(&address, path, &headers).await;
            assert_eq!(refused.status, 403, "{path} {headers:?}");
        }
    }
    let names = format!("localhost:{port}");
    assert_eq!(get(&address, "/proxy", &framed(&names)).await.status, 200);
    assert_eq!(get(&address, path, &framed(&names)).await.status, 200);
}

#[tokio::test]
async fn only_the_page_shows_the_proxy_and_only_the_proxy_is_shown() {
    let page = Page::start(None).await;
    let (address, answer) = opened(&page, json!({ "html": "<p>" })).await;
    let port = answer["port"].to_string();
    let proxy = get(&address, "/proxy", &framed(&address)).await;
    let wanted = format!("frame-ancestors http://{}", page.host);
    assert!(proxy.head.contains(&wanted), "{}", proxy.head);
    assert!(
        proxy
            .head
            .contains(&format!("frame-src http://localhost:{port}/view/"))
    );
    let host = [("Host", page.host.clone())];
    let root = page.send("GET", "/", &host, "").await;
    let wanted = format!("frame-src http://localhost:{port}/proxy http://127.0.0.1:{port}/proxy;");
    assert!(root.head.contains(&wanted), "{}", root.head);
}

#[tokio::test]
async fn the_listener_of_views_serves_nothing_of_the_page() {
    let page = Page::start(None).await;
    let (address, _) = opened(&page, json!({ "html": "<p>" })).await;
    for path in [
        "/",
        "/main.js",
        "/api/events",
        "/view/",
        "/view/x",
        "/view/../proxy",
    ] {
        assert_eq!(
            get(&address, path, &framed(&address)).await.status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn few_views_wait_for_their_frame() {
    let page = Page::start(None).await;
    let mut paths = Vec::new();
    let mut at = String::new();
    for _ in 0..9 {
        let (address, answer) = opened(&page, json!({ "html": "<p>" })).await;
        at = address;
        paths.push(answer["path"].as_str().unwrap().to_owned());
    }
    assert_eq!(get(&at, &paths[0], &framed(&at)).await.status, 404);
    assert_eq!(get(&at, &paths[1], &framed(&at)).await.status, 200);
    assert_eq!(get(&at, &paths[8], &framed(&at)).await.status, 200);
}
