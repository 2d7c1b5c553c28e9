//! The redemption of codes at the token endpoint.

use farport_oauth::{Digest, ErrorCode, Store};
use serde_json::{Value, json};

use crate::support::{App, Browser, Fixture, Form, MCP, REDIRECT, VERIFIER, challenge};

async fn code(fixture: &Fixture, app: &App) -> String {
    Browser::new(fixture).code(&app.request(), "alice").await
}

async fn error(fixture: &Fixture, form: &Form) -> ErrorCode {
    fixture.token(form).await.unwrap_err().code
}

#[tokio::test]
async fn a_replay_of_a_code_revokes_its_tokens() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    // Another grant, which must not be affected.
    let other = fixture.tokens(&app, "alice").await;
    let code = code(&fixture, &app).await;
    let first = fixture.token(&app.redemption(&code)).await.unwrap();
    let refreshed = fixture.token(&app.refresh(&first)).await.unwrap();
    assert!(fixture.good(&first["access_token"]).await);
    assert!(fixture.good(&refreshed["access_token"]).await);
    // Also long after the code has expired.
    fixture.pass(3000);
    assert_eq!(
        error(&fixture, &app.redemption(&code)).await,
        ErrorCode::InvalidGrant
    );
    for answer in [&first, &refreshed] {
        assert!(!fixture.good(&answer["access_token"]).await);
        let refresh = app.refresh(answer);
        assert_eq!(error(&fixture, &refresh).await, ErrorCode::InvalidGrant);
    }
    assert!(fixture.good(&other["access_token"]).await);
    fixture.token(&app.refresh(&other)).await.unwrap();
}

#[tokio::test]
async fn a_forged_code_or_another_client_does_not_end_the_grant() {
    let fixture = Fixture::new();
    let (app, thief) = (fixture.public_app().await, fixture.public_app().await);
    let code = code(&fixture, &app).await;
    let tokens = fixture.token(&app.redemption(&code)).await.unwrap();
    let forged = [
        format!("{}AAAA", &code[..code.len() - 4]),
        code[..20].to_owned(),
        format!("{code}A"),
        code.to_lowercase(),
        code.replacen("fpc_", "fpr_", 1),
        tokens["access_token"].as_str().unwrap().to_owned(),
        "fpc_".into(),
    ];
    for forged in forged {
        let form = app.redemption(&forged);
        assert_eq!(
            error(&fixture, &form).await,
            ErrorCode::InvalidGrant,
            "{forged}"
        );
    }
    // The thief has a used code of another client.
    let form = thief.redemption(&code);
    assert_eq!(error(&fixture, &form).await, ErrorCode::InvalidGrant);
    assert!(fixture.good(&tokens["access_token"]).await);
    fixture.token(&app.refresh(&tokens)).await.unwrap();
}

#[tokio::test]
async fn a_code_is_bound_to_client_redirect_resource_and_challenge() {
    let fixture = Fixture::new();
    let (app, other) = (fixture.public_app().await, fixture.public_app().await);
    let code = code(&fixture, &app).await;
    let good = app.redemption(&code);
    use ErrorCode::{InvalidClient, InvalidGrant, InvalidRequest, InvalidTarget};
    let long = "a".repeat(129);
    for (form, expect) in [
        (good.clone().with("client_id", &other.id), InvalidGrant),
        (good.clone().with("client_id", "unknown"), InvalidClient),
        (good.clone().without("client_id"), InvalidRequest),
        (
            good.clone()
                .with("redirect_uri", "https://client.example/callback/"),
            InvalidGrant,
        ),
        (
            good.clone()
                .with("redirect_uri", "https://CLIENT.example/callback"),
            InvalidGrant,
        ),
        (
            good.clone()
                .with("redirect_uri", "https://u@client.example/callback"),
            InvalidGrant,
        ),
        (
            good.clone()
                .with("redirect_uri", "https://client.example/callback#"),
            InvalidGrant,
        ),
        (
            good.clone()
                .with("redirect_uri", "https://client.example/callback?x"),
            InvalidGrant,
        ),
        (
            good.clone()
                .with("redirect_uri", "http://client.example/callback"),
            InvalidGrant,
        ),
        (
            good.clone().with("resource", "https://mcp.example/sse"),
            InvalidTarget,
        ),
        (
            good.clone().with("resource", "https://mcp.example"),
            InvalidTarget,
        ),
        (
            good.clone().with("resource", "https://other.example/mcp"),
            InvalidTarget,
        ),
        (good.clone().and("resource", MCP), InvalidTarget),
        (good.clone().without("code_verifier"), InvalidRequest),
        (
            good.clone().with("code_verifier", &challenge(VERIFIER)),
            InvalidGrant,
        ),
        (
            good.clone().with("code_verifier", &VERIFIER[1..]),
            InvalidRequest,
        ),
        (good.clone().with("code_verifier", &long), InvalidRequest),
        (
            good.clone()
                .with("code_verifier", &VERIFIER.replace('-', "+")),
            InvalidRequest,
        ),
        (
            good.clone().with("code_verifier", &VERIFIER.to_lowercase()),
            InvalidGrant,
        ),
        (good.clone().without("code"), InvalidRequest),
        (good.clone().without("grant_type"), InvalidRequest),
        (
            good.clone().with("grant_type", "password"),
            ErrorCode::UnsupportedGrantType,
        ),
        (
            good.clone().with("grant_type", "client_credentials"),
            ErrorCode::UnsupportedGrantType,
        ),
        (
            good.clone().with("grant_type", "implicit"),
            ErrorCode::UnsupportedGrantType,
        ),
    ] {
        assert_eq!(error(&fixture, &form).await, expect, "{form:?}");
    }
    // The code is still unused.
    let answer = fixture.token(&good).await.unwrap();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(answer["scope"], "todos:read todos:write");
}

#[tokio::test]
async fn the_verifier_has_43_to_128_characters_and_hashes_to_the_challenge() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    for (verifier, expect) in [
        ("a".repeat(42), Some(ErrorCode::InvalidRequest)),
        ("a".repeat(43), None),
        ("-._~".repeat(32), None),
        ("a".repeat(129), Some(ErrorCode::InvalidRequest)),
        (
            format!("{}!", "a".repeat(50)),
            Some(ErrorCode::InvalidRequest),
        ),
    ] {
        let request = app.request().with("code_challenge", &challenge(&verifier));
        let code = Browser::new(&fixture).code(&request, "alice").await;
        let wrong = app.redemption(&code).with("code_verifier", &"b".repeat(43));
        assert_eq!(error(&fixture, &wrong).await, ErrorCode::InvalidGrant);
        let form = app.redemption(&code).with("code_verifier", &verifier);
        let outcome = fixture.token(&form).await.err().map(|error| error.code);
        assert_eq!(outcome, expect, "{verifier}");
    }
}

#[tokio::test]
async fn each_parameter_has_one_value_at_the_token_endpoint() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let good = app.redemption(&code(&fixture, &app).await);
    for name in [
        "grant_type",
        "code",
        "client_id",
        "redirect_uri",
        "code_verifier",
        "x",
    ] {
        let form = good.clone().and(name, "y").and(name, "y");
        assert_eq!(
            error(&fixture, &form).await,
            ErrorCode::InvalidRequest,
            "{name}"
        );
    }
    fixture.token(&good).await.unwrap();
}

#[tokio::test]
async fn a_code_lives_for_ten_minutes_at_most() {
    for (asked, lives) in [(120, 120), (600, 600), (86_400, 600)] {
        let fixture = Fixture::with(|config| {
            config.code_lifetime = std::time::Duration::from_secs(asked);
        });
        let app = fixture.public_app().await;
        let (in_time, late) = (code(&fixture, &app).await, code(&fixture, &app).await);
        fixture.pass(lives - 1);
        fixture.token(&app.redemption(&in_time)).await.unwrap();
        fixture.pass(1);
        assert_eq!(
            error(&fixture, &app.redemption(&late)).await,
            ErrorCode::InvalidGrant
        );
    }
}

#[tokio::test]
async fn the_redirect_uri_may_be_missing_but_not_differ() {
    let fixture = Fixture::new();
    let loopback = "http://127.0.0.1:7777/cb";
    let app = fixture
        .app(json!({"redirect_uris": [REDIRECT, loopback]}))
        .await;
    let request = app
        .request()
        .with("redirect_uri", "http://127.0.0.1:8888/cb");
    let code = Browser::new(&fixture).code(&request, "alice").await;
    // The port may differ from the registered one, but not from the authorization request.
    for uri in [loopback, REDIRECT, "http://127.0.0.1/cb"] {
        let form = app.redemption(&code).with("redirect_uri", uri);
        assert_eq!(
            error(&fixture, &form).await,
            ErrorCode::InvalidGrant,
            "{uri}"
        );
    }
    let form = app.redemption(&code).without("redirect_uri");
    fixture.token(&form).await.unwrap();
}

#[tokio::test]
async fn a_resource_is_narrowed_and_never_widened_at_the_token_endpoint() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let sse = "https://mcp.example/sse";
    for (granted, asked, expect) in [
        (None, None, Ok((true, true))),
        (None, Some(MCP), Ok((true, false))),
        (None, Some("https://mcp.example"), Ok((true, true))),
        (Some(MCP), None, Ok((true, false))),
        (Some(MCP), Some(MCP), Ok((true, false))),
        (Some(sse), None, Ok((false, true))),
        (Some(sse), Some(MCP), Err(ErrorCode::InvalidTarget)),
        (
            Some(MCP),
            Some("https://mcp.example"),
            Err(ErrorCode::InvalidTarget),
        ),
        (
            None,
            Some("https://evil.example"),
            Err(ErrorCode::InvalidTarget),
        ),
    ] {
        let request = app.request().set("resource", granted);
        let code = Browser::new(&fixture).code(&request, "alice").await;
        let form = app.redemption(&code).set("resource", asked);
        let mut outcome = fixture.token(&form).await;
        // The same for a refresh.
        for refresh in [false, true] {
            if refresh {
                let form = app.redemption(&code).without("resource");
                let whole = match &outcome {
                    Ok(answer) => answer.clone(),
                    Err(_) => fixture.token(&form).await.unwrap(),
                };
                let form = app.refresh(&whole).set("resource", asked);
                outcome = fixture.token(&form).await;
            }
            let good = match &outcome {
                Ok(Value::Object(answer)) => {
                    let token = answer["access_token"].as_str().unwrap();
                    let (mcp, sse) = (fixture.who(token).await, fixture.who_at(sse, token).await);
                    Ok((mcp.is_ok(), sse.is_ok()))
                }
                Ok(answer) => panic!("{answer}"),
                Err(error) => Err(error.code),
            };
            assert_eq!(good, expect, "{granted:?} {asked:?} {refresh}");
        }
    }
}

#[tokio::test]
async fn a_client_authenticates_with_its_registered_method_only() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let fixture = Fixture::new();
    let app = fixture
        .app(json!({"token_endpoint_auth_method": "client_secret_basic"}))
        .await;
    let secret = app.secret.clone().unwrap();
    let public = fixture.public_app().await;
    let header = |id: &str, secret: &str| {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
    };
    let good = header(&app.id, &secret);
    let body = app
        .redemption("x")
        .without("client_secret")
        .with("grant_type", "nothing");
    use ErrorCode::{InvalidClient, InvalidRequest, UnsupportedGrantType as Proven};
    for (authorization, form, expect) in [
        (Some(&*good), body.clone(), Proven),
        (Some(&*good), body.clone().without("client_id"), Proven),
        (None, body.clone().with("client_secret", &secret), Proven),
        (None, body.clone(), InvalidClient),
        (None, body.clone().with("client_secret", "x"), InvalidClient),
        (
            None,
            body.clone().with("client_secret", &secret.to_lowercase()),
            InvalidClient,
        ),
        (
            Some(&*good),
            body.clone().with("client_secret", &secret),
            InvalidRequest,
        ),
        (
            Some(&*good),
            body.clone().with("client_id", &public.id),
            InvalidRequest,
        ),
        (Some(&*header(&app.id, "")), body.clone(), InvalidClient),
        (
            Some(&*header(&public.id, &secret)),
            Form::new([("grant_type", "x")]),
            InvalidClient,
        ),
        (Some("Basic !!!"), body.clone(), InvalidClient),
        (Some("Bearer x"), body.clone(), InvalidClient),
        (Some("Basic"), body.clone(), InvalidClient),
        (
            None,
            body.clone().with("client_assertion", "x"),
            InvalidRequest,
        ),
        // A public client must not send a secret.
        (None, public.redemption("x").with("grant_type", "x"), Proven),
        (
            None,
            public.redemption("x").with("client_secret", "x"),
            InvalidClient,
        ),
    ] {
        let outcome = fixture.token_with(authorization, &form).await;
        let code = outcome.expect_err("an error").code;
        assert_eq!(code, expect, "{authorization:?} {form:?}");
    }
}

#[tokio::test]
async fn a_code_is_stored_only_as_a_digest() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let code = code(&fixture, &app).await;
    let (stored, grant) = fixture
        .store
        .code(&Digest::of(&code))
        .await
        .unwrap()
        .unwrap();
    assert!(!stored.used);
    let said = format!("{stored:?} {grant:?} {:?}", fixture.store);
    assert!(!said.contains(&code) && !said.contains(&code[4..]));
}
