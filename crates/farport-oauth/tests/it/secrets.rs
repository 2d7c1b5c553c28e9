//! No secret leaks into the store, the logs or debug output.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, atomic::Ordering},
};

use farport_oauth::{
    BearerError, Digest, Keys, NewApiToken, OAuthError, Scopes, Store, UpstreamError,
    provider::ProviderError,
};
use secrecy::ExposeSecret;
use serde_json::json;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

use crate::support::{
    A_WHILE, Browser, Fixture, Form, UPSTREAM_LIFETIME, VERIFIER, came_back, consent, parameter,
    provider, upstream_access,
};

/// Collects all log output, at every level.
#[derive(Clone, Default)]
struct Traces(Arc<Mutex<String>>);

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Traces {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = self.0.lock().unwrap();
        text.push_str(&format!("\n{}", event.metadata().level()));
        event.record(&mut Writer(&mut text));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        attributes.record(&mut Writer(&mut self.0.lock().unwrap()));
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Writer(&mut self.0.lock().unwrap()));
    }
}

/// The secrets to search for.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add(&mut self, text: &str) {
        assert!(text.len() >= 16, "{text} is too short to search for");
        self.0.insert(text.to_owned());
        // The part after the prefix is the actual secret.
        if let Some((_, body)) = text.split_once('_').filter(|(_, body)| body.len() >= 16) {
            self.0.insert(body.to_owned());
        }
    }

    fn search(&self, place: &str, text: &str) {
        for secret in &self.0 {
            assert!(
                !text.contains(&**secret),
                "found {secret} in {place}: {text}"
            );
        }
    }

    /// Searches in bytes.
    fn search_bytes(&self, place: &str, bytes: &[u8]) {
        for secret in &self.0 {
            let mut windows = bytes.windows(secret.len());
            let found = windows.any(|window| window == secret.as_bytes());
            assert!(!found, "found {secret} in {place}");
        }
    }

    /// Searches for secrets in the form of `Debug` for bytes, a list of numbers.
    fn search_lists(&self, place: &str, text: &str) {
        for secret in &self.0 {
            let list = format!("{:?}", secret.as_bytes());
            let list = list.trim_matches(['[', ']']);
            assert!(!text.contains(list), "found {secret} in {place} as numbers");
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_the_store_the_log_or_debug_output() {
    let traces = Traces::default();
    let subscriber = tracing_subscriber::registry().with(traces.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let fixture = Fixture::upstream();
    let mut secrets = Secrets::default();
    let mut output = Vec::new();
    secrets.add(VERIFIER);
    for renewals in 0..3 {
        secrets.add(&upstream_access("alice", renewals));
        secrets.add(&format!("UPSTREAM-REFRESH-OF-alice-{renewals}"));
    }

    let app = fixture
        .app(json!({"token_endpoint_auth_method": "client_secret_post"}))
        .await;
    secrets.add(app.secret.as_deref().unwrap());
    output.push(format!(
        "{:?}",
        fixture.store.client(&app.id.as_str().into()).await
    ));

    // The steps through the page and the provider.
    let mut browser = Browser::new(&fixture);
    let next = browser.authorize(&app.request()).await;
    output.push(format!("{next:?}"));
    let page = consent(next);
    let transaction = page.transaction.expose_secret().to_owned();
    secrets.add(&transaction);
    let pending = fixture.store.transaction(&Digest::of(&transaction)).await;
    output.push(format!("{pending:?}"));
    if let Ok(Some(pending)) = &pending {
        secrets.search_bytes("a transaction", &pending.sealed);
    }
    let url = provider(browser.decide(&page.transaction, "allow").await);
    let state = parameter(&url::Url::parse(&url).unwrap(), "state").unwrap();
    secrets.add(&state);
    let next = browser.callback(&came_back(&url, "alice")).await;
    output.push(format!("{next:?}"));
    let url = crate::support::client(next);
    let code = parameter(&url, "code").unwrap();
    secrets.add(&code);
    for (value, _) in browser.cookies.values() {
        if !value.is_empty() {
            secrets.add(value);
        }
    }
    output.push(format!(
        "{:?}",
        fixture.store.code(&Digest::of(&code)).await
    ));

    // Tokens, requests with them, and every kind of error.
    let form = app.redemption(&code).encoded();
    let request = || crate::support::request(None, &form, None);
    output.push(format!("{:?}", request()));
    let answer = fixture
        .server
        .token_endpoint()
        .token(&fixture.site, request(), fixture.now());
    let answer = answer.await.unwrap();
    output.push(format!("{answer:?}"));
    let first = serde_json::to_value(answer).unwrap();
    fixture.pass(A_WHILE);
    let second = fixture.token(&app.refresh(&first)).await.unwrap();
    for tokens in [&first, &second] {
        for name in ["access_token", "refresh_token"] {
            let token = tokens[name].as_str().unwrap();
            secrets.add(token);
            let id = Digest::of(token);
            output.push(format!("{:?}", fixture.store.access_token(&id).await));
            output.push(format!("{:?}", fixture.store.refresh_token(&id).await));
        }
    }
    let who = fixture.who(second["access_token"].as_str().unwrap()).await;
    let who = who.unwrap();
    output.push(format!("{who:?}"));
    let upstream = who.upstream.clone().unwrap();
    let token = fixture
        .server
        .upstream()
        .token(&upstream, fixture.now())
        .await;
    output.push(format!("{token:?}"));
    assert_eq!(token.unwrap().expose_secret(), upstream_access("alice", 0));
    fixture.pass(UPSTREAM_LIFETIME);
    let token = fixture
        .server
        .upstream()
        .token(&upstream, fixture.now())
        .await;
    assert_eq!(token.unwrap().expose_secret(), upstream_access("alice", 1));
    fixture.pass(UPSTREAM_LIFETIME);
    *fixture.provider.renewal.lock().unwrap() =
        Some(|| ProviderError::Unavailable("no response".into()));
    let failed: UpstreamError = fixture
        .server
        .upstream()
        .token(&upstream, fixture.now())
        .await
        .unwrap_err();
    output.push(format!("{failed} {failed:?}"));
    let new = NewApiToken {
        label: "ci".into(),
        scopes: Scopes::none(),
        lifetime: None,
    };
    let random = crate::support::Seeded::new(9);
    let (record, api) = new
        .create(&*fixture.store, &random, fixture.now())
        .await
        .unwrap();
    secrets.add(api.expose_secret());
    output.push(format!(
        "{record:?} {api:?} {:?}",
        fixture.store.api_tokens().await
    ));
    output.push(format!("{:?}", fixture.who(api.expose_secret()).await));

    let wrong_secret = app.refresh(&second).with("client_secret", &code);
    let replay = app.redemption(&code);
    for form in [
        wrong_secret,
        app.refresh(&second).with("scope", "a\"b"),
        app.refresh(&second).with("grant_type", &code),
        app.refresh(&second).and("refresh_token", &code),
        Form::new([("client_id", &*code)]),
        replay,
    ] {
        let error: OAuthError = fixture.token(&form).await.unwrap_err();
        output.push(format!("{error:?}"));
    }
    let gone: BearerError = fixture
        .who(second["access_token"].as_str().unwrap())
        .await
        .unwrap_err();
    output.push(format!("{gone} {gone:?}"));
    let tokens = fixture.tokens(&app, "alice").await;
    for name in ["access_token", "refresh_token"] {
        secrets.add(tokens[name].as_str().unwrap());
    }

    // The debug output of the store contains all records, including encrypted bytes.
    assert_eq!(fixture.grants().await, 1);
    for grant in fixture.store.grants(&Default::default()).await.unwrap() {
        secrets.search_bytes("a grant", &grant.sealed);
        output.push(format!("{grant:?}"));
    }
    let master = Keys::new(*b"a master key to be kept off disk", []);
    output.push(format!(
        "{:?} {master:?} {:?}",
        fixture.store, fixture.server
    ));
    for text in &output {
        secrets.search("debug output", text);
        secrets.search_lists("debug output", text);
    }
    let traced = traces.0.lock().unwrap().clone();
    // The errors above were logged.
    assert!(
        traced.contains("cannot refresh an upstream token"),
        "{traced}"
    );
    secrets.search("the traces", &traced);
    assert!(!output.concat().contains("kept off disk") && !traced.contains("test fixture"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_callers_share_one_upstream_refresh() {
    let fixture = Arc::new(Fixture::upstream());
    let app = fixture.public_app().await;
    let tokens = fixture.tokens(&app, "alice").await;
    let who = fixture.who(tokens["access_token"].as_str().unwrap()).await;
    let upstream = who.unwrap().upstream.clone().unwrap();
    let rush = async || {
        let callers = (0..50).map(|_| {
            let (fixture, upstream) = (fixture.clone(), upstream.clone());
            tokio::spawn(async move {
                let token = fixture
                    .server
                    .upstream()
                    .token(&upstream, fixture.now())
                    .await;
                token.map(|token| token.expose_secret().to_owned())
            })
        });
        let callers: Vec<_> = callers.collect();
        let mut answers = Vec::new();
        for caller in callers {
            answers.push(caller.await.unwrap());
        }
        answers
    };
    for renewals in 0..20 {
        for answer in rush().await {
            assert_eq!(answer.unwrap(), upstream_access("alice", renewals));
        }
        assert_eq!(fixture.provider.renewals.load(Ordering::SeqCst), renewals);
        fixture.pass(UPSTREAM_LIFETIME - 60);
    }
    // A failed refresh fails for all waiting callers.
    *fixture.provider.renewal.lock().unwrap() = Some(|| ProviderError::Refused("used".into()));
    let before = fixture.provider.renewals.load(Ordering::SeqCst);
    let callers = (0..50).map(|_| fixture.server.upstream().token(&upstream, fixture.now()));
    for answer in futures_util::future::join_all(callers).await {
        assert!(matches!(answer, Err(UpstreamError::SignInAgain)));
    }
    let asked = fixture.provider.renewals.load(Ordering::SeqCst) - before;
    assert_eq!(asked, 1);
}
