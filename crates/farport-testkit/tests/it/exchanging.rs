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
use tokio::sync::Notify;

/// How often the program is killed.
const ROUNDS: usize = 20;

/// How many exchanges it has answered when it may be killed; 1,000 in all.
const EXCHANGES: usize = 50;

/// How many clients there are.
const CALLERS: usize = 8;

/// Once it may be, it is killed within this time.
const SOON: u64 = 20_000;

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

/// Signs in and refreshes until the program is gone.
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

/// Refreshes a token of which nobody knows whether it has given way. It may have done so a moment
/// ago; the client comes again then, as it is told to.
async fn refresh(app: &App, tokens: &Tokens) -> Tokens {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match app.refresh(tokens).await.expect("the program is there") {
            Ok(tokens) => return tokens,
            Err(Refused::Later(wait)) if Instant::now() < until => tokio::time::sleep(wait).await,
            Err(refused) => panic!("whoever lost an answer is stranded: {refused:?}"),
        }
    }
}

/// Holds a sign-in to what its client was told. Answers what its client has then.
async fn check(app: &App, chain: &Chain) -> Option<Tokens> {
    let tokens = match &chain.standing {
        Standing::Redeeming => {
            let again = app.redeem(&chain.code).await.expect("the program is there");
            match again {
                Ok(tokens) => tokens,
                Err(refused) => {
                    assert!(matches!(refused, Refused::InvalidGrant), "{refused:?}");
                    return None;
                }
            }
        }
        Standing::Holding(tokens) => {
            assert!(app.is_good(tokens).await, "an access token is lost");
            refresh(app, tokens).await
        }
        Standing::Refreshing(tokens) => {
            assert!(app.is_good(tokens).await, "an access token is lost");
            refresh(app, tokens).await
        }
    };
    assert!(app.is_good(&tokens).await, "a new token is not good");
    Some(tokens)
}

/// Brings a code that has been used, which ends what it gave.
async fn replay(app: &App, code: &str, tokens: Option<&Tokens>) {
    let again = app.redeem(code).await.expect("the program is there");
    assert!(matches!(again, Err(Refused::InvalidGrant)), "{again:?}");
    if let Some(tokens) = tokens {
        assert!(!app.is_good(tokens).await, "what a replayed code gave");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_of_the_token_endpoint_is_taken_back_and_no_code_is_good_twice() {
    // Nothing here goes over TLS, and reqwest wants somebody for it all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = tempfile::tempdir().unwrap();
    let database = place.path().join("farport.db");
    let mut program = Program::start(&database);
    let (mut total, mut in_flight, mut lasting) = (0, 0, Vec::new());
    for round in 0..ROUNDS {
        // A user has a bounded number of grants, so each round has one of its own.
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
        let app = Arc::new(app.at(&program.address, ROUNDS + round));
        assert!(app.is_good(app.first()).await, "round {round}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(1), "ready after {took:?}");
        let again = app.code().await;
        assert!(again.is_some(), "nobody remembers who has signed in");
        for (number, chain) in chains.into_iter().enumerate() {
            in_flight += usize::from(!matches!(chain.standing, Standing::Holding(_)));
            let tokens = check(&app, &chain).await;
            match tokens {
                // Half of them go on, through all the rounds to come.
                Some(tokens) if number % 2 == 0 => {
                    lasting.push((app.clone(), chain.code, tokens));
                }
                tokens => replay(&app, &chain.code, tokens.as_ref()).await,
            }
        }
    }
    for (app, code, tokens) in &lasting {
        let app = app.at(&program.address, 2 * ROUNDS);
        let good = app.is_good(tokens).await;
        assert!(good, "a token of an earlier round is lost");
        replay(&app, code, Some(tokens)).await;
    }
    assert!(total >= ROUNDS * EXCHANGES, "{total} exchanges");
    assert!(
        in_flight >= ROUNDS,
        "it was killed in the middle of {in_flight}"
    );
}
