//! Signing in with a code, on a clock that is turned (RFC 8628).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use farport_client::{Error, Flow, NoBrowser, SignInError, Store, User, log_in};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{Answer, Reports, Seen, Server, options};

/// A server that answers one poll after another with these errors, and then with a token. When it
/// was polled comes with it.
async fn polled(expires_in: u64, errors: &[&'static str]) -> (Server, Arc<Mutex<Vec<Instant>>>) {
    let mut left = errors.to_vec();
    left.reverse();
    let left = Mutex::new(left);
    let polls: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = Arc::clone(&polls);
    let server = Server::start(move |origin, seen: &Seen| match &*seen.path {
        "/.well-known/oauth-protected-resource" => {
            Answer::json(&json!({"resource": origin, "authorization_servers": [origin], "scopes_supported": ["a", "b"]}))
        }
        "/.well-known/oauth-authorization-server" => Answer::json(&json!({
            "issuer": origin,
            "token_endpoint": format!("{origin}/token"),
            "registration_endpoint": format!("{origin}/register"),
            "device_authorization_endpoint": format!("{origin}/device"),
        })),
        "/register" => {
            let grants = &seen.json()["grant_types"];
            assert_eq!(grants[0], "urn:ietf:params:oauth:grant-type:device_code");
            Answer::json(&json!({"client_id": "client"}))
        }
        "/device" => {
            assert_eq!(seen.form("scope"), "a b");
            assert_eq!(seen.form("resource"), origin);
            noted.lock().unwrap().push(Instant::now());
            Answer::json(&json!({
                "device_code": "seeded", "user_code": "WDJB-MJHT\u{1b}[31m",
                "verification_uri": format!("{origin}/enter"),
                "expires_in": expires_in, "interval": 2,
            }))
        }
        "/token" => {
            assert_eq!(seen.form("grant_type"), "urn:ietf:params:oauth:grant-type:device_code");
            assert_eq!((&*seen.form("device_code"), &*seen.form("client_id")), ("seeded", "client"));
            noted.lock().unwrap().push(Instant::now());
            match left.lock().unwrap().pop() {
                Some(error) => {
                    let mut answer = Answer::json(&json!({"error": error}));
                    answer.0 = 400;
                    answer
                }
                None => Answer::json(&json!({"access_token": "t", "token_type": "Bearer"})),
            }
        }
        _ => Answer::status(401).with("www-authenticate", "Bearer"),
    })
    .await;
    (server, polls)
}

#[tokio::test(start_paused = true)]
async fn the_server_is_polled_as_it_says_until_there_is_an_answer() {
    let (pending, slower) = ("authorization_pending", "slow_down");
    for (expires_in, errors, waits, expect) in [
        (900, &[][..], &[2][..], Ok(())),
        (900, &[pending, pending], &[2, 2, 2], Ok(())),
        (
            900,
            &[pending, slower, pending, slower, pending],
            &[2, 2, 7, 7, 12, 12],
            Ok(()),
        ),
        (
            900,
            &[pending, "access_denied"],
            &[2, 2],
            Err("issued no token: access_denied"),
        ),
        (
            900,
            &["expired_token"],
            &[2],
            Err("issued no token: expired_token"),
        ),
        (
            5,
            &[pending, pending, pending],
            &[2, 2],
            Err("the sign-in was not finished within 5 s"),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (server, polls) = polled(expires_in, errors).await;
        let mut options = options(&server.origin);
        options.sign_in.flow = Flow::Device;
        // The turned clock would end them at once.
        options.http.timeouts.connect = Duration::ZERO;
        options.http.timeouts.headers = Duration::ZERO;
        options.http.timeouts.body = Duration::ZERO;
        let reports = Reports::default();
        let user = User::new(reports.clone(), NoBrowser);
        let result = log_in(options, Store::at(folder.path()), user).await;
        let said = result.as_ref().map_err(ToString::to_string);
        match expect {
            Ok(()) => assert_eq!(said, Ok(&true), "{errors:?}"),
            Err(part) => assert!(
                said.clone().unwrap_err().contains(part),
                "{errors:?} {said:?}"
            ),
        }
        let polls = polls.lock().unwrap();
        let seen: Vec<u64> = polls
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_secs())
            .collect();
        assert_eq!(seen, waits, "{errors:?}");
        let reports = reports.0.lock().unwrap().join("\n");
        assert!(
            reports.contains("/enter") && reports.contains("WDJB-MJHT"),
            "{reports}"
        );
        assert!(
            !reports.contains("seeded") && !reports.contains('\u{1b}'),
            "{reports}"
        );
        assert_eq!(
            Store::at(folder.path()).list().unwrap().len(),
            usize::from(expect.is_ok())
        );
    }
}

#[tokio::test]
async fn a_server_without_codes_says_what_else_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|origin, seen: &Seen| match &*seen.path {
        "/.well-known/oauth-authorization-server" => Answer::json(&json!({
            "issuer": origin, "token_endpoint": format!("{origin}/token"),
        })),
        path if path.starts_with("/.well-known") => Answer::status(404),
        _ => Answer::status(401).with("www-authenticate", "Bearer"),
    })
    .await;
    let mut options = options(&server.origin);
    options.sign_in.flow = Flow::Device;
    let user = User::new(Reports::default(), NoBrowser);
    let error = log_in(options, Store::at(folder.path()), user)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::SignIn(SignInError::NotOffered { .. })),
        "{error}"
    );
    assert!(error.with_hint().contains("paste the address"), "{error}");
}
