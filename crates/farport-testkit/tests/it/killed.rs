//! A killed process loses no completed exchange.

#![cfg(feature = "exchanges")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use farport_oauth::{Redemption, Store};
use farport_store::{Sqlite, SqliteOAuth};
use farport_testkit::oauth_store::{NOW, code, digest, tokens};

/// How often the program is killed.
const ROUNDS: u32 = 20;

/// How many exchanges it acknowledges before it may be killed; 1,000 in all.
const EXCHANGES: usize = 50;

/// Runs the program until it is killed, and gives the last step of each grant that it spoke of.
fn run(database: &Path, round: u32) -> BTreeMap<String, u32> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_farport-exchanges"))
        .arg(database)
        .arg(format!("r{round}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut said: Vec<String> = (&mut lines).take(EXCHANGES).map(Result::unwrap).collect();
    // Anywhere between two commits, and within one.
    let wait = Duration::from_micros(u64::from(round * 7919 % 5000));
    let until = Instant::now() + wait;
    while Instant::now() < until {
        said.push(lines.next().unwrap().unwrap());
    }
    program.kill().unwrap();
    program.wait().unwrap();
    // What it had said when it died was said, too.
    said.extend(lines.map_while(Result::ok));
    let mut steps = BTreeMap::new();
    for line in said {
        let mut words = line.split(' ').skip(1);
        let grant = words.next().unwrap().to_owned();
        let step = words.next().map_or(0, |step| step.parse().unwrap());
        let last = steps.entry(grant).or_insert(0);
        *last = step.max(*last);
    }
    steps
}

#[tokio::test]
async fn no_token_that_was_given_out_is_lost_and_no_code_is_good_twice() {
    let place = tempfile::tempdir().unwrap();
    let database = place.path().join("farport.db");
    let mut all = BTreeMap::new();
    for round in 0..ROUNDS {
        let said = run(&database, round);
        assert!(said.len() > 8, "{said:?}");
        let began = Instant::now();
        let store = SqliteOAuth::new(&Sqlite::open(&database).unwrap());
        store.code(&digest("no code")).await.unwrap();
        let took = began.elapsed();
        assert!(took < Duration::from_secs(1), "ready after {took:?}");
        all.extend(said);
        for (grant, step) in &all {
            for step in 0..=*step {
                let access = digest(&format!("access {grant} {step}"));
                let found = store.access_token(&access).await.unwrap();
                assert!(found.is_some(), "round {round}: {grant} {step} is lost");
            }
            let refresh = digest(&format!("refresh {grant} {step}"));
            let found = store.refresh_token(&refresh).await.unwrap();
            assert!(found.is_some(), "round {round}: {grant} {step} is lost");
            let (code, _) = store.code(&code(grant).id).await.unwrap().unwrap();
            assert!(
                code.used,
                "round {round}: the code of {grant} is good again"
            );
        }
    }
    let store = SqliteOAuth::new(&Sqlite::open(&database).unwrap());
    for grant in all.keys() {
        let later = NOW.after(Duration::from_secs(60));
        let again = store.redeem(&code(grant).id, tokens(grant, "stolen"), later);
        assert_eq!(again.await.unwrap(), Redemption::Replayed, "{grant}");
    }
}
