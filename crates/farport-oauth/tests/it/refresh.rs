//! Refreshing at the token endpoint.

use std::time::Duration;

use farport_oauth::{ErrorCode, Store};
use serde_json::json;

use crate::support::{A_WHILE, App, Browser, House};

async fn error(house: &House, form: &crate::support::Form) -> ErrorCode {
    house.token(form).await.unwrap_err().code
}

#[tokio::test]
async fn a_refresh_token_is_rotated_and_reuse_of_an_old_one_revokes_the_family() {
    let house = House::new();
    let app = house.public_app().await;
    let other = house.tokens(&app, "alice").await;
    let first = house.tokens(&app, "alice").await;
    let second = house.token(&app.refresh(&first)).await.unwrap();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    let third = house.token(&app.refresh(&second)).await.unwrap();
    // The second is the previous one now; the first was left behind.
    house.pass(A_WHILE);
    assert_eq!(
        error(&house, &app.refresh(&first)).await,
        ErrorCode::InvalidGrant
    );
    for answer in [&first, &second, &third] {
        assert_eq!(
            error(&house, &app.refresh(answer)).await,
            ErrorCode::InvalidGrant
        );
        assert!(!house.good(&answer["access_token"]).await);
    }
    assert!(house.good(&other["access_token"]).await);
    house.token(&app.refresh(&other)).await.unwrap();
}

#[tokio::test]
async fn the_previous_refresh_token_is_good_until_its_successor_is_first_used() {
    let house = House::new();
    let app = house.public_app().await;
    let first = house.tokens(&app, "alice").await;
    // The answer gets lost, time and again.
    let mut lost = Vec::new();
    for _ in 0..3 {
        lost.push(house.token(&app.refresh(&first)).await.unwrap());
        house.pass(A_WHILE);
    }
    let arrived = house.token(&app.refresh(&first)).await.unwrap();
    // It is used: from now on the first one is an old one.
    let next = house.token(&app.refresh(&arrived)).await.unwrap();
    house.pass(A_WHILE);
    house.token(&app.refresh(&next)).await.unwrap();
    assert_eq!(house.grants().await, 1);
    assert_eq!(
        error(&house, &app.refresh(&first)).await,
        ErrorCode::InvalidGrant
    );
    assert_eq!(house.grants().await, 0);
}

#[tokio::test]
async fn an_answer_that_somebody_else_got_ends_the_family_when_it_is_used() {
    let house = House::new();
    let app = house.public_app().await;
    let first = house.tokens(&app, "alice").await;
    let stolen = house.token(&app.refresh(&first)).await.unwrap();
    house.pass(A_WHILE);
    house.token(&app.refresh(&first)).await.unwrap();
    assert_eq!(
        error(&house, &app.refresh(&stolen)).await,
        ErrorCode::InvalidGrant
    );
    assert_eq!(house.grants().await, 0);
}

#[tokio::test]
async fn who_comes_at_the_same_time_is_told_to_come_again() {
    let house = House::new();
    let app = house.public_app().await;
    let first = house.tokens(&app, "alice").await;
    let served = house.token(&app.refresh(&first)).await.unwrap();
    for _ in 0..3 {
        let told = house.token(&app.refresh(&first)).await.unwrap_err();
        assert_eq!(told.code, ErrorCode::TemporarilyUnavailable);
        assert_eq!(told.code.status(), 503);
        assert!(
            told.retry_after
                .is_some_and(|wait| wait <= Duration::from_secs(2))
        );
    }
    house.token(&app.refresh(&served)).await.unwrap();
    assert_eq!(house.grants().await, 1);
}

#[tokio::test]
async fn scopes_only_narrow() {
    let house = House::new();
    let app = house.public_app().await;
    let mut answer = house.tokens(&app, "alice").await;
    for (asked, expect) in [
        (None, Ok("todos:read todos:write")),
        (Some("todos:read"), Ok("todos:read")),
        (Some("profile"), Err(ErrorCode::InvalidScope)),
        (Some("todos:read profile"), Err(ErrorCode::InvalidScope)),
        (
            Some("todos:read profile admin"),
            Err(ErrorCode::InvalidScope),
        ),
        // There is no such scope here, and there was none when the grant was asked for.
        (Some("todos:read admin"), Ok("todos:read")),
        (Some("openid admin"), Ok("todos:read todos:write")),
        (Some("a\"b"), Err(ErrorCode::InvalidScope)),
        // The grant is what it was.
        (Some("todos:write"), Ok("todos:write")),
        (None, Ok("todos:read todos:write")),
    ] {
        let outcome = house.token(&app.refresh(&answer).set("scope", asked)).await;
        let said = match &outcome {
            Ok(answer) => Ok(answer["scope"].as_str().unwrap()),
            Err(error) => Err(error.code),
        };
        assert_eq!(said, expect, "{asked:?}");
        if let Ok(next) = outcome {
            let token = next["access_token"].as_str().unwrap();
            let who = house.who(token).await.unwrap();
            assert_eq!(Ok(&*who.scopes.to_string()), expect);
            answer = next;
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_its_clients_own() {
    let house = House::new();
    let (app, thief) = (house.public_app().await, house.public_app().await);
    let answer = house.tokens(&app, "alice").await;
    for form in [
        thief.refresh(&answer),
        app.refresh(&answer).with("client_secret", "x"),
        app.refresh(&answer)
            .with("refresh_token", answer["access_token"].as_str().unwrap()),
        app.refresh(&answer).with("refresh_token", "fpr_"),
        app.refresh(&answer).without("refresh_token"),
    ] {
        house.token(&form).await.unwrap_err();
    }
    house.token(&app.refresh(&answer)).await.unwrap();
}

#[tokio::test]
async fn an_access_token_never_outlives_its_grant() {
    let lifetimes = [(3600, 600, 600), (3600, 86_400, 3600), (60, 60, 60)];
    for (access, refresh, expect) in lifetimes {
        let house = House::with(|config| {
            config.access_lifetime = Duration::from_secs(access);
            config.refresh_lifetime = Duration::from_secs(refresh);
        });
        let app = house.public_app().await;
        let mut answer = house.tokens(&app, "alice").await;
        for _ in 0..2 {
            assert_eq!(answer["expires_in"], expect);
            house.pass(expect - 1);
            assert!(house.good(&answer["access_token"]).await);
            answer = house.token(&app.refresh(&answer)).await.unwrap();
        }
        house.pass(expect);
        assert!(!house.good(&answer["access_token"]).await);
        house.pass(refresh);
        assert_eq!(
            error(&house, &app.refresh(&answer)).await,
            ErrorCode::InvalidGrant
        );
        house.server.purge(house.now()).await.unwrap();
        assert_eq!(house.grants().await, 0);
    }
}

#[tokio::test]
async fn a_client_that_takes_no_refresh_tokens_gets_none() {
    let house = House::new();
    let app = house
        .app(json!({"grant_types": ["authorization_code"]}))
        .await;
    let answer = house.tokens(&app, "alice").await;
    assert!(answer.get("refresh_token").is_none());
    // The grant ends with the access token.
    house.pass(3600);
    house.server.purge(house.now()).await.unwrap();
    assert_eq!(house.grants().await, 0);
}

#[tokio::test]
async fn a_client_that_no_longer_refreshes_may_not() {
    let house = House::new();
    let id = "https://client.example/client.json";
    let publish = |grants: &[&str]| {
        let body = json!({
            "client_id": id, "client_name": "Notes", "grant_types": grants,
            "redirect_uris": [crate::support::REDIRECT],
        });
        house.script.on(&format!("GET {id}"), move |_| {
            let response = http::Response::builder().header("cache-control", "no-store");
            Ok(response.body(body.to_string().into()).unwrap())
        });
    };
    publish(&["authorization_code", "refresh_token"]);
    let app = App::named(id, crate::support::REDIRECT);
    let answer = house.tokens(&app, "alice").await;
    publish(&["authorization_code"]);
    let refresh = app.refresh(&answer);
    assert_eq!(error(&house, &refresh).await, ErrorCode::UnauthorizedClient);
    publish(&["authorization_code", "refresh_token"]);
    house.token(&refresh).await.unwrap();
}

#[tokio::test]
async fn refreshing_keeps_the_client_and_the_grant_alive() {
    let house = House::new();
    let app = house.public_app().await;
    let mut answer = house.tokens(&app, "alice").await;
    for _ in 0..10 {
        house.pass(20 * 86_400);
        house.server.purge(house.now()).await.unwrap();
        answer = house.token(&app.refresh(&answer)).await.unwrap();
    }
    assert!(house.good(&answer["access_token"]).await);
    let client = house.store.client(&(*app.id).into()).await.unwrap();
    assert!(client.unwrap().expires.unwrap() > house.now());
    Browser::new(&house).code(&app.request(), "alice").await;
}
