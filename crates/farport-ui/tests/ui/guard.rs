//! Only the page of this start reaches a route.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::Page;

/// The routes of the API, taken from its source, so that a new route is tested too.
fn routes() -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(path).unwrap();
            let texts = source.split('"');
            let found = texts.filter(|text| text.starts_with("/api/") && text.len() > 5);
            routes.extend(found.map(ToOwned::to_owned));
        }
    }
    assert!(routes.len() >= 21 && routes.contains("/api/connect"));
    routes
}

#[tokio::test]
async fn every_route_of_the_api_refuses_what_does_not_come_from_its_page() {
    let page = Page::start(None).await;
    let port = page.host.rsplit_once(':').unwrap().1.to_owned();
    let other_port = format!("http://127.0.0.1:{}", port.parse::<u16>().unwrap() ^ 1);
    let other_name = format!("http://localhost:{port}");
    let evil_host = format!("evil.example:{port}");
    let cases = [
        ("Authorization", None, 401),
        ("Authorization", Some("Bearer "), 401),
        (
            "Authorization",
            Some("Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            401,
        ),
        ("Authorization", Some("Basic eDp5"), 401),
        ("Host", Some("evil.example"), 403),
        ("Host", Some(&*evil_host), 403),
        ("Host", Some("127.0.0.1"), 403),
        ("Host", Some("127.0.0.1:1"), 403),
        ("Origin", None, 403),
        ("Origin", Some("null"), 403),
        ("Origin", Some("http://evil.example"), 403),
        ("Origin", Some(&*other_port), 403),
        ("Origin", Some(&*other_name), 403),
        ("Sec-Fetch-Site", None, 403),
        ("Sec-Fetch-Site", Some("cross-site"), 403),
        ("Sec-Fetch-Site", Some("same-site"), 403),
        ("Sec-Fetch-Site", Some("none"), 403),
        ("Content-Type", None, 415),
        ("Content-Type", Some("text/plain"), 415),
        (
            "Content-Type",
            Some("application/x-www-form-urlencoded"),
            415,
        ),
    ];
    for route in &routes() {
        for (name, value, status) in cases {
            let headers = page.headers_but(name, value);
            let answer = page.send("POST", route, &headers, "{}").await;
            assert_eq!(answer.status, status, "{route} with {name}: {value:?}");
        }
        let answer = page.send("GET", route, &page.headers(), "").await;
        assert_eq!(answer.status, 405, "{route}");
    }
}

#[tokio::test]
async fn the_token_is_checked_before_a_route_is_looked_up() {
    let page = Page::start(None).await;
    let without = page.headers_but("Authorization", None);
    let answer = page.send("POST", "/api/unknown", &without, "{}").await;
    assert_eq!(answer.status, 401);
    let answer = page
        .send("POST", "/api/unknown", &page.headers(), "{}")
        .await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn the_static_page_is_for_this_machine_and_no_other_site() {
    let page = Page::start(None).await;
    let port = page.host.rsplit_once(':').unwrap().1.to_owned();
    for (headers, status) in [
        (vec![("Host", page.host.clone())], 200),
        (vec![("Host", format!("localhost:{port}"))], 200),
        (vec![("Host", format!("[::1]:{port}"))], 200),
        (
            vec![
                ("Host", page.host.clone()),
                ("Sec-Fetch-Site", "none".to_owned()),
            ],
            200,
        ),
        (
            vec![
                ("Host", page.host.clone()),
                ("Sec-Fetch-Site", "cross-site".to_owned()),
            ],
            403,
        ),
        (
            vec![
                ("Host", page.host.clone()),
                ("Sec-Fetch-Site", "same-site".to_owned()),
            ],
            403,
        ),
        (
            vec![
                ("Host", page.host.clone()),
                ("Origin", "http://evil.example".to_owned()),
            ],
            403,
        ),
        (vec![("Host", format!("evil.example:{port}"))], 403),
    ] {
        let answer = page.send("GET", "/", &headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
}

#[tokio::test]
async fn every_response_carries_the_security_headers() {
    let page = Page::start(None).await;
    let host = [("Host", page.host.clone())];
    for (path, status) in [
        ("/", 200),
        ("/main.js", 200),
        ("/missing", 404),
        ("/api/events", 403),
    ] {
        let answer = page.send("GET", path, &host, "").await;
        assert_eq!(answer.status, status, "{path}");
        for expected in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'; trusted-types 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(answer.head.contains(expected), "{path}: {expected}");
        }
        assert!(!answer.head.contains("set-cookie"), "{path}");
        assert!(!answer.body.contains(&page.token), "{path}");
    }
}
