//! Boundary values of sizes and times.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use farport_oauth::{
    Digest, ErrorCode, GrantFilter, NewApiToken, Next, Random, Scopes, Store, revoke_grants,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{App, Browser, Fixture, MCP, REDIRECT, Seeded, error_page};

/// A URL of this length.
fn url(scheme: &str, length: usize) -> String {
    let start = format!("{scheme}://client.example/");
    format!("{start}{}", "a".repeat(length - start.len()))
}

#[tokio::test]
async fn each_part_of_a_registration_has_a_limit() {
    let fixture = Fixture::with(|config| config.register_rate.burst = 1000);
    let with = |name: &str, value: Value| {
        let mut metadata = json!({"redirect_uris": [REDIRECT]});
        metadata[name] = value;
        metadata
    };
    let keys = |url: String| {
        let mut metadata = with("jwks_uri", json!(url));
        metadata["token_endpoint_auth_method"] = json!("private_key_jwt");
        metadata
    };
    let sized = |length: usize| {
        let short = with("x", json!("")).to_string().len();
        let metadata = with("x", json!("x".repeat(length - short)));
        assert_eq!(metadata.to_string().len(), length);
        metadata
    };
    let many = |count: usize| {
        let uris: Vec<_> = (0..count).map(|n| format!("{REDIRECT}/{n}")).collect();
        with("redirect_uris", json!(uris))
    };
    let redirect = |length| with("redirect_uris", json!([url("https", length)]));
    let name = |length| with("client_name", json!("\u{e4}".repeat(length)));
    let page = |length| with("client_uri", json!(url("https", length)));
    for (longest, longer) in [
        (sized(16 * 1024), sized(16 * 1024 + 1)),
        (sized(16 * 1024), sized(16 * 1024 + 2)),
        (many(10), many(11)),
        (redirect(2048), redirect(2049)),
        (name(120), name(121)),
        (page(2048), page(2049)),
        (keys(url("https", 2048)), keys(url("https", 2049))),
        (keys(url("https", 40)), keys(url("http", 40))),
    ] {
        fixture.register(longest).await.unwrap();
        let error = fixture.register(longer).await.unwrap_err();
        let bad = [
            ErrorCode::InvalidClientMetadata,
            ErrorCode::InvalidRedirectUri,
        ];
        assert!(bad.contains(&error.code), "{error:?}");
    }
}

#[tokio::test]
async fn a_client_id_has_at_most_512_bytes() {
    for (length, good) in [(512, true), (513, false)] {
        let fixture = Fixture::new();
        let id = url("https", length);
        let document = json!({
            "client_id": id, "client_name": "Notes", "redirect_uris": [REDIRECT],
        });
        fixture.script.on_json(&format!("GET {id}"), document);
        let request = App::named(&id, REDIRECT).request();
        let next = Browser::new(&fixture).authorize(&request).await;
        assert_eq!(matches!(next, Next::SignIn(_)), good, "{next:?}");
        assert_eq!(fixture.script.seen().len(), usize::from(good));
    }
}

#[tokio::test]
async fn a_token_is_cached_for_ten_seconds() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let tokens = fixture.tokens(&app, "alice").await;
    let token = tokens["access_token"].as_str().unwrap();
    fixture.who(token).await.unwrap();
    let id = Digest::of(token);
    fixture.store.remove_access_token(&id).await.unwrap();
    fixture.pass(9);
    fixture.who(token).await.unwrap();
    fixture.pass(1);
    assert!(fixture.who(token).await.is_err());
}

#[tokio::test]
async fn a_valid_token_comes_with_its_digest() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    for user in ["alice", "bob"] {
        let tokens = fixture.tokens(&app, user).await;
        let token = tokens["access_token"].as_str().unwrap();
        // From the store, then from the cache.
        for _ in 0..2 {
            let who = fixture.who(token).await.unwrap();
            assert_eq!(who.token(), Some(&Digest::of(token)));
        }
    }
}

#[tokio::test]
async fn a_request_can_limit_the_age_of_a_cached_token() {
    for (age, max_age, valid) in [(3, 3, false), (3, 4, true), (6, 6, false), (6, 7, true)] {
        let fixture = Fixture::new();
        let app = fixture.public_app().await;
        let tokens = fixture.tokens(&app, "alice").await;
        let token = tokens["access_token"].as_str().unwrap();
        fixture.who(token).await.unwrap();
        let id = Digest::of(token);
        fixture.store.remove_access_token(&id).await.unwrap();
        fixture.pass(age);
        let (site, now) = (&fixture.site, fixture.now());
        let max_age = Duration::from_secs(max_age);
        let who = fixture
            .server
            .resource_server()
            .authenticate_within(site, MCP, token, now, max_age)
            .await;
        assert_eq!(who.is_ok(), valid, "{age} s, at most {max_age:?}");
        // A token that is not valid is removed from the cache.
        let who = fixture.who(token).await;
        assert_eq!(who.is_ok(), valid, "{age} s, at most {max_age:?}");
    }
}

#[tokio::test]
async fn the_host_is_notified_of_each_revocation() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    let tokens = fixture.tokens(&app, "alice").await;
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    fixture.server.resource_server().on_revoked(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    for (name, expect) in [("access_token", 1), ("refresh_token", 2)] {
        fixture.revoke(&app.about(&tokens[name])).await.unwrap();
        assert_eq!(count.load(Ordering::Relaxed), expect, "{name}");
    }
}

#[tokio::test]
async fn an_api_token_expires_even_if_cached() {
    let fixture = Fixture::new();
    let new = NewApiToken {
        label: "ci".into(),
        scopes: Scopes::none(),
        lifetime: Some(Duration::from_secs(3600)),
    };
    let random = Seeded::new(7);
    let created = new.create(&*fixture.store, &random as &dyn Random, fixture.now());
    let (record, secret) = created.await.unwrap();
    fixture.pass(3599);
    let who = fixture.who(secret.expose_secret()).await.unwrap();
    assert!(who.expires.is_some() && who.expires == record.expires);
    fixture.pass(1);
    assert!(fixture.who(secret.expose_secret()).await.is_err());
}

#[tokio::test]
async fn a_tool_sees_the_claims_of_the_provider() {
    let fixture = Fixture::upstream();
    let claims = json!({"team": "red", "level": 3});
    *fixture.provider.claims.lock().unwrap() = claims.as_object().unwrap().clone();
    *fixture.provider.email.lock().unwrap() = Some("alice@idp.example".into());
    let app = fixture.public_app().await;
    let tokens = fixture.tokens(&app, "alice").await;
    let token = tokens["access_token"].as_str().unwrap();
    let who = fixture.who(token).await.unwrap();
    assert_eq!(who.name.as_deref(), Some("ALICE"));
    assert_eq!(who.email.as_deref(), Some("alice@idp.example"));
    assert_eq!(Value::Object(who.claims.clone()), claims);
    assert!(who.upstream.is_some());
}

#[tokio::test]
async fn an_expired_old_refresh_token_does_not_end_the_grant() {
    const DAY: u64 = 86_400;
    for (day, alive) in [(29, false), (30, true), (31, true)] {
        let fixture = Fixture::new();
        let app = fixture.public_app().await;
        let first = fixture.tokens(&app, "alice").await;
        fixture.pass(DAY);
        fixture.token(&app.refresh(&first)).await.unwrap();
        fixture.pass((day - 1) * DAY);
        let error = fixture.token(&app.refresh(&first)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidGrant, "{day}");
        assert_eq!(fixture.grants().await == 1, alive, "{day}");
    }
}

#[tokio::test]
async fn an_operator_revokes_one_grant_or_all_that_match() {
    let fixture = Fixture::new();
    let app = fixture.public_app().await;
    for name in ["alice", "alice", "bob"] {
        fixture.tokens(&app, name).await;
    }
    let of = |name: &str| GrantFilter {
        subject: Some(name.into()),
        client: None,
    };
    let store = &*fixture.store;
    let hers = store.grants(&of("alice")).await.unwrap();
    let gone = revoke_grants(store, &of("alice"), Some(&hers[0].id)).await;
    assert_eq!(gone.unwrap(), [hers[0].id.clone()]);
    assert_eq!(fixture.grants().await, 2);
    let gone = revoke_grants(store, &of("alice"), None).await;
    assert_eq!(gone.unwrap(), [hers[1].id.clone()]);
    let left = store.grants(&GrantFilter::default()).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(&*left[0].user.subject, "bob");
}

#[tokio::test]
async fn the_error_of_a_document_quotes_nothing_of_it() {
    let fixture = Fixture::new();
    let id = url("https", 40);
    let document = json!({
        "client_id": id, "client_name": "Notes",
        "redirect_uris": [REDIRECT, "http://call-us-at-555.example/"],
    });
    fixture.script.on_json(&format!("GET {id}"), document);
    let request = App::named(&id, REDIRECT).request();
    let page = error_page(Browser::new(&fixture).authorize(&request).await);
    let said = page.error.description;
    assert!(said.contains("redirect_uris[1]"), "{said}");
    assert!(!said.contains("555"), "{said}");
}
