//! Consent, and what binds it to a browser.

use farport_oauth::{
    Client, ClientAuthentication, ClientOrigin, Destination, ErrorCode, Next, UnixTime,
};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::{
    App, Browser, Form, House, ISSUER, MCP, REDIRECT, START, came_back, client, client_error,
    consent, parameter, provider, refused,
};

#[tokio::test]
async fn the_consent_page_says_who_asks_for_what_and_where_it_goes() {
    let house = House::with(|config| {
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
        let app = house
            .app(json!({"redirect_uris": [uri], "client_name": name}))
            .await;
        let page = Browser::new(&house)
            .consent_page(&app.request(), "alice")
            .await;
        // To be escaped by whoever shows it; it is not changed here.
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
async fn whatever_is_not_consent_denies() {
    let house = House::new();
    let app = house.public_app().await;
    for decision in ["deny", "Allow", "allow ", "yes", "", "switch=allow"] {
        let mut browser = Browser::new(&house);
        let page = browser.consent_page(&app.request(), "alice").await;
        let error = client_error(browser.decide(&page.transaction, decision).await);
        assert_eq!(error, "access_denied", "{decision}");
        // It was the only time: nobody allows what was denied.
        refused(browser.decide(&page.transaction, "allow").await);
    }
    let mut browser = Browser::new(&house);
    let page = browser.consent_page(&app.request(), "alice").await;
    let twice = Form::new([("transaction", page.transaction.expose_secret())]);
    let twice = twice.and("decision", "allow").and("decision", "allow");
    let next = browser.decide_raw(twice.encoded().as_bytes()).await;
    assert_eq!(client_error(next), "access_denied");
    assert_eq!(house.grants().await, 0);
}

#[tokio::test]
async fn a_page_is_answered_once_in_time_and_by_the_browser_it_was_shown_in() {
    let house = House::with(|config| config.authorize_rate.burst = 1000);
    let app = house.public_app().await;
    let mut browser = Browser::new(&house);
    let page = browser.consent_page(&app.request(), "alice").await;
    let mut other = Browser::new(&house);
    let elsewhere = other.consent_page(&app.request(), "mallory").await;
    // Another browser with the page's secret, and with its own.
    for cookies in [browser.cookies.clone(), Default::default()] {
        let mut wrong = Browser::new(&house);
        wrong.cookies = cookies;
        let stolen = refused(wrong.decide(&elsewhere.transaction, "allow").await);
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
            refused(browser.decide(&forged.into(), "allow").await).status,
            400
        );
    }
    // That left both alone.
    client(browser.decide(&page.transaction, "allow").await);
    client(other.decide(&elsewhere.transaction, "allow").await);
    assert_eq!(
        refused(browser.decide(&page.transaction, "allow").await).status,
        400
    );
    let ask = app.request().with("prompt", "consent");
    let late = browser.consent_page(&ask, "alice").await;
    house.pass(600);
    assert_eq!(
        refused(browser.decide(&late.transaction, "allow").await).status,
        400
    );
}

#[tokio::test]
async fn a_page_is_good_for_as_long_as_its_cookie() {
    // Neither a browser that is known for hours nor one that nobody remembers is turned away.
    for remembered in [0, 12 * 3600] {
        let house = House::with(|config| {
            config.sign_in_lifetime = std::time::Duration::from_secs(remembered);
        });
        let app = house.public_app().await;
        let mut browser = Browser::new(&house);
        browser.consent_page(&app.request(), "alice").await;
        house.pass(remembered.saturating_sub(60));
        let page = browser.consent_page(&app.request(), "alice").await;
        house.pass(500);
        client(browser.decide(&page.transaction, "allow").await);
    }
}

#[tokio::test]
async fn a_page_of_one_kind_is_not_answered_as_another() {
    let house = House::new();
    let app = house.public_app().await;
    let mut browser = Browser::new(&house);
    let Next::SignIn(page) = browser.authorize(&app.request()).await else {
        panic!("no sign-in page");
    };
    refused(browser.decide(&page.transaction, "allow").await);
    let page = browser.consent_page(&app.request(), "alice").await;
    refused(browser.sign_in(&page.transaction, "bob").await);
    let back = Form::new([("code", "bob"), ("state", page.transaction.expose_secret())]);
    refused(browser.callback(&back).await);
    assert_eq!(house.grants().await, 0);
    let upstream = House::upstream();
    let app = upstream.public_app().await;
    let mut browser = Browser::new(&upstream);
    let page = browser.consent_page(&app.request(), "alice").await;
    let forbidden = refused(browser.sign_in(&page.transaction, "bob").await);
    assert_eq!(forbidden.status, 403);
}

#[tokio::test]
async fn cookies_are_host_bound_and_out_of_reach_of_scripts() {
    let house = House::upstream();
    let app = house.public_app().await;
    let mut browser = Browser::new(&house);
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
    let house = House::with(|config| {
        config.authorize_rate.burst = 1000;
        config.consent_lifetime = std::time::Duration::from_secs(86_400);
    });
    let second = "https://client.example/second";
    let more = json!({"redirect_uris": [REDIRECT, second]});
    let (app, other) = (house.app(more.clone()).await, house.app(more).await);
    let mut browser = Browser::new(&house);
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
    // Another user at the same browser, and the same one at another.
    let page = browser
        .consent_page(&app.request().with("prompt", "consent"), "alice")
        .await;
    let Next::SignIn(page) = browser.decide(&page.transaction, "switch").await else {
        panic!("nobody is asked");
    };
    assert!(asked(&browser.sign_in(&page.transaction, "bob").await));
    let mut elsewhere = Browser::new(&house);
    let Next::SignIn(page) = elsewhere.authorize(&app.request()).await else {
        panic!("nobody is asked");
    };
    client(elsewhere.sign_in(&page.transaction, "alice").await);
    // It ends.
    house.pass(86_400);
    let page = elsewhere.consent_page(&app.request(), "alice").await;
    client_error(elsewhere.decide(&page.transaction, "deny").await);
}

#[tokio::test]
async fn consent_is_remembered_for_no_client_that_anybody_can_be() {
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
    };
    let house = House::with(|config| config.clients.push(named("operators", LOOPBACK)));
    let document = "https://client.example/client.json";
    let body = json!({
        "client_id": document, "client_name": "Notes", "redirect_uris": [LOOPBACK, REDIRECT],
    });
    house.script.on_json(&format!("GET {document}"), body);
    let registered = json!({"redirect_uris": [LOOPBACK, APP, REDIRECT]});
    let public = house.app(registered.clone()).await;
    let mut proven = registered;
    proven["token_endpoint_auth_method"] = "client_secret_post".into();
    let proven = house.app(proven).await;
    for (id, uri, remembered) in [
        // Whoever listens at the port may have sent the browser, and no code tells them apart.
        (&*public.id, LOOPBACK, false),
        (&public.id, APP, false),
        (document, LOOPBACK, false),
        // The code goes to a host that is the client's own,
        (&public.id, REDIRECT, true),
        (document, REDIRECT, true),
        // or is good for nobody else,
        (&proven.id, LOOPBACK, true),
        (&proven.id, APP, true),
        // or the operator has decided.
        ("operators", LOOPBACK, true),
    ] {
        let mut browser = Browser::new(&house);
        let app = App::named(id, uri);
        browser.code(&app.request(), "alice").await;
        let next = browser.authorize(&app.request()).await;
        let asked = matches!(next, Next::Consent(_));
        assert_eq!(asked, !remembered, "{id} {uri}: {next:?}");
    }
}

#[tokio::test]
async fn a_flood_of_requests_costs_the_oldest_pages_and_no_more() {
    let house = House::with(|config| {
        config.most_transactions = 5;
        config.authorize_rate.burst = 1000;
    });
    let app = house.public_app().await;
    let mut pages = Vec::new();
    for _ in 0..50 {
        let mut browser = Browser::new(&house);
        let Next::SignIn(page) = browser.authorize(&app.request()).await else {
            panic!("nobody is asked");
        };
        pages.push((browser, page));
    }
    for (number, (browser, page)) in pages.iter_mut().enumerate().rev() {
        let next = browser.sign_in(&page.transaction, "alice").await;
        match number < 45 {
            true => assert_eq!(refused(next).status, 400, "{number}"),
            // Each is continued by one more page, which takes its place.
            false => drop(consent(next)),
        }
    }
}

#[tokio::test]
async fn two_browsers_one_consents_and_the_other_cannot_finish() {
    let house = House::upstream();
    let app = house.public_app().await;
    let (mut mallory, mut victim) = (Browser::new(&house), Browser::new(&house));
    // The victim's browser is known here, even with a transaction of its own.
    let own = victim.consent_page(&app.request(), "").await;
    let own = provider(victim.decide(&own.transaction, "allow").await);
    let page = mallory.consent_page(&app.request(), "").await;
    let url = provider(mallory.decide(&page.transaction, "allow").await);
    let forbidden = refused(victim.callback(&came_back(&url, "victim")).await);
    assert_eq!(forbidden.status, 403);
    assert_eq!(house.grants().await, 0);
    // Each still finishes its own, once.
    for (browser, url) in [(&mut mallory, &url), (&mut victim, &own)] {
        client(browser.callback(&came_back(url, "x")).await);
        assert_eq!(
            refused(browser.callback(&came_back(url, "x")).await).status,
            400
        );
    }
}

#[tokio::test]
async fn the_providers_state_is_bound_by_a_cookie_that_is_set_only_after_consent() {
    let house = House::upstream();
    let app = house.public_app().await;
    let mut browser = Browser::new(&house);
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
    // Several at once, each with a state and a cookie of its own.
    let page = browser.consent_page(&app.request(), "").await;
    let second = provider(browser.decide(&page.transaction, "allow").await);
    assert_eq!(bound(&browser), 2);
    let state = |url: &str| parameter(&url.parse().unwrap(), "state").unwrap();
    assert_ne!(state(&first), state(&second));
    assert!(state(&first).len() > 40);
    client(browser.callback(&came_back(&second, "alice")).await);
    // Ten minutes.
    house.pass(600);
    assert_eq!(
        refused(browser.callback(&came_back(&first, "alice")).await).status,
        400
    );
    for back in [
        Form::new([("code", "alice")]),
        Form::new([("code", "alice"), ("state", "x")]),
        Form::new([("code", "alice"), ("state", "a"), ("state", "b")]),
    ] {
        assert_eq!(refused(browser.callback(&back).await).status, 400);
    }
}

#[tokio::test]
async fn who_comes_back_as_somebody_else_has_consented_to_nothing() {
    let house = House::upstream();
    let app = house.public_app().await;
    let mut browser = Browser::new(&house);
    browser.code(&app.request(), "alice").await;
    // Remembered: straight on to the provider, and back without a page.
    let url = provider(browser.authorize(&app.request()).await);
    client(browser.callback(&came_back(&url, "alice")).await);
    for other in ["bob", "alice@elsewhere.example"] {
        let mut browser = browser.clone();
        let url = provider(browser.authorize(&app.request()).await);
        let page = consent(browser.callback(&came_back(&url, other)).await);
        assert!(page.user.is_some());
        let url = client(browser.decide(&page.transaction, "allow").await);
        let code = parameter(&url, "code").unwrap();
        let answer = house.token(&app.redemption(&code)).await.unwrap();
        let who = house
            .who(answer["access_token"].as_str().unwrap())
            .await
            .unwrap();
        assert!(other.starts_with(&*who.user.subject));
    }
}

#[tokio::test]
async fn what_goes_wrong_at_the_provider_is_told_to_the_client() {
    let house = House::upstream();
    let app = house.public_app().await;
    let mut browser = Browser::new(&house);
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
        // As one provider writes it.
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
    *house.provider.down.lock().unwrap() = true;
    let page = browser.consent_page(&app.request(), "").await;
    let error = client_error(browser.decide(&page.transaction, "allow").await);
    assert_eq!(error, "temporarily_unavailable");
    assert_eq!(house.grants().await, 0);
}

#[tokio::test]
async fn users_are_linked_by_issuer_and_subject_and_never_by_e_mail() {
    let house = House::upstream();
    *house.provider.email.lock().unwrap() = Some("same@example.com".into());
    let app = house.public_app().await;
    let mut users = Vec::new();
    for name in ["alice", "bob", "alice@elsewhere.example", "alice"] {
        let mut browser = Browser::new(&house);
        // Whoever signs in is asked: what another consented to is not theirs.
        let page = browser.consent_page(&app.request(), name).await;
        let url = provider(browser.decide(&page.transaction, "allow").await);
        let url = client(browser.callback(&came_back(&url, name)).await);
        let form = app.redemption(&parameter(&url, "code").unwrap());
        let answer = house.token(&form).await.unwrap();
        let who = house
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
    let house = House::upstream();
    let app = house.public_app().await;
    let scopes = |text: &str| Some(farport_oauth::Scopes::parse(text).unwrap());
    *house.provider.allowed.lock().unwrap() = scopes("todos:read admin");
    let answer = house.tokens(&app, "alice").await;
    assert_eq!(answer["scope"], "todos:read");
    *house.provider.allowed.lock().unwrap() = scopes("admin");
    let next = Browser::new(&house).go(&app.request(), "bob").await;
    assert_eq!(client_error(next), "access_denied");
}
