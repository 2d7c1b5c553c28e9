//! Clients that are the URL of their metadata document, and the keys that prove them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use farport_oauth::{ErrorCode, FetchError, Next, Reach};
use http::Response;
use serde_json::{Value, json};

use crate::support::{
    App, Browser, Form, House, ISSUER, REDIRECT, Script, Signer, client, json as answer, refused,
    signer,
};

const ID: &str = "https://client.example/oauth/client.json";
const LINE: &str = "GET https://client.example/oauth/client.json";
const KEYS: &str = "https://client.example/keys";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn document(more: Value) -> Value {
    let mut document = json!({
        "client_id": ID, "client_name": "Notes", "redirect_uris": [REDIRECT],
    });
    let members = document.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    document
}

fn house() -> House {
    House::with(|config| config.authorize_rate.burst = 10_000)
}

fn app() -> App {
    App::named(ID, REDIRECT)
}

async fn authorize(house: &House) -> Next {
    Browser::new(house).authorize(&app().request()).await
}

#[tokio::test]
async fn a_client_may_be_the_url_of_its_document() {
    let house = house();
    house.script.on_json(LINE, document(json!({})));
    let page = Browser::new(&house)
        .consent_page(&app().request(), "alice")
        .await;
    assert_eq!(page.client_name.as_deref(), Some("Notes"));
    // Nobody registered that it refreshes, and it may.
    let tokens = house.tokens(&app(), "alice").await;
    assert!(house.good(&tokens["access_token"]).await);
    let tokens = house.token(&app().refresh(&tokens)).await.unwrap();
    let who = house.who(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(who.unwrap().client.as_ref().unwrap().as_str(), ID);
    let seen = house.script.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].reach, Reach::Public);
    assert_eq!(seen[0].timeout, Duration::from_secs(10));
    for header in ["authorization", "cookie"] {
        assert_eq!(seen[0].header(header), None);
    }
    // Its redirect URIs are those of the document alone.
    let elsewhere = app()
        .request()
        .with("redirect_uri", "https://evil.example/callback");
    refused(Browser::new(&house).authorize(&elsewhere).await);
}

#[tokio::test]
async fn what_a_document_says_is_acceptable_or_it_is_not_used() {
    let house = house();
    for (more, good) in [
        (json!({}), true),
        (json!({"token_endpoint_auth_method": "none"}), true),
        (json!({"unknown": {"a": [1]}}), true),
        (json!({"client_id": format!("{ID}/")}), false),
        (json!({"client_id": format!("{ID}#")}), false),
        (json!({"client_id": ID.to_uppercase()}), false),
        (json!({"client_id": "https://known.example/c"}), false),
        (json!({"client_id": null}), false),
        (json!({"client_id": [ID]}), false),
        (json!({"client_name": null}), false),
        (json!({"client_name": "evil\u{202e}gpj.exe"}), false),
        (json!({"client_secret": "shared"}), false),
        (json!({"client_secret_expires_at": 0}), false),
        (
            json!({"token_endpoint_auth_method": "client_secret_basic"}),
            false,
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_post"}),
            false,
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_jwt"}),
            false,
        ),
        // Without keys to prove it by.
        (
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            false,
        ),
        (json!({"redirect_uris": []}), false),
        (json!({"redirect_uris": ["http://client.example/"]}), false),
        (json!({"redirect_uris": [REDIRECT, "javascript:x"]}), false),
    ] {
        house.script.on_json(LINE, document(more.clone()));
        let next = authorize(&house).await;
        if good {
            assert!(matches!(next, Next::SignIn(_)), "{more} {next:?}");
            // So that the next one is asked for.
            house.pass(3600);
        } else {
            let refused = refused(next);
            assert_eq!(refused.error.code, ErrorCode::InvalidClient, "{more}");
        }
    }
    for text in ["", "[]", "null", "<html>", "{\"client_id\":", "\u{feff}{}"] {
        house
            .script
            .on(LINE, move |_| Ok(Response::new(Bytes::from(text))));
        refused(authorize(&house).await);
    }
    let twice = document(json!({})).to_string();
    let twice = twice.replacen('{', &format!("{{\"client_id\":\"{ID}\","), 1);
    house
        .script
        .on(LINE, move |_| Ok(Response::new(Bytes::from(twice.clone()))));
    refused(authorize(&house).await);
}

#[tokio::test]
async fn a_document_is_a_200_and_no_redirect_is_followed() {
    let house = house();
    let good = document(json!({})).to_string();
    for status in [
        200, 201, 203, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 410, 429, 500,
        502, 503,
    ] {
        let body = good.clone();
        house.script.on(LINE, move |_| {
            let response = Response::builder().status(status);
            let response = response.header("location", "https://evil.example/client.json");
            let response = response.header("cache-control", "no-store");
            Ok(response.body(body.clone().into()).unwrap())
        });
        let next = authorize(&house).await;
        if status == 200 {
            assert!(matches!(next, Next::SignIn(_)), "{next:?}");
            continue;
        }
        // One whose document is gone for a moment is not told to forget what it holds.
        let expect = match status {
            429 | 500.. => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::InvalidClient,
        };
        assert_eq!(refused(next).error.code, expect, "{status}");
    }
    let lines = house.script.seen().into_iter().map(|seen| seen.line);
    assert!(lines.into_iter().all(|line| line == LINE));
}

#[tokio::test]
async fn a_document_has_5_kb_at_most_and_a_failure_names_no_secret_place() {
    let house = house();
    for (length, good) in [(5 * 1024, true), (5 * 1024 + 1, false), (1 << 20, false)] {
        let short = document(json!({"x": ""})).to_string().len();
        let body = document(json!({"x": "x".repeat(length - short)})).to_string();
        assert_eq!(body.len(), length);
        house
            .script
            .on(LINE, move |_| Ok(Response::new(Bytes::from(body.clone()))));
        let next = authorize(&house).await;
        assert_eq!(matches!(next, Next::SignIn(_)), good, "{length}");
        house.pass(3600);
    }
    type Failure = fn() -> FetchError;
    let failures: [(Failure, ErrorCode); 4] = [
        (
            || FetchError::Forbidden("169.254.169.254".into()),
            ErrorCode::InvalidClient,
        ),
        (|| FetchError::TooLong, ErrorCode::InvalidClient),
        (|| FetchError::TimedOut, ErrorCode::TemporarilyUnavailable),
        (
            || FetchError::Failed("refused by 10.0.0.7".into()),
            ErrorCode::TemporarilyUnavailable,
        ),
    ];
    for (failure, expect) in failures {
        house.script.on(LINE, move |_| Err(failure()));
        let refused = refused(authorize(&house).await);
        assert_eq!(refused.error.code, expect);
        // Whoever names a URL does not learn what our network looks like.
        let said = refused.error.description;
        assert!(
            !said.contains("169.254") && !said.contains("10.0.0"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_document_is_remembered_within_bounds_and_an_error_never() {
    const DAY: u64 = 86_400;
    for (headers, lifetime) in [
        (&[][..], 3600),
        (&[("cache-control", "max-age=60")], 60),
        (&[("cache-control", "max-age=31536000")], 7 * DAY),
        (&[("cache-control", "max-age=900"), ("age", "300")], 600),
        (&[("cache-control", "no-store")], 0),
        (&[("cache-control", "no-cache")], 0),
        (&[("cache-control", "max-age=0")], 0),
    ] {
        let house = house();
        house.script.on(LINE, move |_| {
            let mut response = answer(&document(json!({})));
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            Ok(response)
        });
        authorize(&house).await;
        let mut asked = 1;
        for (seconds, again) in [
            (0, lifetime == 0),
            (lifetime.max(1) - 1, lifetime == 0),
            (1, true),
        ] {
            house.pass(seconds);
            authorize(&house).await;
            asked += usize::from(again);
            assert_eq!(house.script.count(LINE), asked, "{headers:?} {seconds}");
        }
    }
    let house = house();
    for asked in 1..=3 {
        house.script.on(LINE, |_| {
            let response = Response::builder().status(404);
            let response = response.header("cache-control", "max-age=86400");
            Ok(response.body(Bytes::new()).unwrap())
        });
        refused(authorize(&house).await);
        assert_eq!(house.script.count(LINE), asked);
    }
    house.script.on_json(LINE, document(json!({})));
    assert!(matches!(authorize(&house).await, Next::SignIn(_)));
}

#[tokio::test]
async fn what_names_no_document_is_never_fetched() {
    let house = house();
    for id in [
        "http://client.example/c",
        "https://client.example",
        "https://client.example/",
        "https://client.example/c?x=1",
        "https://client.example/c#x",
        "https://user@client.example/c",
        "https://client.example/a/../c",
        "https://CLIENT.example/c",
        "https://client.example:443/c",
        "file:///etc/passwd",
        &format!("https://client.example/{}", "x".repeat(5000)),
    ] {
        let request = App::named(id, REDIRECT).request();
        refused(Browser::new(&house).authorize(&request).await);
    }
    assert_eq!(house.script.seen().len(), 0);
    let house = House::with(|config| config.client_documents = false);
    house.script.on_json(LINE, document(json!({})));
    refused(authorize(&house).await);
    assert_eq!(house.script.seen().len(), 0);
}

#[tokio::test]
async fn nobody_has_documents_fetched_without_end() {
    let house = House::with(|config| config.token_rate.burst = 1000);
    let from = Some("192.0.2.1".parse().unwrap());
    for n in 0..=60 {
        let form = App::named(&format!("https://client.example/{n}"), REDIRECT).redemption("x");
        let outcome = house.token_from(from, None, &form).await;
        let code = outcome.unwrap_err().code;
        match n {
            60 => assert_eq!(code, ErrorCode::SlowDown),
            _ => assert_eq!(code, ErrorCode::TemporarilyUnavailable),
        }
    }
    assert_eq!(house.script.seen().len(), 60);
}

/// The claims of an assertion that is good, but for what the test changes. `null` takes away.
fn claims(house: &House, jti: &str, more: &Value) -> Value {
    let now = house.now().0;
    let mut claims = json!({
        "iss": ID, "sub": ID, "aud": ISSUER, "exp": now + 300, "iat": now, "jti": jti,
    });
    let members = claims.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    claims
}

/// Asks for nothing that there is, which only a proven client is told.
fn proven(assertion: &str) -> Form {
    Form::new([
        ("grant_type", "nothing"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ])
}

async fn told(house: &House, form: &Form) -> ErrorCode {
    house.token(form).await.unwrap_err().code
}

/// A house that knows the client, and its keys at their URL.
fn signing() -> House {
    let house = house();
    let document = document(json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS,
    }));
    house.script.on_json(LINE, document);
    let keys = json!({"keys": [signer().p256_jwk("p"), signer().rsa_jwk("r")]});
    house.script.on_json(&format!("GET {KEYS}"), keys);
    house
}

#[tokio::test]
async fn an_assertion_is_the_clients_own_for_us_short_and_named() {
    use ErrorCode::{InvalidClient, InvalidRequest, UnsupportedGrantType as Proven};
    let house = signing();
    let now = house.now().0;
    let es = || json!({"alg": "ES256", "kid": "p"});
    let rs = || json!({"alg": "RS256", "kid": "r"});
    let endpoint = format!("{ISSUER}/token");
    for (index, (header, more, expect)) in [
        (es(), json!({}), Proven),
        (rs(), json!({}), Proven),
        (es(), json!({"aud": endpoint}), Proven),
        (
            es(),
            json!({"aud": ["https://other.example", ISSUER]}),
            Proven,
        ),
        (es(), json!({"exp": now + 600}), Proven),
        (es(), json!({"iat": null}), Proven),
        (es(), json!({"aud": "https://other.example"}), InvalidClient),
        (es(), json!({"aud": format!("{ISSUER}/")}), InvalidClient),
        (
            es(),
            json!({"aud": "https://mcp.example/mcp"}),
            InvalidClient,
        ),
        (es(), json!({"aud": []}), InvalidClient),
        (es(), json!({"aud": null}), InvalidClient),
        (es(), json!({"iss": null}), InvalidClient),
        (es(), json!({"sub": "somebody"}), InvalidClient),
        (es(), json!({"sub": null}), InvalidClient),
        (es(), json!({"exp": now - 31}), InvalidClient),
        (es(), json!({"exp": null}), InvalidClient),
        (es(), json!({"exp": now + 601}), InvalidClient),
        (es(), json!({"exp": now + 86_400}), InvalidClient),
        (es(), json!({"nbf": now + 31}), InvalidClient),
        (es(), json!({"jti": null}), InvalidClient),
        (es(), json!({"jti": ""}), InvalidClient),
        (es(), json!({"jti": 7}), InvalidClient),
        (es(), json!({"jti": "x".repeat(257)}), InvalidClient),
        (json!({"alg": "none"}), json!({}), InvalidClient),
        (
            json!({"alg": "HS256", "kid": "p"}),
            json!({}),
            InvalidClient,
        ),
        (
            json!({"alg": "RS384", "kid": "r"}),
            json!({}),
            InvalidClient,
        ),
        (
            json!({"alg": "PS256", "kid": "r"}),
            json!({}),
            InvalidClient,
        ),
        (
            json!({"alg": "ES256", "kid": "r"}),
            json!({}),
            InvalidClient,
        ),
        (
            json!({"alg": "RS256", "kid": "p"}),
            json!({}),
            InvalidClient,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let claims = claims(&house, &format!("jti {index}"), &more);
        let form = proven(&signer().sign(&header, &claims));
        assert_eq!(told(&house, &form).await, expect, "{header} {more}");
    }
    // A header that brings its own key is believed as little.
    let stranger = Signer::new("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE");
    let header = json!({"alg": "ES256", "kid": "p", "jwk": stranger.p256_jwk("p")});
    let form = proven(&stranger.sign(&header, &claims(&house, "forged", &json!({}))));
    assert_eq!(told(&house, &form).await, InvalidClient);
    let good = || signer().sign(&es(), &claims(&house, "the same", &json!({})));
    for (form, expect) in [
        (
            proven(&good()).without("client_assertion_type"),
            InvalidRequest,
        ),
        (
            proven(&good()).with("client_assertion_type", "saml2-bearer"),
            InvalidRequest,
        ),
        (proven(&good()).with("client_id", "another"), InvalidRequest),
        (proven(&good()).with("client_secret", "x"), InvalidRequest),
        (proven("a.b.c"), InvalidClient),
        (proven("x"), InvalidClient),
        // Unproven, though it is known.
        (
            Form::new([("grant_type", "x"), ("client_id", ID)]),
            InvalidClient,
        ),
        // And last, so that nothing before has used it up.
        (proven(&good()).with("client_id", ID), Proven),
    ] {
        assert_eq!(told(&house, &form).await, expect, "{form:?}");
    }
    let keys = format!("GET {KEYS}");
    assert_eq!(house.script.last(&keys).reach, Reach::Public);
}

#[tokio::test]
async fn an_assertion_is_used_once_by_each_client() {
    use ErrorCode::{InvalidClient, UnsupportedGrantType as Proven};
    let house = signing();
    let header = json!({"alg": "ES256", "kid": "p"});
    let sign = |more: Value| signer().sign(&header, &claims(&house, "once", &more));
    let form = proven(&sign(json!({})));
    assert_eq!(told(&house, &form).await, Proven);
    assert_eq!(told(&house, &form).await, InvalidClient);
    // Nor may another assertion bear the name while the first could still be replayed.
    let longer = proven(&sign(json!({"exp": house.now().0 + 600})));
    assert_eq!(told(&house, &longer).await, InvalidClient);
    for seconds in [299, 29] {
        house.pass(seconds);
        house.server.purge(house.now()).await.unwrap();
        assert_eq!(told(&house, &form).await, InvalidClient, "{seconds}");
    }
    house.pass(2);
    assert_eq!(told(&house, &form).await, InvalidClient, "it has expired");
    let fresh = signer().sign(&header, &claims(&house, "once", &json!({})));
    assert_eq!(told(&house, &proven(&fresh)).await, Proven);
    // Another client's names are its own.
    let metadata = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [signer().p256_jwk("p")]},
    });
    let other = house.app(metadata).await;
    let more = json!({"iss": other.id, "sub": other.id});
    let form = proven(&signer().sign(&header, &claims(&house, "once", &more)));
    assert_eq!(told(&house, &form).await, Proven);
    assert_eq!(told(&house, &form).await, InvalidClient);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_bring_one_assertion_one_is_proven() {
    let house = Arc::new(signing());
    let header = json!({"alg": "ES256", "kid": "p"});
    let form = proven(&signer().sign(&header, &claims(&house, "once", &json!({}))));
    let callers = (0..50).map(|_| {
        let (house, form) = (house.clone(), form.clone());
        tokio::spawn(async move { told(&house, &form).await })
    });
    let callers: Vec<_> = callers.collect();
    let mut proven = 0;
    for caller in callers {
        proven += usize::from(caller.await.unwrap() == ErrorCode::UnsupportedGrantType);
    }
    assert_eq!(proven, 1);
}

#[tokio::test]
async fn a_client_with_a_key_redeems_and_refreshes() {
    let house = signing();
    let header = json!({"alg": "RS256", "kid": "r"});
    let sign = |jti: &str| signer().sign(&header, &claims(&house, jti, &json!({})));
    let with = |form: Form, jti: &str| {
        let form = form.with("client_assertion_type", JWT_BEARER);
        form.with("client_assertion", &sign(jti))
    };
    let code = Browser::new(&house).code(&app().request(), "alice").await;
    let unproven = house.token(&app().redemption(&code)).await;
    assert_eq!(unproven.unwrap_err().code, ErrorCode::InvalidClient);
    let tokens = house.token(&with(app().redemption(&code), "a")).await;
    let tokens = tokens.unwrap();
    let unproven = house.token(&app().refresh(&tokens)).await;
    assert_eq!(unproven.unwrap_err().code, ErrorCode::InvalidClient);
    let tokens = house.token(&with(app().refresh(&tokens), "b")).await;
    assert!(house.good(&tokens.unwrap()["access_token"]).await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_document_holds_up_nobody_elses() {
    let house = House::build(|_| {}, false, Script::slow(Duration::from_secs(5)));
    house.script.on_json(LINE, document(json!({})));
    let registered = house.public_app().await;
    let mut browser = Browser::new(&house);
    let request = registered.request();
    let fast = tokio::time::timeout(Duration::from_secs(1), browser.authorize(&request));
    let (slow, fast) = tokio::join!(authorize(&house), fast);
    assert!(matches!(slow, Next::SignIn(_)));
    assert!(matches!(fast, Ok(Next::SignIn(_))));
}

#[tokio::test]
async fn a_document_that_changes_counts_once_it_is_no_longer_remembered() {
    let house = house();
    house.script.on_json(LINE, document(json!({})));
    let mut browser = Browser::new(&house);
    let page = browser.consent_page(&app().request(), "alice").await;
    let moved = document(json!({"redirect_uris": ["https://client.example/new"]}));
    house.script.on_json(LINE, moved);
    house.pass(599);
    // It is remembered for a while, and its page is answered within that.
    let url = client(browser.decide(&page.transaction, "allow").await);
    assert!(url.as_str().starts_with(REDIRECT));
    house.pass(3600);
    refused(browser.authorize(&app().request()).await);
}
