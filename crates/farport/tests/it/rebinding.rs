//! Host and Origin on every route: DNS rebinding does not let a web page call the server, and permitted
//! pages may call it.

use farport::DevLogin;
use serde_json::json;

use crate::support::{
    browser::form,
    client::{initialize, modern_call, request},
    http::{Ask, Wire},
    server::{start, start_vault, start_with},
    soon,
    workshop::Kind,
};

fn routes() -> Vec<(&'static str, Ask)> {
    let call = request(1, "tools/list", json!({}));
    vec![
        (
            "initialize",
            Ask::post("/mcp").json(&initialize("2025-06-18", json!({}))),
        ),
        (
            "request",
            Ask::post("/mcp").with("mcp-session-id", "x").json(&call),
        ),
        ("modern request", modern_call(1, "echo", json!({}))),
        ("listening", Ask::get("/mcp")),
        ("deletion", Ask::delete("/mcp")),
        ("sse", Ask::get("/sse")),
        (
            "sse message",
            Ask::post("/sse/message?sessionId=x").json(&call),
        ),
        ("health", Ask::get("/health")),
        ("no route", Ask::get("/nowhere")),
        ("root", Ask::get("/")),
        ("preflight", Ask::get("/mcp").method("OPTIONS")),
    ]
}

/// The routes of a server with sign-in.
fn sign_in_routes() -> Vec<(&'static str, Ask)> {
    let get = |path: &'static str| (path, Ask::get(path).with("accept", "*/*"));
    let post = |path: &'static str| (path, form(path, []));
    let mut routes = vec![
        get("/.well-known/oauth-protected-resource"),
        get("/.well-known/oauth-protected-resource/mcp"),
        get("/.well-known/oauth-authorization-server"),
        get("/.well-known/oauth-authorization-server/sse"),
        get("/authorize"),
        get("/authorize/style.css"),
        get("/authorize/logo"),
        get("/callback"),
        post("/authorize/sign-in"),
        post("/authorize/decide"),
        post("/token"),
        post("/revoke"),
        post("/introspect"),
        ("/register", Ask::post("/register").body("{}")),
        ("token preflight", Ask::get("/token").method("OPTIONS")),
    ];
    routes.extend(self::routes());
    routes
}

#[tokio::test]
async fn sign_in_routes_are_403_to_another_host_or_origin() {
    let server = start_vault(|server| server.auth(DevLogin)).await;
    for (name, ask) in sign_in_routes() {
        for (header, value) in [
            ("host", "evil.example"),
            ("host", "localhost.evil.example:8787"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let refused = ask.clone().with(header, value).to(server.address).await;
            assert_eq!(refused.status, 403, "{name} {header} {value}");
            for name_of_header in [
                "access-control-allow-origin",
                "www-authenticate",
                "set-cookie",
                "location",
                "refresh",
            ] {
                assert_eq!(
                    refused.header(name_of_header),
                    None,
                    "{name} {header} {value}"
                );
            }
            let said = refused.text().await;
            assert!(said.contains("is not allowed"), "{name} {said}");
        }
        // The header is the reason for the refusal.
        let answer = ask.to(server.address).await;
        let said = answer.text().await;
        assert!(!said.contains("is not allowed"), "{name} {said}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_this_servers_is_403_on_every_route() {
    let server = start(Kind::Quiet).await;
    for host in [
        "evil.example",
        "evil.example:8787",
        "localhost.evil.example",
        "127.0.0.1.nip.example",
        "user@localhost",
        "localhost@evil.example",
        "127.0.0.1, evil.example",
        "0.0.0.0",
        "[::]",
        "",
    ] {
        for (name, ask) in routes() {
            let refused = ask.with("host", host).to(server.address).await;
            assert_eq!(refused.status, 403, "{name} {host}");
            assert_eq!(refused.header("access-control-allow-origin"), None);
            assert_eq!(refused.header("mcp-session-id"), None);
        }
    }
    server.shop.shrinks_to(0).await;
}

#[tokio::test]
async fn an_origin_that_is_not_let_in_is_403_on_every_route() {
    let server = start(Kind::Quiet).await;
    for origin in [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://evil.example:8787",
        "http://evil.example#http://localhost",
        "http://localhost@evil.example",
        "null",
        "",
        "localhost",
        "file://",
        "chrome-extension://abcdef",
        "javascript://localhost",
        "http://localhost http://evil.example",
        "https://evil\u{e9}.example",
    ] {
        for (name, ask) in routes() {
            let refused = ask.with("origin", origin).to(server.address).await;
            assert_eq!(refused.status, 403, "{name} {origin}");
            assert_eq!(refused.header("access-control-allow-origin"), None);
        }
    }
    for (name, ask) in routes() {
        let twice = ask
            .and("origin", "http://localhost")
            .and("origin", "http://localhost");
        assert_eq!(twice.status(server.address).await, 403, "{name}");
    }
}

#[tokio::test]
async fn two_host_headers_are_refused() {
    let server = start(Kind::Quiet).await;
    for (name, ask) in routes() {
        let twice = ask.clone().and("host", "localhost");
        assert_eq!(twice.status(server.address).await, 403, "{name}");
        let none = ask.without("host");
        assert_eq!(none.status(server.address).await, 403, "{name}");
    }
}

#[tokio::test]
async fn a_request_line_that_names_another_host_is_403() {
    let server = start(Kind::Quiet).await;
    for target in [
        "http://evil.example/health",
        "http://evil.example:8787/health",
    ] {
        let mut wire = Wire::connect(server.address).await;
        wire.send(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
            .await;
        let refused = soon(wire.response()).await.unwrap();
        assert_eq!(refused.status, 403, "{target}");
    }
    let mut wire = Wire::connect(server.address).await;
    wire.send("GET http://localhost/health HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    assert_eq!(soon(wire.response()).await.unwrap().status, 200);
}

#[tokio::test]
async fn local_pages_may_call_and_read() {
    let server = start(Kind::Quiet).await;
    let host = format!("localhost:{}", server.address.port());
    for origin in [
        "http://localhost:6274",
        "http://127.0.0.1:3000",
        "http://[::1]:5173",
        "https://localhost",
    ] {
        let opening = Ask::post("/mcp")
            .with("host", &host)
            .with("origin", origin)
            .json(&initialize("2025-06-18", json!({})));
        let opened = opening.to(server.address).await;
        assert_eq!(opened.status, 200, "{origin}");
        assert_eq!(opened.header("access-control-allow-origin"), Some(origin));
        assert_eq!(opened.header("vary"), Some("Origin"));
        let exposed = opened.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("Mcp-Session-Id"), "{exposed}");
        // The page may also read refusals.
        let refused = Ask::get("/mcp")
            .with("origin", origin)
            .to(server.address)
            .await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.header("access-control-allow-origin"), Some(origin));
    }
    let preflight = Ask::get("/mcp")
        .method("OPTIONS")
        .with("origin", "http://localhost:6274")
        .with("access-control-request-method", "POST")
        .with(
            "access-control-request-headers",
            "content-type, mcp-session-id, mcp-param-x",
        );
    let answer = preflight.to(server.address).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://localhost:6274")
    );
    assert!(
        answer
            .header("access-control-allow-methods")
            .unwrap()
            .contains("DELETE")
    );
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("mcp-param-x"), "{allowed}");
}

#[tokio::test]
async fn listed_hosts_and_origins_are_accepted() {
    let server = start_with(Kind::Quiet, |server| {
        server
            .allow_hosts(["mcp.example.com"])
            .allow_origins(["https://app.example.com"])
    })
    .await;
    for (host, origin, status) in [
        ("mcp.example.com", None, 200),
        ("MCP.example.com:443", None, 200),
        ("mcp.example.com", Some("https://app.example.com"), 200),
        ("mcp.example.com", Some("https://mcp.example.com"), 200),
        ("localhost", Some("https://app.example.com"), 200),
        ("mcp.example.com", Some("http://app.example.com"), 403),
        (
            "mcp.example.com",
            Some("https://app.example.com.evil.example"),
            403,
        ),
        // A page of another local program must not call a public name.
        ("mcp.example.com", Some("http://localhost:3000"), 403),
        ("other.example.com", Some("https://app.example.com"), 403),
        ("xmcp.example.com", None, 403),
    ] {
        let ask = Ask::get("/health").with("host", host);
        let ask = match origin {
            Some(origin) => ask.with("origin", origin),
            None => ask,
        };
        assert_eq!(
            ask.status(server.address).await,
            status,
            "{host} {origin:?}"
        );
    }
}

#[tokio::test]
async fn a_403_names_the_host_or_origin_and_the_setting_to_change() {
    let server = start(Kind::Quiet).await;
    let long = format!("{}.example", "a".repeat(200));
    for (header, value, shown, hint) in [
        (
            "host",
            "mcp.example.com",
            "\"mcp.example.com\"",
            "allowed_hosts",
        ),
        (
            "host",
            "mcp.example.com:8443",
            "\"mcp.example.com:8443\"",
            "FARPORT_PUBLIC_URL",
        ),
        ("host", "localhost:x", "\"localhost:x\"", "port"),
        ("host", &long, "aaa...\"", "FARPORT_ALLOWED_HOSTS"),
        ("host", "a\u{1b}[31m", "\"a???[31m\"", "port"),
        (
            "origin",
            "https://app.example.com",
            "\"https://app.example.com\"",
            "allowed_origins",
        ),
        ("origin", "null", "\"null\"", "FARPORT_ALLOWED_ORIGINS"),
    ] {
        let ask = Ask::get("/health").with(header, value);
        let Some(refused) = ask.try_to(server.address).await else {
            panic!("{header} {value}");
        };
        // The HTTP parser itself refuses what no header may contain.
        if refused.status == 400 && value.contains('\u{1b}') {
            continue;
        }
        assert_eq!(refused.status, 403, "{value}");
        let error = refused.json().await;
        let text = error["error"]["message"].as_str().unwrap().to_owned();
        assert!(
            text.contains(shown) && text.contains(hint),
            "{value}: {text}"
        );
        assert!(text.len() < 350, "{text}");
    }
}
