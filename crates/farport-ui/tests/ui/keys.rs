//! Keys of models in the keyring, here one that is made up.

use std::path::Path;

use farport_client::{Keyring, Store};
use keyring_core::mock;
use serde_json::{Value, json};

use crate::chat::{KEY, act, begin, call, provider};
use crate::support::{Page, mcp_server, target};

/// The secrets in a keyring.
fn secrets(store: &mock::Store) -> Vec<String> {
    let entries = store.inner.lock().unwrap();
    let entries = entries.borrow();
    let secrets = entries.iter().filter_map(|entry| {
        let secret = entry.inner.lock().unwrap().borrow().secret.clone()?;
        Some(String::from_utf8(secret).unwrap())
    });
    secrets.collect()
}

/// The files in a folder, as one text.
fn files(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.collect()
}

async fn providers(page: &Page) -> Vec<Value> {
    let answer = page.api("chat/providers", json!({})).await.json();
    answer["providers"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_key_is_kept_in_the_keyring_on_request_and_found_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let inside = mock::Store::new().unwrap();
    let store = Store::at(folder.path()).using(Keyring::of(inside.clone(), 1024));
    let (base, received) = provider().await;
    let server = target(&mcp_server().await);

    let page = Page::with_store(Some(server), store.clone()).await;
    let mut events = begin(&page, &base).await;
    assert_eq!(
        secrets(&inside),
        Vec::<String>::new(),
        "not without a request"
    );
    let id = providers(&page).await[0]["id"].clone();
    let kept = page.api("chat/keep-key", json!({ "provider": id })).await;
    assert_eq!(kept.status, 204, "{}", kept.body);
    assert_eq!(secrets(&inside), [KEY]);
    assert_eq!(providers(&page).await[0]["kept"], true);
    drop(page);

    let page = Page::with_store(Some(target(&mcp_server().await)), store.clone()).await;
    let mut again = page.events().await;
    again.phase("connected").await;
    let found = providers(&page).await;
    let expected = json!({ "id": "played", "label": "Played", "dialect": "openai", "base_url": base,
        "has_key": true, "source": "the keyring", "local": true, "kept": true });
    assert_eq!(found, [expected]);
    let chosen = json!({ "do": "model", "provider": "played", "model": "played" });
    assert_eq!(act(&page, chosen).await, 204);
    act(&page, json!({ "do": "send", "text": "echo 1" })).await;
    let waiting = call(&mut again, "waiting").await;
    let decided = json!({ "do": "decide", "call": waiting["number"], "decision": "once" });
    assert_eq!(act(&page, decided).await, 204);
    again.next(|event| event["message"]["stop"] == "end").await;
    let used = received.lock().unwrap().keys.last().cloned();
    assert_eq!(used, Some(format!("Bearer {KEY}")));

    // A key that was read stays in the process; the keyring and the next start no longer have it.
    let forgotten = page
        .api("chat/forget-key", json!({ "provider": "played" }))
        .await;
    assert_eq!(forgotten.status, 204, "{}", forgotten.body);
    assert_eq!(secrets(&inside), Vec::<String>::new());
    let left = providers(&page).await;
    assert_eq!(
        (&left[0]["has_key"], &left[0]["kept"]),
        (&json!(true), &json!(false))
    );
    let export = page.api("chat/export", json!({})).await.body;
    let timeline = page.api("export", json!({ "format": "ndjson" })).await.body;
    // The played model repeats the key: that is its text, and no leak of farport.
    let _ = events.next(|event| event["type"] == "chat").await;
    for text in [&events.seen, &timeline, &files(folder.path())] {
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(export.contains("farport-chat"));
    drop(page);
    let page = Page::with_store(None, store).await;
    assert_eq!(providers(&page).await, Vec::<Value>::new());
}

#[tokio::test]
async fn without_a_keyring_the_page_learns_why_and_the_key_stays_in_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let inside = mock::Store::new().unwrap();
    // No key fits into its entries.
    let store = Store::at(folder.path()).using(Keyring::of(inside, 4));
    let page = Page::with_store(None, store).await;
    let (base, _) = provider().await;
    let added = json!({ "api": "openai", "base_url": base, "key": KEY });
    let id = page.api("chat/provider", added).await.json()["id"].clone();
    let kept = page.api("chat/keep-key", json!({ "provider": id })).await;
    assert_eq!(kept.status, 409);
    let why = kept.json()["message"].as_str().unwrap().to_owned();
    assert!(
        why.contains("cannot use the keyring of this system"),
        "{why}"
    );
    assert!(!why.contains(KEY), "{why}");
    let left = providers(&page).await;
    assert_eq!(
        (&left[0]["has_key"], &left[0]["kept"]),
        (&json!(true), &json!(false))
    );
    let models = page.api("chat/models", json!({ "provider": id })).await;
    assert_eq!(models.status, 200);
    let none = page.api("chat/forget-key", json!({ "provider": id })).await;
    assert_eq!(none.status, 409);
    assert_eq!(files(folder.path()), "");
}
