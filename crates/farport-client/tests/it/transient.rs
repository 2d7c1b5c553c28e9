//! Authorization servers that are overloaded for a moment.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use farport_client::{Flow, NoBrowser, Store, User, log_in};
use tokio::time::Instant;

use crate::support::provider::{Provider, plain_path};
use crate::support::{Answer, Client, Reports, initialize, options};

/// A failure's name, and the response that shows it.
type Failure = (&'static str, fn() -> Answer);

/// The failures that a retry can cure.
fn failures() -> Vec<Failure> {
    vec![
        ("503 with Retry-After", || {
            let body = r#"{"error":"temporarily_unavailable"}"#.to_owned();
            Answer(503, vec![("retry-after", "0".into())], body)
        }),
        ("503 with a date", || {
            Answer::status(503).with("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")
        }),
        ("429", || {
            let body = r#"{"error":"slow_down"}"#.to_owned();
            Answer(429, vec![("retry-after", "0".into())], body)
        }),
        ("500 with a page", || {
            Answer(500, Vec::new(), "<html>".to_owned())
        }),
        ("502", || Answer::status(502)),
        ("a dropped connection", Answer::dropped),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_passing_is_not_the_end_of_a_sign_in() {
    for place in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server",
        "/register",
        "authorization_code",
        "refresh_token",
    ] {
        for (name, fail) in failures() {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::at(folder.path());
            let failed = AtomicU32::new(0);
            let provider = Provider::start(move |_, seen, _| {
                let here = plain_path(seen) == place || seen.form("grant_type") == place;
                (here && failed.fetch_add(1, Ordering::SeqCst) == 0).then(fail)
            })
            .await;
            let url = provider.server.origin.clone();
            let mut client = Client::new(options(&url), store.clone());
            let answer = client.ask("initialize", initialize()).await;
            assert!(answer["result"].is_object(), "{place} {name}: {answer}");
            if place == "refresh_token" {
                provider.known.lock().unwrap().tokens.clear();
                let mut client = Client::new(options(&url), store);
                let answer = client.ask("initialize", initialize()).await;
                assert!(answer["result"].is_object(), "{place} {name}: {answer}");
            }
            // No second sign-in was needed.
            assert_eq!(provider.count("/authorize"), 1, "{place} {name}");
            assert!(provider.count("/register") <= 2, "{place} {name}");
        }
    }
}

#[tokio::test]
async fn a_server_that_stays_down_is_no_reason_to_sign_in_again() {
    for status in [429, 500, 503] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let provider = Provider::start(move |_, seen, _| {
            (seen.form("grant_type") == "refresh_token")
                .then(|| Answer::status(status).with("retry-after", "0"))
        })
        .await;
        let url = provider.server.origin.clone();
        let mut client = Client::new(options(&url), store.clone());
        client.ask("initialize", initialize()).await;
        provider.known.lock().unwrap().tokens.clear();
        let mut client = Client::new(options(&url), store.clone());
        let answer = client.ask("initialize", initialize()).await;
        let said = answer["error"]["message"].as_str().unwrap();
        assert!(said.contains("temporarily unavailable"), "{said}");
        assert!(said.contains(&format!("HTTP {status}")), "{said}");
        assert!(!said.contains("farport login"), "{said}");
        assert_eq!(provider.count("/authorize"), 1, "{status}");
        let tries = provider.count("/token") - 1;
        assert_eq!(tries, 4, "{status}");
        assert!(store.list().unwrap()[0].renews, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_retry_after_is_waited_for_within_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let provider = Provider::start(|_, seen, _| {
        (plain_path(seen) == "/register").then(|| Answer::status(503).with("retry-after", "3600"))
    })
    .await;
    let mut options = options(&provider.server.origin);
    options.sign_in.flow = Flow::Device;
    // The virtual clock would end them at once.
    options.http.timeouts.connect = Duration::ZERO;
    options.http.timeouts.headers = Duration::ZERO;
    options.http.timeouts.body = Duration::ZERO;
    let user = User::new(Reports::default(), NoBrowser);
    let started = Instant::now();
    let error = log_in(options, Store::at(folder.path()), user).await;
    let said = error.unwrap_err().with_hint();
    assert!(said.contains("try again in 600 s"), "{said}");
    let waited = started.elapsed();
    assert!(waited >= Duration::from_secs(10), "{waited:?}");
    assert!(waited < Duration::from_secs(30), "{waited:?}");
    assert_eq!(provider.count("/register"), 2);
}
