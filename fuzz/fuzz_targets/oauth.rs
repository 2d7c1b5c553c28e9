//! Any query at the authorization endpoint and any form at the token endpoint, raw, or as one that
//! was good until some of its parameters were changed.

#![no_main]

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use farport_fuzz::{Same, now};
use farport_oauth::{
    AuthorizationServer, BoxFuture, Config, Cookies, Digest, Environment, ErrorLink, Fetch,
    FetchError, Fetcher, Keys, MemoryStore, Next, PageRequest, Scopes, SignInMethod, Site, Store,
    TokenRequest, UnixTime,
};
use libfuzzer_sys::fuzz_target;
use url::form_urlencoded;

const NOW: UnixTime = UnixTime(1_800_000_000);
const REDIRECT: &str = "https://client.example/callback";

struct Unreachable;

impl Fetcher for Unreachable {
    fn fetch(
        &self,
        fetch: Fetch,
    ) -> BoxFuture<'_, Result<http::Response<bytes::Bytes>, FetchError>> {
        // URLs from untrusted parties are fetched over https only.
        assert_eq!(fetch.request.uri().scheme_str(), Some("https"));
        Box::pin(std::future::ready(Err(FetchError::TimedOut)))
    }
}

struct Fixture {
    store: Arc<MemoryStore>,
    server: AuthorizationServer,
    site: Site,
    client: String,
}

/// Created once, because that is slow. With these random bytes, each input replaces the last one.
static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let store = Arc::new(MemoryStore::default());
    let mut config = Config {
        scopes: Scopes::parse("read write").expect("scopes"),
        ..Config::default()
    };
    config.token_rate.burst = u32::MAX;
    let world = Environment {
        store: store.clone(),
        random: Arc::new(Same),
        fetcher: Arc::new(Unreachable),
    };
    let server = AuthorizationServer::new(
        config,
        Keys::new([1; 32], []),
        SignInMethod::Development,
        world,
    );
    let metadata =
        format!(r#"{{"redirect_uris":["{REDIRECT}"],"token_endpoint_auth_method":"none"}}"#);
    let client = now(server
        .registration()
        .register(metadata.as_bytes(), None, NOW))
    .expect("a client");
    let client = serde_json::to_value(client).expect("JSON");
    Fixture {
        store,
        server,
        site: Site::new("https://mcp.example", ["/mcp"]).expect("a site"),
        client: client["client_id"].as_str().expect("an id").to_owned(),
    }
});

fuzz_target!(|input: (Vec<(u8, String)>, Vec<u8>, Option<String>)| {
    let (changes, raw, authorization) = input;
    let Fixture {
        store,
        server,
        site,
        client,
    } = &*FIXTURE;
    let client = client.as_str();

    let good = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
        ("state", "s"),
        ("resource", "https://mcp.example/mcp"),
        ("scope", "read"),
        ("grant_type", "authorization_code"),
        ("code", "c"),
        (
            "code_verifier",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
    ];
    let mut pairs: Vec<(&str, &str)> = good.into();
    for (which, value) in &changes {
        let (name, _) = good[usize::from(*which) % good.len()];
        match which / 100 {
            0 => pairs.retain(|(known, _)| *known != name),
            1 => pairs
                .iter_mut()
                .filter(|(known, _)| *known == name)
                .for_each(|pair| pair.1 = value),
            _ => pairs.push((name, value)),
        }
    }
    let changed = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let cookies = Cookies::default();
    for parameters in [changed.as_bytes(), &raw] {
        let visit = || PageRequest {
            site,
            parameters,
            cookies: &cookies,
            address: None,
            now: NOW,
        };
        let read: HashMap<_, _> = form_urlencoded::parse(parameters)
            .into_owned()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        match now(server.interaction().authorize(visit())).next {
            Next::SignIn(_) => {
                assert_eq!(read.get("client_id").map(String::as_str), Some(client));
                assert!(read.get("redirect_uri").is_none_or(|uri| uri == REDIRECT));
                assert!(read.contains_key("code_challenge"));
            }
            // The client is unverified, so the browser is not redirected.
            Next::ErrorLink(ErrorLink { url, .. }) => {
                assert!(
                    url.starts_with(REDIRECT) && url.contains("error=") && url.contains("iss=")
                );
            }
            Next::ErrorPage(_) => {}
            next => panic!("without a cookie or a sign-in: {next:?}"),
        }
        assert!(matches!(
            now(server.interaction().decide(visit())).next,
            Next::ErrorPage(_)
        ));
        assert!(matches!(
            now(server.interaction().sign_in(visit())).next,
            Next::ErrorPage(_)
        ));
        assert!(matches!(
            now(server.interaction().callback(visit())).next,
            Next::ErrorPage(_)
        ));
        let request = TokenRequest {
            authorization: authorization.as_deref(),
            body: parameters,
            address: None,
        };
        assert!(now(server.token_endpoint().token(site, request, NOW)).is_err());
        assert!(now(server.token_endpoint().introspect(site, request, NOW)).is_err());
        // Revoking what there is not succeeds, for the client alone.
        if now(server.token_endpoint().revoke(site, request, NOW)).is_ok() {
            assert_eq!(read.get("client_id").map(String::as_str), Some(client));
        }
    }
    assert!(
        now(store.code(&Digest::of("c")))
            .expect("a store")
            .is_none()
    );
    assert!(
        now(store.grants(&Default::default()))
            .expect("a store")
            .is_empty()
    );
});
