//! A client that its authorization server no longer knows.

use std::time::Duration;

use farport_client::{Flow, NoBrowser, Options, StaticClient, Store, User, log_in};
use serde_json::Value;

use crate::support::provider::{Known, Provider, back, plain_path, query, refused};
use crate::support::{Answer, Client, Reports, Seen, initialize, options};

/// Starts a client on this store and opens a session.
async fn start(options: Options, store: &Store) -> Value {
    let mut client = Client::new(options, store.clone());
    client.ask("initialize", initialize()).await
}

fn unknown_at_token(seen: &Seen, known: &Known) -> bool {
    plain_path(seen) == "/token" && !known.clients.contains(&seen.form("client_id"))
}

#[tokio::test]
async fn a_forgotten_client_is_registered_again_whatever_shape_the_refusal_has() {
    for (status, kind, body) in [
        (401, "application/json", r#"{"error":"invalid_client"}"#),
        (400, "application/json", r#"{"error":"invalid_client"}"#),
        (
            403,
            "application/json",
            r#"{"error":"unauthorized_client"}"#,
        ),
        (
            400,
            "application/json",
            r#"{"error":"unauthorized_client","error_description":"who?"}"#,
        ),
        (401, "text/html", "<h1>Unauthorized</h1>"),
        (400, "text/html", "<p>invalid_client</p>"),
        (401, "text/plain", ""),
        (
            400,
            "application/x-www-form-urlencoded",
            "error=invalid_client",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let provider = Provider::start(move |_, seen, known| {
            unknown_at_token(seen, known).then(|| {
                Answer(
                    status,
                    vec![("content-type", kind.to_owned())],
                    body.to_owned(),
                )
            })
        })
        .await;
        let url = provider.server.origin.clone();
        let first = start(options(&url), &store).await;
        assert!(first["result"].is_object(), "{first}");
        provider.forget();
        let second = start(options(&url), &store).await;
        assert!(second["result"].is_object(), "{status} {body}: {second}");
        assert_eq!(provider.count("/register"), 2, "{status} {body}");
        // And it stays so.
        let third = start(options(&url), &store).await;
        assert!(third["result"].is_object(), "{third}");
        assert_eq!(provider.count("/register"), 2);
    }
}

#[tokio::test]
async fn an_error_that_the_browser_brings_back_leads_to_a_new_registration() {
    for error in ["invalid_client", "unauthorized_client"] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let provider = Provider::start(move |_, seen, known| {
            let unknown = plain_path(seen) == "/authorize"
                && !known.clients.contains(&query(seen, "client_id").unwrap());
            unknown.then(|| back(seen, &[("error", error)]))
        })
        .await;
        let url = provider.server.origin.clone();
        start(options(&url), &store).await;
        provider.forget();
        // The refresh has to fail for another reason, or it would drop the client first.
        let answer = {
            let mut list = std::fs::read_dir(folder.path()).unwrap();
            let file = list
                .find_map(|file| {
                    let path = file.unwrap().path();
                    path.extension()
                        .is_some_and(|e| e == "json")
                        .then_some(path)
                })
                .unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, text.replace("\"refresh\"", "\"gone\"")).unwrap();
            start(options(&url), &store).await
        };
        assert!(answer["result"].is_object(), "{error}: {answer}");
        assert_eq!(provider.count("/register"), 2, "{error}");
        assert_eq!(provider.count("/authorize"), 3, "{error}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_completed_costs_one_sign_in_and_not_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    // The server only reports it on a page.
    let provider = Provider::start(|_, seen, known| {
        unknown_at_token(seen, known).then(|| refused(400, "invalid_grant"))
    })
    .await;
    let url = provider.server.origin.clone();
    start(options(&url), &store).await;
    provider.forget();
    let mut hurried = options(&url);
    hurried.sign_in.timeout = Duration::from_millis(500);
    let answer = start(hurried, &store).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("was not finished"), "{said}");
    assert_eq!(provider.count("/register"), 1);
    let answer = start(options(&url), &store).await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(provider.count("/register"), 2);
}

#[tokio::test]
async fn a_server_that_refuses_every_client_is_asked_for_one_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let provider = Provider::start(|_, seen, _| {
        (plain_path(seen) == "/token").then(|| refused(401, "invalid_client"))
    })
    .await;
    let url = provider.server.origin.clone();
    let answer = start(options(&url), &store).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("does not accept the client"), "{said}");
    assert!(
        provider.count("/register") <= 2,
        "{}",
        provider.count("/register")
    );
}

#[tokio::test]
async fn a_client_of_the_user_s_own_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let provider = Provider::start(|_, seen, known| {
        known.clients.insert("mine".to_owned());
        (plain_path(seen) == "/token").then(|| refused(401, "invalid_client"))
    })
    .await;
    let mut options = options(&provider.server.origin);
    let given = StaticClient::parse(r#"{"client_id":"mine","client_secret":"seeded"}"#).unwrap();
    options.sign_in.client_info = Some(given);
    let answer = start(options, &store).await;
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(said.contains("--static-oauth-client-info"), "{said}");
    assert!(!said.contains("seeded"), "{said}");
    assert_eq!(provider.count("/register"), 0);
}

#[tokio::test]
async fn another_redirect_uri_is_registered_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let provider = Provider::start(|_, _, _| None).await;
    let url = provider.server.origin.clone();
    start(options(&url), &store).await;
    {
        let mut known = provider.known.lock().unwrap();
        known.tokens.clear();
        known.refresh.clear();
    }
    let mut moved = options(&url);
    moved.sign_in.callback_path = "/other".to_owned();
    let answer = start(moved, &store).await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(provider.count("/register"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_client_is_registered_again_for_a_code_on_another_machine() {
    for where_ in ["/device", "/token"] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let provider = Provider::start(move |origin, seen, known| {
            let unknown = !known.clients.contains(&seen.form("client_id"));
            // Where it notices at the token endpoint alone, it hands out codes to everybody.
            (where_ == "/token" && plain_path(seen) == "/device" && unknown).then(|| {
                Answer::json(&serde_json::json!({
                    "device_code": "device", "user_code": "A", "interval": 1,
                    "verification_uri": format!("{origin}/enter"),
                }))
            })
        })
        .await;
        let sign_in = async || {
            let mut options = options(&provider.server.origin);
            options.sign_in.flow = Flow::Device;
            let user = User::new(Reports::default(), NoBrowser);
            log_in(options, store.clone(), user).await.unwrap()
        };
        assert!(sign_in().await);
        provider.forget();
        assert!(sign_in().await, "{where_}");
        assert_eq!(provider.count("/register"), 2, "{where_}");
    }
}
