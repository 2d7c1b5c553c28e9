//! Dynamic client registration.

use std::net::IpAddr;

use farport_oauth::{ErrorCode, Store};
use serde_json::{Value, json};

use crate::support::{Browser, Fixture, REDIRECT, error_page, signer};

fn with(name: &str, value: Value) -> Value {
    let mut metadata = json!({"redirect_uris": [REDIRECT]});
    metadata[name] = value;
    metadata
}

#[tokio::test]
async fn the_response_has_the_effective_metadata() {
    let fixture = Fixture::with(|config| config.register_rate.burst = 1000);
    let answer = fixture
        .register(json!({
            "redirect_uris": [REDIRECT, "http://localhost/cb"], "client_name": " Notes ",
            "grant_types": ["authorization_code", "implicit", "password", "refresh_token"],
            "response_types": ["code", "token"], "scope": "todos:read admin",
            "client_uri": "https://client.example", "client_id": "mine", "client_secret": "mine",
            "token_endpoint_auth_method": "client_secret_post", "unknown": {"a": [1]},
        }))
        .await
        .unwrap();
    assert_ne!(answer["client_id"], "mine");
    assert_ne!(answer["client_secret"], "mine");
    assert_eq!(answer["client_secret_expires_at"], 0);
    assert_eq!(answer["client_id_issued_at"], fixture.now().0);
    for (name, value) in [
        ("redirect_uris", json!([REDIRECT, "http://localhost/cb"])),
        ("client_name", json!("Notes")),
        ("client_uri", json!("https://client.example/")),
        (
            "grant_types",
            json!(["authorization_code", "refresh_token"]),
        ),
        ("response_types", json!(["code"])),
        ("scope", json!("todos:read")),
        ("application_type", json!("native")),
        ("token_endpoint_auth_method", json!("client_secret_post")),
    ] {
        assert_eq!(answer[name], value, "{name}");
    }
    // The defaults of RFC 7591.
    let answer = fixture
        .register(json!({"redirect_uris": [REDIRECT]}))
        .await
        .unwrap();
    assert_eq!(answer["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(answer["grant_types"], json!(["authorization_code"]));
    assert_eq!(answer["application_type"], "web");
    assert!(answer["client_secret"].is_string() && answer.get("scope").is_none());
    let keys = json!({"keys": [signer().p256_jwk("k")]});
    for (name, value) in [
        ("jwks", keys),
        ("jwks_uri", json!("https://client.example/keys")),
    ] {
        let mut metadata = with(name, value.clone());
        metadata["token_endpoint_auth_method"] = json!("private_key_jwt");
        let answer = fixture.register(metadata).await.unwrap();
        assert!(answer.get("client_secret").is_none());
        let said = answer[name].to_string();
        let key = value["keys"][0]["x"]
            .as_str()
            .unwrap_or("client.example/keys");
        assert!(said.contains(key), "{said}");
    }
}

#[tokio::test]
async fn unacceptable_metadata_is_an_error_of_rfc_7591() {
    let fixture = Fixture::with(|config| config.register_rate.burst = 1000);
    let uris = |uris: &[&str]| with("redirect_uris", json!(uris));
    for uri in [
        "http://client.example/cb",
        "https://client.example/cb#f",
        "https://user@client.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://client.example/x",
        "mailto:a@client.example",
        "myapp://callback",
        "/cb",
        "",
    ] {
        let error = fixture.register(uris(&[REDIRECT, uri])).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRedirectUri, "{uri}");
        // The error names the wrong URI.
        let said = error.description;
        assert!(said.contains(uri) && !said.contains(REDIRECT), "{said}");
    }
    let strange = format!("myapp://\"\\\u{1b}[31m\u{202e}\n{}", "x".repeat(5000));
    let error = fixture.register(uris(&[&strange])).await.unwrap_err();
    let said = error.description;
    assert!(said.contains("myapp://???[31m??xxx"), "{said}");
    assert!(said.len() < 400, "{said}");
    let many: Vec<_> = (0..11)
        .map(|n| format!("https://client.example/{n}"))
        .collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    for metadata in [uris(&[]), uris(&many), json!({})] {
        let error = fixture.register(metadata).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidRedirectUri);
    }
    for metadata in [
        json!([]),
        json!("x"),
        with("redirect_uris", json!(REDIRECT)),
        with("grant_types", json!(["implicit"])),
        with("grant_types", json!([])),
        with("response_types", json!(["token"])),
        with("token_endpoint_auth_method", json!("client_secret_jwt")),
        with("token_endpoint_auth_method", json!("private_key_jwt")),
        with("application_type", json!("service")),
        with("client_name", json!("")),
        with("client_name", json!("x".repeat(121))),
        with("client_name", json!("evil\u{202e}gpj.exe")),
        with("client_name", json!("Clau\u{200b}de")),
        with("client_name", json!("Clau\u{3164}de")),
        with("client_name", json!("two\nlines")),
        with("client_uri", json!("javascript:alert(1)")),
        with("client_uri", json!("https://known.example@evil.example/")),
        with("scope", json!("a\"b")),
        with("jwks", json!({"keys": 1})),
    ] {
        let error = fixture.register(metadata.clone()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClientMetadata, "{metadata}");
    }
    let twice =
        format!(r#"{{"redirect_uris":["{REDIRECT}"],"redirect_uris":["https://evil.example"]}}"#);
    let error = fixture
        .server
        .registration()
        .register(twice.as_bytes(), None, fixture.now())
        .await;
    assert_eq!(error.unwrap_err().code, ErrorCode::InvalidClientMetadata);
    let long = with("x", json!("x".repeat(17_000)));
    let error = fixture.register(long).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidClientMetadata);
}

#[tokio::test]
async fn the_application_type_follows_the_redirect_uris() {
    let fixture = Fixture::with(|config| config.register_rate.burst = 1000);
    for (said, uri, expect) in [
        (None, REDIRECT, Ok("web")),
        (None, "http://127.0.0.1/cb", Ok("native")),
        (None, "cursor://x", Ok("native")),
        (Some("web"), REDIRECT, Ok("web")),
        (
            Some("web"),
            "http://localhost:1/cb",
            Err(ErrorCode::InvalidRedirectUri),
        ),
        (
            Some("web"),
            "cursor://x",
            Err(ErrorCode::InvalidRedirectUri),
        ),
        (Some("native"), REDIRECT, Ok("native")),
        (Some("native"), "http://[::1]/cb", Ok("native")),
    ] {
        let metadata = json!({"redirect_uris": [uri], "application_type": said});
        let answer = fixture.register(metadata).await;
        let answer = answer.map(|answer| answer["application_type"].as_str().unwrap().to_owned());
        let answer = answer.as_deref().map_err(|error| error.code);
        assert_eq!(answer, expect, "{said:?} {uri}");
    }
}

#[tokio::test]
async fn a_registration_gains_no_scopes_or_claims() {
    let fixture = Fixture::new();
    let app = fixture
        .app(json!({"scope": "todos:read admin *", "claims": {"role": "admin"}}))
        .await;
    let request = app
        .request()
        .with("scope", "todos:read todos:write admin *");
    let code = Browser::new(&fixture).code(&request, "alice").await;
    let answer = fixture.token(&app.redemption(&code)).await.unwrap();
    assert_eq!(answer["scope"], "todos:read");
    let who = fixture
        .who(answer["access_token"].as_str().unwrap())
        .await
        .unwrap();
    assert!(!who.claims.contains_key("role"));
}

#[tokio::test]
async fn unused_clients_expire() {
    let fixture = Fixture::new();
    let (used, unused) = (fixture.public_app().await, fixture.public_app().await);
    fixture.pass(89 * 86_400);
    fixture.tokens(&used, "alice").await;
    fixture.pass(86_400);
    error_page(Browser::new(&fixture).authorize(&unused.request()).await);
    Browser::new(&fixture).code(&used.request(), "alice").await;
    fixture.server.purge(fixture.now()).await.unwrap();
    let held = |id: &str| fixture.store.client(&id.into());
    assert!(held(&unused.id).await.unwrap().is_none());
    assert!(held(&used.id).await.unwrap().is_some());
}

#[tokio::test]
async fn registered_clients_are_limited_and_those_without_a_grant_are_deleted() {
    let fixture = Fixture::with(|config| {
        config.most_clients = 5;
        config.register_rate.burst = 1000;
    });
    let mut holders = Vec::new();
    for _ in 0..3 {
        let app = fixture.public_app().await;
        fixture.tokens(&app, "alice").await;
        holders.push(app);
        fixture.pass(1);
    }
    let first = fixture.public_app().await;
    for _ in 0..100 {
        fixture.pass(1);
        fixture.public_app().await;
    }
    error_page(Browser::new(&fixture).authorize(&first.request()).await);
    for app in &holders {
        fixture.tokens(app, "alice").await;
    }
    for _ in 0..2 {
        fixture.pass(1);
        let app = fixture.public_app().await;
        fixture.tokens(&app, "alice").await;
    }
    let error = fixture
        .register(json!({"redirect_uris": [REDIRECT]}))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::TemporarilyUnavailable);
}

#[tokio::test]
async fn registration_is_rate_limited_by_network_and_can_be_disabled() {
    let fixture = Fixture::new();
    let from = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    let metadata = || json!({"redirect_uris": [REDIRECT]});
    for n in 0..20 {
        let neighbour = from(&format!("2001:db8:1:2::{n}"));
        fixture.register_from(neighbour, metadata()).await.unwrap();
    }
    let error = fixture
        .register_from(from("2001:db8:1:2:ffff::1"), metadata())
        .await
        .unwrap_err();
    assert_eq!(
        (error.code, error.code.status().as_u16()),
        (ErrorCode::SlowDown, 429)
    );
    assert!(error.retry_after.is_some());
    fixture
        .register_from(from("2001:db8:1:3::1"), metadata())
        .await
        .unwrap();
    fixture
        .register_from(from("192.0.2.1"), metadata())
        .await
        .unwrap();
    fixture.pass(error.retry_after.unwrap().as_secs());
    fixture
        .register_from(from("2001:db8:1:2::1"), metadata())
        .await
        .unwrap();
    let fixture = Fixture::with(|config| config.registration = false);
    let error = fixture.register(metadata()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::AccessDenied);
}

#[tokio::test]
async fn unknown_members_must_be_utf8_too() {
    let fixture = Fixture::new();
    let good = br#"{"redirect_uris":["https://client.example/callback"],"x":"y"}"#;
    assert!(
        fixture
            .server
            .registration()
            .register(good, None, fixture.now())
            .await
            .is_ok()
    );
    for place in [good.len() - 3, good.len() - 7] {
        let mut bad = good.to_vec();
        bad[place] = 0xff;
        let refused = fixture
            .server
            .registration()
            .register(&bad, None, fixture.now())
            .await;
        assert_eq!(
            refused.unwrap_err().code.as_str(),
            "invalid_client_metadata",
            "{place}"
        );
    }
}
