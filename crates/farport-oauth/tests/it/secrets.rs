//! What proves something, or belongs to a provider, is nowhere but where it has to be.

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
    A_WHILE, Browser, Form, House, UPSTREAM_LIFETIME, VERIFIER, came_back, consent, parameter,
    provider, upstream_access,
};

/// All that is traced, at every level.
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

/// What must stand nowhere.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add(&mut self, text: &str) {
        assert!(text.len() >= 16, "{text} could stand anywhere");
        self.0.insert(text.to_owned());
        // What follows a prefix is the secret proper.
        if let Some((_, body)) = text.split_once('_').filter(|(_, body)| body.len() >= 16) {
            self.0.insert(body.to_owned());
        }
    }

    fn search(&self, place: &str, text: &str) {
        for secret in &self.0 {
            assert!(
                !text.contains(&**secret),
                "{secret} stands in {place}: {text}"
            );
        }
    }

    /// The same in bytes, as they are and as `Debug` writes them.
    fn search_bytes(&self, place: &str, bytes: &[u8]) {
        for secret in &self.0 {
            let mut windows = bytes.windows(secret.len());
            let stands = windows.any(|window| window == secret.as_bytes());
            assert!(!stands, "{secret} stands in {place}");
        }
    }

    /// Those that `Debug` would write as a list of numbers.
    fn search_lists(&self, place: &str, text: &str) {
        for secret in &self.0 {
            let list = format!("{:?}", secret.as_bytes());
            let list = list.trim_matches(['[', ']']);
            assert!(
                !text.contains(list),
                "{secret} stands in {place} as numbers"
            );
        }
    }
}

#[tokio::test]
async fn no_secret_stands_in_the_store_in_a_trace_or_in_debug_output() {
    let traces = Traces::default();
    let subscriber = tracing_subscriber::registry().with(traces.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let house = House::upstream();
    let mut secrets = Secrets::default();
    let mut said = Vec::new();
    secrets.add(VERIFIER);
    for renewals in 0..3 {
        secrets.add(&upstream_access("alice", renewals));
        secrets.add(&format!("UPSTREAM-REFRESH-OF-alice-{renewals}"));
    }

    let app = house
        .app(json!({"token_endpoint_auth_method": "client_secret_post"}))
        .await;
    secrets.add(app.secret.as_deref().unwrap());
    said.push(format!(
        "{:?}",
        house.store.client(&app.id.as_str().into()).await
    ));

    // A page, the provider, and back, one step after another.
    let mut browser = Browser::new(&house);
    let next = browser.authorize(&app.request()).await;
    said.push(format!("{next:?}"));
    let page = consent(next);
    let transaction = page.transaction.expose_secret().to_owned();
    secrets.add(&transaction);
    let pending = house.store.transaction(&Digest::of(&transaction)).await;
    said.push(format!("{pending:?}"));
    if let Ok(Some(pending)) = &pending {
        secrets.search_bytes("a transaction", &pending.sealed);
    }
    let url = provider(browser.decide(&page.transaction, "allow").await);
    let state = parameter(&url::Url::parse(&url).unwrap(), "state").unwrap();
    secrets.add(&state);
    let next = browser.callback(&came_back(&url, "alice")).await;
    said.push(format!("{next:?}"));
    let url = crate::support::client(next);
    let code = parameter(&url, "code").unwrap();
    secrets.add(&code);
    for (value, _) in browser.cookies.values() {
        if !value.is_empty() {
            secrets.add(value);
        }
    }
    said.push(format!("{:?}", house.store.code(&Digest::of(&code)).await));

    // Tokens, what is asked with them, and every kind of failure.
    let form = app.redemption(&code).encoded();
    let request = || crate::support::request(None, &form, None);
    said.push(format!("{:?}", request()));
    let answer = house.server.token(&house.site, request(), house.now());
    let answer = answer.await.unwrap();
    said.push(format!("{answer:?}"));
    let first = serde_json::to_value(answer).unwrap();
    house.pass(A_WHILE);
    let second = house.token(&app.refresh(&first)).await.unwrap();
    for tokens in [&first, &second] {
        for name in ["access_token", "refresh_token"] {
            let token = tokens[name].as_str().unwrap();
            secrets.add(token);
            let id = Digest::of(token);
            said.push(format!("{:?}", house.store.access_token(&id).await));
            said.push(format!("{:?}", house.store.refresh_token(&id).await));
        }
    }
    let who = house.who(second["access_token"].as_str().unwrap()).await;
    let who = who.unwrap();
    said.push(format!("{who:?}"));
    let upstream = who.upstream.clone().unwrap();
    let token = house.server.upstream_token(&upstream, house.now()).await;
    said.push(format!("{token:?}"));
    assert_eq!(token.unwrap().expose_secret(), upstream_access("alice", 0));
    house.pass(UPSTREAM_LIFETIME);
    let token = house.server.upstream_token(&upstream, house.now()).await;
    assert_eq!(token.unwrap().expose_secret(), upstream_access("alice", 1));
    house.pass(UPSTREAM_LIFETIME);
    *house.provider.renewal.lock().unwrap() =
        Some(|| ProviderError::Unavailable("it does not answer".into()));
    let failed: UpstreamError = house
        .server
        .upstream_token(&upstream, house.now())
        .await
        .unwrap_err();
    said.push(format!("{failed} {failed:?}"));
    let new = NewApiToken {
        label: "ci".into(),
        scopes: Scopes::none(),
        lifetime: None,
    };
    let random = crate::support::Seeded::new(9);
    let (record, api) = new
        .create(&*house.store, &random, house.now())
        .await
        .unwrap();
    secrets.add(api.expose_secret());
    said.push(format!(
        "{record:?} {api:?} {:?}",
        house.store.api_tokens().await
    ));
    said.push(format!("{:?}", house.who(api.expose_secret()).await));

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
        let error: OAuthError = house.token(&form).await.unwrap_err();
        said.push(format!("{error:?}"));
    }
    let gone: BearerError = house
        .who(second["access_token"].as_str().unwrap())
        .await
        .unwrap_err();
    said.push(format!("{gone} {gone:?}"));
    let tokens = house.tokens(&app, "alice").await;
    for name in ["access_token", "refresh_token"] {
        secrets.add(tokens[name].as_str().unwrap());
    }

    // The places. All there is in the store, sealed bytes among it, is in its own output.
    assert_eq!(house.grants().await, 1);
    for grant in house.store.grants(&Default::default()).await.unwrap() {
        secrets.search_bytes("a grant", &grant.sealed);
        said.push(format!("{grant:?}"));
    }
    let master = Keys::new(*b"a master key to be kept off disk", []);
    said.push(format!("{:?} {master:?} {:?}", house.store, house.server));
    for text in &said {
        secrets.search("debug output", text);
        secrets.search_lists("debug output", text);
    }
    let traced = traces.0.lock().unwrap().clone();
    // Something was traced: the failures of above.
    assert!(
        traced.contains("an upstream token was not renewed"),
        "{traced}"
    );
    secrets.search("the traces", &traced);
    assert!(!said.concat().contains("kept off disk") && !traced.contains("test house"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_need_an_upstream_token_renewed_one_asks_the_provider() {
    let house = Arc::new(House::upstream());
    let app = house.public_app().await;
    let tokens = house.tokens(&app, "alice").await;
    let who = house.who(tokens["access_token"].as_str().unwrap()).await;
    let upstream = who.unwrap().upstream.clone().unwrap();
    let rush = async || {
        let callers = (0..50).map(|_| {
            let (house, upstream) = (house.clone(), upstream.clone());
            tokio::spawn(async move {
                let token = house.server.upstream_token(&upstream, house.now()).await;
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
        assert_eq!(house.provider.renewals.load(Ordering::SeqCst), renewals);
        house.pass(UPSTREAM_LIFETIME - 60);
    }
    // A renewal that fails, fails for all who wait for it.
    *house.provider.renewal.lock().unwrap() = Some(|| ProviderError::Refused("spent".into()));
    let before = house.provider.renewals.load(Ordering::SeqCst);
    let callers = (0..50).map(|_| house.server.upstream_token(&upstream, house.now()));
    for answer in futures_util::future::join_all(callers).await {
        assert!(matches!(answer, Err(UpstreamError::SignInAgain)));
    }
    let asked = house.provider.renewals.load(Ordering::SeqCst) - before;
    assert_eq!(asked, 1);
}
