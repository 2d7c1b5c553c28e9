//! The pages that people sign in on, and what browsers are told about them and the endpoints.

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

/// A page says of itself that it is one, and that it is to be left alone. Answers its text.
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
async fn every_page_is_locked_up() {
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
    // Answered once, it is over.
    let over = browser.decide(&consent, "allow").await;
    assert!((400..500).contains(&over.status), "{}", over.status);
    assert_eq!(over.header("refresh"), None);
    page(over).await;
    // The browser is remembered, and asked for consent at once.
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
async fn a_form_of_another_browser_is_refused() {
    let server = protected().await;
    let client = register(server.address, "Tester").await;
    let mut browser = Browser::new(server.address);
    let sign_in = browser.authorize(&client, &[]).await.text().await;
    let mut other = Browser::new(server.address);
    // One without cookies, and one with its own.
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
async fn what_strangers_write_stands_as_text() {
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

/// Neither by a redirect nor by a page that goes on by itself.
fn leads_nowhere(answer: &Response) -> bool {
    answer.header("location").is_none() && answer.header("refresh").is_none()
}

#[tokio::test]
async fn what_is_wrong_is_shown_and_leads_nowhere() {
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
        ("nobody", evil, ("x", "y"), "not known"),
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
        // What is wrong is not who asks; but nobody vouches for them.
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
        // The link that there is says where it leads.
        let link = shown.contains("href=\"https://evil.example/cb?error=");
        assert_eq!(link, redirect == evil && client != "nobody", "{shown}");
        assert_eq!(link, shown.contains("Go to evil.example"), "{shown}");
    }
}

#[tokio::test]
async fn what_the_endpoints_answer_is_kept_by_nobody() {
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
async fn forms_come_as_forms() {
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
    // Clients are told in their own terms.
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
        // Nothing here goes by cookies.
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
