//! A registered redirect URI and a presented one: they match if they lead to the same place, and no
//! other URI receives a response.

#![no_main]

use std::sync::{Arc, LazyLock};

use farport_fuzz::{NoFetch, Same, now};
use farport_oauth::{
    AuthorizationServer, Config, Cookies, Environment, ErrorLink, Keys, MemoryStore, Next,
    PageRequest, RedirectPolicy, SignInMethod, Site, UnixTime,
};
use libfuzzer_sys::fuzz_target;
use url::{Url, form_urlencoded};

const NOW: UnixTime = UnixTime(1_800_000_000);

/// What edits put in, besides single characters.
const PIECES: [&str; 16] = [
    "https://",
    "http://",
    "127.0.0.1",
    "[::1]",
    "localhost",
    "client.example",
    "evil.example",
    "@",
    ":8080",
    ":",
    "/",
    "/..",
    "//",
    "\\",
    "%2e",
    "cursor://",
];

/// `uri` with pieces put in, or parts taken out.
fn edited(uri: &str, edits: &[(u8, u8, u8)]) -> String {
    let mut text: Vec<char> = uri.chars().collect();
    for &(kind, place, what) in edits.iter().take(8) {
        let place = usize::from(place) % (text.len() + 1);
        match kind % 4 {
            0 => {
                let piece = PIECES[usize::from(what) % PIECES.len()];
                text.splice(place..place, piece.chars());
            }
            1 => text.insert(place, char::from(what)),
            2 => {
                let end = text.len().min(place + usize::from(what % 8));
                text.drain(place..end);
            }
            _ => {
                if let Some(one) = text.get_mut(place) {
                    *one = if one.is_ascii_lowercase() {
                        one.to_ascii_uppercase()
                    } else {
                        char::from(what)
                    };
                }
            }
        }
    }
    text.into_iter().collect()
}

/// The destination of a URI, without its port.
fn place(uri: &str) -> (String, Option<String>, String, Option<String>) {
    let url = Url::parse(uri).expect("it was accepted");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    let host = url.host_str().map(str::to_owned);
    (
        url.scheme().into(),
        host,
        url.path().into(),
        url.query().map(str::to_owned),
    )
}

/// Made once, since that is slow; with these random bytes, each client takes the last one's place.
static SERVER: LazyLock<AuthorizationServer> = LazyLock::new(|| {
    let world = Environment {
        store: Arc::new(MemoryStore::default()),
        random: Arc::new(Same),
        fetcher: Arc::new(NoFetch),
    };
    let keys = Keys::new([1; 32], []);
    AuthorizationServer::new(Config::default(), keys, SignInMethod::Development, world)
});

fuzz_target!(|input: (String, bool, Vec<(u8, u8, u8)>, String)| {
    let (registered, related, edits, other) = input;
    let presented = if related {
        edited(&registered, &edits)
    } else {
        other
    };
    let server = &*SERVER;
    let metadata = serde_json::json!({
        "redirect_uris": [registered], "token_endpoint_auth_method": "none",
    });
    let Ok(client) =
        now(server
            .registration()
            .register(metadata.to_string().as_bytes(), None, NOW))
    else {
        return;
    };
    assert_eq!(RedirectPolicy::default().check(&registered), Ok(()));
    let client = serde_json::to_value(client).expect("JSON");
    let client = client["client_id"].as_str().expect("an id");

    // If the redirect URI is valid, the error goes there.
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("client_id", client),
            ("redirect_uri", &presented),
            ("response_type", "x"),
        ])
        .finish();
    let site = Site::new("https://mcp.example", ["/mcp"]).expect("a site");
    let visit = PageRequest {
        site: &site,
        parameters: query.as_bytes(),
        cookies: &Cookies::default(),
        address: None,
        now: NOW,
    };
    let url = match now(server.interaction().authorize(visit)).next {
        Next::ErrorPage(_) => {
            assert_ne!(registered, presented, "what was registered is refused");
            return;
        }
        Next::Client { url, granted, .. } => {
            assert!(!granted && !presented.starts_with("https:"));
            url
        }
        Next::ErrorLink(ErrorLink { url, .. }) => {
            assert!(presented.starts_with("https:"));
            url
        }
        next => panic!("a request of this type is not served: {next:?}"),
    };
    // One that is empty was not sent, and there is only one that is meant.
    let presented = if presented.is_empty() {
        &registered
    } else {
        &presented
    };
    assert_eq!(RedirectPolicy::default().check(presented), Ok(()));
    assert_eq!(place(presented), place(&registered));
    if registered != *presented {
        let (scheme, host, ..) = place(presented);
        let host = host.unwrap_or_default();
        assert_eq!(scheme, "http");
        assert!(
            ["127.0.0.1", "[::1]", "localhost"].contains(&&*host),
            "{host}"
        );
    }
    let (answer, asked) = (place(&url), place(presented));
    assert_eq!(
        (&answer.0, &answer.1, &answer.2),
        (&asked.0, &asked.1, &asked.2)
    );
});
