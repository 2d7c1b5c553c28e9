//! Any metadata: what is registered is answered as it is kept, and leads nowhere it must not.

#![no_main]

use std::sync::{Arc, LazyLock};

use farport_fuzz::{NoFetch, Same, now};
use farport_oauth::{
    AuthorizationServer, ClientId, Config, Environment, Keys, MemoryStore, RedirectPolicy,
    SignInMethod, Store, UnixTime,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Made once, since that is slow; with these random bytes, each client takes the last one's place.
static HOUSE: LazyLock<(Arc<MemoryStore>, AuthorizationServer)> = LazyLock::new(|| {
    let store = Arc::new(MemoryStore::default());
    let world = Environment {
        store: store.clone(),
        random: Arc::new(Same),
        fetcher: Arc::new(NoFetch),
    };
    let keys = Keys::new([1; 32], []);
    let server =
        AuthorizationServer::new(Config::default(), keys, SignInMethod::Development, world);
    (store, server)
});

fuzz_target!(|body: &[u8]| {
    let time = UnixTime(1_800_000_000);
    let (store, server) = &*HOUSE;
    let Ok(answer) = now(server.registration().register(body, None, time)) else {
        return;
    };
    let answer = serde_json::to_value(answer).expect("JSON");
    let sent: Value = serde_json::from_slice(body).expect("what is accepted is JSON");
    let id = answer["client_id"].as_str().expect("an id");
    let client = now(store.client(&ClientId::from(id)))
        .expect("a store")
        .expect("a client");
    assert_eq!(answer["redirect_uris"], sent["redirect_uris"]);
    assert!(!client.redirect_uris.is_empty());
    for uri in client.redirect_uris.iter() {
        assert_eq!(RedirectPolicy::default().check(uri), Ok(()));
    }
    for name in client.name.iter() {
        assert!(!name.is_empty() && !name.contains(char::is_control));
    }
});
