//! The rotation of refresh tokens at the token endpoint.

use std::time::Duration;

use farport_oauth::{ErrorCode, Store};
use serde_json::json;

use crate::support::{A_WHILE, App, Browser, Fixture};

async fn error(fixture: &Fixture, form: &crate::support::Form) -> ErrorCode {
    fixture.token(form).await.unwrap_err().code
}

#[tokio::test]
async fn reuse_of_an_old_refresh_token_ends_the_grant() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let other = fixture.tokens(&app, "alice").await;
    let first = fixture.tokens(&app, "alice").await;
    let second = fixture.token(&app.refresh(&first)).await.unwrap();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    let third = fixture.token(&app.refresh(&second)).await.unwrap();
    // The second token is the previous one now. The first one is older.
    fixture.pass(A_WHILE);
    assert_eq!(
        error(&fixture, &app.refresh(&first)).await,
        ErrorCode::InvalidGrant
    );
    for answer in [&first, &second, &third] {
        assert_eq!(
            error(&fixture, &app.refresh(answer)).await,
            ErrorCode::InvalidGrant
        );
        assert!(!fixture.good(&answer["access_token"]).await);
    }
    assert!(fixture.good(&other["access_token"]).await);
    fixture.token(&app.refresh(&other)).await.unwrap();
}

#[tokio::test]
async fn the_previous_refresh_token_is_accepted_until_its_successor_is_used() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let first = fixture.tokens(&app, "alice").await;
    // The client loses several responses.
    let mut lost = Vec::new();
    for _ in 0..3 {
        lost.push(fixture.token(&app.refresh(&first)).await.unwrap());
        fixture.pass(A_WHILE);
    }
    let arrived = fixture.token(&app.refresh(&first)).await.unwrap();
    // Its use makes the first token an old one.
    let next = fixture.token(&app.refresh(&arrived)).await.unwrap();
    fixture.pass(A_WHILE);
    fixture.token(&app.refresh(&next)).await.unwrap();
    assert_eq!(fixture.grants().await, 1);
    assert_eq!(
        error(&fixture, &app.refresh(&first)).await,
        ErrorCode::InvalidGrant
    );
    assert_eq!(fixture.grants().await, 0);
}

#[tokio::test]
async fn a_used_access_token_ends_the_grace_period() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let first = fixture.tokens(&app, "alice").await;
    let second = fixture.token(&app.refresh(&first)).await.unwrap();
    // A token from before the rotation does not end the grace period.
    assert!(fixture.good(&first["access_token"]).await);
    fixture.pass(A_WHILE);
    let third = fixture.token(&app.refresh(&first)).await.unwrap();
    assert!(fixture.good(&third["access_token"]).await);
    fixture.pass(A_WHILE);
    assert_eq!(
        error(&fixture, &app.refresh(&first)).await,
        ErrorCode::InvalidGrant
    );
    assert_eq!(fixture.grants().await, 0);
    for answer in [&second, &third] {
        assert!(!fixture.good(&answer["access_token"]).await);
    }
}

#[tokio::test]
async fn a_concurrent_request_does_not_end_the_grant() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let first = fixture.tokens(&app, "alice").await;
    let second = fixture.token(&app.refresh(&first)).await.unwrap();
    assert!(fixture.good(&second["access_token"]).await);
    assert_eq!(
        error(&fixture, &app.refresh(&first)).await,
        ErrorCode::TemporarilyUnavailable
    );
    fixture.token(&app.refresh(&second)).await.unwrap();
    assert_eq!(fixture.grants().await, 1);
}

#[tokio::test]
async fn the_grace_period_lasts_one_minute() {
    for (retries, seconds, good) in [(0, 59, true), (0, 60, false), (5, 50, true), (5, 60, false)] {
        let fixture = Fixture::new();
        let app = fixture.public_app().await;
        let first = fixture.tokens(&app, "alice").await;
        let start = fixture.now().0;
        fixture.token(&app.refresh(&first)).await.unwrap();
        // A retry does not extend the grace period.
        for _ in 0..retries {
            fixture.pass(9);
            fixture.token(&app.refresh(&first)).await.unwrap();
        }
        fixture.pass(start + seconds - fixture.now().0);
        let outcome = fixture.token(&app.refresh(&first)).await;
        assert_eq!(outcome.is_ok(), good, "{retries} {seconds}");
        assert_eq!(fixture.grants().await, usize::from(good));
    }
}

#[tokio::test]
async fn a_grant_ends_at_its_deadline_even_if_refreshed() {
    const DAY: u64 = 86_400;
    for (days, refreshes) in [(None, 18), (Some(25), 2)] {
        let fixture = Fixture::with(|config| {
            if let Some(days) = days {
                config.grant_lifetime = Duration::from_secs(days * DAY);
            }
        });
        let app = fixture.public_app().await;
        let mut answer = fixture.tokens(&app, "alice").await;
        let end = fixture.now().0 + days.unwrap_or(180) * DAY;
        for _ in 0..refreshes {
            answer = fixture.token(&app.refresh(&answer)).await.unwrap();
            fixture.pass(10 * DAY);
        }
        let left = end - fixture.now().0;
        fixture.pass(left.saturating_sub(100));
        if left > 100 {
            answer = fixture.token(&app.refresh(&answer)).await.unwrap();
            // No token outlives the grant.
            assert_eq!(answer["expires_in"], 100);
            fixture.pass(99);
            assert!(fixture.good(&answer["access_token"]).await);
            fixture.pass(1);
        }
        assert!(!fixture.good(&answer["access_token"]).await);
        assert_eq!(
            error(&fixture, &app.refresh(&answer)).await,
            ErrorCode::InvalidGrant
        );
        fixture.server.purge(fixture.now()).await.unwrap();
        assert_eq!(fixture.grants().await, 0);
    }
}

#[tokio::test]
async fn use_of_a_stolen_response_ends_the_grant() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let first = fixture.tokens(&app, "alice").await;
    let stolen = fixture.token(&app.refresh(&first)).await.unwrap();
    fixture.pass(A_WHILE);
    fixture.token(&app.refresh(&first)).await.unwrap();
    assert_eq!(
        error(&fixture, &app.refresh(&stolen)).await,
        ErrorCode::InvalidGrant
    );
    assert_eq!(fixture.grants().await, 0);
}

#[tokio::test]
async fn a_concurrent_request_receives_a_retry_error() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let first = fixture.tokens(&app, "alice").await;
    let served = fixture.token(&app.refresh(&first)).await.unwrap();
    for _ in 0..3 {
        let error = fixture.token(&app.refresh(&first)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::TemporarilyUnavailable);
        assert_eq!(error.code.status(), 503);
        assert!(
            error
                .retry_after
                .is_some_and(|wait| wait <= Duration::from_secs(2))
        );
    }
    fixture.token(&app.refresh(&served)).await.unwrap();
    assert_eq!(fixture.grants().await, 1);
}

#[tokio::test]
async fn a_refresh_can_only_narrow_the_scopes() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let mut answer = fixture.tokens(&app, "alice").await;
    for (asked, expect) in [
        (None, Ok("todos:read todos:write")),
        (Some("todos:read"), Ok("todos:read")),
        (Some("profile"), Err(ErrorCode::InvalidScope)),
        (Some("todos:read profile"), Err(ErrorCode::InvalidScope)),
        (
            Some("todos:read profile admin"),
            Err(ErrorCode::InvalidScope),
        ),
        // Unknown scopes are ignored.
        (Some("todos:read admin"), Ok("todos:read")),
        (Some("openid admin"), Ok("todos:read todos:write")),
        (Some("a\"b"), Err(ErrorCode::InvalidScope)),
        // The grant is unchanged.
        (Some("todos:write"), Ok("todos:write")),
        (None, Ok("todos:read todos:write")),
    ] {
        let outcome = fixture
            .token(&app.refresh(&answer).set("scope", asked))
            .await;
        let said = match &outcome {
            Ok(answer) => Ok(answer["scope"].as_str().unwrap()),
            Err(error) => Err(error.code),
        };
        assert_eq!(said, expect, "{asked:?}");
        if let Ok(next) = outcome {
            let token = next["access_token"].as_str().unwrap();
            let who = fixture.who(token).await.unwrap();
            assert_eq!(Ok(&*who.scopes.to_string()), expect);
            answer = next;
        }
    }
}

#[tokio::test]
async fn only_its_client_can_use_a_refresh_token() {
    let fixture = Fixture::new();
    let (app, thief) = (fixture.public_app().await, fixture.public_app().await);
    let answer = fixture.tokens(&app, "alice").await;
    for form in [
        thief.refresh(&answer),
        app.refresh(&answer).with("client_secret", "x"),
        app.refresh(&answer)
            .with("refresh_token", answer["access_token"].as_str().unwrap()),
        app.refresh(&answer).with("refresh_token", "fpr_"),
        app.refresh(&answer).without("refresh_token"),
    ] {
        fixture.token(&form).await.unwrap_err();
    }
    fixture.token(&app.refresh(&answer)).await.unwrap();
}

#[tokio::test]
async fn an_access_token_never_outlives_its_grant() {
    let lifetimes = [(3600, 600, 600), (3600, 86_400, 3600), (60, 60, 60)];
    for (access, refresh, expect) in lifetimes {
        let fixture = Fixture::with(|config| {
            config.access_lifetime = Duration::from_secs(access);
            config.refresh_lifetime = Duration::from_secs(refresh);
        });
        let app = fixture.public_app().await;
        let mut answer = fixture.tokens(&app, "alice").await;
        for _ in 0..2 {
            assert_eq!(answer["expires_in"], expect);
            fixture.pass(expect - 1);
            assert!(fixture.good(&answer["access_token"]).await);
            answer = fixture.token(&app.refresh(&answer)).await.unwrap();
        }
        fixture.pass(expect);
        assert!(!fixture.good(&answer["access_token"]).await);
        fixture.pass(refresh);
        assert_eq!(
            error(&fixture, &app.refresh(&answer)).await,
            ErrorCode::InvalidGrant
        );
        fixture.server.purge(fixture.now()).await.unwrap();
        assert_eq!(fixture.grants().await, 0);
    }
}

#[tokio::test]
async fn a_client_without_refresh_tokens_gets_none() {
    let fixture = Fixture::new();
    let app = fixture
        .app(json!({"grant_types": ["authorization_code"]}))
        .await;
    let answer = fixture.tokens(&app, "alice").await;
    assert!(answer.get("refresh_token").is_none());
    // The grant ends with the access token.
    fixture.pass(3600);
    fixture.server.purge(fixture.now()).await.unwrap();
    assert_eq!(fixture.grants().await, 0);
}

#[tokio::test]
async fn a_client_that_drops_refresh_tokens_cannot_refresh() {
    let fixture = Fixture::new();
    let id = "https://client.example/client.json";
    let publish = |grants: &[&str]| {
        let body = json!({
            "client_id": id, "client_name": "Notes", "grant_types": grants,
            "redirect_uris": [crate::support::REDIRECT],
        });
        fixture.script.on(&format!("GET {id}"), move |_| {
            let response = http::Response::builder().header("cache-control", "no-store");
            Ok(response.body(body.to_string().into()).unwrap())
        });
    };
    publish(&["authorization_code", "refresh_token"]);
    let app = App::named(id, crate::support::REDIRECT);
    let answer = fixture.tokens(&app, "alice").await;
    publish(&["authorization_code"]);
    let refresh = app.refresh(&answer);
    assert_eq!(
        error(&fixture, &refresh).await,
        ErrorCode::UnauthorizedClient
    );
    publish(&["authorization_code", "refresh_token"]);
    fixture.token(&refresh).await.unwrap();
}

#[tokio::test]
async fn refreshing_keeps_the_client_and_the_grant_alive() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let mut answer = fixture.tokens(&app, "alice").await;
    for _ in 0..8 {
        fixture.pass(20 * 86_400);
        fixture.server.purge(fixture.now()).await.unwrap();
        answer = fixture.token(&app.refresh(&answer)).await.unwrap();
    }
    assert!(fixture.good(&answer["access_token"]).await);
    let client = fixture.store.client(&(*app.id).into()).await.unwrap();
    assert!(client.unwrap().expires.unwrap() > fixture.now());
    Browser::new(&fixture).code(&app.request(), "alice").await;
}
