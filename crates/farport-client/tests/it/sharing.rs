//! One sign-in for several instances.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use farport_client::Store;
use serde_json::json;

use crate::support::{Answer, Client, Seen, Server, options};

/// A protected server that is its own authorization server. Its first token is renewed after 45 seconds.
pub(crate) async fn protected(refreshes: Arc<AtomicUsize>) -> Server {
    Server::start(move |origin, seen: &Seen| {
        let path = seen.path.split('?').next().unwrap();
        match path {
            "/.well-known/oauth-protected-resource" => {
                Answer::json(&json!({"resource": origin, "authorization_servers": [origin], "scopes_supported": ["a"]}))
            }
            "/.well-known/oauth-authorization-server" => Answer::json(&json!({
                "issuer": origin,
                "authorization_endpoint": format!("{origin}/authorize"),
                "token_endpoint": format!("{origin}/token"),
                "registration_endpoint": format!("{origin}/register"),
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": true,
            })),
            "/register" => Answer::json(&json!({"client_id": "client"})),
            "/authorize" => {
                let url = farport_client::Url::parse(&format!("http://x{}", seen.path)).unwrap();
                let get = |name: &str| {
                    let found = url.query_pairs().find(|(other, _)| other == name);
                    found.map(|(_, value)| value.into_owned()).unwrap()
                };
                assert_eq!(get("code_challenge_method"), "S256");
                let mut back = farport_client::Url::parse(&get("redirect_uri")).unwrap();
                back.query_pairs_mut()
                    .append_pair("code", "the-code")
                    .append_pair("state", &get("state"))
                    .append_pair("iss", origin);
                Answer::status(302).with("location", back.as_str())
            }
            "/token" => match &*seen.form("grant_type") {
                "authorization_code" => Answer::json(&json!({
                    "access_token": "first", "token_type": "Bearer", "expires_in": 90, "refresh_token": "refresh-1",
                })),
                _ => {
                    assert_eq!(seen.form("refresh_token"), "refresh-1", "spent once");
                    refreshes.fetch_add(1, Ordering::SeqCst);
                    Answer::json(&json!({
                        "access_token": "second", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "refresh-2",
                    }))
                }
            },
            _ => match (seen.header("authorization"), seen.json()["method"].as_str()) {
                ("Bearer first" | "Bearer second", Some("initialize")) => {
                    Answer::result(seen, &json!({"with": seen.header("authorization")}))
                }
                ("Bearer first" | "Bearer second", _) => Answer::status(202),
                _ => Answer::status(401).with("www-authenticate", "Bearer"),
            },
        }
    })
    .await
}

/// The time at which the first token is renewed: half of its life after now, and the rest of a second.
pub(crate) fn after_renewal() -> SystemTime {
    SystemTime::now() + Duration::from_secs(46)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_instances_with_a_token_that_ran_out_make_one_renewal() {
    let folder = tempfile::tempdir().unwrap();
    let refreshes = Arc::new(AtomicUsize::new(0));
    let server = protected(Arc::clone(&refreshes)).await;
    let mut first = Client::new(options(&server.origin), Store::at(folder.path()));
    let answer = first.ask("initialize", crate::support::initialize()).await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(refreshes.load(Ordering::SeqCst), 0);

    let ten = (0..10).map(|_| {
        let store = Store::at(folder.path()).with_clock(after_renewal);
        let mut client = Client::new(options(&server.origin), store);
        tokio::spawn(async move { client.ask("initialize", crate::support::initialize()).await })
    });
    for one in ten.collect::<Vec<_>>() {
        let answer = one.await.unwrap();
        assert_eq!(answer["result"]["with"], "Bearer second", "{answer}");
    }
    assert_eq!(refreshes.load(Ordering::SeqCst), 1);
    let registered = server
        .seen()
        .iter()
        .filter(|seen| seen.path == "/register")
        .count();
    assert_eq!(registered, 1);
}

#[cfg(unix)]
#[tokio::test]
async fn tokens_rest_for_this_user_s_eyes_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("new");
    let server = protected(Arc::default()).await;
    let mut client = Client::new(options(&server.origin), Store::at(&store));
    client.ask("initialize", crate::support::initialize()).await;
    assert_eq!(
        std::fs::metadata(&store).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let mut files = 0;
    for entry in std::fs::read_dir(&store).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files += 1;
    }
    assert_eq!(files, 2, "the sign-in and its lock");
    let listed = Store::at(&store).list().unwrap();
    assert_eq!((listed.len(), listed[0].signed_in), (1, true));
    assert!(!client.reports.0.lock().unwrap().join(" ").contains("first"));
}

#[tokio::test]
async fn a_scope_that_is_never_granted_is_reported_and_not_requested_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let asked: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let inner = protected(Arc::default()).await;
    let target = inner.origin.clone();
    let noted = Arc::clone(&asked);
    // The same, except for the server's response to a token.
    let server = Server::start(move |origin, seen: &Seen| {
        let path = seen.path.split('?').next().unwrap();
        if path == "/.well-known/oauth-protected-resource" {
            return Answer::json(&json!({"resource": origin, "authorization_servers": [target], "scopes_supported": ["a"]}));
        }
        if seen.header("authorization").is_empty() {
            return Answer::status(401).with("www-authenticate", "Bearer");
        }
        noted.lock().unwrap().push(seen.header("authorization").to_owned());
        Answer::status(403).with(
            "www-authenticate",
            "Bearer error=\"insufficient_scope\", scope=\"admin\", error_description=\"Only admins may\"",
        )
    })
    .await;
    let mut client = Client::new(options(&server.origin), Store::at(folder.path()));
    let answer = client.ask("initialize", crate::support::initialize()).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(
        said.contains("still refuses access after signing in: Only admins may"),
        "{said}"
    );
    assert!(said.contains("farport logout"), "{said}");
    let scopes: Vec<String> = inner
        .seen()
        .iter()
        .filter(|seen| seen.path.starts_with("/authorize?"))
        .map(|seen| {
            let url = farport_client::Url::parse(&format!("http://x{}", seen.path)).unwrap();
            let scope = url.query_pairs().find(|(name, _)| name == "scope");
            scope.unwrap().1.into_owned()
        })
        .collect();
    // Then what was granted and what is wanted, together.
    assert_eq!(scopes.first().map(String::as_str), Some("a"));
    assert!(scopes.len() > 1 && scopes.len() < 5, "{scopes:?}");
    for scope in &scopes[1..] {
        let mut all: Vec<&str> = scope.split(' ').collect();
        all.sort_unstable();
        assert_eq!(all, ["a", "admin"]);
    }
}
