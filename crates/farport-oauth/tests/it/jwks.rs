use std::{sync::Arc, time::Duration};

use farport_oauth::{
    Fetcher, Reach, UnixTime,
    jwks::{RemoteKeys, RemoteKeysError},
    jwt::{Algorithm, Expect, JwtError},
    provider::FetchContext,
};
use http::Response;
use serde_json::json;

use crate::support::{Script, signer};

const URL: &str = "https://issuer.example/keys";
const LINE: &str = "GET https://issuer.example/keys";
const START: u64 = 1_800_000_000;

struct Scene {
    script: Arc<Script>,
    fetcher: Arc<dyn Fetcher>,
    keys: RemoteKeys,
}

impl Scene {
    fn new(script: Script) -> Self {
        let script = Arc::new(script);
        Self {
            fetcher: script.clone(),
            script,
            keys: RemoteKeys::new(URL.parse().unwrap(), Reach::Public),
        }
    }

    /// Publishes the P-256 key of the RFC with these IDs.
    fn publish(&self, kids: &[&str], cache_control: &'static str) {
        let keys: Vec<_> = kids.iter().map(|kid| signer().p256_jwk(kid)).collect();
        let body = json!({"keys": keys}).to_string();
        self.script.on(LINE, move |_| {
            let response = Response::builder().header("cache-control", cache_control);
            Ok(response.body(body.clone().into()).unwrap())
        });
    }

    fn fail(&self) {
        self.script.on(LINE, |_| {
            Ok(Response::builder().status(503).body("busy".into()).unwrap())
        });
    }

    /// Verifies a token with the key ID `kid`, `after` seconds after the start.
    async fn verify(&self, kid: &str, after: u64) -> Result<(), RemoteKeysError> {
        let now = UnixTime(START + after);
        let token = signer().sign(
            &json!({"alg": "ES256", "kid": kid}),
            &json!({"iss": "i", "aud": "a", "exp": now.0 + 60}),
        );
        let expect = Expect {
            algorithms: Algorithm::ALL,
            types: &[],
            issuer: "i",
            audience: &["a"],
            now,
            leeway: Duration::ZERO,
        };
        let context = FetchContext {
            now,
            fetcher: &self.fetcher,
        };
        self.keys.verify(&token, &expect, context).await.map(drop)
    }

    fn asked(&self) -> usize {
        self.script.count(LINE)
    }
}

fn unknown(outcome: &Result<(), RemoteKeysError>) -> bool {
    matches!(outcome, Err(RemoteKeysError::Token(JwtError::UnknownKey)))
}

fn unavailable(outcome: &Result<(), RemoteKeysError>) -> bool {
    matches!(outcome, Err(RemoteKeysError::Unavailable(_)))
}

#[tokio::test]
async fn keys_are_cached_as_long_as_their_server_says() {
    let scene = Scene::new(Script::default());
    scene.publish(&["a"], "max-age=300");
    for (after, asked) in [(0, 1), (1, 1), (299, 1), (300, 2), (599, 2), (600, 3)] {
        scene.verify("a", after).await.unwrap();
        assert_eq!(scene.asked(), asked, "after {after} s");
    }
    assert_eq!(scene.script.last(LINE).reach, Reach::Public);
}

#[tokio::test]
async fn an_unknown_key_id_causes_a_request_every_30_seconds() {
    let scene = Scene::new(Script::default());
    scene.publish(&["a"], "max-age=3600");
    scene.verify("a", 0).await.unwrap();
    // The set was just fetched.
    assert!(unknown(&scene.verify("b", 10).await));
    assert_eq!(scene.asked(), 1);
    scene.publish(&["b"], "max-age=3600");
    scene.verify("b", 30).await.unwrap();
    assert_eq!(scene.asked(), 2);
    // The old key was removed, and unknown key IDs cause no requests.
    for n in 0..100 {
        assert!(unknown(&scene.verify(&format!("x{n}"), 31).await));
        assert!(unknown(&scene.verify("a", 31).await));
    }
    assert_eq!(scene.asked(), 2);
    assert!(unknown(&scene.verify("a", 60).await));
    assert_eq!(scene.asked(), 3);
    scene.fail();
    assert!(unknown(&scene.verify("c", 90).await));
    scene.verify("b", 91).await.unwrap();
}

#[tokio::test]
async fn cached_keys_survive_an_outage_of_one_hour() {
    let scene = Scene::new(Script::default());
    scene.publish(&["a"], "max-age=300");
    scene.verify("a", 0).await.unwrap();
    scene.fail();
    scene.verify("a", 300).await.unwrap();
    scene.verify("a", 304).await.unwrap();
    assert_eq!(scene.asked(), 2, "a failure is not repeated at once");
    scene.verify("a", 3899).await.unwrap();
    assert!(unavailable(&scene.verify("a", 3900).await));
    scene.publish(&["a"], "max-age=300");
    assert!(unavailable(&scene.verify("a", 3901).await));
    scene.verify("a", 3910).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_one_request() {
    let scene = Scene::new(Script::slow(Duration::from_secs(1)));
    scene.publish(&["a"], "max-age=300");
    let all = (0..50).map(|_| scene.verify("a", 0));
    for outcome in futures_util::future::join_all(all).await {
        outcome.unwrap();
    }
    assert_eq!(scene.asked(), 1);
    let all = (0..50).map(|_| scene.verify("b", 40));
    for outcome in futures_util::future::join_all(all).await {
        assert!(unknown(&outcome));
    }
    assert_eq!(scene.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_caller_does_not_block_others() {
    let scene = Scene::new(Script::slow(Duration::from_secs(1)));
    scene.publish(&["a"], "max-age=300");
    let gone = tokio::time::timeout(Duration::from_millis(10), scene.verify("a", 0)).await;
    assert!(gone.is_err());
    scene.verify("a", 0).await.unwrap();
}

#[tokio::test]
async fn a_response_that_is_not_a_jwk_set_is_rejected() {
    let redirect = |_: &http::Request<_>| {
        let response = Response::builder().status(302);
        let response = response.header("location", "https://evil.example/keys");
        Ok(response.body(bytes::Bytes::new()).unwrap())
    };
    let scene = Scene::new(Script::default());
    scene.script.on(LINE, redirect);
    assert!(unavailable(&scene.verify("a", 0).await));
    for (after, body) in [
        (10, "<!doctype html>".to_owned()),
        (20, "x".repeat(1 << 20)),
        (30, r#"{"keys":[],"keys":[]}"#.to_owned()),
        (40, String::new()),
    ] {
        let text = body.clone();
        scene
            .script
            .on(LINE, move |_| Ok(Response::new(text.clone().into())));
        assert!(unavailable(&scene.verify("a", after).await), "{after}");
    }
    assert_eq!(scene.asked(), 5);
}
