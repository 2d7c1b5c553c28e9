//! Killed at any moment while clients exchange codes and refresh tokens over HTTP: what a client
//! was answered holds, and nothing is good twice.
//!
//! `killed` does the same to the store alone, more often.

#![cfg(all(feature = "client", feature = "server"))]

mod app;
mod program;

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use app::{App, Refused, Tokens};
use program::Program;
use tokio::{sync::Notify, task::JoinSet};

/// How often the program is killed. A client whose refresh was cut off may have to retry for half a
/// minute, so more rounds belong to the long tests.
fn rounds() -> usize {
    if std::env::var_os("FARPORT_LONG_TESTS").is_some_and(|value| value == "1") {
        20
    } else {
        5
    }
}

/// How many exchanges it has answered when it may be killed.
const EXCHANGES: usize = 50;

/// How many clients there are.
const CALLERS: usize = 8;

/// Once it may be, it is killed within this many microseconds.
const SOON: u64 = 20_000;

/// Long enough for anything, short enough to fail by.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a sign-in stood when the program died.
enum Standing {
    /// A code was on its way, and no answer came.
    Redeeming,
    /// This was the last answer.
    Holding(Tokens),
    /// A refresh token was on its way, and no answer came.
    Refreshing(Tokens),
}

/// A sign-in, as its client knows it.
struct Chain {
    code: String,
    standing: Standing,
}

/// What has been answered in this round, and whom to wake when it is enough.
#[derive(Default)]
struct Count {
    answered: AtomicUsize,
    enough: Notify,
}

impl Count {
    fn answer(&self) {
        if self.answered.fetch_add(1, Ordering::SeqCst) + 1 == EXCHANGES {
            self.enough.notify_one();
        }
    }
}

/// Signs in and refreshes until the program ends.
async fn exchange(app: Arc<App>, count: Arc<Count>) -> Vec<Chain> {
    let mut chains = Vec::new();
    while let Some(code) = app.code().await {
        let standing = 'chain: {
            let Some(redeemed) = app.redeem(&code).await else {
                break 'chain Standing::Redeeming;
            };
            let mut tokens = redeemed.expect("a new code is good");
            count.answer();
            for _ in 0..2 {
                let Some(refreshed) = app.refresh(&tokens).await else {
                    break 'chain Standing::Refreshing(tokens);
                };
                tokens = refreshed.expect("the present token is good");
                count.answer();
            }
            Standing::Holding(tokens)
        };
        chains.push(Chain { code, standing });
    }
    chains
}

/// What a client has of a sign-in after the program was started again.
enum Outcome {
    Tokens(Tokens),
    /// The code was used, and the answer lost.
    Nothing,
    /// The refresh token was replaced a moment ago and the response is lost: the client must
    /// retry.
    Later,
}

/// Compares a sign-in with the responses that its client received.
async fn check(app: &App, chain: &Chain) -> Outcome {
    let asked = match &chain.standing {
        Standing::Redeeming => app.redeem(&chain.code).await,
        Standing::Holding(tokens) | Standing::Refreshing(tokens) => {
            assert!(app.is_good(tokens).await, "an access token is lost");
            app.refresh(tokens).await
        }
    };
    match (asked.expect("the program is there"), &chain.standing) {
        (Ok(tokens), _) => {
            assert!(app.is_good(&tokens).await, "a new token is not good");
            Outcome::Tokens(tokens)
        }
        (Err(Refused::InvalidGrant), Standing::Redeeming) => Outcome::Nothing,
        (Err(Refused::Later), Standing::Refreshing(_)) => Outcome::Later,
        (Err(refused), _) => panic!("a client is stranded: {refused:?}"),
    }
}

/// Brings a code that has been used, which ends what it gave.
async fn replay(app: &App, code: &str, tokens: Option<&Tokens>) {
    let again = app.redeem(code).await.expect("the program is there");
    assert!(matches!(again, Err(Refused::InvalidGrant)), "{again:?}");
    if let Some(tokens) = tokens {
        assert!(!app.is_good(tokens).await, "what a replayed code gave");
    }
}

/// Checks a sign-in, and again while the server asks its client to retry later. A client has to retry
/// within the grace period of its token, which is a minute.
async fn settled(app: &App, chain: &Chain) -> Outcome {
    let until = Instant::now() + PATIENCE;
    loop {
        match check(app, chain).await {
            Outcome::Later if Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            outcome => return outcome,
        }
    }
}

/// Checks a sign-in, and revokes it by replaying its code, unless it `lasts` or its client must
/// retry. Returns what remains.
async fn gone_on(app: Arc<App>, mut chain: Chain, lasts: bool) -> Option<(Arc<App>, Chain)> {
    match settled(&app, &chain).await {
        Outcome::Tokens(tokens) if lasts => chain.standing = Standing::Holding(tokens),
        Outcome::Later => {}
        Outcome::Tokens(tokens) => {
            replay(&app, &chain.code, Some(&tokens)).await;
            return None;
        }
        Outcome::Nothing => {
            replay(&app, &chain.code, None).await;
            return None;
        }
    }
    Some((app, chain))
}

/// Checks a sign-in once more, after all the rounds, and ends it.
async fn end(app: App, chain: Chain) {
    let until = Instant::now() + PATIENCE;
    let tokens = loop {
        match check(&app, &chain).await {
            Outcome::Tokens(tokens) => break tokens,
            _ => assert!(Instant::now() < until, "a client must retry forever"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    replay(&app, &chain.code, Some(&tokens)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_of_the_token_endpoint_is_taken_back_and_no_code_is_good_twice() {
    // No request uses TLS, but reqwest requires a crypto provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = tempfile::tempdir().unwrap();
    let database = place.path().join("farport.db");
    let mut program = Program::start(&database);
    let rounds = rounds();
    let (mut total, mut in_flight) = (0, 0);
    let mut remaining = Vec::new();
    for round in 0..rounds {
        // The number of grants per user is bounded, so each round has its own user.
        let name = format!("ada {round}");
        let app = Arc::new(App::sign_in(&program.address, &name, round).await);
        let count = Arc::new(Count::default());
        let callers = (0..CALLERS).map(|_| tokio::spawn(exchange(app.clone(), count.clone())));
        let callers: Vec<_> = callers.collect();
        count.enough.notified().await;
        let moment = RandomState::new().hash_one(round) % SOON;
        tokio::time::sleep(Duration::from_micros(moment)).await;
        program.kill();
        let mut chains = Vec::new();
        for caller in callers {
            chains.extend(caller.await.unwrap());
        }
        total += count.answered.load(Ordering::SeqCst);

        let began = Instant::now();
        program = Program::start(&database);
        let app = Arc::new(app.at(&program.address, rounds + round));
        assert!(app.is_good(app.first()).await, "round {round}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(1), "ready after {took:?}");
        let again = app.code().await;
        assert!(again.is_some(), "the sign-in is lost");
        let mut checks = JoinSet::new();
        for (number, chain) in chains.into_iter().enumerate() {
            in_flight += usize::from(!matches!(chain.standing, Standing::Holding(_)));
            // Half of them go on, through all the rounds to come.
            checks.spawn(gone_on(app.clone(), chain, number % 2 == 0));
        }
        remaining.extend(checks.join_all().await.into_iter().flatten());
    }
    let mut ends = JoinSet::new();
    for (app, chain) in remaining {
        ends.spawn(end(app.at(&program.address, 2 * rounds), chain));
    }
    ends.join_all().await;
    assert!(total >= rounds * EXCHANGES, "{total} exchanges");
    assert!(
        in_flight >= rounds,
        "it was killed in the middle of {in_flight}"
    );
}
