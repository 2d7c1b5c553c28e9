//! The authorization endpoint: valid requests, and who receives an error.

use farport_oauth::{
    Client, ClientAuthentication, ClientOrigin, Config, Destination, Next, UnixTime,
};
use serde_json::json;

use crate::support::{
    App, Browser, Fixture, ISSUER, MCP, REDIRECT, START, Script, VERIFIER, challenge, client,
    client_error, error_page, parameter,
};

/// Changed redirect URIs that look similar but may lead elsewhere.
fn mutations(uri: &str) -> Vec<String> {
    let all = everything(uri).into_iter();
    all.filter(|mutated| mutated != uri).collect()
}

fn everything(uri: &str) -> Vec<String> {
    let (scheme, rest) = uri.split_once("://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    vec![
        format!("{uri}/"),
        format!("{uri}?x=1"),
        format!("{uri}?"),
        format!("{uri}#"),
        format!("{uri}#fragment"),
        format!("{uri}/../evil"),
        format!("{uri}%2f..%2fevil"),
        format!("{uri}\u{0}"),
        format!("{uri} "),
        format!(" {uri}"),
        format!("{uri}\t"),
        uri.to_uppercase(),
        format!("{}://{rest}", scheme.to_uppercase()),
        format!("{scheme}://{}/{path}", host.to_uppercase()),
        format!("{scheme}://{host}/{}", path.to_uppercase()),
        format!("{scheme}://user@{rest}"),
        format!("{scheme}://user:password@{rest}"),
        format!("{scheme}://{host}@evil.example/{path}"),
        format!("{scheme}://{host}\\@evil.example/{path}"),
        format!("{scheme}://{host}.evil.example/{path}"),
        format!("{scheme}://evil.example/{path}"),
        format!("{scheme}://evil.example/?{uri}"),
        format!("{scheme}://{host}./{path}"),
        format!("{scheme}://{host}//{path}"),
        format!("{scheme}://{host}/./{path}"),
        format!("{scheme}:{rest}"),
        format!("{scheme}:/{rest}"),
        format!("{scheme}:///{rest}"),
        format!("ftp://{rest}"),
        format!("//{rest}"),
        format!("/{path}"),
        format!("javascript://{rest}"),
        format!("data:text/html,{uri}"),
        format!("{uri},https://evil.example"),
    ]
}

#[tokio::test]
async fn an_invalid_client_or_redirect_uri_leads_to_an_error_page() {
    let fixture = Fixture::with(|config| config.authorize_rate.burst = 100_000);
    let loopback = "http://127.0.0.1:7777/callback";
    let private = "cursor://anysphere.cursor-mcp/callback";
    let app = fixture
        .app(json!({"redirect_uris": [REDIRECT, loopback, private]}))
        .await;
    let good = app.request();
    let mut bad = Vec::new();
    for uri in [REDIRECT, loopback, private] {
        bad.extend(
            mutations(uri)
                .iter()
                .map(|m| good.clone().with("redirect_uri", m)),
        );
    }
    bad.extend([
        good.clone()
            .with("redirect_uri", "https://client.example:443/callback"),
        good.clone()
            .with("redirect_uri", "http://localhost:7777/callback"),
        good.clone()
            .with("redirect_uri", "http://[::1]:7777/callback"),
        good.clone()
            .with("redirect_uri", "https://127.0.0.1:7777/callback"),
        good.clone().with(
            "redirect_uri",
            "http://127.0.0.1:7777@evil.example/callback",
        ),
        good.clone()
            .with("redirect_uri", "http://127.0.0.1:77777/callback"),
        good.clone()
            .with("redirect_uri", "cursor://anysphere.cursor-mcp:1/callback"),
        good.clone().without("redirect_uri"),
        good.clone().with("redirect_uri", ""),
        good.clone().and("redirect_uri", REDIRECT),
        good.clone().and("client_id", &app.id),
        good.clone().without("client_id"),
        good.clone().with("client_id", "unknown"),
        good.clone().with("client_id", &app.id.to_uppercase()),
        good.clone().with("client_id", &"x".repeat(10_000)),
        good.clone()
            .with("client_id", "https://nowhere.example/client.json"),
    ]);
    for request in bad {
        let mut browser = Browser::new(&fixture);
        let page = error_page(browser.authorize(&request).await);
        assert!(
            page.status.is_client_error() || page.status == 503,
            "{request:?}"
        );
        assert!(browser.cookies.is_empty());
    }
    // Only the port of a loopback address may differ.
    for uri in [
        REDIRECT,
        loopback,
        private,
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1/callback",
    ] {
        let request = good.clone().with("redirect_uri", uri);
        let url = client(Browser::new(&fixture).go(&request, "alice").await);
        assert!(url.as_str().starts_with(&format!("{uri}?code=")), "{url}");
    }
}

#[tokio::test]
async fn a_redirect_uri_must_still_be_registered_at_the_end() {
    let fixture = Fixture::new();
    let id = "https://client.example/client.json";
    let document = |redirect: &str| json!({"client_id": id, "client_name": "Notes", "redirect_uris": [redirect]});
    let line = &format!("GET {id}");
    let publish = |redirect: &str| {
        let body = document(redirect).to_string();
        fixture.script.on(line, move |_| {
            let response = http::Response::builder().header("cache-control", "no-store");
            Ok(response.body(body.clone().into()).unwrap())
        });
    };
    let app = crate::support::App::named(id, REDIRECT);
    for decision in ["deny", "allow"] {
        publish(REDIRECT);
        let mut browser = Browser::new(&fixture);
        let page = browser.consent_page(&app.request(), "alice").await;
        publish("https://client.example/elsewhere");
        let page = error_page(browser.decide(&page.transaction, decision).await);
        assert_eq!(page.status, 400, "{decision}");
    }
    assert_eq!(fixture.grants().await, 0);
}

#[tokio::test]
async fn other_errors_go_to_the_client_with_state_and_iss() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let good = app.request();
    for (request, error) in [
        (
            good.clone().with("response_type", "token"),
            "unsupported_response_type",
        ),
        (
            good.clone().with("response_type", "code token"),
            "unsupported_response_type",
        ),
        (
            good.clone().with("response_type", "code id_token"),
            "unsupported_response_type",
        ),
        (good.clone().without("response_type"), "invalid_request"),
        (
            good.clone().with("response_mode", "fragment"),
            "invalid_request",
        ),
        (
            good.clone().with("response_mode", "form_post"),
            "invalid_request",
        ),
        (good.clone().with("request", "eyJ"), "request_not_supported"),
        (
            good.clone().with("request_uri", "https://a.example"),
            "request_uri_not_supported",
        ),
        (
            good.clone().with("resource", "https://other.example/mcp"),
            "invalid_target",
        ),
        (
            good.clone().with("resource", "https://mcp.example/mcp#x"),
            "invalid_target",
        ),
        (good.clone().with("resource", "/mcp"), "invalid_target"),
        (
            good.clone().and("resource", "https://mcp.example/sse"),
            "invalid_target",
        ),
        (good.clone().with("scope", "a\"b"), "invalid_scope"),
        (good.clone().with("prompt", "none"), "interaction_required"),
        (good.clone().with("prompt", "none login"), "invalid_request"),
        (good.clone().with("prompt", "create"), "invalid_request"),
    ] {
        let mut browser = Browser::new(&fixture);
        let url = client(browser.authorize(&request).await);
        assert!(url.as_str().starts_with(&format!("{REDIRECT}?")), "{url}");
        assert_eq!(
            parameter(&url, "error").as_deref(),
            Some(error),
            "{request:?}"
        );
        assert_eq!(parameter(&url, "state").as_deref(), Some("the state"));
        assert_eq!(parameter(&url, "iss").as_deref(), Some(ISSUER));
        assert_eq!(parameter(&url, "code"), None);
    }
}

#[tokio::test]
async fn an_error_before_sign_in_does_not_redirect_to_an_unverified_client() {
    const LOOPBACK: &str = "http://127.0.0.1/callback";
    const APP: &str = "cursor://notes/callback";
    let document = "https://client.example/client.json";
    let named = |uri: &str| Client {
        id: "operators".into(),
        name: None,
        uri: None,
        redirect_uris: vec![uri.into()],
        authentication: ClientAuthentication::None,
        refreshes: true,
        scopes: None,
        origin: ClientOrigin::Settings,
        registered: UnixTime(START),
        expires: None,
        share: "".into(),
    };
    for upstream in [false, true] {
        let change = |config: &mut Config| config.clients.push(named(REDIRECT));
        let fixture = Fixture::build(change, upstream, Script::default());
        let body = json!({
            "client_id": document, "client_name": "Notes", "redirect_uris": [REDIRECT],
        });
        fixture.script.on_json(&format!("GET {document}"), body);
        let registered = json!({"redirect_uris": [LOOPBACK, APP, REDIRECT]});
        let registered = fixture.app(registered).await;
        for (id, uri, redirected) in [
            (&*registered.id, REDIRECT, false),
            (document, REDIRECT, false),
            (&registered.id, LOOPBACK, true),
            (&registered.id, APP, true),
            ("operators", REDIRECT, true),
        ] {
            let app = App::named(id, uri);
            for (name, value, code) in [
                ("scope", "a\"b", "invalid_scope"),
                ("response_type", "token", "unsupported_response_type"),
                ("code_challenge", "x", "invalid_request"),
                ("resource", "https://evil.example/mcp", "invalid_target"),
                ("prompt", "none", "interaction_required"),
            ] {
                let request = app.request().with(name, value);
                let next = Browser::new(&fixture).authorize(&request).await;
                match &next {
                    Next::Client { granted, .. } => assert!(redirected && !granted, "{id} {uri}"),
                    Next::ErrorLink(link) => {
                        assert!(!redirected, "{id} {uri}: {next:?}");
                        assert_eq!(link.error.code.as_str(), code);
                        let host = Destination::Host("client.example".into());
                        assert_eq!(link.destination, host);
                    }
                    next => panic!("{id} {uri}: {next:?}"),
                }
                // The link contains the same error as a redirect.
                assert_eq!(client_error(next), code, "{id} {uri}");
            }
            // A user who denies access has seen the page. With a provider, they have not signed in.
            let mut browser = Browser::new(&fixture);
            let page = browser.consent_page(&app.request(), "alice").await;
            let next = browser.decide(&page.transaction, "deny").await;
            let is_link = matches!(next, Next::ErrorLink(_));
            assert_eq!(is_link, upstream && !redirected, "{id} {uri}: {next:?}");
            assert_eq!(client_error(next), "access_denied");
        }
    }
}

#[tokio::test]
async fn each_parameter_has_one_value_at_authorize() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    for name in [
        "response_type",
        "code_challenge",
        "code_challenge_method",
        "state",
        "scope",
        "x",
    ] {
        let request = app.request().and(name, "y").and(name, "y");
        let url = client(Browser::new(&fixture).authorize(&request).await);
        assert_eq!(
            parameter(&url, "error").as_deref(),
            Some("invalid_request"),
            "{name}"
        );
        let state = parameter(&url, "state");
        let expect = (name != "state").then_some("the state");
        assert_eq!(state.as_deref(), expect, "{name}");
    }
    // A parameter without a value counts as missing.
    let request = app.request().and("prompt", "").and("prompt", "");
    client(Browser::new(&fixture).go(&request, "alice").await);
}

#[tokio::test]
async fn a_challenge_is_required_and_is_a_sha256_hash() {
    let fixture = Fixture::with(|config| config.authorize_rate.burst = 1000);
    let app = fixture.public_app().await;
    let good = challenge(VERIFIER);
    let (short, long) = (&good[..42], format!("{good}A"));
    let (padded, classic) = (format!("{good}="), good.replace('-', "+").replace('_', "/"));
    assert_ne!(classic, good);
    let methods = [
        None,
        Some("S256"),
        Some("plain"),
        Some("s256"),
        Some("S512"),
        Some("S256 "),
    ];
    let challenges = [
        None,
        Some(&*good),
        Some(short),
        Some(&*long),
        Some(&*padded),
        Some(&*classic),
        Some(VERIFIER),
        Some("x"),
    ];
    for method in methods {
        for challenge in challenges {
            let request = app.request().set("code_challenge", challenge);
            let request = request.set("code_challenge_method", method);
            let next = Browser::new(&fixture).authorize(&request).await;
            // A verifier of 43 characters is 32 bytes in base64url, so it passes as a challenge. No
            // verifier hashes to it.
            let bytes = challenge == Some(&*good) || challenge == Some(VERIFIER);
            if method == Some("S256") && bytes {
                assert!(matches!(next, Next::SignIn(_)), "{challenge:?}");
            } else {
                assert_eq!(
                    client_error(next),
                    "invalid_request",
                    "{challenge:?} {method:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_response_contains_the_exact_issuer() {
    let fixture = Fixture::new();
    let metadata = serde_json::to_value(fixture.server.metadata(&fixture.site)).unwrap();
    let app = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    let granted = client(browser.go(&app.request(), "alice").await);
    let page = browser
        .consent_page(&app.request().with("prompt", "consent"), "alice")
        .await;
    let denied = client(browser.decide(&page.transaction, "deny").await);
    let bad = client(
        browser
            .authorize(&app.request().without("code_challenge"))
            .await,
    );
    for url in [granted, denied, bad] {
        let iss = parameter(&url, "iss").unwrap();
        assert_eq!(iss, metadata["issuer"].as_str().unwrap(), "{url}");
        assert_eq!(parameter(&url, "state").as_deref(), Some("the state"));
    }
}

#[tokio::test]
async fn a_response_keeps_the_query_of_the_redirect_uri_except_its_own_parameters() {
    let fixture = Fixture::new();
    let uri = "https://client.example/cb?code=theirs&keep=a%20b&state=x&iss=evil&error=y";
    let app = fixture.app(json!({"redirect_uris": [uri]})).await;
    let url = client(Browser::new(&fixture).go(&app.request(), "alice").await);
    assert_ne!(parameter(&url, "code").as_deref(), Some("theirs"));
    assert_eq!(parameter(&url, "keep").as_deref(), Some("a b"));
    assert_eq!(parameter(&url, "state").as_deref(), Some("the state"));
    assert_eq!(parameter(&url, "iss").as_deref(), Some(ISSUER));
    assert_eq!(parameter(&url, "error"), None);
}

#[tokio::test]
async fn unknown_scopes_are_ignored_and_none_requests_the_default() {
    let fixture = Fixture::new();
    let app = fixture
        .app(json!({"scope": "profile todos:read nothing admin"}))
        .await;
    for (asked, expect) in [
        (Some("profile"), "profile"),
        (Some("openid profile admin offline_access"), "profile"),
        (Some("todos:write profile"), "profile"),
        (Some("openid"), "todos:read"),
        (None, "todos:read"),
    ] {
        let request = app.request().set("scope", asked);
        let mut browser = Browser::new(&fixture);
        let ask = request.clone().with("prompt", "consent");
        let page = browser.consent_page(&ask, "alice").await;
        let shown: Vec<_> = page.scopes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(shown.join(" "), expect, "{asked:?}");
        let code = browser.code(&ask, "alice").await;
        let answer = fixture.token(&app.redemption(&code)).await.unwrap();
        assert_eq!(answer["scope"], expect, "{asked:?}");
    }
}

#[tokio::test]
async fn a_query_that_is_not_text_is_rejected() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let good = app.request().encoded();
    for more in ["&x=%00", "&x=%ff", "&x=a%0d%0aLocation:x", "&%0a=x"] {
        let query = format!("{good}{more}");
        let page = error_page(Browser::new(&fixture).authorize_raw(query.as_bytes()).await);
        assert_eq!(page.status, 400, "{more}");
    }
    let many = good + &"&a=b".repeat(100);
    error_page(Browser::new(&fixture).authorize_raw(many.as_bytes()).await);
}

#[tokio::test]
async fn a_long_state_is_rejected() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let fits = app.request().with("state", &"s".repeat(4096));
    let url = client(Browser::new(&fixture).go(&fits, "alice").await);
    assert_eq!(parameter(&url, "state").unwrap().len(), 4096);
    let long = app.request().with("state", &"s".repeat(4097));
    let error = client_error(Browser::new(&fixture).authorize(&long).await);
    assert_eq!(error, "invalid_request");
    // The error does not repeat a long parameter name either.
    let name = "n".repeat(5000);
    let request = app.request().and(&name, "1").and(&name, "1");
    let url = client(Browser::new(&fixture).authorize(&request).await);
    assert!(url.as_str().len() < 1000, "{url}");
}

#[tokio::test]
async fn an_authorization_request_names_a_resource_of_the_server() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    for (resource, expect) in [
        (Some(MCP), MCP),
        (Some("HTTPS://MCP.example:443/mcp"), MCP),
        (Some("https://mcp.example/sse"), "https://mcp.example/sse"),
        (Some("https://mcp.example/"), ISSUER),
        (None, ISSUER),
    ] {
        let request = app.request().set("resource", resource);
        let page = Browser::new(&fixture).consent_page(&request, "alice").await;
        assert_eq!(&*page.resource, expect, "{resource:?}");
    }
}
