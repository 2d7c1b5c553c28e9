//! Any responses of other servers: metadata of another issuer is not used, and no user signs in without
//! a valid id token or user info.
//!
//! The input has one line each for the metadata, the token response and all other responses.

#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use farport_oauth::{
    BoxFuture, ExternalServer, Fetch, FetchError, Fetcher, UnixTime,
    provider::{Begin, FetchContext, Finish, GitHub, Oidc, Provider, Slack},
};
use futures_util::FutureExt;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

struct Answers {
    metadata: Bytes,
    token: Bytes,
    other: Bytes,
}

impl Fetcher for Answers {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'_, Result<http::Response<Bytes>, FetchError>> {
        let body = match fetch.request.uri().path() {
            path if path.contains("/.well-known/") => &self.metadata,
            _ if fetch.request.method() == http::Method::POST => &self.token,
            _ => &self.other,
        };
        let answer = http::Response::new(body.clone());
        Box::pin(async move { Ok(answer) })
    }
}

fuzz_target!(|input: &[u8]| {
    let mut lines = input
        .splitn(3, |byte| *byte == b'\n')
        .map(Bytes::copy_from_slice);
    let metadata = lines.next().unwrap_or_default();
    let fetcher: Arc<dyn Fetcher> = Arc::new(Answers {
        metadata: metadata.clone(),
        token: lines.next().unwrap_or_default(),
        other: lines.next().unwrap_or_default(),
    });
    let world = FetchContext {
        now: UnixTime(1_800_000_000),
        fetcher: &fetcher,
    };
    let oidc = Oidc::new("https://i.example", "client", "secret".to_owned()).unwrap();
    if let Ok(url) = oidc.begin(begin(), world).now_or_never().unwrap() {
        let metadata: Value = serde_json::from_slice(&metadata).unwrap();
        assert_eq!(metadata["issuer"], "https://i.example");
        assert_eq!(url.scheme(), "https");
        let values = |name: &str| {
            let found = url.query_pairs().filter(|(found, _)| found == name);
            found
                .map(|(_, value)| value.into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(values("state"), ["state"]);
        assert_eq!(values("redirect_uri"), ["https://mcp.example/callback"]);
        assert_eq!(values("code_challenge_method"), ["S256"]);
    }
    // No input contains both a key and a token signed with it.
    assert!(
        oidc.finish(finish(), world)
            .now_or_never()
            .unwrap()
            .is_err()
    );
    let slack = Slack::new("client", "secret".to_owned()).user_scopes(["chat:write"]);
    if let Ok(properties) = slack.finish(finish(), world).now_or_never().unwrap() {
        assert!(properties.identity.user.subject.contains('/'));
    }
    let github = GitHub::new("client", "secret".to_owned()).scopes(["read:user"]);
    if let Ok(properties) = github.finish(finish(), world).now_or_never().unwrap() {
        let subject = &properties.identity.user.subject;
        assert!(
            subject
                .parse::<u64>()
                .is_ok_and(|number| number.to_string() == **subject)
        );
    }
    let asked = ExternalServer::introspection("https://i.example", "client", "secret".to_owned());
    let asked = asked.unwrap();
    let outcome = asked.validate("token", "https://mcp.example/mcp", world);
    if let Ok(who) = outcome.now_or_never().unwrap() {
        assert!(!who.user.subject.is_empty());
        assert_eq!(&*who.user.issuer, "https://i.example");
    }
});

fn begin() -> Begin<'static> {
    Begin {
        redirect_uri: "https://mcp.example/callback",
        state: "state",
        nonce: "nonce",
        verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
}

fn finish() -> Finish<'static> {
    Finish {
        code: "code",
        iss: None,
        redirect_uri: "https://mcp.example/callback",
        nonce: "nonce",
        verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    }
}
