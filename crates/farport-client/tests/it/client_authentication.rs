//! How the client names and authenticates itself.

use farport_client::{NoBrowser, Store, User, log_in};
use serde_json::{Value, json};

use crate::support::provider::{Provider, metadata, plain_path, refused};
use crate::support::{Answer, Client, Reports, Seen, initialize, options};

async fn open(url: &str, store: &Store, hello: Value) -> Value {
    let mut client = Client::new(options(url), store.clone());
    client.ask("initialize", hello).await
}

fn by_basic(seen: &Seen) -> bool {
    seen.header("authorization").starts_with("Basic ")
}

/// A server with confidential clients that lists these methods, and accepts a client `if_good`.
async fn confidential(methods: &'static [&'static str], if_good: fn(&Seen) -> bool) -> Provider {
    Provider::start(move |origin, seen, known| match plain_path(seen) {
        "/.well-known/oauth-authorization-server" => {
            let mut metadata = metadata(origin);
            metadata["token_endpoint_auth_methods_supported"] = json!(methods);
            Some(Answer::json(&metadata))
        }
        "/register" => {
            let id = known.next("client");
            known.clients.insert(id.clone());
            let method = &seen.json()["token_endpoint_auth_method"];
            Some(Answer::json(&json!({
                "client_id": id, "client_secret": "seeded", "token_endpoint_auth_method": method,
            })))
        }
        "/token" if !if_good(seen) => Some(refused(401, "unauthorized_client")),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_server_that_looks_for_the_client_in_the_form_finds_it_beside_basic() {
    let provider = confidential(&["client_secret_post", "client_secret_basic"], |seen| {
        by_basic(seen) && seen.form("client_id").starts_with("client-")
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let answer = open(
        &provider.server.origin,
        &Store::at(folder.path()),
        initialize(),
    )
    .await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(provider.count("/token"), 1);
    let seen = provider.server.seen();
    let request = seen
        .iter()
        .find(|seen| plain_path(seen) == "/token")
        .unwrap();
    assert_eq!(request.form("client_secret"), "");
}

#[tokio::test]
async fn the_other_listed_method_is_tried_once_and_remembered() {
    let provider = confidential(&["client_secret_post", "client_secret_basic"], |seen| {
        !by_basic(seen) && seen.form("client_secret") == "seeded"
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let answer = open(&provider.server.origin, &store, initialize()).await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(provider.count("/token"), 2);
    provider.known.lock().unwrap().tokens.clear();
    let answer = open(&provider.server.origin, &store, initialize()).await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(
        provider.count("/token"),
        3,
        "the method that worked is used at once"
    );
    assert_eq!(provider.count("/register"), 1);
}

#[tokio::test]
async fn a_method_that_the_server_does_not_list_is_not_tried() {
    let provider = confidential(&["client_secret_basic"], |seen| !by_basic(seen)).await;
    let folder = tempfile::tempdir().unwrap();
    let answer = open(
        &provider.server.origin,
        &Store::at(folder.path()),
        initialize(),
    )
    .await;
    assert!(answer["error"].is_object(), "{answer}");
    let seen = provider.server.seen();
    let mut requests = seen.iter().filter(|seen| plain_path(seen) == "/token");
    assert!(requests.all(by_basic));
}

#[tokio::test]
async fn a_token_response_may_be_a_form() {
    for kind in ["application/x-www-form-urlencoded", "text/plain"] {
        let provider = Provider::start(move |_, seen, known| {
            (plain_path(seen) == "/token").then(|| {
                let tokens = known.issue();
                let body = format!(
                    "access_token={}&token_type=bearer&expires_in=60",
                    tokens["access_token"].as_str().unwrap()
                );
                Answer(200, vec![("content-type", kind.to_owned())], body)
            })
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let answer = open(&provider.server.origin, &store, initialize()).await;
        assert!(answer["result"].is_object(), "{kind}: {answer}");
        assert!(store.list().unwrap()[0].expires_at.is_some());
    }
}

#[tokio::test]
async fn the_consent_page_names_the_calling_client() {
    for (name, expect) in [
        (json!("Claude Desktop"), "Claude Desktop (via farport)"),
        (json!("a\u{1b}[31m\n\u{202e}b"), "a[31m b (via farport)"),
        (json!(7), "farport"),
        (json!(""), "farport"),
    ] {
        let provider = Provider::start(|_, _, _| None).await;
        let folder = tempfile::tempdir().unwrap();
        let mut hello = initialize();
        hello["clientInfo"]["name"] = name;
        let answer = open(&provider.server.origin, &Store::at(folder.path()), hello).await;
        assert!(answer["result"].is_object(), "{answer}");
        assert_eq!(registered_name(&provider), expect);
    }
    // Without a client there is no name but farport's.
    let provider = Provider::start(|_, _, _| None).await;
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&provider.server.origin);
    options.sign_in.flow = farport_client::Flow::Device;
    let user = User::new(Reports::default(), NoBrowser);
    log_in(options, Store::at(folder.path()), user)
        .await
        .unwrap();
    assert_eq!(registered_name(&provider), "farport");
}

fn registered_name(provider: &Provider) -> String {
    let seen = provider.server.seen();
    let request = seen
        .iter()
        .find(|seen| plain_path(seen) == "/register")
        .unwrap();
    request.json()["client_name"].as_str().unwrap().to_owned()
}
