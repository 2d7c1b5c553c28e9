//! A code that is good, and a form that was until some of it was changed: it is redeemed where
//! nothing that matters was, and what it gave is refreshed likewise.

#![no_main]

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use farport_fuzz::now;
use farport_oauth::{
    AuthorizationServer, BoxFuture, Config, Cookies, Digest, Environment, Fetch, FetchError,
    Fetcher, Keys, MemoryStore, Next, PageRequest, PageResponse, Random, Scopes, SignInMethod,
    Site, Store, TokenRequest, UnixTime,
};
use libfuzzer_sys::fuzz_target;
use url::{Url, form_urlencoded};

const NOW: UnixTime = UnixTime(1_800_000_000);
const REDIRECT: &str = "https://client.example/callback";
const RESOURCE: &str = "https://mcp.example/mcp";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Never the same twice.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&Digest::of(number.to_string()).0[..chunk.len()]);
        }
    }
}

struct Unreachable;

impl Fetcher for Unreachable {
    fn fetch(&self, _: Fetch) -> BoxFuture<'_, Result<http::Response<bytes::Bytes>, FetchError>> {
        Box::pin(std::future::ready(Err(FetchError::TimedOut)))
    }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// The cookies of a browser after a response.
fn kept(cookies: Cookies, answer: &PageResponse) -> Cookies {
    let set = answer.cookies.iter().map(|cookie| {
        let header = cookie.header();
        let (name, rest) = header.split_once('=').expect("a cookie");
        (
            name.to_owned(),
            rest.split(';').next().unwrap_or_default().to_owned(),
        )
    });
    let set: HashMap<String, String> = set.collect();
    match set.is_empty() {
        true => cookies,
        false => set.into_iter().collect(),
    }
}

/// What continues the page that an answer shows.
fn transaction(next: &Next) -> String {
    let page = match next {
        Next::SignIn(page) => &page.transaction,
        Next::Consent(page) => &page.transaction,
        next => panic!("no page: {next:?}"),
    };
    secrecy::ExposeSecret::expose_secret(page).to_owned()
}

/// The code after a sign-in and consent.
fn code(server: &AuthorizationServer, site: &Site, client: &str) -> String {
    let visit = |parameters: &str, cookies: &Cookies, step: u8| {
        let visit = PageRequest {
            site,
            parameters: parameters.as_bytes(),
            cookies,
            address: None,
            now: NOW,
        };
        match step {
            0 => now(server.interaction().authorize(visit)),
            1 => now(server.interaction().sign_in(visit)),
            _ => now(server.interaction().decide(visit)),
        }
    };
    let request = encoded(&[
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", RESOURCE),
        ("scope", "read write"),
    ]);
    let asked = visit(&request, &Cookies::default(), 0);
    let cookies = kept(Cookies::default(), &asked);
    let form = encoded(&[("transaction", &transaction(&asked.next)), ("name", "ada")]);
    let signed_in = visit(&form, &cookies, 1);
    let form = encoded(&[
        ("transaction", &transaction(&signed_in.next)),
        ("decision", "allow"),
    ]);
    match visit(&form, &cookies, 2).next {
        Next::Client {
            url, granted: true, ..
        } => {
            let url = Url::parse(&url).expect("a URL");
            let code = url
                .query_pairs()
                .find(|(name, _)| name == "code")
                .expect("a code");
            code.1.into_owned()
        }
        next => panic!("no code: {next:?}"),
    }
}

/// `good`, changed as the fuzzer likes.
fn changed<'a>(good: &[(&'a str, &'a str)], changes: &'a [(u8, String)]) -> String {
    let mut pairs = good.to_vec();
    for (which, value) in changes {
        let (name, _) = good[usize::from(*which) % good.len()];
        match which / 64 {
            0 => pairs.retain(|(known, _)| *known != name),
            1 => pairs
                .iter_mut()
                .filter(|(known, _)| *known == name)
                .for_each(|pair| pair.1 = value),
            2 => pairs.push((name, value)),
            _ => pairs.push((value, name)),
        }
    }
    encoded(&pairs)
}

/// Whether a form still says what has to be said, each thing once.
fn says(form: &str, needed: &[(&str, &str)], free: &[(&str, &[&str])]) -> bool {
    let pairs: Vec<_> = form_urlencoded::parse(form.as_bytes())
        .into_owned()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let values = |name: &str| -> Vec<&str> {
        pairs
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .collect()
    };
    needed.iter().all(|(name, value)| values(name) == [*value])
        && free.iter().all(|(name, good)| match &values(name)[..] {
            [] => true,
            [value] => good.contains(value),
            _ => false,
        })
}

struct House {
    store: Arc<MemoryStore>,
    server: AuthorizationServer,
    site: Site,
    client: String,
}

/// Made once, since that is slow.
static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let store = Arc::new(MemoryStore::default());
    let mut config = Config {
        scopes: Scopes::parse("read write").expect("scopes"),
        ..Config::default()
    };
    config.token_rate.burst = u32::MAX;
    // Each input sees the consent page.
    config.consent_lifetime = std::time::Duration::ZERO;
    let world = Environment {
        store: store.clone(),
        random: Arc::new(Counting(AtomicU64::new(0))),
        fetcher: Arc::new(Unreachable),
    };
    let server = AuthorizationServer::new(
        config,
        Keys::new([1; 32], []),
        SignInMethod::Development,
        world,
    );
    let site = Site::new("https://mcp.example", ["/mcp"]).expect("a site");
    let metadata = format!(
        r#"{{"redirect_uris":["{REDIRECT}"],"token_endpoint_auth_method":"none",
            "grant_types":["authorization_code","refresh_token"]}}"#
    );
    let client = now(server
        .registration()
        .register(metadata.as_bytes(), None, NOW))
    .expect("a client");
    let client = serde_json::to_value(client).expect("JSON");
    let client = client["client_id"].as_str().expect("an id").to_owned();
    House {
        store,
        server,
        site,
        client,
    }
});

fuzz_target!(
    |input: (Vec<(u8, String)>, Vec<(u8, String)>, Option<String>)| {
        let (redeeming, refreshing, authorization) = input;
        let House {
            store,
            server,
            site,
            client,
        } = &*HOUSE;
        let client = client.as_str();
        for grant in now(store.grants(&Default::default())).expect("a store") {
            now(store.revoke(&grant.id)).expect("a store");
        }
        let code = code(server, site, client);
        let ask = |form: &str, authorization: Option<&str>| {
            let request = TokenRequest {
                authorization,
                body: form.as_bytes(),
                address: None,
            };
            now(server.token_endpoint().token(site, request, NOW))
                .map(|answer| serde_json::to_value(answer).expect("JSON"))
        };

        let needed = [
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", &*code),
            ("code_verifier", VERIFIER),
        ];
        let good = [
            &needed[..],
            &[("redirect_uri", REDIRECT), ("resource", RESOURCE)],
        ]
        .concat();
        let form = changed(&good, &redeeming);
        let answer = match ask(&form, authorization.as_deref()) {
            Ok(_) => {
                let free = [("redirect_uri", &[REDIRECT][..])];
                assert!(says(&form, &needed, &free), "redeemed with {form}");
                assert!(
                    ask(&form, authorization.as_deref()).is_err(),
                    "it is good twice"
                );
                assert!(
                    now(store.grants(&Default::default()))
                        .expect("a store")
                        .is_empty()
                );
                return;
            }
            // It was only a try: the code is still good, unless it was used.
            Err(_) => ask(&encoded(&good), None).expect("a good code"),
        };

        let refresh = answer["refresh_token"].as_str().expect("a refresh token");
        let needed = [
            ("grant_type", "refresh_token"),
            ("client_id", client),
            ("refresh_token", refresh),
        ];
        let good = [&needed[..], &[("resource", RESOURCE), ("scope", "read")]].concat();
        let form = changed(&good, &refreshing);
        match ask(&form, authorization.as_deref()) {
            Ok(answer) => {
                assert!(says(&form, &needed, &[]), "refreshed with {form}");
                let scopes =
                    Scopes::parse(answer["scope"].as_str().expect("scopes")).expect("scopes");
                assert!(Scopes::parse("read write").expect("scopes").covers(&scopes));
            }
            Err(_) => {
                ask(&encoded(&good), None).expect("a good refresh token");
            }
        }
    }
);
