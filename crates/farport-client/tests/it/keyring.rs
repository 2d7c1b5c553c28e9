//! Tokens in the keyring of the operating system, here one that is made up.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farport_client::{ApiKey, Keyring, Store};
use keyring_core::mock;

use crate::sharing::{after_renewal, protected};
use crate::support::{Client, Server, initialize, options};

/// So small that no token fits into one entry.
const ENTRY: usize = 32;

/// A keyring, and a look into it.
fn keyring() -> (Keyring, Arc<mock::Store>) {
    let store = mock::Store::new().unwrap();
    (Keyring::of(store.clone(), ENTRY), store)
}

/// Everything that is in it, each entry with its name.
fn secrets(store: &mock::Store) -> Vec<(String, String)> {
    let entries = store.inner.lock().unwrap();
    let entries = entries.borrow();
    let mut all: Vec<_> = entries
        .iter()
        .filter_map(|entry| {
            let secret = entry.inner.lock().unwrap().borrow().secret.clone()?;
            assert_eq!(entry.specifiers.0, "farport");
            assert!(secret.len() <= ENTRY);
            Some((
                entry.specifiers.1.clone(),
                String::from_utf8(secret).unwrap(),
            ))
        })
        .collect();
    all.sort();
    all
}

fn together(store: &mock::Store) -> String {
    secrets(store).into_iter().map(|(_, piece)| piece).collect()
}

fn files(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.collect()
}

async fn with(server: &Server, store: &Store) -> String {
    let mut client = Client::new(options(&server.origin), store.clone());
    let answer = client.ask("initialize", initialize()).await;
    answer["result"]["with"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tokens_rest_in_the_keyring_are_renewed_once_and_end_with_the_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let refreshes = Arc::new(AtomicUsize::new(0));
    let server = protected(Arc::clone(&refreshes)).await;
    let (keyring, inside) = keyring();
    let store = Store::at(folder.path()).using(keyring);
    let wanted = store.clone().with_keyring(true);

    assert_eq!(with(&server, &wanted).await, "Bearer first");
    let kept = files(folder.path());
    assert!(
        !kept.contains("\"first\"") && !kept.contains("refresh-1"),
        "{kept}"
    );
    assert!(secrets(&inside).len() > 1, "in pieces");
    assert!(together(&inside).contains("refresh-1"));
    let [summary] = &store.list().unwrap()[..] else {
        panic!()
    };
    assert!(summary.signed_in && summary.in_keyring && summary.renews);
    assert_eq!(summary.scopes, ["a"]);
    assert!(summary.expires_at.is_some());

    let server = Arc::new(server);
    let ten = (0..10).map(|number| {
        // A sign-in in the keyring is found without the option.
        let store = if number % 2 == 0 { &store } else { &wanted }.clone();
        let store = store.with_clock(after_renewal);
        let server = Arc::clone(&server);
        tokio::spawn(async move { with(&server, &store).await })
    });
    for one in ten.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), "Bearer second");
    }
    assert_eq!(refreshes.load(Ordering::SeqCst), 1);
    let kept = files(folder.path());
    assert!(
        !kept.contains("second") && !kept.contains("refresh-2"),
        "{kept}"
    );
    let all = together(&inside);
    assert!(
        all.contains("refresh-2") && !all.contains("refresh-1"),
        "{all}"
    );

    assert!(store.forget(&summary.key).await.unwrap());
    assert_eq!(secrets(&inside), []);
    assert!(store.list().unwrap().is_empty());
}

#[tokio::test]
async fn a_sign_in_in_a_file_moves_into_the_keyring_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let server = protected(Arc::default()).await;
    let (keyring, inside) = keyring();
    let store = Store::at(folder.path()).using(keyring);
    assert_eq!(with(&server, &store).await, "Bearer first");
    assert_eq!(secrets(&inside), []);
    assert!(files(folder.path()).contains("refresh-1"));

    assert_eq!(
        with(&server, &store.clone().with_keyring(true)).await,
        "Bearer first"
    );
    assert!(together(&inside).contains("refresh-1"));
    assert!(!files(folder.path()).contains("refresh-1"));
    assert_eq!(with(&server, &store).await, "Bearer first");
    let authorized = server
        .seen()
        .iter()
        .filter(|seen| seen.path.starts_with("/authorize?"))
        .count();
    assert_eq!(authorized, 1);
}

#[tokio::test]
async fn what_was_taken_out_of_the_keyring_is_signed_in_to_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = protected(Arc::default()).await;
    let (keyring, inside) = keyring();
    let store = Store::at(folder.path()).using(keyring).with_keyring(true);
    with(&server, &store).await;
    for lost in ["removed", "changed"] {
        for entry in inside.inner.lock().unwrap().borrow().iter() {
            let mut entry = entry.inner.lock().unwrap();
            let data = entry.get_mut();
            data.secret = data
                .secret
                .take()
                .filter(|_| lost == "changed")
                .map(|mut secret| {
                    secret.reverse();
                    secret
                });
        }
        assert_eq!(with(&server, &store).await, "Bearer first", "{lost}");
    }
    let authorized = server
        .seen()
        .iter()
        .filter(|seen| seen.path.starts_with("/authorize?"))
        .count();
    assert_eq!(authorized, 3);
}

#[tokio::test]
async fn api_keys_rest_in_the_keyring_and_a_file_lists_them_without_their_text() {
    let folder = tempfile::tempdir().unwrap();
    let (keyring, inside) = keyring();
    let keys = Store::at(folder.path()).using(keyring).api_keys();
    let about = |id: &str| ApiKey {
        id: id.to_owned(),
        label: "Mine".to_owned(),
        api: "openai".to_owned(),
        base_url: "https://models.example/v1".to_owned(),
    };
    assert_eq!(keys.list().unwrap(), []);
    for (id, key) in [("a", "sk-first"), ("b", "sk-second"), ("a", "sk-third")] {
        keys.keep(about(id), &key.into()).await.unwrap();
    }
    assert_eq!(keys.list().unwrap(), [about("b"), about("a")]);
    let read = keys.get("a").await.unwrap().unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&read), "sk-third");
    assert!(!format!("{read:?} {keys:?}").contains("sk-third"));
    assert!(!files(folder.path()).contains("sk-"));

    let long = "x".repeat(ENTRY + 1);
    let refused = keys.keep(about("c"), &long.clone().into()).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("too long") && !why.contains(&long), "{why}");

    assert!(keys.forget("a").await.unwrap());
    assert!(!keys.forget("a").await.unwrap());
    assert!(keys.get("a").await.unwrap().is_none());
    assert_eq!(keys.list().unwrap(), [about("b")]);
    assert_eq!(secrets(&inside).len(), 1);
    // Sign-ins are listed apart.
    assert!(Store::at(folder.path()).list().unwrap().is_empty());

    // Another folder has other keys, under other names.
    let other = tempfile::tempdir().unwrap();
    let elsewhere = Store::at(other.path()).using(Keyring::of(inside, ENTRY));
    assert!(elsewhere.api_keys().get("b").await.unwrap().is_none());
}
