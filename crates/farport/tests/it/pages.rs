//! The sign-in pages, and the headers of pages and endpoints.

use std::time::Duration;

use farport::{DevLogin, Theme, scope};
use serde_json::json;

use crate::support::{
    browser::{Browser, REDIRECT, encoded, form, register, sent_back, tokens},
    http::{Ask, Response},
    server::{Running, start_vault},
};

const ORIGIN: &str = "http://localhost:6274";

async fn protected() -> Running {
    start_vault(|server| {
        let server = server.auth(DevLogin).permit("write", scope("write"));
        server.describe_scope("write", "Write <b>notes</b>")
    })
    .await
}

/// Checks the headers of a page, and returns its text.
async fn page(response: Response) -> String {
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(response.header(name), Some(value));
    }
    let policy = response.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    for lax in ["unsafe", "script-src", "*"] {
        assert!(!policy.contains(lax), "{policy}");
    }
    let text = response.text().await;
    assert!(
        !text.contains("<script") && !text.contains("style="),
        "{text}"
    );
    text
}

#[tokio::test]
async fn every_page_has_a_strict_policy() {
    let server = protected().await;
    let address = server.address;
    let client = register(address, "Tester").await;
    let mut browser = Browser::new(address);
    let more = [("scope", "write")];
    let sign_in = page(browser.authorize(&client, &more).await).await;
    let again = browser.sign_in(&sign_in, "").await;
    assert_eq!(again.status, 200);
    let again = page(again).await;
    assert!(again.contains("Enter a name"), "{again}");
    let consent = page(browser.sign_in(&again, "ann").await).await;
    assert!(consent.contains("<code>write</code>"), "{consent}");
    let denied = browser.decide(&consent, "deny").await;
    assert!(
        sent_back(&denied)
            .query()
            .unwrap()
            .contains("error=access_denied")
    );
    page(denied).await;
    // A form can be submitted once.
    let over = browser.decide(&consent, "allow").await;
    assert!((400..500).contains(&over.status), "{}", over.status);
    assert_eq!(over.header("refresh"), None);
    page(over).await;
    // The browser is still signed in, so the consent page follows at once.
    let consent = page(browser.authorize(&client, &more).await).await;
    let allowed = browser.decide(&consent, "allow").await;
    assert!(sent_back(&allowed).query().unwrap().contains("code="));
    page(allowed).await;
    for path in ["/authorize", "/authorize?client_id=x", "/callback"] {
        let refused = Ask::get(path).with("accept", "*/*").to(address).await;
        assert!((400..500).contains(&refused.status), "{path}");
        page(refused).await;
    }
}

#[tokio::test]
async fn the_consent_page_shows_what_the_user_must_know() {
    for (name, days) in [(None, None), (Some("Vault"), Some(7))] {
        let server = start_vault(|server| {
            let theme = Theme {
                name: name.map(str::to_owned),
                ..Theme::default()
            };
            let server = server.auth(DevLogin).theme(theme);
            match days {
                Some(days) => server.grant_lifetime(Duration::from_secs(days * 86_400)),
                None => server,
            }
        })
        .await;
        let client = register(server.address, "tester").await;
        let mut browser = Browser::new(server.address);
        let sign_in = page(browser.authorize(&client, &[]).await).await;
        let consent = page(browser.sign_in(&sign_in, "ann").await).await;
        let host = format!("localhost:{}", server.address.port());
        let called = name.unwrap_or(&host);
        let lasts = match days {
            Some(_) => "7 days",
            None => "up to 180 days, and ends after 30 days without use",
        };
        for text in [
            format!("<h1>tester wants to connect to {called}</h1>"),
            format!("<dt>Server</dt><dd>{host}</dd>"),
            "<dd>a program on this computer</dd>".to_owned(),
            format!("<dt>Access lasts</dt><dd>{lasts}</dd>"),
            format!("Sign out in tester, or ask the operator of {host}"),
            // Neither the client nor the server has a logo.
            "<span class=\"mark client\">T</span>".to_owned(),
            format!("aria-hidden=\"true\">{}</span>", called[..1].to_uppercase()),
            "The name “tester” is not verified.".to_owned(),
        ] {
            assert!(consent.contains(&text), "{text}: {consent}");
        }
        let signed_in = page(browser.decide(&consent, "allow").await).await;
        let text = format!("tester can now use {called}. You can close this window.");
        assert!(signed_in.contains(&text), "{signed_in}");
        let over = page(browser.decide(&consent, "allow").await).await;
        assert!(over.contains("<h1>This page has expired</h1>"), "{over}");
    }
}

#[tokio::test]
async fn a_form_of_another_browser_is_refused() {
    let server = protected().await;
    let client = register(server.address, "Tester").await;
    let mut browser = Browser::new(server.address);
    let sign_in = browser.authorize(&client, &[]).await.text().await;
    let mut other = Browser::new(server.address);
    // A browser without cookies, and one with its own.
    for _ in 0..2 {
        let refused = other.sign_in(&sign_in, "mallory").await;
        assert!((400..500).contains(&refused.status), "{}", refused.status);
        assert_eq!(refused.header("set-cookie"), None);
        page(refused).await;
        other.authorize(&client, &[]).await;
    }
    let consent = browser.sign_in(&sign_in, "ann").await.text().await;
    let refused = other.decide(&consent, "allow").await;
    assert!((400..500).contains(&refused.status), "{}", refused.status);
    assert_eq!(refused.header("refresh"), None);
}

#[tokio::test]
async fn text_from_clients_is_escaped() {
    let markup = "<img src=x onerror=alert(1)>\"'&";
    let escaped = "&lt;img src=x onerror=alert(1)&gt;";
    let server = start_vault(|server| {
        let theme = Theme {
            name: Some("<i>Vault</i>".into()),
            ..Theme::default()
        };
        let server = server.auth(DevLogin).theme(theme);
        let server = server.permit("write", scope("write"));
        server.describe_scope("write", "Write <b>notes</b>")
    })
    .await;
    let client = register(server.address, markup).await;
    let mut browser = Browser::new(server.address);
    let sign_in = page(browser.authorize(&client, &[("scope", "write")]).await).await;
    let consent = page(browser.sign_in(&sign_in, markup).await).await;
    let end = page(browser.decide(&consent, "allow").await).await;
    for text in [&sign_in, &consent, &end] {
        assert!(text.contains(escaped), "{text}");
        for raw in ["<img src=x", "<i>Vault", "<b>notes"] {
            assert!(!text.contains(raw), "{text}");
        }
    }
    let query = "/authorize?client_id=%3Cimg%20src%3Dx%3E&redirect_uri=%22%3E%3Cscript%3E";
    let refused = page(Ask::get(query).to(server.address).await).await;
    assert!(!refused.contains("<img src=x"), "{refused}");
}

/// Checks for a redirect and for a page that refreshes.
fn leads_nowhere(answer: &Response) -> bool {
    answer.header("location").is_none() && answer.header("refresh").is_none()
}

#[tokio::test]
async fn an_error_page_does_not_redirect() {
    let server = protected().await;
    let metadata = json!({
        "client_name": "<b>Evil</b>", "redirect_uris": ["https://evil.example/cb", REDIRECT],
        "token_endpoint_auth_method": "none",
    });
    let registered = Ask::post("/register").json(&metadata);
    let registered = registered.to(server.address).await.json().await;
    let client = registered["client_id"].as_str().unwrap();
    let evil = "https://evil.example/cb";
    for (client, redirect, more, text) in [
        ("unknown", evil, ("x", "y"), "does not know the app"),
        (
            client,
            "https://evil.example/cb/",
            ("x", "y"),
            "redirect_uri",
        ),
        (
            client,
            "https://evil.example/cb#x",
            ("x", "y"),
            "redirect_uri",
        ),
        (
            client,
            "https://u@evil.example/cb",
            ("x", "y"),
            "redirect_uri",
        ),
        (client, "http://evil.example/cb", ("x", "y"), "redirect_uri"),
        (client, "javascript:alert(1)", ("x", "y"), "redirect_uri"),
        // The client is known but unverified, and its request is invalid.
        (client, evil, ("scope", "a\"b"), "invalid_scope"),
        (client, evil, ("prompt", "none"), "interaction_required"),
        (
            client,
            evil,
            ("response_type", "token"),
            "unsupported_response_type",
        ),
    ] {
        let pairs = [("client_id", client), ("redirect_uri", redirect)];
        let needed = [
            (
                "code_challenge",
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            ),
            ("code_challenge_method", "S256"),
            ("response_type", "code"),
        ];
        let needed = needed.into_iter().filter(|(name, _)| *name != more.0);
        let query = encoded(pairs.into_iter().chain(needed).chain([more]));
        let asked = Ask::get(&format!("/authorize?{query}"));
        let shown = asked.to(server.address).await;
        assert_eq!(shown.status, 400, "{redirect} {more:?}");
        assert!(leads_nowhere(&shown), "{redirect} {more:?}");
        let shown = page(shown).await;
        assert!(shown.contains(text), "{redirect} {more:?}: {shown}");
        assert!(!shown.contains("<b>"), "{shown}");
        // The link shows its destination.
        let link = shown.contains("href=\"https://evil.example/cb?error=");
        assert_eq!(link, redirect == evil && client != "unknown", "{shown}");
        assert_eq!(link, shown.contains("Go to evil.example"), "{shown}");
    }
}

#[tokio::test]
async fn no_cache_stores_the_responses_of_the_endpoints() {
    let server = protected().await;
    let tokens = tokens(server.address, "ann", &[]).await;
    let id = tokens["client_id"].as_str().unwrap();
    let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
    let metadata = json!({ "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none" });
    let token = |path, name, value: &str, grant: &str| {
        let pairs = [("client_id", id), (name, value), ("grant_type", grant)];
        form(path, pairs)
    };
    for (name, ask, status) in [
        (
            "a refresh",
            token(
                "/token",
                "refresh_token",
                refresh.as_str().unwrap(),
                "refresh_token",
            ),
            200,
        ),
        (
            "a bad code",
            token("/token", "code", "x", "authorization_code"),
            400,
        ),
        (
            "a registration",
            Ask::post("/register").json(&metadata),
            201,
        ),
        ("a bad registration", Ask::post("/register").body("{}"), 400),
        (
            "an introspection",
            token("/introspect", "token", "x", "x"),
            401,
        ),
        (
            "a revocation",
            token("/revoke", "token", access.as_str().unwrap(), "x"),
            200,
        ),
    ] {
        let answer = ask.to(server.address).await;
        assert_eq!(answer.status, status, "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        assert_eq!(answer.header("pragma"), Some("no-cache"), "{name}");
    }
}

#[tokio::test]
async fn forms_require_the_content_type_of_forms() {
    let server = protected().await;
    for path in ["/authorize/sign-in", "/authorize/decide"] {
        for kind in [
            Some("application/json"),
            Some("text/plain"),
            Some("multipart/form-data; boundary=x"),
            Some("application/x-www-form-urlencoded-not"),
            None,
        ] {
            let ask = form(path, [("transaction", "x")]).without("content-type");
            let ask = match kind {
                Some(kind) => ask.with("content-type", kind),
                None => ask,
            };
            let refused = ask.to(server.address).await;
            assert_eq!(refused.status, 415, "{path} {kind:?}");
            let said = refused.text().await;
            assert!(said.contains("application/x-www-form-urlencoded"), "{said}");
        }
    }
    // Clients receive JSON errors.
    for (path, kind) in [
        ("/token", "application/json"),
        ("/revoke", "text/plain"),
        ("/introspect", "application/json"),
        ("/register", "application/x-www-form-urlencoded"),
    ] {
        let ask = Ask::post(path).with("content-type", kind).body("a=b");
        let refused = ask.to(server.address).await;
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(refused.json().await["error"], "invalid_request", "{path}");
    }
}

#[tokio::test]
async fn a_form_that_is_too_large_is_not_read() {
    let server = protected().await;
    let large = "x".repeat(65 * 1024);
    for path in ["/token", "/authorize/decide", "/revoke"] {
        let ask = form(path, [("transaction", &*large)]);
        assert_eq!(ask.status(server.address).await, 413, "{path}");
    }
}

#[tokio::test]
async fn each_endpoint_has_its_methods() {
    let server = protected().await;
    for (path, allowed) in [
        ("/authorize", "GET"),
        ("/callback", "GET"),
        ("/authorize/style.css", "GET"),
        ("/authorize/sign-in", "POST"),
        ("/authorize/decide", "POST"),
        ("/token", "POST, OPTIONS"),
        ("/register", "POST, OPTIONS"),
        ("/revoke", "POST, OPTIONS"),
        ("/introspect", "POST, OPTIONS"),
        ("/.well-known/oauth-protected-resource/mcp", "GET, OPTIONS"),
        ("/.well-known/oauth-authorization-server", "GET, OPTIONS"),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            if allowed.split(", ").any(|one| one == method) {
                continue;
            }
            let ask = Ask::get(path).method(method).with("content-length", "0");
            let refused = ask.to(server.address).await;
            assert_eq!(refused.status, 405, "{method} {path}");
            assert_eq!(refused.header("allow"), Some(allowed), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_call_the_endpoints_and_read_the_challenge() {
    let server = protected().await;
    for (path, method) in [
        ("/token", "POST"),
        ("/register", "POST"),
        ("/revoke", "POST"),
        ("/introspect", "POST"),
        ("/.well-known/oauth-protected-resource", "GET"),
        ("/.well-known/oauth-protected-resource/mcp", "GET"),
        ("/.well-known/oauth-authorization-server", "GET"),
        ("/.well-known/oauth-authorization-server/mcp", "GET"),
        ("/mcp", "POST"),
        ("/sse", "GET"),
        ("/sse/message", "POST"),
    ] {
        let preflight = Ask::get(path)
            .method("OPTIONS")
            .with("origin", ORIGIN)
            .with("access-control-request-method", method)
            .with(
                "access-control-request-headers",
                "authorization, content-type",
            );
        let answer = preflight.to(server.address).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
        let methods = answer.header("access-control-allow-methods").unwrap();
        assert!(methods.contains(method), "{path} {methods}");
        let headers = answer.header("access-control-allow-headers");
        assert_eq!(headers, Some("authorization, content-type"));
        // These endpoints use no cookies.
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    let refused = Ask::get("/mcp").with("origin", ORIGIN);
    let refused = refused.to(server.address).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), Some(ORIGIN));
    let exposed = refused.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("WWW-Authenticate"), "{exposed}");
    let metadata = json!({ "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none" });
    let registering = Ask::post("/register")
        .with("origin", ORIGIN)
        .json(&metadata);
    let registered = registering.to(server.address).await;
    assert_eq!(registered.status, 201);
    assert_eq!(
        registered.header("access-control-allow-origin"),
        Some(ORIGIN)
    );
}
