//! Tokens of an authorization server elsewhere.

use std::{sync::Arc, time::Duration};

use farport_oauth::{
    Authenticated, BearerError, ExternalServer, FetchError, Fetcher, UnixTime, jwt,
    provider::{SecretIn, World},
};
use http::Response;
use serde_json::{Value, json};

use crate::support::{Script, Signer, signer};

const ISSUER: &str = "https://as.example/tenant";
const OAUTH: &str = "GET https://as.example/.well-known/oauth-authorization-server/tenant";
const OPENID: &str = "GET https://as.example/tenant/.well-known/openid-configuration";
const KEYS: &str = "GET https://as.example/keys";
const ASK: &str = "POST https://as.example/introspect";
const MCP: &str = "https://mcp.example/mcp";
const NOW: u64 = 1_800_000_000;

struct Scene {
    server: ExternalServer,
    script: Arc<Script>,
    fetcher: Arc<dyn Fetcher>,
}

fn metadata() -> Value {
    json!({
        "issuer": ISSUER, "jwks_uri": "https://as.example/keys",
        "introspection_endpoint": "https://as.example/introspect",
    })
}

impl Scene {
    fn with(server: ExternalServer, script: Script) -> Self {
        script.on_json(OAUTH, metadata());
        script.on_json(KEYS, json!({"keys": [signer().p256_jwk("p")]}));
        let script = Arc::new(script);
        Self {
            fetcher: script.clone(),
            server,
            script,
        }
    }

    fn new(server: ExternalServer) -> Self {
        Self::with(server, Script::default())
    }

    fn says(&self, answer: Value) {
        self.script.on_json(ASK, answer);
    }

    async fn at(&self, token: &str, after: u64) -> Result<Arc<Authenticated>, BearerError> {
        self.bring(token, MCP, after).await
    }

    async fn bring(
        &self,
        token: &str,
        resource: &str,
        after: u64,
    ) -> Result<Arc<Authenticated>, BearerError> {
        let world = World {
            now: UnixTime(NOW + after),
            fetcher: &self.fetcher,
        };
        self.server.validate(token, resource, world).await
    }
}

fn jwt_server() -> ExternalServer {
    ExternalServer::jwt(ISSUER).unwrap()
}

fn asked_server() -> ExternalServer {
    ExternalServer::introspection(ISSUER, "mcp", "s3cr3t".to_owned()).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "u-1", "aud": MCP, "exp": NOW + 300, "iat": NOW,
        "client_id": "client", "scope": "todos:read todos:write", "name": "Alice",
    })
}

fn answer() -> Value {
    let mut answer = claims();
    answer["active"] = json!(true);
    answer["token_type"] = json!("Bearer");
    answer
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
        value => object[name] = value,
    }
    object
}

fn token(claims: &Value) -> String {
    signer().sign(
        &json!({"alg": "ES256", "kid": "p", "typ": "at+jwt"}),
        claims,
    )
}

fn invalid(outcome: &Result<Arc<Authenticated>, BearerError>) -> bool {
    matches!(outcome, Err(BearerError::Invalid))
}

fn unavailable(outcome: &Result<Arc<Authenticated>, BearerError>) -> bool {
    matches!(outcome, Err(BearerError::Unavailable(_)))
}

#[tokio::test]
async fn a_good_token_says_who_brings_it() {
    let by_question = Scene::new(asked_server());
    by_question.says(answer());
    for (scene, token) in [
        (Scene::new(jwt_server()), token(&claims())),
        (by_question, "opaque".to_owned()),
    ] {
        let who = scene.at(&token, 0).await.unwrap();
        assert_eq!(&*who.user.issuer, ISSUER);
        assert_eq!(&*who.user.subject, "u-1");
        assert_eq!(who.name.as_deref(), Some("Alice"));
        assert_eq!(who.scopes.to_string(), "todos:read todos:write");
        assert_eq!(who.client.as_ref().unwrap().as_str(), "client");
        assert_eq!(who.expires, Some(UnixTime(NOW + 300)));
        assert!(who.upstream.is_none());
        assert!(!who.claims.contains_key("exp"));
    }
}

#[tokio::test]
async fn a_token_for_another_resource_issuer_or_time_is_refused() {
    for (name, value, by_signature, by_question) in [
        ("aud", json!("https://mcp.example/other"), false, false),
        ("aud", json!("https://mcp.example"), false, false),
        ("aud", json!([]), false, false),
        ("aud", json!(["https://other.example", MCP]), true, true),
        ("aud", Value::Null, false, false),
        ("iss", json!("https://evil.example"), false, false),
        // RFC 7662 lets a server leave it out: it was asked itself.
        ("iss", Value::Null, false, true),
        ("sub", Value::Null, false, false),
        ("sub", json!(""), false, false),
        ("sub", json!(7), false, false),
        ("exp", json!(NOW - 61), false, false),
        ("exp", json!("soon"), false, false),
        ("exp", Value::Null, false, true),
        ("nbf", json!(NOW + 61), false, false),
        ("cnf", json!({"jkt": "abc"}), false, false),
        ("active", json!(false), true, false),
        ("active", json!("true"), true, false),
        ("active", Value::Null, true, false),
        ("token_type", json!("DPoP"), true, false),
        ("token_type", json!("refresh_token"), true, false),
        ("nonce", json!("n"), false, true),
        ("at_hash", json!("h"), false, true),
    ] {
        let scene = Scene::new(jwt_server());
        let token = token(&with(claims(), name, value.clone()));
        let outcome = scene.at(&token, 0).await;
        assert_eq!(outcome.is_ok(), by_signature, "{name} {value} {outcome:?}");
        assert!(outcome.is_ok() || invalid(&outcome));
        let scene = Scene::new(asked_server());
        scene.says(with(answer(), name, value.clone()));
        let outcome = scene.at("opaque", 0).await;
        assert_eq!(outcome.is_ok(), by_question, "{name} {value} {outcome:?}");
        assert!(outcome.is_ok() || invalid(&outcome));
    }
}

#[tokio::test]
async fn a_token_is_good_at_its_resource_even_if_it_is_remembered() {
    let by_question = Scene::new(asked_server());
    by_question.says(answer());
    for (scene, token) in [
        (Scene::new(jwt_server()), token(&claims())),
        (by_question, "opaque".to_owned()),
    ] {
        for _ in 0..3 {
            scene.at(&token, 0).await.unwrap();
            let elsewhere = scene.bring(&token, "https://mcp.example/other", 0).await;
            assert!(invalid(&elsewhere));
        }
    }
    let named = Scene::new(jwt_server().audience("project-1").audience("api"));
    for (audience, good) in [
        ("project-1", true),
        ("api", true),
        (MCP, false),
        ("x", false),
    ] {
        let token = token(&with(claims(), "aud", json!(audience)));
        assert_eq!(named.at(&token, 0).await.is_ok(), good, "{audience}");
    }
}

#[tokio::test]
async fn a_jwt_is_signed_by_the_server_and_called_a_token() {
    let scene = Scene::new(jwt_server());
    let other = Signer::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAc");
    for (header, good) in [
        (json!({"alg": "ES256", "kid": "p", "typ": "at+jwt"}), true),
        (
            json!({"alg": "ES256", "kid": "p", "typ": "application/at+jwt"}),
            true,
        ),
        (json!({"alg": "ES256", "kid": "p", "typ": "JWT"}), true),
        (json!({"alg": "ES256", "kid": "p"}), true),
        (
            json!({"alg": "ES256", "kid": "p", "typ": "logout+jwt"}),
            false,
        ),
        (json!({"alg": "ES256", "kid": "q"}), false),
        (json!({"alg": "HS256", "kid": "p"}), false),
        (json!({"alg": "none"}), false),
    ] {
        let outcome = scene.at(&signer().sign(&header, &claims()), 0).await;
        assert_eq!(outcome.is_ok(), good, "{header}");
        assert!(invalid(&scene.at(&other.sign(&header, &claims()), 0).await));
    }
    for token in ["", "opaque", "a.b.c", &"x".repeat(jwt::LONGEST + 1)] {
        assert!(invalid(&scene.at(token, 0).await), "{token}");
    }
}

#[tokio::test]
async fn what_a_token_allows_stands_in_more_than_one_claim() {
    let server = || jwt_server().permissions_claim("permissions");
    for (claims, expect) in [
        (json!({"scope": "a b"}), "a b"),
        (json!({"scope": ["a", "b"]}), "a b"),
        (json!({"scp": ["a", "b"]}), "a b"),
        (json!({"scp": "b", "scope": "a"}), "a b"),
        (json!({"permissions": ["c"], "scope": "a"}), "a c"),
        (json!({"scope": 7, "scp": null, "permissions": {}}), ""),
        (json!({}), ""),
    ] {
        let mut all = with(self::claims(), "scope", Value::Null);
        let more = claims.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(more);
        let who = Scene::new(server()).at(&token(&all), 0).await.unwrap();
        assert_eq!(who.scopes.to_string(), expect, "{claims}");
    }
}

#[tokio::test]
async fn a_token_is_asked_about_once_in_a_while() {
    let scene = Scene::new(asked_server());
    scene.says(answer());
    for after in [0, 1, 29] {
        scene.at("opaque", after).await.unwrap();
        assert_eq!(scene.script.count(ASK), 1);
    }
    let seen = scene.script.last(ASK);
    assert_eq!(seen.form()["token"], "opaque");
    assert_eq!(seen.form()["token_type_hint"], "access_token");
    assert_eq!(seen.header("authorization"), Some("Basic bWNwOnMzY3IzdA=="));
    // Revoked there, it is good here for no longer than that.
    scene.says(json!({"active": false}));
    scene.at("opaque", 29).await.unwrap();
    assert!(invalid(&scene.at("opaque", 30).await));
    assert!(invalid(&scene.at("opaque", 39).await));
    assert_eq!(scene.script.count(ASK), 2);
    scene.says(answer());
    scene.at("opaque", 40).await.unwrap();
    // Never beyond its own end.
    scene.says(with(answer(), "exp", json!(NOW + 105)));
    scene.at("short", 100).await.unwrap();
    scene.says(json!({"active": false}));
    scene.at("short", 104).await.unwrap();
    assert!(invalid(&scene.at("short", 105).await));
}

#[tokio::test(start_paused = true)]
async fn many_who_bring_one_token_ask_once() {
    let scene = Scene::with(asked_server(), Script::slow(Duration::from_secs(1)));
    scene.says(answer());
    let all = (0..50).map(|_| scene.at("opaque", 0));
    for outcome in futures_util::future::join_all(all).await {
        outcome.unwrap();
    }
    assert_eq!(scene.script.count(ASK), 1);
    let gone = tokio::time::timeout(Duration::from_millis(10), scene.at("other", 0)).await;
    assert!(gone.is_err());
    scene.at("other", 0).await.unwrap();
}

#[tokio::test]
async fn an_outage_is_no_refusal_and_is_not_remembered() {
    type Say = fn() -> Result<Response<bytes::Bytes>, FetchError>;
    let outages: [Say; 5] = [
        || Err(FetchError::TimedOut),
        || {
            Ok(Response::builder()
                .status(500)
                .body(Default::default())
                .unwrap())
        },
        || Ok(Response::builder().status(401).body("{}".into()).unwrap()),
        || Ok(Response::new("<!doctype html>".into())),
        || Ok(Response::new(r#"{"active":false,"active":true}"#.into())),
    ];
    for (n, outage) in outages.into_iter().enumerate() {
        let scene = Scene::new(asked_server());
        scene.script.on(ASK, move |_| outage());
        assert!(unavailable(&scene.at("opaque", 0).await), "{n}");
        scene.says(answer());
        scene.at("opaque", 0).await.unwrap();
        let scene = Scene::new(jwt_server());
        scene.script.on(KEYS, move |_| outage());
        assert!(unavailable(&scene.at(&token(&claims()), 0).await), "{n}");
    }
}

#[tokio::test]
async fn metadata_are_where_either_standard_puts_them_and_are_the_issuers() {
    let gone = |_: &http::Request<bytes::Bytes>| {
        Ok(Response::builder()
            .status(404)
            .body(Default::default())
            .unwrap())
    };
    let scene = Scene::new(jwt_server());
    scene.script.on(OAUTH, gone);
    scene.script.on_json(OPENID, metadata());
    scene.at(&token(&claims()), 0).await.unwrap();
    for after in [100, 3700, 7300] {
        let claims = with(claims(), "exp", json!(NOW + 10_000));
        scene.at(&token(&claims), after).await.unwrap();
    }
    assert_eq!(
        scene.script.count(OAUTH),
        1,
        "what is not there is not looked for again"
    );
    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("issuer", json!("https://as.example/tenant/")),
        ("issuer", Value::Null),
        ("jwks_uri", json!("http://as.example/keys")),
        ("jwks_uri", Value::Null),
    ] {
        let scene = Scene::new(jwt_server());
        scene
            .script
            .on_json(OAUTH, with(metadata(), name, value.clone()));
        let outcome = scene.at(&token(&claims()), 0).await;
        assert!(unavailable(&outcome), "{name} {value}");
        assert_eq!(scene.script.count(KEYS), 0);
    }
}

#[tokio::test]
async fn settings_take_the_place_of_metadata() {
    let server = jwt_server()
        .keys_at("https://elsewhere.example/keys")
        .unwrap();
    let scene = Scene::new(server);
    let keys = json!({"keys": [signer().p256_jwk("p")]});
    scene
        .script
        .on_json("GET https://elsewhere.example/keys", keys);
    scene.at(&token(&claims()), 0).await.unwrap();
    let server = asked_server()
        .introspection_at("https://elsewhere.example/ask")
        .unwrap()
        .secret_in(SecretIn::Body);
    let asked = Scene::new(server);
    asked
        .script
        .on_json("POST https://elsewhere.example/ask", answer());
    asked.at("opaque", 0).await.unwrap();
    let form = asked
        .script
        .last("POST https://elsewhere.example/ask")
        .form();
    assert_eq!(form["client_secret"], "s3cr3t");
    for scene in [scene, asked] {
        assert_eq!(scene.script.count(OAUTH) + scene.script.count(OPENID), 0);
    }
    assert!(
        jwt_server()
            .introspection_at("https://as.example/x")
            .is_err()
    );
    assert!(asked_server().keys_at("https://as.example/x").is_err());
    assert!(ExternalServer::jwt("http://as.example").is_err());
    assert!(!format!("{:?}", asked_server()).contains("s3cr3t"));
}
