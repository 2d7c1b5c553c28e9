//! Client ID metadata documents, and clients with private keys.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use farport_oauth::{ErrorCode, FetchError, Next, Reach};
use http::Response;
use serde_json::{Value, json};

use crate::support::{
    App, Browser, Fixture, Form, ISSUER, REDIRECT, Script, Signer, client, error_page,
    json as answer, signer,
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

fn fixture() -> Fixture {
    Fixture::with(|config| config.authorize_rate.burst = 10_000)
}

fn app() -> App {
    App::named(ID, REDIRECT)
}

async fn authorize(fixture: &Fixture) -> Next {
    Browser::new(fixture).authorize(&app().request()).await
}

#[tokio::test]
async fn a_client_id_can_be_the_url_of_a_document() {
    let fixture = fixture();
    fixture.script.on_json(LINE, document(json!({})));
    let page = Browser::new(&fixture)
        .consent_page(&app().request(), "alice")
        .await;
    assert_eq!(page.client_name.as_deref(), Some("Notes"));
    // Refresh tokens are the default.
    let tokens = fixture.tokens(&app(), "alice").await;
    assert!(fixture.good(&tokens["access_token"]).await);
    let tokens = fixture.token(&app().refresh(&tokens)).await.unwrap();
    let who = fixture.who(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(who.unwrap().client.as_ref().unwrap().as_str(), ID);
    let seen = fixture.script.seen();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].reach, Reach::Public);
    assert_eq!(seen[0].timeout, Duration::from_secs(10));
    for header in ["authorization", "cookie"] {
        assert_eq!(seen[0].header(header), None);
    }
    // Only the redirect URIs of the document are accepted.
    let elsewhere = app()
        .request()
        .with("redirect_uri", "https://evil.example/callback");
    error_page(Browser::new(&fixture).authorize(&elsewhere).await);
}

#[tokio::test]
async fn an_unacceptable_document_is_not_used() {
    let fixture = fixture();
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
        // Without keys.
        (
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            false,
        ),
        (json!({"redirect_uris": []}), false),
        (json!({"redirect_uris": ["http://client.example/"]}), false),
        (json!({"redirect_uris": [REDIRECT, "javascript:x"]}), false),
    ] {
        fixture.script.on_json(LINE, document(more.clone()));
        let next = authorize(&fixture).await;
        if good {
            assert!(matches!(next, Next::SignIn(_)), "{more} {next:?}");
            // Let the cached document expire.
            fixture.pass(3600);
        } else {
            let page = error_page(next);
            assert_eq!(page.error.code, ErrorCode::InvalidClient, "{more}");
        }
    }
    for text in ["", "[]", "null", "<html>", "{\"client_id\":", "\u{feff}{}"] {
        fixture
            .script
            .on(LINE, move |_| Ok(Response::new(Bytes::from(text))));
        error_page(authorize(&fixture).await);
    }
    let twice = document(json!({})).to_string();
    let twice = twice.replacen('{', &format!("{{\"client_id\":\"{ID}\","), 1);
    fixture
        .script
        .on(LINE, move |_| Ok(Response::new(Bytes::from(twice.clone()))));
    error_page(authorize(&fixture).await);
}

#[tokio::test]
async fn a_document_has_status_200_and_redirects_are_not_followed() {
    let fixture = fixture();
    let good = document(json!({})).to_string();
    for status in [
        200, 201, 203, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 410, 429, 500,
        502, 503,
    ] {
        let body = good.clone();
        fixture.script.on(LINE, move |_| {
            let response = Response::builder().status(status);
            let response = response.header("location", "https://evil.example/client.json");
            let response = response.header("cache-control", "no-store");
            Ok(response.body(body.clone().into()).unwrap())
        });
        let next = authorize(&fixture).await;
        if status == 200 {
            assert!(matches!(next, Next::SignIn(_)), "{next:?}");
            continue;
        }
        // During an outage the client must not drop its tokens.
        let expect = match status {
            429 | 500.. => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::InvalidClient,
        };
        assert_eq!(error_page(next).error.code, expect, "{status}");
    }
    let lines = fixture.script.seen().into_iter().map(|seen| seen.line);
    assert!(lines.into_iter().all(|line| line == LINE));
}

#[tokio::test]
async fn a_document_has_at_most_5_kib() {
    let fixture = fixture();
    for (length, good) in [(5 * 1024, true), (5 * 1024 + 1, false), (1 << 20, false)] {
        let short = document(json!({"x": ""})).to_string().len();
        let body = document(json!({"x": "x".repeat(length - short)})).to_string();
        assert_eq!(body.len(), length);
        fixture
            .script
            .on(LINE, move |_| Ok(Response::new(Bytes::from(body.clone()))));
        let next = authorize(&fixture).await;
        assert_eq!(matches!(next, Next::SignIn(_)), good, "{length}");
        fixture.pass(3600);
    }
    fixture.script.on(LINE, |_| Err(FetchError::TooLong));
    let error = error_page(authorize(&fixture).await).error;
    assert_eq!(error.code, ErrorCode::InvalidClient);
}

#[tokio::test]
async fn all_failures_to_fetch_a_document_look_alike() {
    let fixture = fixture();
    let failures: [fn() -> FetchError; 4] = [
        || FetchError::Forbidden("169.254.169.254".into()),
        || FetchError::TimedOut,
        || FetchError::Failed("refused by 10.0.0.7".into()),
        || FetchError::Failed("no such name".into()),
    ];
    let mut answers = Vec::new();
    for failure in failures {
        fixture.script.on(LINE, move |_| Err(failure()));
        let page = error_page(authorize(&fixture).await);
        let token = fixture.token(&app().redemption("fpc_x")).await.unwrap_err();
        answers.push((page.status, page.problem, page.error, token));
    }
    assert_eq!(answers[0].0, 503);
    assert_eq!(answers[0].3.code, ErrorCode::TemporarilyUnavailable);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
}

#[tokio::test]
async fn the_consent_page_shows_that_codes_go_to_another_host() {
    let fixture = fixture();
    for (redirect, expect) in [
        (REDIRECT, false),
        ("https://client.example:8443/cb", false),
        ("https://other.example/cb", true),
        ("https://www.client.example/cb", true),
        ("http://127.0.0.1/cb", false),
        ("com.example.app:/cb", false),
    ] {
        let more = json!({"redirect_uris": [redirect]});
        fixture.script.on_json(LINE, document(more));
        let request = App::named(ID, redirect).request();
        let page = Browser::new(&fixture).consent_page(&request, "alice").await;
        assert_eq!(page.elsewhere, expect, "{redirect}");
        fixture.pass(3600);
    }
    // A registered client has no document host.
    let app = fixture.public_app().await;
    let page = Browser::new(&fixture)
        .consent_page(&app.request(), "alice")
        .await;
    assert!(!page.elsewhere);
}

#[tokio::test]
async fn a_document_is_cached_within_bounds_and_an_error_is_not() {
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
        let fixture = fixture();
        fixture.script.on(LINE, move |_| {
            let mut response = answer(&document(json!({})));
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            Ok(response)
        });
        authorize(&fixture).await;
        let mut asked = 1;
        for (seconds, again) in [
            (0, lifetime == 0),
            (lifetime.max(1) - 1, lifetime == 0),
            (1, true),
        ] {
            fixture.pass(seconds);
            authorize(&fixture).await;
            asked += usize::from(again);
            assert_eq!(fixture.script.count(LINE), asked, "{headers:?} {seconds}");
        }
    }
    let fixture = fixture();
    for asked in 1..=3 {
        fixture.script.on(LINE, |_| {
            let response = Response::builder().status(404);
            let response = response.header("cache-control", "max-age=86400");
            Ok(response.body(Bytes::new()).unwrap())
        });
        error_page(authorize(&fixture).await);
        assert_eq!(fixture.script.count(LINE), asked);
    }
    fixture.script.on_json(LINE, document(json!({})));
    assert!(matches!(authorize(&fixture).await, Next::SignIn(_)));
}

#[tokio::test]
async fn invalid_document_urls_are_not_fetched() {
    let fixture = fixture();
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
        error_page(Browser::new(&fixture).authorize(&request).await);
    }
    assert_eq!(fixture.script.seen().len(), 0);
    let fixture = Fixture::with(|config| config.client_documents = false);
    fixture.script.on_json(LINE, document(json!({})));
    error_page(authorize(&fixture).await);
    assert_eq!(fixture.script.seen().len(), 0);
}

#[tokio::test]
async fn document_fetches_are_rate_limited() {
    let fixture = Fixture::with(|config| config.token_rate.burst = 1000);
    let from = Some("192.0.2.1".parse().unwrap());
    for n in 0..=60 {
        let form = App::named(&format!("https://client.example/{n}"), REDIRECT).redemption("x");
        let outcome = fixture.token_from(from, None, &form).await;
        let code = outcome.unwrap_err().code;
        match n {
            60 => assert_eq!(code, ErrorCode::SlowDown),
            _ => assert_eq!(code, ErrorCode::TemporarilyUnavailable),
        }
    }
    assert_eq!(fixture.script.seen().len(), 60);
}

/// The claims of a valid assertion, changed by `more`. `null` removes a claim.
fn claims(fixture: &Fixture, jti: &str, more: &Value) -> Value {
    let now = fixture.now().0;
    let mut claims = json!({
        "iss": ID, "sub": ID, "aud": ISSUER, "exp": now + 300, "iat": now, "jti": jti,
    });
    let members = claims.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    claims
}

/// A request with an unsupported grant type. Only an authenticated client receives that error.
fn with_assertion(assertion: &str) -> Form {
    Form::new([
        ("grant_type", "nothing"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ])
}

async fn error_of(fixture: &Fixture, form: &Form) -> ErrorCode {
    fixture.token(form).await.unwrap_err().code
}

/// A fixture with the client and its keys.
fn signing() -> Fixture {
    let fixture = fixture();
    let document = document(json!({
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS,
    }));
    fixture.script.on_json(LINE, document);
    let keys = json!({"keys": [signer().p256_jwk("p"), signer().rsa_jwk("r")]});
    fixture.script.on_json(&format!("GET {KEYS}"), keys);
    fixture
}

#[tokio::test]
async fn an_assertion_has_valid_claims_and_signature() {
    use ErrorCode::{InvalidClient, InvalidRequest, UnsupportedGrantType as Proven};
    let fixture = signing();
    let now = fixture.now().0;
    let es = || json!({"alg": "ES256", "kid": "p"});
    let rs = || json!({"alg": "RS256", "kid": "r"});
    let endpoint = format!("{ISSUER}/token");
    for (index, (header, more, expect)) in [
        (es(), json!({}), Proven),
        (rs(), json!({}), Proven),
        (es(), json!({"aud": [ISSUER]}), Proven),
        (es(), json!({"aud": endpoint}), InvalidClient),
        (es(), json!({"aud": [endpoint]}), InvalidClient),
        (es(), json!({"aud": [ISSUER, endpoint]}), InvalidClient),
        (es(), json!({"aud": [ISSUER, ISSUER]}), InvalidClient),
        (
            es(),
            json!({"aud": ["https://other.example", ISSUER]}),
            InvalidClient,
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
        (es(), json!({"sub": "another"}), InvalidClient),
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
        let claims = claims(&fixture, &format!("jti {index}"), &more);
        let form = with_assertion(&signer().sign(&header, &claims));
        assert_eq!(error_of(&fixture, &form).await, expect, "{header} {more}");
    }
    // A key in the header is ignored.
    let stranger = Signer::new("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE");
    let header = json!({"alg": "ES256", "kid": "p", "jwk": stranger.p256_jwk("p")});
    let form = with_assertion(&stranger.sign(&header, &claims(&fixture, "forged", &json!({}))));
    assert_eq!(error_of(&fixture, &form).await, InvalidClient);
    let good = || signer().sign(&es(), &claims(&fixture, "the same", &json!({})));
    for (form, expect) in [
        (
            with_assertion(&good()).without("client_assertion_type"),
            InvalidRequest,
        ),
        (
            with_assertion(&good()).with("client_assertion_type", "saml2-bearer"),
            InvalidRequest,
        ),
        (
            with_assertion(&good()).with("client_id", "another"),
            InvalidRequest,
        ),
        (
            with_assertion(&good()).with("client_secret", "x"),
            InvalidRequest,
        ),
        (with_assertion("a.b.c"), InvalidClient),
        (with_assertion("x"), InvalidClient),
        // Without an assertion.
        (
            Form::new([("grant_type", "x"), ("client_id", ID)]),
            InvalidClient,
        ),
        // Last, to show that no request before used the assertion up.
        (with_assertion(&good()).with("client_id", ID), Proven),
    ] {
        assert_eq!(error_of(&fixture, &form).await, expect, "{form:?}");
    }
    let keys = format!("GET {KEYS}");
    assert_eq!(fixture.script.last(&keys).reach, Reach::Public);
}

#[tokio::test]
async fn an_assertion_can_be_used_once() {
    use ErrorCode::{InvalidClient, UnsupportedGrantType as Proven};
    let fixture = signing();
    let header = json!({"alg": "ES256", "kid": "p"});
    let sign = |more: Value| signer().sign(&header, &claims(&fixture, "once", &more));
    let form = with_assertion(&sign(json!({})));
    assert_eq!(error_of(&fixture, &form).await, Proven);
    assert_eq!(error_of(&fixture, &form).await, InvalidClient);
    // The jti stays used while the first assertion could be replayed.
    let longer = with_assertion(&sign(json!({"exp": fixture.now().0 + 600})));
    assert_eq!(error_of(&fixture, &longer).await, InvalidClient);
    for seconds in [299, 29] {
        fixture.pass(seconds);
        fixture.server.purge(fixture.now()).await.unwrap();
        assert_eq!(error_of(&fixture, &form).await, InvalidClient, "{seconds}");
    }
    fixture.pass(2);
    assert_eq!(
        error_of(&fixture, &form).await,
        InvalidClient,
        "it has expired"
    );
    let fresh = signer().sign(&header, &claims(&fixture, "once", &json!({})));
    assert_eq!(error_of(&fixture, &with_assertion(&fresh)).await, Proven);
    // Another client may use the same jti.
    let metadata = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [signer().p256_jwk("p")]},
    });
    let other = fixture.app(metadata).await;
    let more = json!({"iss": other.id, "sub": other.id});
    let form = with_assertion(&signer().sign(&header, &claims(&fixture, "once", &more)));
    assert_eq!(error_of(&fixture, &form).await, Proven);
    assert_eq!(error_of(&fixture, &form).await, InvalidClient);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_with_one_assertion_succeed_once() {
    let fixture = Arc::new(signing());
    let header = json!({"alg": "ES256", "kid": "p"});
    let form = with_assertion(&signer().sign(&header, &claims(&fixture, "once", &json!({}))));
    let callers = (0..50).map(|_| {
        let (fixture, form) = (fixture.clone(), form.clone());
        tokio::spawn(async move { error_of(&fixture, &form).await })
    });
    let callers: Vec<_> = callers.collect();
    let mut proven = 0;
    for caller in callers {
        proven += usize::from(caller.await.unwrap() == ErrorCode::UnsupportedGrantType);
    }
    assert_eq!(proven, 1);
}

#[tokio::test]
async fn a_client_with_a_key_can_redeem_and_refresh() {
    let fixture = signing();
    let header = json!({"alg": "RS256", "kid": "r"});
    let sign = |jti: &str| signer().sign(&header, &claims(&fixture, jti, &json!({})));
    let with = |form: Form, jti: &str| {
        let form = form.with("client_assertion_type", JWT_BEARER);
        form.with("client_assertion", &sign(jti))
    };
    let code = Browser::new(&fixture).code(&app().request(), "alice").await;
    let unproven = fixture.token(&app().redemption(&code)).await;
    assert_eq!(unproven.unwrap_err().code, ErrorCode::InvalidClient);
    let tokens = fixture.token(&with(app().redemption(&code), "a")).await;
    let tokens = tokens.unwrap();
    let unproven = fixture.token(&app().refresh(&tokens)).await;
    assert_eq!(unproven.unwrap_err().code, ErrorCode::InvalidClient);
    let tokens = fixture.token(&with(app().refresh(&tokens), "b")).await;
    assert!(fixture.good(&tokens.unwrap()["access_token"]).await);
}

#[tokio::test(start_paused = true)]
async fn a_slow_document_does_not_delay_other_clients() {
    let fixture = Fixture::build(|_| {}, false, Script::slow(Duration::from_secs(5)));
    fixture.script.on_json(LINE, document(json!({})));
    let registered = fixture.public_app().await;
    let mut browser = Browser::new(&fixture);
    let request = registered.request();
    let fast = tokio::time::timeout(Duration::from_secs(1), browser.authorize(&request));
    let (slow, fast) = tokio::join!(authorize(&fixture), fast);
    assert!(matches!(slow, Next::SignIn(_)));
    assert!(matches!(fast, Ok(Next::SignIn(_))));
}

#[tokio::test]
async fn a_changed_document_counts_after_the_cached_one_expires() {
    let fixture = fixture();
    fixture.script.on_json(LINE, document(json!({})));
    let mut browser = Browser::new(&fixture);
    let page = browser.consent_page(&app().request(), "alice").await;
    let moved = document(json!({"redirect_uris": ["https://client.example/new"]}));
    fixture.script.on_json(LINE, moved);
    fixture.pass(599);
    // The page is submitted while the old document is cached.
    let url = client(browser.decide(&page.transaction, "allow").await);
    assert!(url.as_str().starts_with(REDIRECT));
    fixture.pass(3600);
    error_page(browser.authorize(&app().request()).await);
}
