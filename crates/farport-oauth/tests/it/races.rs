//! Many who want the same one-time thing at the same time.

use std::sync::Arc;

use farport_oauth::ErrorCode;

use crate::support::{App, Browser, Form, House, request};

/// How many come at once.
const CALLERS: usize = 100;

fn rounds() -> usize {
    match std::env::var_os("FARPORT_SLOW_TESTS").is_some_and(|value| value == "1") {
        true => 10_000,
        false => 1_000,
    }
}

fn house() -> House {
    House::with(|config| {
        config.token_rate.burst = u32::MAX;
        config.authorize_rate.burst = u32::MAX;
    })
}

/// How many of those who send the same form at once are served, and what the others are told.
async fn rush(house: &Arc<House>, form: &Form) -> (usize, Vec<ErrorCode>) {
    let body: Arc<str> = form.encoded().into();
    let callers = (0..CALLERS).map(|_| {
        let (house, body) = (house.clone(), body.clone());
        tokio::spawn(async move {
            let request = request(None, &body, None);
            house.server.token(&house.site, request, house.now()).await
        })
    });
    let callers: Vec<_> = callers.collect();
    let mut errors = Vec::new();
    for caller in callers {
        errors.extend(caller.await.unwrap().err().map(|error| error.code));
    }
    (CALLERS - errors.len(), errors)
}

async fn code(house: &House, app: &App) -> String {
    Browser::new(house).code(&app.request(), "alice").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_redeem_one_code_one_succeeds() {
    let house = Arc::new(house());
    let app = house.public_app().await;
    for round in 0..rounds() {
        let form = app.redemption(&code(&house, &app).await);
        let (served, errors) = rush(&house, &form).await;
        assert_eq!(served, 1, "round {round}");
        assert!(errors.iter().all(|error| *error == ErrorCode::InvalidGrant));
        // The others were replays, which end it.
        assert_eq!(house.grants().await, 0, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_who_use_one_refresh_token_one_succeeds_and_one_family_lives() {
    let house = Arc::new(house());
    let app = house.public_app().await;
    let first = house
        .token(&app.redemption(&code(&house, &app).await))
        .await;
    let mut form = app.refresh(&first.unwrap());
    for round in 0..rounds() {
        let (served, errors) = rush(&house, &form).await;
        assert_eq!(served, 1, "round {round}");
        let told = ErrorCode::TemporarilyUnavailable;
        assert!(errors.iter().all(|error| *error == told), "round {round}");
        assert_eq!(house.grants().await, 1, "round {round}");
        // Nobody is stranded: who comes again later gets the next one.
        house.pass(5);
        form = app.refresh(&house.token(&form).await.unwrap());
        if round % 100 == 99 {
            let (served, _) = (house.token(&form).await.unwrap(), house.pass(5));
            form = app.refresh(&served);
        }
    }
}
