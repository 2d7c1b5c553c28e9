//! What is stored comes back, until it is taken away.

use std::time::Duration;

use farport_oauth::{
    ApiToken, Client, ClientAuthentication, ClientId, ClientKeys, ClientOrigin, Consent,
    ConsentKey, Digest, GrantFilter, GrantId, Scopes, SignIn, Store, Transaction, UnixTime,
    jwk::KeySet,
};

use super::{
    NOW, access, client, code, digest, grant, said,
    samples::{text, user},
    tokens,
};

const DAY: Duration = Duration::from_secs(24 * 3600);

const MOST: usize = 1000;

/// Every kind of client, with all fields.
pub async fn a_client_comes_back_as_it_was<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    let keys: KeySet = said(serde_json::from_str(r#"{"keys":[]}"#));
    let authentications = [
        ClientAuthentication::None,
        ClientAuthentication::ClientSecretPost {
            secret: digest("post"),
        },
        ClientAuthentication::ClientSecretBasic {
            secret: digest("basic"),
        },
        ClientAuthentication::PrivateKeyJwt {
            keys: ClientKeys::At("https://client.example/jwks".to_owned()),
        },
        ClientAuthentication::PrivateKeyJwt {
            keys: ClientKeys::Inline(keys),
        },
    ];
    let origins = [
        ClientOrigin::Settings,
        ClientOrigin::Registered,
        ClientOrigin::Document,
    ];
    for (number, authentication) in authentications.into_iter().enumerate() {
        for origin in origins {
            let mut client = client(&format!("{number} {origin:?}"));
            client.authentication = authentication.clone();
            client.origin = origin;
            client.scopes = (number % 2 == 0).then(|| ["a", "b"].into_iter().collect());
            client.expires = (origin == ClientOrigin::Registered).then_some(NOW.after(DAY));
            assert!(said(store.add_client(client.clone(), MOST, NOW).await));
            let found = said(store.client(&client.id).await);
            assert_eq!(format!("{found:?}"), format!("{:?}", Some(&client)));
            client.name = Some("<another>".to_owned());
            assert!(said(store.add_client(client.clone(), MOST, NOW).await));
            let found = said(store.client(&client.id).await);
            assert_eq!(found.and_then(|found| found.name), client.name);
        }
    }
    assert!(said(store.client(&ClientId::from("unknown")).await).is_none());
}

/// Using a client extends its lifetime; nothing shortens it.
pub async fn a_client_s_time_is_only_made_longer<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    let registered = client("registered");
    let mut lasting = client("lasting");
    lasting.expires = None;
    let first = registered.expires;
    for client in [&registered, &lasting] {
        said(store.add_client(client.clone(), MOST, NOW).await);
    }
    let later = first.map(|first| first.after(DAY));
    for (expires, expect) in [(NOW, first), (later.unwrap_or(NOW), later), (NOW, later)] {
        for (id, expect) in [(&registered.id, expect), (&lasting.id, None)] {
            said(store.keep_client(id, expires, NOW).await);
            let found = said(store.client(id).await);
            assert_eq!(found.map(|found| found.expires), Some(expect), "{id}");
        }
    }
    let unknown = ClientId::from("unknown");
    said(store.keep_client(&unknown, NOW, NOW).await);
    assert!(said(store.client(&unknown).await).is_none());
}

async fn there<S: Store>(store: &S, ids: &[&str]) -> Vec<bool> {
    let mut there = Vec::new();
    for id in ids {
        there.push(said(store.client(&ClientId::from(*id)).await).is_some());
    }
    there
}

/// Beyond the bound, the store deletes the client that was idle for longest.
pub async fn registered_clients_are_bounded<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    let mut configured = client("configured");
    configured.origin = ClientOrigin::Settings;
    configured.expires = None;
    said(store.add_client(configured, 3, NOW).await);
    for (second, id) in (0..).zip(["a", "b", "c"]) {
        let now = NOW.after(Duration::from_secs(second));
        assert!(said(store.add_client(client(id), 3, now).await));
    }
    let now = NOW.after(Duration::from_secs(10));
    let expires = NOW.after(DAY);
    said(store.keep_client(&ClientId::from("a"), expires, now).await);
    assert!(said(store.add_client(client("d"), 3, now).await));
    let all = ["configured", "a", "b", "c", "d"];
    assert_eq!(there(&store, &all).await, [true, true, false, true, true]);
    // Who is there already needs no more room.
    assert!(said(store.add_client(client("c"), 3, now).await));
    assert_eq!(there(&store, &all).await, [true, true, false, true, true]);
    // Whose time is over goes first, however recently it was used.
    let over = NOW.after(DAY * 100);
    let mut fresh = client("e");
    fresh.expires = Some(over.after(DAY));
    assert!(said(store.add_client(fresh, 3, over).await));
    assert_eq!(there(&store, &["configured", "e"]).await, [true, true]);
    assert_eq!(there(&store, &all[1..]).await, [false; 4]);
    assert!(!said(store.add_client(client("f"), 0, NOW).await));
}

/// A flood of new clients does not displace a client that is in use.
pub async fn clients_with_a_grant_are_not_displaced<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    for id in ["held", "idle"] {
        said(store.add_client(client(id), 2, NOW).await);
    }
    said(store.issue(grant("g", "ada", "held"), code("g")).await);
    for number in 0..20 {
        let id = format!("new {number}");
        assert!(said(store.add_client(client(&id), 2, NOW).await));
    }
    assert_eq!(there(&store, &["held", "idle"]).await, [true, false]);
    said(store.issue(grant("h", "ada", "new 19"), code("h")).await);
    assert!(!said(store.add_client(client("late"), 2, NOW).await));
    assert_eq!(
        there(&store, &["held", "new 19", "late"]).await,
        [true, true, false]
    );
    said(store.revoke(&GrantId(text("h"))).await);
    assert!(said(store.add_client(client("late"), 2, NOW).await));
}

fn transaction(name: &str) -> Transaction {
    Transaction {
        id: digest(name),
        expires: NOW.after(DAY),
        sealed: format!("sealed {name}").into_bytes(),
        share: "".into(),
    }
}

fn transaction_of(share: &str, name: &str) -> Transaction {
    Transaction {
        share: share.into(),
        ..transaction(name)
    }
}

/// A flood of one share displaces no transaction, sign-in or client of another.
pub async fn a_flood_of_one_share_takes_nothing_of_another<S: Store>(
    make: impl AsyncFnOnce() -> S,
) {
    let store = make().await;
    let sign_in = |share: &str, name: &str| SignIn {
        id: digest(name),
        expires: NOW.after(DAY),
        sealed: Vec::new(),
        share: share.into(),
    };
    let client = |share: &str, id: &str| Client {
        share: share.into(),
        ..client(id)
    };
    said(store.begin(transaction_of("ann", "ann's"), 5).await);
    said(store.add_sign_in(sign_in("ann", "ann's"), 5).await);
    assert!(said(store.add_client(client("ann", "ann's"), 5, NOW).await));
    for number in 0..20 {
        let name = format!("bob's {number}");
        said(store.begin(transaction_of("bob", &name), 5).await);
        said(store.add_sign_in(sign_in("bob", &name), 5).await);
        let now = NOW.after(Duration::from_secs(number));
        assert!(said(store.add_client(client("bob", &name), 5, now).await));
    }
    for (name, expect) in [("ann's", true), ("bob's 15", false), ("bob's 19", true)] {
        let transaction = said(store.transaction(&digest(name)).await);
        let sign_in = said(store.sign_in(&digest(name)).await);
        let client = said(store.client(&name.into()).await);
        let found = [transaction.is_some(), sign_in.is_some(), client.is_some()];
        assert_eq!(found, [expect; 3], "{name}");
    }
}

/// Reading changes nothing. Taking works once.
pub async fn a_transaction_is_looked_at_or_taken<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    said(store.begin(transaction("a"), MOST).await);
    for _ in 0..3 {
        let Some(found) = said(store.transaction(&digest("a")).await) else {
            panic!("it is not there")
        };
        assert_eq!(found.id, digest("a"));
        assert_eq!(found.expires, NOW.after(DAY));
        assert_eq!(found.sealed, b"sealed a");
    }
    assert!(said(store.transaction(&digest("b")).await).is_none());
    assert!(said(store.take_transaction(&digest("b")).await).is_none());
    let taken = said(store.take_transaction(&digest("a")).await);
    assert_eq!(taken.map(|taken| taken.sealed), Some(b"sealed a".to_vec()));
    assert!(said(store.take_transaction(&digest("a")).await).is_none());
    assert!(said(store.transaction(&digest("a")).await).is_none());
}

/// A flood only displaces older transactions.
pub async fn the_oldest_transaction_gives_way<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    for number in 0..30 {
        let name = number.to_string();
        said(store.begin(transaction(&name), 10).await);
        if number % 3 == 0 {
            said(store.take_transaction(&digest(&name)).await);
        }
    }
    let mut left = Vec::new();
    for number in 0..30 {
        let name = number.to_string();
        if said(store.transaction(&digest(&name)).await).is_some() {
            left.push(number);
        }
    }
    let expect: Vec<_> = (0..30).filter(|number| number % 3 != 0).collect();
    assert_eq!(left, expect[expect.len() - 10..]);
}

/// A browser stays signed in until it signs out, or others displace it.
pub async fn a_sign_in_lasts_until_it_is_forgotten<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    let sign_in = |name: &str| SignIn {
        id: digest(name),
        expires: NOW.after(DAY),
        sealed: format!("sealed {name}").into_bytes(),
        share: "".into(),
    };
    for name in ["a", "b", "c", "d"] {
        said(store.add_sign_in(sign_in(name), 3).await);
    }
    said(store.remove_sign_in(&digest("c")).await);
    for (name, expect) in [("a", false), ("b", true), ("c", false), ("d", true)] {
        let found = said(store.sign_in(&digest(name)).await);
        assert_eq!(found.is_some(), expect, "{name}");
        if let Some(found) = found {
            assert_eq!(found.id, digest(name));
            assert_eq!(found.expires, NOW.after(DAY));
            assert_eq!(found.sealed, format!("sealed {name}").into_bytes());
        }
    }
    said(store.remove_sign_in(&digest("c")).await);
}

fn consent_key(subject: &str, client: &str, redirect_uri: &str, resource: &str) -> ConsentKey {
    ConsentKey {
        user: user(subject),
        client: ClientId::from(client),
        redirect_uri: redirect_uri.into(),
        resource: resource.into(),
    }
}

/// Another user, client, redirect URI or resource needs its own consent.
pub async fn consent_is_found_by_all_of_its_key<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    let key = consent_key("ada", "client", "https://a", "https://r");
    let consent = |key: &ConsentKey, scopes: &str| Consent {
        key: key.clone(),
        scopes: said(Scopes::parse(scopes)),
        expires: NOW.after(DAY),
    };
    said(store.add_consent(consent(&key, "a")).await);
    said(store.add_consent(consent(&key, "a b")).await);
    let Some(found) = said(store.consent(&key).await) else {
        panic!("it is not there")
    };
    assert_eq!(found.key, key);
    assert_eq!(found.scopes.to_string(), "a b");
    assert_eq!(found.expires, NOW.after(DAY));
    let mut elsewhere = key.clone();
    elsewhere.user.issuer = text("https://other.example");
    for other in [
        elsewhere,
        consent_key("bob", "client", "https://a", "https://r"),
        consent_key("ada", "other", "https://a", "https://r"),
        consent_key("ada", "client", "https://b", "https://r"),
        consent_key("ada", "client", "https://a", "https://s"),
    ] {
        assert!(said(store.consent(&other).await).is_none(), "{other:?}");
        said(store.add_consent(consent(&other, "a")).await);
    }
    said(store.remove_consents(&key.user, &key.client).await);
    for (key, there) in [
        (key.clone(), false),
        (
            consent_key("ada", "client", "https://b", "https://r"),
            false,
        ),
        (
            consent_key("ada", "client", "https://a", "https://s"),
            false,
        ),
        (consent_key("bob", "client", "https://a", "https://r"), true),
        (consent_key("ada", "other", "https://a", "https://r"), true),
    ] {
        let found = said(store.consent(&key).await);
        assert_eq!(found.is_some(), there, "{key:?}");
    }
}

/// A revoked grant has no valid token.
pub async fn revoking_a_grant_revokes_all_its_tokens<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    for id in ["g", "other"] {
        said(store.issue(grant(id, "ada", "client"), code(id)).await);
        let expires = NOW.after(DAY);
        said(store.redeem(&code(id).id, tokens(id, id), expires).await);
    }
    let works = async |id: &str| {
        let grant = said(store.grant(&GrantId(text(id))).await).is_some();
        let code = said(store.code(&code(id).id).await).is_some();
        let access = digest(&format!("access {id}"));
        let access = said(store.access_token(&access).await).is_some();
        let refresh = digest(&format!("refresh {id}"));
        let present = said(store.is_present(&refresh).await);
        let refresh = said(store.refresh_token(&refresh).await).is_some();
        [grant, code, access, refresh, present]
    };
    assert_eq!(works("g").await, [true; 5]);
    assert!(said(store.revoke(&GrantId(text("g"))).await));
    assert!(!said(store.revoke(&GrantId(text("g"))).await));
    assert_eq!(works("g").await, [false; 5]);
    assert_eq!(works("other").await, [true; 5]);
}

/// Revoking an access token does not affect its grant.
pub async fn an_access_token_is_revoked_alone<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    said(store.issue(grant("g", "ada", "client"), code("g")).await);
    let expires = NOW.after(DAY);
    said(store.redeem(&code("g").id, tokens("g", "1"), expires).await);
    let id = digest("access 1");
    let Some((token, found)) = said(store.access_token(&id).await) else {
        panic!("it is not there")
    };
    assert_eq!(
        format!("{token:?}"),
        format!("{:?}", access("g", "access 1"))
    );
    assert_eq!((token.id, found.expires), (id, expires));
    let mut expect = grant("g", "ada", "client");
    expect.expires = expires;
    assert_eq!(format!("{found:?}"), format!("{expect:?}"));
    said(store.remove_access_token(&id).await);
    said(store.remove_access_token(&id).await);
    assert!(said(store.access_token(&id).await).is_none());
    assert!(said(store.refresh_token(&digest("refresh 1")).await).is_some());
}

fn api_token(id: &str, expires: Option<UnixTime>) -> ApiToken {
    ApiToken {
        id: id.into(),
        digest: digest(&format!("secret {id}")),
        label: format!("label of {id}").into(),
        user: user("ada"),
        scopes: ["read"].into_iter().collect(),
        created: NOW,
        expires,
    }
}

/// The digest finds the token, its id revokes it.
pub async fn an_api_token_is_known_by_its_digest_and_revoked_by_its_name<S: Store>(
    make: impl AsyncFnOnce() -> S,
) {
    let store = make().await;
    for (id, expires) in [("a", None), ("b", Some(NOW.after(DAY)))] {
        let token = api_token(id, expires);
        said(store.add_api_token(token.clone()).await);
        let found = said(store.api_token(&token.digest).await);
        assert_eq!(format!("{found:?}"), format!("{:?}", Some(token)));
    }
    let mut newest = api_token("c", None);
    newest.created = NOW.after(DAY);
    said(store.add_api_token(newest).await);
    let names = async || {
        let all = said(store.api_tokens().await);
        let names: Vec<_> = all.into_iter().map(|token| token.id.to_string()).collect();
        names.join(" ")
    };
    assert_eq!(names().await, "c b a");
    assert!(said(store.remove_api_token("b").await));
    for name in ["b", "", "label of a", "secret a"] {
        assert!(!said(store.remove_api_token(name).await), "{name}");
    }
    assert_eq!(names().await, "c a");
    let gone: Digest = digest("secret b");
    assert!(said(store.api_token(&gone).await).is_none());
}

/// A caller must have read the properties that it replaces.
pub async fn properties_are_replaced_in_turn<S: Store>(make: impl AsyncFnOnce() -> S) {
    let store = make().await;
    said(store.issue(grant("g", "ada", "client"), code("g")).await);
    let id = GrantId(text("g"));
    for (revision, expect) in [(1, false), (0, true), (0, false), (1, true), (3, false)] {
        let sealed = format!("after {revision}").into_bytes();
        let replaced = said(
            store
                .replace_properties(&id, revision, sealed.clone())
                .await,
        );
        assert_eq!(replaced, expect, "{revision}");
        if let (true, Some(found)) = (expect, said(store.grant(&id).await)) {
            assert_eq!((found.revision, found.sealed), (revision + 1, sealed));
        }
    }
    let unknown = GrantId(text("unknown"));
    assert!(!said(
        store.replace_properties(&unknown, 0, Vec::new()).await
    ));
    let all = said(store.grants(&GrantFilter::default()).await);
    assert_eq!(all.len(), 1);
}

/// Until then, the name can only be used once.
pub async fn a_name_can_be_used_again_when_its_time_is_over<S: Store>(
    make: impl AsyncFnOnce() -> S,
) {
    let store = make().await;
    let second = Duration::from_secs(1);
    let until = NOW.after(second * 10);
    let name = digest("jti");
    for (now, expect) in [
        (NOW, true),
        (NOW, false),
        (NOW.after(second * 9), false),
        (until, true),
        (until, false),
    ] {
        let expires = now.after(second * 10);
        assert_eq!(said(store.use_once(&name, expires, now).await), expect);
    }
    assert!(said(store.use_once(&digest("another"), until, NOW).await));
}
