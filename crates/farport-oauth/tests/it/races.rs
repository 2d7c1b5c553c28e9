//! Concurrent requests with the same one-time value.

use std::sync::Arc;

use farport_oauth::ErrorCode;

use crate::support::{App, Browser, Fixture, Form, request};

/// The number of concurrent requests.
const CALLERS: usize = 100;

fn rounds() -> usize {
    if std::env::var_os("FARPORT_LONG_TESTS").is_some_and(|value| value == "1") {
        10_000
    } else {
        1_000
    }
}

fn fixture() -> Fixture {
    Fixture::with(|config| {
        config.token_rate.burst = u32::MAX;
        config.authorize_rate.burst = u32::MAX;
    })
}

/// Sends the same form concurrently. Returns how many requests succeed, and the errors of the others.
async fn rush(fixture: &Arc<Fixture>, form: &Form) -> (usize, Vec<ErrorCode>) {
    let body: Arc<str> = form.encoded().into();
    let callers = (0..CALLERS).map(|_| {
        let (fixture, body) = (fixture.clone(), body.clone());
        tokio::spawn(async move {
            let request = request(None, &body, None);
            fixture
                .server
                .token_endpoint()
                .token(&fixture.site, request, fixture.now())
                .await
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut errors = Vec::new();
    for caller in callers {
        errors.extend(caller.await.unwrap().err().map(|error| error.code));
    }
    (CALLERS - errors.len(), errors)
}

async fn code(fixture: &Fixture, app: &App) -> String {
    Browser::new(fixture).code(&app.request(), "alice").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_redemptions_of_one_code_succeed_once() {
    let fixture = Arc::new(fixture());
    let app = fixture.public_app().await;
    for round in 0..rounds() {
        let form = app.redemption(&code(&fixture, &app).await);
        let (served, errors) = rush(&fixture, &form).await;
        assert_eq!(served, 1, "round {round}");
        assert!(errors.iter().all(|error| *error == ErrorCode::InvalidGrant));
        // The other requests are replays, which end the grant.
        assert_eq!(fixture.grants().await, 0, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_uses_of_one_refresh_token_succeed_once_and_keep_the_grant() {
    let fixture = Arc::new(fixture());
    let app = fixture.public_app().await;
    let first = fixture
        .token(&app.redemption(&code(&fixture, &app).await))
        .await;
    let mut form = app.refresh(&first.unwrap());
    for round in 0..rounds() {
        let (served, errors) = rush(&fixture, &form).await;
        assert_eq!(served, 1, "round {round}");
        let expected = ErrorCode::TemporarilyUnavailable;
        assert!(
            errors.iter().all(|error| *error == expected),
            "round {round}"
        );
        assert_eq!(fixture.grants().await, 1, "round {round}");
        // A later request with the same token receives the next one.
        fixture.pass(5);
        form = app.refresh(&fixture.token(&form).await.unwrap());
        if round % 100 == 99 {
            let (served, _) = (fixture.token(&form).await.unwrap(), fixture.pass(5));
            form = app.refresh(&served);
        }
    }
}
