//! The consent page, and its binding to a browser.

use std::time::Duration;

use farport_oauth::{
    Client, ClientAuthentication, ClientOrigin, Destination, ErrorCode, Next, Problem, UnixTime,
};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::{
    App, Browser, Fixture, Form, ISSUER, MCP, REDIRECT, START, came_back, client, client_error,
    consent, error_page, parameter, provider,
};

#[tokio::test]
async fn the_consent_page_shows_client_scopes_and_destination() {
    let fixture = Fixture::with(|config| {
        let text = ("todos:write".into(), "Change your todos".into());
        config.scope_descriptions.extend([text]);
    });
    let name = "<script>alert(1)</script> & Söhne";
    for (uri, destination) in [
        (REDIRECT, Destination::Host("client.example".into())),
        ("http://127.0.0.1:1/cb", Destination::ThisComputer),
        ("http://localhost:1/cb", Destination::ThisComputer),
        ("cursor://x/cb", Destination::App("cursor".into())),
    ] {
        let app = fixture
            .app(json!({"redirect_uris": [uri], "client_name": name}))
            .await;
        let page = Browser::new(&fixture)
            .consent_page(&app.request(), "alice")
            .await;
        // The page escapes the name; it is unchanged here.
        assert_eq!(page.client_name.as_deref(), Some(name));
        assert_eq!(page.client.as_str(), app.id);
        assert_eq!(page.destination, destination);
        assert_eq!(&*page.resource, MCP);
        assert_eq!(page.user.unwrap().name, "alice");
        let scopes = vec![
            ("todos:read".to_owned(), None),
            (
                "todos:write".to_owned(),
                Some("Change your todos".to_owned()),
            ),
        ];
        assert_eq!(page.scopes, scopes);
    }
}

#[tokio::test]
async fn the_consent_page_shows_how_long_access_lasts() {
    const DAY: u64 = 86_400;
    let refreshing = json!({});
    let once = json!({"grant_types": ["authorization_code"]});
    for (metadata, grant, most, unused) in [
        (&refreshing, 180 * DAY, 180 * DAY, Some(30 * DAY)),
        (&refreshing, 7 * DAY, 7 * DAY, None),
        (&once, 180 * DAY, 3600, None),
        (&once, 600, 600, None),
    ] {
        let fixture = Fixture::with(|config| {
            config.grant_lifetime = Duration::from_secs(grant);
        });
        let app = fixture.app(metadata.clone()).await;
        let page = Browser::new(&fixture)
            .consent_page(&app.request(), "alice")
            .await;
        let lasts = page.lasts;
        assert_eq!(lasts.most.as_secs(), most);
        assert_eq!(lasts.unused.map(|unused| unused.as_secs()), unused);
    }
}

#[tokio::test]
async fn an_error_page_has_the_matching_problem() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    let unknown = app.request().with("client_id", "unknown");
    let page = browser.consent_page(&app.request(), "alice").await;
    let mut other = Browser::new(&fixture);
    other.consent_page(&app.request(), "bob").await;
    for (next, problem) in [
        (browser.authorize(&unknown).await, Problem::UnknownClient),
        (
            browser
                .authorize(&app.request().with("redirect_uri", "x"))
                .await,
            Problem::InvalidRequest,
        ),
        (
            other.decide(&page.transaction, "allow").await,
            Problem::OtherBrowser,
        ),
        (
            browser.decide(&"fpx_unknown".into(), "allow").await,
            Problem::Expired,
        ),
        (
            browser.callback(&Form::new([("code", "x")])).await,
            Problem::WrongSignIn,
        ),
    ] {
        assert_eq!(error_page(next).problem, problem);
    }
}

#[tokio::test]
async fn every_other_decision_denies() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    for decision in ["deny", "Allow", "allow ", "yes", "", "switch=allow"] {
        let mut browser = Browser::new(&fixture);
        let page = browser.consent_page(&app.request(), "alice").await;
        let error = client_error(browser.decide(&page.transaction, decision).await);
        assert_eq!(error, "access_denied", "{decision}");
        // The page cannot be submitted again.
        error_page(browser.decide(&page.transaction, "allow").await);
    }
    let mut browser = Browser::new(&fixture);
    let page = browser.consent_page(&app.request(), "alice").await;
    let twice = Form::new([("transaction", page.transaction.expose_secret())]);
    let twice = twice.and("decision", "allow").and("decision", "allow");
    let next = browser.decide_raw(twice.encoded().as_bytes()).await;
    assert_eq!(client_error(next), "access_denied");
    assert_eq!(fixture.grants().await, 0);
}

#[tokio::test]
async fn a_page_is_submitted_once_in_time_and_by_its_browser() {
    let fixture = Fixture::with(|config| config.authorize_rate.burst = 1000);
    let app = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    let page = browser.consent_page(&app.request(), "alice").await;
    let mut other = Browser::new(&fixture);
    let elsewhere = other.consent_page(&app.request(), "mallory").await;
    // Another browser with the secret of the page and with other cookies.
    for cookies in [browser.cookies.clone(), Default::default()] {
        let mut wrong = Browser::new(&fixture);
        wrong.cookies = cookies;
        let stolen = error_page(wrong.decide(&elsewhere.transaction, "allow").await);
        assert_eq!(
            (stolen.status.as_u16(), stolen.error.code),
            (403, ErrorCode::AccessDenied)
        );
    }
    for forged in [
        "",
        "fpt_",
        "fpt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "x",
    ] {
        assert_eq!(
            error_page(browser.decide(&forged.into(), "allow").await).status,
            400
        );
    }
    // Both pages are still valid.
    client(browser.decide(&page.transaction, "allow").await);
    client(other.decide(&elsewhere.transaction, "allow").await);
    assert_eq!(
        error_page(browser.decide(&page.transaction, "allow").await).status,
        400
    );
    let ask = app.request().with("prompt", "consent");
    let late = browser.consent_page(&ask, "alice").await;
    fixture.pass(600);
    assert_eq!(
        error_page(browser.decide(&late.transaction, "allow").await).status,
        400
    );
}

#[tokio::test]
async fn a_cookie_outlives_its_page() {
    // With and without a remembered sign-in.
    for remembered in [0, 12 * 3600] {
        let fixture = Fixture::with(|config| {
            config.sign_in_lifetime = std::time::Duration::from_secs(remembered);
        });
        let app = fixture.public_app().await;
        let mut browser = Browser::new(&fixture);
        browser.consent_page(&app.request(), "alice").await;
        fixture.pass(remembered.saturating_sub(60));
        let page = browser.consent_page(&app.request(), "alice").await;
        fixture.pass(500);
        client(browser.decide(&page.transaction, "allow").await);
    }
}

#[tokio::test]
async fn a_page_cannot_be_submitted_as_another_one() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    let Next::SignIn(page) = browser.authorize(&app.request()).await else {
        panic!("no sign-in page");
    };
    error_page(browser.decide(&page.transaction, "allow").await);
    let page = browser.consent_page(&app.request(), "alice").await;
    error_page(browser.sign_in(&page.transaction, "bob").await);
    let back = Form::new([("code", "bob"), ("state", page.transaction.expose_secret())]);
    error_page(browser.callback(&back).await);
    assert_eq!(fixture.grants().await, 0);
    let upstream = Fixture::upstream();
    let app = upstream.public_app().await;
    let mut browser = Browser::new(&upstream);
    let page = browser.consent_page(&app.request(), "alice").await;
    let forbidden = error_page(browser.sign_in(&page.transaction, "bob").await);
    assert_eq!(forbidden.status, 403);
}

#[tokio::test]
async fn cookies_are_host_bound_and_hidden_from_scripts() {
    let fixture = Fixture::upstream();
    let app = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    let mut all = Vec::new();
    let page = browser.consent_page(&app.request(), "alice").await;
    all.append(&mut browser.set);
    let url = provider(browser.decide(&page.transaction, "allow").await);
    all.append(&mut browser.set);
    client(browser.callback(&came_back(&url, "alice")).await);
    all.append(&mut browser.set);
    assert_eq!(all.len(), 4, "{all:?}");
    for cookie in all {
        assert!(cookie.starts_with("__Host-farport-"), "{cookie}");
        for attribute in ["; Path=/;", "; HttpOnly", "; Secure", "; SameSite=Lax"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

#[tokio::test]
async fn consent_is_remembered_by_user_client_redirect_and_scopes() {
    let fixture = Fixture::with(|config| {
        config.authorize_rate.burst = 1000;
        config.consent_lifetime = std::time::Duration::from_secs(86_400);
    });
    let second = "https://client.example/second";
    let more = json!({"redirect_uris": [REDIRECT, second]});
    let (app, other) = (fixture.app(more.clone()).await, fixture.app(more).await);
    let mut browser = Browser::new(&fixture);
    browser.code(&app.request(), "alice").await;
    let asked = |next: &Next| matches!(next, Next::Consent(_));
    for (request, expect) in [
        (app.request(), false),
        (app.request().with("scope", "todos:read"), false),
        (app.request().with("scope", "todos:read profile"), true),
        (app.request().with("redirect_uri", second), true),
        (
            app.request().with("resource", "https://mcp.example/sse"),
            true,
        ),
        (app.request().with("prompt", "consent"), true),
        (app.request().with("prompt", "login"), true),
        (other.request(), true),
    ] {
        assert_eq!(
            asked(&browser.authorize(&request).await),
            expect,
            "{request:?}"
        );
    }
    let silent = app.request().with("prompt", "none");
    assert!(parameter(&client(browser.authorize(&silent).await), "code").is_some());
    // Another user in the same browser, and the same user in another browser.
    let page = browser
        .consent_page(&app.request().with("prompt", "consent"), "alice")
        .await;
    let Next::SignIn(page) = browser.decide(&page.transaction, "switch").await else {
        panic!("no sign-in page");
    };
    assert!(asked(&browser.sign_in(&page.transaction, "bob").await));
    let mut elsewhere = Browser::new(&fixture);
    let Next::SignIn(page) = elsewhere.authorize(&app.request()).await else {
        panic!("no sign-in page");
    };
    client(elsewhere.sign_in(&page.transaction, "alice").await);
    // The consent expires.
    fixture.pass(86_400);
    let page = elsewhere.consent_page(&app.request(), "alice").await;
    client_error(elsewhere.decide(&page.transaction, "deny").await);
}

#[tokio::test]
async fn consent_is_not_remembered_for_clients_that_can_be_impersonated() {
    const LOOPBACK: &str = "http://127.0.0.1/callback";
    const APP: &str = "cursor://notes/callback";
    let named = |id: &str, uri: &str| Client {
        id: id.into(),
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
    let fixture = Fixture::with(|config| config.clients.push(named("operators", LOOPBACK)));
    let document = "https://client.example/client.json";
    let body = json!({
        "client_id": document, "client_name": "Notes", "redirect_uris": [LOOPBACK, REDIRECT],
    });
    fixture.script.on_json(&format!("GET {document}"), body);
    let registered = json!({"redirect_uris": [LOOPBACK, APP, REDIRECT]});
    let public = fixture.app(registered.clone()).await;
    let mut proven = registered;
    proven["token_endpoint_auth_method"] = "client_secret_post".into();
    let proven = fixture.app(proven).await;
    for (id, uri, remembered) in [
        // Any program on the machine may have sent the request.
        (&*public.id, LOOPBACK, false),
        (&public.id, APP, false),
        (document, LOOPBACK, false),
        // The code goes to the client's own host,
        (&public.id, REDIRECT, true),
        (document, REDIRECT, true),
        // or only the authenticated client can redeem it,
        (&proven.id, LOOPBACK, true),
        (&proven.id, APP, true),
        // or the client comes from the settings.
        ("operators", LOOPBACK, true),
    ] {
        let mut browser = Browser::new(&fixture);
        let app = App::named(id, uri);
        browser.code(&app.request(), "alice").await;
        let next = browser.authorize(&app.request()).await;
        let asked = matches!(next, Next::Consent(_));
        assert_eq!(asked, !remembered, "{id} {uri}: {next:?}");
    }
}

#[tokio::test]
async fn a_flood_of_requests_ends_only_the_oldest_pages() {
    let fixture = Fixture::with(|config| {
        config.most_transactions = 5;
        config.authorize_rate.burst = 1000;
    });
    let app = fixture.public_app().await;
    let mut pages = Vec::new();
    for _ in 0..50 {
        let mut browser = Browser::new(&fixture);
        let Next::SignIn(page) = browser.authorize(&app.request()).await else {
            panic!("no sign-in page");
        };
        pages.push((browser, page));
    }
    for (number, (browser, page)) in pages.iter_mut().enumerate().rev() {
        let next = browser.sign_in(&page.transaction, "alice").await;
        if number < 45 {
            assert_eq!(error_page(next).status, 400, "{number}");
        } else {
            // The next page replaces it.
            drop(consent(next));
        }
    }
}

#[tokio::test]
async fn another_browser_cannot_complete_a_sign_in() {
    let fixture = Fixture::upstream();
    let app = fixture.public_app().await;
    let (mut mallory, mut victim) = (Browser::new(&fixture), Browser::new(&fixture));
    // The victim's browser has its own transaction.
    let own = victim.consent_page(&app.request(), "").await;
    let own = provider(victim.decide(&own.transaction, "allow").await);
    let page = mallory.consent_page(&app.request(), "").await;
    let url = provider(mallory.decide(&page.transaction, "allow").await);
    let forbidden = error_page(victim.callback(&came_back(&url, "victim")).await);
    assert_eq!(forbidden.status, 403);
    assert_eq!(fixture.grants().await, 0);
    // Each browser can still complete its own sign-in, once.
    for (browser, url) in [(&mut mallory, &url), (&mut victim, &own)] {
        client(browser.callback(&came_back(url, "x")).await);
        assert_eq!(
            error_page(browser.callback(&came_back(url, "x")).await).status,
            400
        );
    }
}

#[tokio::test]
async fn the_state_at_the_provider_is_bound_by_a_cookie_set_after_consent() {
    let fixture = Fixture::upstream();
    let app = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    let page = browser.consent_page(&app.request(), "").await;
    let bound = |browser: &Browser<'_>| {
        let names = browser.cookies.keys();
        names.filter(|name| name.contains("provider")).count()
    };
    assert_eq!(bound(&browser), 0);
    client_error(browser.decide(&page.transaction, "deny").await);
    assert_eq!(bound(&browser), 0);
    let page = browser.consent_page(&app.request(), "").await;
    let first = provider(browser.decide(&page.transaction, "allow").await);
    assert_eq!(bound(&browser), 1);
    // Concurrent sign-ins have different states and cookies.
    let page = browser.consent_page(&app.request(), "").await;
    let second = provider(browser.decide(&page.transaction, "allow").await);
    assert_eq!(bound(&browser), 2);
    let state = |url: &str| parameter(&url.parse().unwrap(), "state").unwrap();
    assert_ne!(state(&first), state(&second));
    assert!(state(&first).len() > 40);
    client(browser.callback(&came_back(&second, "alice")).await);
    // The transaction expires after ten minutes.
    fixture.pass(600);
    assert_eq!(
        error_page(browser.callback(&came_back(&first, "alice")).await).status,
        400
    );
    for back in [
        Form::new([("code", "alice")]),
        Form::new([("code", "alice"), ("state", "x")]),
        Form::new([("code", "alice"), ("state", "a"), ("state", "b")]),
    ] {
        assert_eq!(error_page(browser.callback(&back).await).status, 400);
    }
}

#[tokio::test]
async fn another_user_who_returns_sees_the_consent_page() {
    let fixture = Fixture::upstream();
    let app = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    browser.code(&app.request(), "alice").await;
    // The consent is remembered: no page before or after the provider.
    let url = provider(browser.authorize(&app.request()).await);
    client(browser.callback(&came_back(&url, "alice")).await);
    for other in ["bob", "alice@elsewhere.example"] {
        let mut browser = browser.clone();
        let url = provider(browser.authorize(&app.request()).await);
        let page = consent(browser.callback(&came_back(&url, other)).await);
        assert!(page.user.is_some());
        let url = client(browser.decide(&page.transaction, "allow").await);
        let code = parameter(&url, "code").unwrap();
        let answer = fixture.token(&app.redemption(&code)).await.unwrap();
        let who = fixture
            .who(answer["access_token"].as_str().unwrap())
            .await
            .unwrap();
        assert!(other.starts_with(&*who.user.subject));
    }
}

#[tokio::test]
async fn errors_of_the_provider_go_to_the_client() {
    let fixture = Fixture::upstream();
    let app = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    for (name, value, expect) in [
        ("code", "not allowed", "access_denied"),
        ("code", "unavailable", "temporarily_unavailable"),
        ("code", "unacceptable", "server_error"),
        ("code", "refused", "server_error"),
        ("error", "access_denied", "access_denied"),
        ("error", "server_error", "server_error"),
        ("nothing", "", "server_error"),
    ] {
        let page = browser.consent_page(&app.request(), "").await;
        let url = provider(browser.decide(&page.transaction, "allow").await);
        let back = came_back(&url, "").without("code").with(name, value);
        // A description with line breaks, as Entra ID sends it.
        let back = back.with("error_description", "AADSTS65004: no.\r\nTrace ID: 1");
        let url = client(browser.callback(&back).await);
        assert_eq!(
            parameter(&url, "error").as_deref(),
            Some(expect),
            "{name} {value}"
        );
        assert_eq!(parameter(&url, "iss").as_deref(), Some(ISSUER));
        assert_eq!(parameter(&url, "state").as_deref(), Some("the state"));
    }
    *fixture.provider.down.lock().unwrap() = true;
    let page = browser.consent_page(&app.request(), "").await;
    let error = client_error(browser.decide(&page.transaction, "allow").await);
    assert_eq!(error, "temporarily_unavailable");
    assert_eq!(fixture.grants().await, 0);
}

#[tokio::test]
async fn users_are_identified_by_issuer_and_subject_and_never_by_email() {
    let fixture = Fixture::upstream();
    *fixture.provider.email.lock().unwrap() = Some("same@example.com".into());
    let app = fixture.public_app().await;
    let mut users = Vec::new();
    for name in ["alice", "bob", "alice@elsewhere.example", "alice"] {
        let mut browser = Browser::new(&fixture);
        // Each user sees the consent page: the consent of another user does not count.
        let page = browser.consent_page(&app.request(), name).await;
        let url = provider(browser.decide(&page.transaction, "allow").await);
        let url = client(browser.callback(&came_back(&url, name)).await);
        let form = app.redemption(&parameter(&url, "code").unwrap());
        let answer = fixture.token(&form).await.unwrap();
        let who = fixture
            .who(answer["access_token"].as_str().unwrap())
            .await
            .unwrap();
        assert_eq!(who.email.as_deref(), Some("same@example.com"));
        users.push(who.user.clone());
    }
    assert_eq!(users[0], users[3]);
    assert_ne!(users[0], users[1]);
    assert_ne!(users[0], users[2]);
    assert_eq!(users[0].subject, users[2].subject);
}

#[tokio::test]
async fn a_user_grants_no_more_than_their_provider_allows() {
    let fixture = Fixture::upstream();
    let app = fixture.public_app().await;
    let scopes = |text: &str| Some(farport_oauth::Scopes::parse(text).unwrap());
    *fixture.provider.allowed.lock().unwrap() = scopes("todos:read admin");
    let answer = fixture.tokens(&app, "alice").await;
    assert_eq!(answer["scope"], "todos:read");
    *fixture.provider.allowed.lock().unwrap() = scopes("admin");
    let next = Browser::new(&fixture).go(&app.request(), "bob").await;
    assert_eq!(client_error(next), "access_denied");
}
