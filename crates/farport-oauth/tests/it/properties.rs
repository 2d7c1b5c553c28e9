//! Rules that hold whatever is sent.

use farport_oauth::{Cookies, Next, Scopes, Stopped, Visit};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::support::{App, Browser, Form, House};

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

fn house() -> (House, App, Runtime) {
    let (house, runtime) = (House::new(), runtime());
    let app = runtime.block_on(house.app(json!({"redirect_uris": REGISTERED})));
    (house, app, runtime)
}

/// A URI without the port of an http one at loopback, read in a way of its own.
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

/// Puts something in the place of a part of a URI.
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
    fn a_mutated_redirect_uri_never_matches_but_for_the_port_of_loopback(uri in mutated()) {
        thread_local! {
            static HOUSE: (House, App, Runtime) = house();
        }
        HOUSE.with(|(house, app, runtime)| {
            let same = |one: &&str| **one == uri || without_port(one) == without_port(&uri);
            let expect = REGISTERED.iter().any(same);
            let request = app.request().with("redirect_uri", &uri);
            // The error goes to the client, where the client and its URI are believed.
            let request = request.with("response_type", "token");
            let next = runtime.block_on(Browser::new(house).authorize(&request));
            match next {
                Next::Client { url, .. } | Next::Stopped(Stopped { url, .. }) => {
                    prop_assert!(expect, "{uri} is redirected to");
                    // A port is written in its shortest form, and nothing else is changed.
                    let place = |url: &str| {
                        let mut url = url::Url::parse(url).unwrap();
                        url.set_query(None);
                        url
                    };
                    prop_assert_eq!(place(&url), place(&uri));
                }
                Next::Refused(_) => prop_assert!(!expect || uri.is_empty(), "{uri} is refused"),
                next => prop_assert!(false, "{next:?}"),
            }
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_parameter_that_stands_twice_ends_the_request(
        which in any::<prop::sample::Index>(),
        value in "[a-zA-Z0-9 :/.]{1,40}",
        first in any::<bool>(),
    ) {
        let (house, app, runtime) = house();
        let names = [
            "response_type", "client_id", "redirect_uri", "code_challenge",
            "code_challenge_method", "state", "resource", "scope",
        ];
        let name = names[which.index(names.len())];
        let once = app.request();
        let again = Form::new([(name, &*value)]).encoded();
        let query = match first {
            true => format!("{again}&{}", once.encoded()),
            false => format!("{}&{again}", once.encoded()),
        };
        let next = runtime.block_on(Browser::new(&house).authorize_raw(query.as_bytes()));
        let trusted = matches!(name, "client_id" | "redirect_uri");
        match next {
            Next::Refused(_) => prop_assert!(trusted, "{name}"),
            Next::Stopped(Stopped { url, .. }) => {
                prop_assert!(!trusted && url.contains("error=") && !url.contains("code="));
            }
            next => prop_assert!(false, "{name}: {next:?}"),
        }
    }

    #[test]
    fn no_query_and_no_form_breaks_an_endpoint(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (house, _, runtime) = house();
        runtime.block_on(async {
            let mut browser = Browser::new(&house);
            for next in [
                browser.authorize_raw(&bytes).await,
                browser.decide_raw(&bytes).await,
                browser.callback_raw(&bytes).await,
            ] {
                assert!(matches!(next, Next::Refused(_)), "{next:?}");
            }
            let asked = farport_oauth::TokenRequest {
                authorization: std::str::from_utf8(&bytes).ok(),
                body: &bytes,
                address: None,
            };
            assert!(house.server.token(&house.site, asked, house.now()).await.is_err());
            assert!(house.server.register(&bytes, None, house.now()).await.is_err());
        });
    }

    #[test]
    fn scopes_are_read_as_they_are_written_and_never_grow(
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
    fn a_page_is_answered_with_its_own_cookie_once_and_with_no_other(
        strangers in prop::collection::vec(("[a-zA-Z_-]{1,20}", "[!#-+./-:<-\\[\\]-~-]{0,60}"), 0..8),
        forged in "[A-Za-z0-9_-]{0,60}",
        twice in any::<bool>(),
    ) {
        let (house, app, runtime) = house();
        runtime.block_on(async {
            let mut browser = Browser::new(&house);
            let page = browser.consent_page(&app.request(), "alice").await;
            let page = page.transaction.expose_secret();
            let own = browser.cookies.iter();
            let own = own.map(|(name, (value, _))| (name.clone(), value.clone()));
            let own: Vec<_> = own.collect();
            let form = Form::new([("transaction", page), ("decision", "allow")]).encoded();
            let decide = async |cookies: Vec<(String, String)>| {
                let cookies: Cookies = cookies.into_iter().collect();
                let visit = Visit {
                    site: &house.site,
                    parameters: form.as_bytes(),
                    cookies: &cookies,
                    address: None,
                    now: house.now(),
                };
                house.server.decide(visit).await.next
            };
            let bad = own.iter().map(|(name, _)| (name.clone(), forged.clone()));
            // In place of ours, or beside it, before or after.
            let bad: Vec<_> = match twice {
                true => bad.chain(own.clone()).collect(),
                false => bad.collect(),
            };
            let next = decide(bad).await;
            assert!(matches!(next, Next::Refused(_)), "{next:?}");
            let mut good = strangers.clone();
            good.extend(own);
            let next = decide(good.clone()).await;
            assert!(matches!(next, Next::Client { granted: true, .. }), "{next:?}");
            let next = decide(good).await;
            assert!(matches!(next, Next::Refused(_)), "{next:?}");
        });
    }
}
