//! Properties that hold for any input.

use farport_oauth::{Cookies, ErrorLink, Next, PageRequest, Scopes};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::support::{App, Browser, Fixture, Form};

const REGISTERED: [&str; 5] = [
    "https://client.example/callback",
    "http://127.0.0.1:8080/callback?x=1",
    "http://[::1]:8080/callback",
    "http://localhost/callback",
    "cursor://client/callback",
];

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn fixture() -> (Fixture, App, Runtime) {
    let (fixture, runtime) = (Fixture::new(), runtime());
    let app = runtime.block_on(fixture.app(json!({"redirect_uris": REGISTERED})));
    (fixture, app, runtime)
}

/// A URI without the port of an http loopback URI. Independent of the implementation.
fn without_port(uri: &str) -> String {
    for host in ["http://127.0.0.1", "http://[::1]", "http://localhost"] {
        let Some(rest) = uri.strip_prefix(host) else {
            continue;
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (port, path) = rest.split_at(end);
        let number = port.strip_prefix(':').map(str::parse::<u16>);
        let digits = !port.contains('+');
        if port.is_empty() || digits && matches!(number, Some(Ok(_))) {
            return format!("{host}{path}");
        }
    }
    uri.to_owned()
}

/// Replaces a part of a registered URI.
fn mutated() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just(String::new()),
        ":[0-9]{1,6}",
        "[a-zA-Z0-9:/?#@.%\\\\ \\[\\]+&=-]{1,4}",
        Just("@evil.example".to_owned()),
        Just(".evil.example".to_owned()),
        Just("/../".to_owned()),
        Just("%2f".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    let chosen = proptest::sample::select(&REGISTERED[..]);
    (chosen, any::<prop::sample::Index>(), 0_usize..6, part).prop_map(|(uri, at, length, part)| {
        let start = at.index(uri.len() + 1);
        let end = (start + length).min(uri.len());
        format!("{}{part}{}", &uri[..start], &uri[end..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_changed_redirect_uri_matches_only_if_its_loopback_port_differs(uri in mutated()) {
        thread_local! {
            static FIXTURE: (Fixture, App, Runtime) = fixture();
        }
        FIXTURE.with(|(fixture, app, runtime)| {
            let same = |one: &&str| **one == uri || without_port(one) == without_port(&uri);
            let expect = REGISTERED.iter().any(same);
            let request = app.request().with("redirect_uri", &uri);
            // If the client and the redirect URI are valid, the error goes to the client.
            let request = request.with("response_type", "token");
            let next = runtime.block_on(Browser::new(fixture).authorize(&request));
            match next {
                Next::Client { url, .. } | Next::ErrorLink(ErrorLink { url, .. }) => {
                    prop_assert!(expect, "{uri} is redirected to");
                    // Only the form of the port may change.
                    let place = |url: &str| {
                        let mut url = url::Url::parse(url).unwrap();
                        url.set_query(None);
                        url
                    };
                    prop_assert_eq!(place(&url), place(&uri));
                }
                Next::ErrorPage(_) => prop_assert!(!expect || uri.is_empty(), "{uri} is refused"),
                next => prop_assert!(false, "{next:?}"),
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_repeated_parameter_is_an_error(
        which in any::<prop::sample::Index>(),
        value in "[a-zA-Z0-9 :/.]{1,40}",
        first in any::<bool>(),
    ) {
        let (fixture, app, runtime) = fixture();
        let names = [
            "response_type", "client_id", "redirect_uri", "code_challenge",
            "code_challenge_method", "state", "resource", "scope",
        ];
        let name = names[which.index(names.len())];
        let once = app.request();
        let again = Form::new([(name, &*value)]).encoded();
        let query = if first { format!("{again}&{}", once.encoded()) } else { format!("{}&{again}", once.encoded()) };
        let next = runtime.block_on(Browser::new(&fixture).authorize_raw(query.as_bytes()));
        let trusted = matches!(name, "client_id" | "redirect_uri");
        match next {
            Next::ErrorPage(_) => prop_assert!(trusted, "{name}"),
            Next::ErrorLink(ErrorLink { url, .. }) => {
                prop_assert!(!trusted && url.contains("error=") && !url.contains("code="));
            }
            next => prop_assert!(false, "{name}: {next:?}"),
        }
    }

    #[test]
    fn any_query_and_form_is_handled(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (fixture, _, runtime) = fixture();
        runtime.block_on(async {
            let mut browser = Browser::new(&fixture);
            for next in [
                browser.authorize_raw(&bytes).await,
                browser.decide_raw(&bytes).await,
                browser.callback_raw(&bytes).await,
            ] {
                assert!(matches!(next, Next::ErrorPage(_)), "{next:?}");
            }
            let asked = farport_oauth::TokenRequest {
                authorization: std::str::from_utf8(&bytes).ok(),
                body: &bytes,
                address: None,
            };
            assert!(fixture.server.token_endpoint().token(&fixture.site, asked, fixture.now()).await.is_err());
            assert!(fixture.server.registration().register(&bytes, None, fixture.now()).await.is_err());
        });
    }

    #[test]
    fn scopes_round_trip_and_never_grow(
        one in prop::collection::vec("[!#-\\[\\]-~]{1,8}", 0..20),
        other in prop::collection::vec("[a-d]", 0..5),
        strange in any::<char>(),
    ) {
        let (text, many) = (one.join(" "), one.join("   "));
        let scopes = Scopes::parse(&text).unwrap();
        prop_assert_eq!(&scopes, &Scopes::parse(&scopes.to_string()).unwrap());
        prop_assert_eq!(&scopes, &Scopes::parse(&format!(" {many} ")).unwrap());
        prop_assert!(one.iter().all(|scope| scopes.contains(scope)));
        let other = Scopes::parse(&other.join(" ")).unwrap();
        let (both, either) = (scopes.both(&other), scopes.either(&other));
        prop_assert!(scopes.covers(&both) && other.covers(&both));
        prop_assert!(either.covers(&scopes) && either.covers(&other));
        prop_assert_eq!(scopes.covers(&other), either == scopes);
        let good = matches!(strange, ' ' | '!' | '#'..='[' | ']'..='~');
        prop_assert_eq!(Scopes::parse(&format!("a{strange}b")).is_ok(), good);
    }

    #[test]
    fn a_page_is_submitted_once_and_only_with_its_cookie(
        strangers in prop::collection::vec(("[a-zA-Z_-]{1,20}", "[!#-+./-:<-\\[\\]-~-]{0,60}"), 0..8),
        forged in "[A-Za-z0-9_-]{0,60}",
        twice in any::<bool>(),
    ) {
        let (fixture, app, runtime) = fixture();
        runtime.block_on(async {
            let mut browser = Browser::new(&fixture);
            let page = browser.consent_page(&app.request(), "alice").await;
            let page = page.transaction.expose_secret();
            let own = browser.cookies.iter();
            let own = own.map(|(name, (value, _))| (name.clone(), value.clone()));
            let own: Vec<_> = own.collect();
            let form = Form::new([("transaction", page), ("decision", "allow")]).encoded();
            let decide = async |cookies: Vec<(String, String)>| {
                let cookies: Cookies = cookies.into_iter().collect();
                let visit = PageRequest {
                    site: &fixture.site,
                    parameters: form.as_bytes(),
                    cookies: &cookies,
                    address: None,
                    now: fixture.now(),
                };
                fixture.server.interaction().decide(visit).await.next
            };
            let bad = own.iter().map(|(name, _)| (name.clone(), forged.clone()));
            // Instead of the real cookies, or in addition to them.
            let bad: Vec<_> = if twice { bad.chain(own.clone()).collect() } else { bad.collect() };
            let next = decide(bad).await;
            assert!(matches!(next, Next::ErrorPage(_)), "{next:?}");
            let mut good = strangers.clone();
            good.extend(own);
            let next = decide(good.clone()).await;
            assert!(matches!(next, Next::Client { granted: true, .. }), "{next:?}");
            let next = decide(good).await;
            assert!(matches!(next, Next::ErrorPage(_)), "{next:?}");
        });
    }
}
