//! Tokens of an external authorization server.

use std::{sync::Arc, time::Duration};

use farport_oauth::{
    Authenticated, BearerError, ExternalServer, FetchError, Fetcher, Presenter, UnixTime, jwt,
    provider::{FetchContext, SecretIn},
};
use http::Response;
use serde_json::{Value, json};

use crate::support::{Script, Signer, signer};

const ISSUER: &str = "https://as.example/tenant";
const OAUTH: &str = "GET https://as.example/.well-known/oauth-authorization-server/tenant";
const OPENID: &str = "GET https://as.example/tenant/.well-known/openid-configuration";
const KEYS: &str = "GET https://as.example/keys";
const INTROSPECT: &str = "POST https://as.example/introspect";
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

    fn on_introspect(&self, answer: Value) {
        self.script.on_json(INTROSPECT, answer);
    }

    async fn at(&self, token: &str, after: u64) -> Result<Arc<Authenticated>, BearerError> {
        self.validate(token, MCP, after).await
    }

    async fn validate(
        &self,
        token: &str,
        resource: &str,
        after: u64,
    ) -> Result<Arc<Authenticated>, BearerError> {
        let context = FetchContext {
            now: UnixTime(NOW + after),
            fetcher: &self.fetcher,
        };
        self.server.validate(token, resource, context).await
    }
}

fn jwt_server() -> ExternalServer {
    ExternalServer::jwt(ISSUER).unwrap()
}

fn introspection_server() -> ExternalServer {
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
async fn a_valid_token_identifies_its_holder() {
    let by_introspection = Scene::new(introspection_server());
    by_introspection.on_introspect(answer());
    for (scene, token) in [
        (Scene::new(jwt_server()), token(&claims())),
        (by_introspection, "opaque".to_owned()),
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
async fn a_token_for_another_resource_issuer_or_time_is_rejected() {
    for (name, value, by_signature, by_introspection) in [
        ("aud", json!("https://mcp.example/other"), false, false),
        ("aud", json!("https://mcp.example"), false, false),
        ("aud", json!([]), false, false),
        ("aud", json!(["https://other.example", MCP]), true, true),
        ("aud", Value::Null, false, false),
        ("iss", json!("https://evil.example"), false, false),
        // Optional in RFC 7662.
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
        let scene = Scene::new(introspection_server());
        scene.on_introspect(with(answer(), name, value.clone()));
        let outcome = scene.at("opaque", 0).await;
        assert_eq!(
            outcome.is_ok(),
            by_introspection,
            "{name} {value} {outcome:?}"
        );
        assert!(outcome.is_ok() || invalid(&outcome));
    }
}

#[tokio::test]
async fn a_cached_token_is_valid_only_for_its_resource() {
    let by_introspection = Scene::new(introspection_server());
    by_introspection.on_introspect(answer());
    for (scene, token) in [
        (Scene::new(jwt_server()), token(&claims())),
        (by_introspection, "opaque".to_owned()),
    ] {
        for _ in 0..3 {
            scene.at(&token, 0).await.unwrap();
            let elsewhere = scene.validate(&token, "https://mcp.example/other", 0).await;
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
async fn a_jwt_has_a_valid_signature_and_type() {
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
async fn scopes_come_from_several_claims() {
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
async fn introspection_responses_are_cached() {
    let scene = Scene::new(introspection_server());
    scene.on_introspect(answer());
    for after in [0, 1, 9] {
        scene.at("opaque", after).await.unwrap();
        assert_eq!(scene.script.count(INTROSPECT), 1);
    }
    let seen = scene.script.last(INTROSPECT);
    assert_eq!(seen.form()["token"], "opaque");
    assert_eq!(seen.form()["token_type_hint"], "access_token");
    assert_eq!(seen.header("authorization"), Some("Basic bWNwOnMzY3IzdA=="));
    // A revoked token stays valid only as long as the response is cached.
    scene.on_introspect(json!({"active": false}));
    scene.at("opaque", 9).await.unwrap();
    assert!(invalid(&scene.at("opaque", 10).await));
    assert!(invalid(&scene.at("opaque", 19).await));
    assert_eq!(scene.script.count(INTROSPECT), 2);
    scene.on_introspect(answer());
    scene.at("opaque", 20).await.unwrap();
    // A cached result ends with the token.
    scene.on_introspect(with(answer(), "exp", json!(NOW + 105)));
    scene.at("short", 100).await.unwrap();
    scene.on_introspect(json!({"active": false}));
    scene.at("short", 104).await.unwrap();
    assert!(invalid(&scene.at("short", 105).await));
}

#[tokio::test(start_paused = true)]
async fn concurrent_requests_share_one_introspection() {
    let scene = Scene::with(introspection_server(), Script::slow(Duration::from_secs(1)));
    scene.on_introspect(answer());
    let all = (0..50).map(|_| scene.at("opaque", 0));
    for outcome in futures_util::future::join_all(all).await {
        outcome.unwrap();
    }
    assert_eq!(scene.script.count(INTROSPECT), 1);
    let gone = tokio::time::timeout(Duration::from_millis(10), scene.at("other", 0)).await;
    assert!(gone.is_err());
    scene.at("other", 0).await.unwrap();
}

#[tokio::test]
async fn an_outage_is_not_a_rejection_and_is_not_cached() {
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
        let scene = Scene::new(introspection_server());
        scene.script.on(INTROSPECT, move |_| outage());
        assert!(unavailable(&scene.at("opaque", 0).await), "{n}");
        scene.on_introspect(answer());
        scene.at("opaque", 0).await.unwrap();
        let scene = Scene::new(jwt_server());
        scene.script.on(KEYS, move |_| outage());
        assert!(unavailable(&scene.at(&token(&claims()), 0).await), "{n}");
    }
}

#[tokio::test]
async fn metadata_is_found_at_both_locations_and_names_the_issuer() {
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
        "the location that failed is not tried again"
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
async fn settings_replace_metadata() {
    let server = jwt_server()
        .keys_at("https://elsewhere.example/keys")
        .unwrap();
    let scene = Scene::new(server);
    let keys = json!({"keys": [signer().p256_jwk("p")]});
    scene
        .script
        .on_json("GET https://elsewhere.example/keys", keys);
    scene.at(&token(&claims()), 0).await.unwrap();
    let server = introspection_server()
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
    assert!(
        introspection_server()
            .keys_at("https://as.example/x")
            .is_err()
    );
    assert!(ExternalServer::jwt("http://as.example").is_err());
    assert!(!format!("{:?}", introspection_server()).contains("s3cr3t"));
}

#[tokio::test]
async fn each_valid_token_has_another_digest() {
    let scene = Scene::new(introspection_server());
    scene.on_introspect(answer());
    let mut seen = std::collections::HashSet::new();
    for token in ["one", "two"] {
        let first = scene.at(token, 0).await.unwrap();
        assert!(seen.insert(*first.token().unwrap()), "{token}");
        let cached = scene.at(token, 1).await.unwrap();
        assert_eq!(cached.token(), first.token(), "{token}");
    }
}

#[tokio::test]
async fn a_request_can_limit_the_age_of_the_cached_result() {
    let scene = Scene::new(introspection_server());
    scene.on_introspect(answer());
    scene.at("opaque", 0).await.unwrap();
    scene.on_introspect(json!({"active": false}));
    let fresh = async |after: u64, max_age: u64| {
        let presenter = Presenter {
            address: None,
            max_age: Duration::from_secs(max_age),
        };
        let context = FetchContext {
            now: UnixTime(NOW + after),
            fetcher: &scene.fetcher,
        };
        let server = &scene.server;
        server
            .validate_from("opaque", MCP, presenter, context)
            .await
    };
    fresh(4, 4).await.unwrap();
    assert!(invalid(&fresh(5, 4).await));
    // The new result is cached for other requests.
    assert!(invalid(&scene.at("opaque", 6).await));
}

#[tokio::test]
async fn introspection_of_unknown_tokens_is_rate_limited() {
    let scene = Scene::new(introspection_server());
    let bring = async |token: String, address: &str, after: u64| {
        let presenter = Presenter {
            address: Some(address.parse().unwrap()),
            ..Presenter::default()
        };
        let context = FetchContext {
            now: UnixTime(NOW + after),
            fetcher: &scene.fetcher,
        };
        let server = &scene.server;
        server.validate_from(&token, MCP, presenter, context).await
    };
    scene.on_introspect(answer());
    bring("good".into(), "192.0.2.1", 0).await.unwrap();
    scene.on_introspect(json!({"active": false}));
    let mut refused = 0;
    for number in 0..1000 {
        match bring(format!("made-up-{number}"), "192.0.2.1", 0).await {
            Err(BearerError::Invalid) => {}
            Err(BearerError::TooMany(seconds)) => {
                assert!(seconds > 0);
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 600, "{refused}");
    assert_eq!(scene.script.count(INTROSPECT), 1001 - refused);
    // Tokens that were valid, and other addresses, are not limited.
    scene.on_introspect(answer());
    bring("good".into(), "192.0.2.1", 10).await.unwrap();
    bring("other".into(), "192.0.2.2", 10).await.unwrap();
}

#[tokio::test]
async fn a_jwt_expires_without_leeway() {
    let scene = Scene::new(jwt_server());
    let claims = with(claims(), "exp", json!(NOW + 100));
    scene.at(&token(&claims), 99).await.unwrap();
    assert!(invalid(&scene.at(&token(&claims), 100).await));
}

#[tokio::test]
async fn a_long_token_is_rejected_without_introspection() {
    for (length, asked) in [
        (jwt::LONGEST, 1),
        (jwt::LONGEST + 1, 0),
        (jwt::LONGEST * 2, 0),
    ] {
        let scene = Scene::new(introspection_server());
        scene.on_introspect(answer());
        let outcome = scene.at(&"x".repeat(length), 0).await;
        assert_eq!(outcome.is_ok(), asked == 1, "{length} {outcome:?}");
        assert_eq!(scene.script.count(INTROSPECT), asked, "{length}");
    }
}

#[tokio::test]
async fn a_rejected_jwt_becomes_valid_at_its_nbf() {
    let scene = Scene::new(jwt_server());
    let early = token(&with(claims(), "nbf", json!(NOW + 65)));
    assert!(invalid(&scene.at(&early, 0).await));
    scene.at(&early, 5).await.unwrap();
}

#[tokio::test]
async fn an_introspection_response_is_valid_from_nbf_to_exp() {
    for (name, value, good) in [
        ("nbf", NOW, true),
        ("nbf", NOW + 1, false),
        ("exp", NOW + 1, true),
        ("exp", NOW, false),
    ] {
        let scene = Scene::new(introspection_server());
        scene.on_introspect(with(answer(), name, json!(value)));
        let outcome = scene.at("opaque", 0).await;
        assert_eq!(outcome.is_ok(), good, "{name} {value}");
    }
}

#[tokio::test]
async fn keys_are_cached_until_their_url_changes() {
    const MOVED: &str = "GET https://as.example/moved";
    let scene = Scene::new(jwt_server());
    let moved = Signer::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAc");
    let keys = json!({"keys": [moved.p256_jwk("p")]});
    scene.script.on_json(MOVED, keys);
    let lasting = |number: u64| {
        let claims = with(claims(), "exp", json!(NOW + 100_000));
        with(claims, "jti", json!(number.to_string()))
    };
    for number in 0..3 {
        scene.at(&token(&lasting(number)), number).await.unwrap();
    }
    assert_eq!(scene.script.count(KEYS), 1);
    let elsewhere = with(metadata(), "jwks_uri", json!("https://as.example/moved"));
    scene.script.on_json(OAUTH, elsewhere);
    let header = json!({"alg": "ES256", "kid": "p", "typ": "at+jwt"});
    for number in 3..6 {
        let token = moved.sign(&header, &lasting(number));
        scene.at(&token, 3700 + number).await.unwrap();
    }
    assert_eq!(scene.script.count(MOVED), 1);
    assert!(invalid(&scene.at(&token(&lasting(6)), 3710).await));
}

#[tokio::test]
async fn metadata_is_cached_for_a_day_and_has_at_most_128_kib() {
    const DAY: u64 = 86_400;
    let scene = Scene::new(jwt_server());
    scene.script.on(OAUTH, |_| {
        let mut answer = crate::support::json(&metadata());
        let forever = "max-age=31536000".parse().unwrap();
        answer.headers_mut().insert("cache-control", forever);
        Ok(answer)
    });
    for (after, asked) in [(0, 1), (DAY - 1, 1), (DAY, 2)] {
        let claims = with(claims(), "exp", json!(NOW + after + 300));
        scene.at(&token(&claims), after).await.unwrap();
        assert_eq!(scene.script.count(OAUTH), asked, "{after}");
    }
    for (length, good) in [(128 * 1024, true), (128 * 1024 + 1, false)] {
        let scene = Scene::new(jwt_server());
        let short = with(metadata(), "x", json!("")).to_string().len();
        let long = with(metadata(), "x", json!("x".repeat(length - short)));
        assert_eq!(long.to_string().len(), length);
        scene.script.on_json(OAUTH, long);
        let outcome = scene.at(&token(&claims()), 0).await;
        assert_eq!(outcome.is_ok(), good, "{length}");
    }
}

#[tokio::test]
async fn the_secret_goes_into_the_header_if_the_metadata_permits_it() {
    let (basic, post) = ("client_secret_basic", "client_secret_post");
    for (methods, header) in [
        (json!(null), true),
        (json!([basic]), true),
        (json!([post, basic]), true),
        (json!([post]), false),
        (json!([]), false),
    ] {
        let scene = Scene::new(introspection_server());
        let name = "introspection_endpoint_auth_methods_supported";
        scene
            .script
            .on_json(OAUTH, with(metadata(), name, methods.clone()));
        scene.on_introspect(answer());
        scene.at("opaque", 0).await.unwrap();
        let seen = scene.script.last(INTROSPECT);
        assert_eq!(seen.header("authorization").is_some(), header, "{methods}");
        let in_body = seen.form().contains_key("client_secret");
        assert_eq!(in_body, !header, "{methods}");
    }
}
