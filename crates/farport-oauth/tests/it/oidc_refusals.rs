//! Responses of an OpenID Connect provider, or of an attacker, that are rejected.

use farport_oauth::{
    FetchError,
    provider::{Oidc, ProviderError},
};
use http::Response;
use serde_json::{Value, json};

use crate::support::{Issuer, NOW, SignIn, Signer, signer};

const ISSUER: &str = "https://issuer.example";
const DISCOVERY: &str = "GET https://issuer.example/.well-known/openid-configuration";

fn sign_in(issuer: &Issuer) -> SignIn<Oidc> {
    let provider = Oidc::new(ISSUER, "client", "s3cr3t-of-ours".to_owned());
    let sign_in = SignIn::new(provider.unwrap());
    issuer.serve(&sign_in.script);
    sign_in
}

fn set(object: &mut Value, name: &str, value: Value) {
    match value {
        Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
        value => object[name] = value,
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_is_rejected() {
    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("issuer", json!("https://issuer.example//")),
        ("issuer", json!("https://issuer.example/x")),
        ("issuer", json!("https://issuer.example:443")),
        ("issuer", json!("https://ISSUER.example")),
        ("issuer", json!(["https://issuer.example"])),
        ("issuer", Value::Null),
        ("token_endpoint", json!("http://issuer.example/token")),
        ("token_endpoint", json!("http://localhost/token")),
        ("token_endpoint", json!("https://u:p@issuer.example/token")),
        ("token_endpoint", json!("javascript:alert(1)")),
        ("token_endpoint", json!("/token")),
        ("token_endpoint", json!(7)),
        ("token_endpoint", Value::Null),
        ("authorization_endpoint", json!("data:text/html,x")),
        ("authorization_endpoint", Value::Null),
        ("jwks_uri", json!("file:///etc/passwd")),
        ("jwks_uri", Value::Null),
    ] {
        let mut issuer = Issuer::new(ISSUER);
        set(&mut issuer.metadata, name, value.clone());
        let sign_in = sign_in(&issuer);
        for outcome in [sign_in.begin().await.err(), sign_in.finish().await.err()] {
            let unavailable = matches!(outcome, Some(ProviderError::Unavailable(_)));
            assert!(unavailable, "{name}: {value}");
        }
        let asked: Vec<_> = sign_in.script.seen();
        assert!(asked.iter().all(|seen| seen.line == DISCOVERY), "{name}");
    }
}

#[tokio::test]
async fn an_unreadable_response_counts_as_unavailable() {
    let html = || Response::new("<!doctype html><title>Sign in</title>".into());
    let huge = || Response::new("x".repeat(1 << 20).into());
    let redirect = || {
        let response = Response::builder().status(307);
        let response = response.header("location", "https://evil.example/");
        response.body(bytes::Bytes::new()).unwrap()
    };
    let failing = || {
        let response = Response::builder().status(500);
        response.body(bytes::Bytes::new()).unwrap()
    };
    let twice = || Response::new(r#"{"access_token":"a","access_token":"b"}"#.into());
    let answers: [fn() -> Response<bytes::Bytes>; 5] = [html, huge, redirect, failing, twice];
    let issuer = Issuer::new(ISSUER);
    for line in [DISCOVERY.to_owned(), issuer.token(), issuer.keys()] {
        for (n, answer) in answers.into_iter().enumerate() {
            let sign_in = sign_in(&issuer);
            sign_in.script.on(&line, move |_| Ok(answer()));
            let outcome = sign_in.finish().await;
            let unavailable = matches!(outcome, Err(ProviderError::Unavailable(_)));
            assert!(unavailable, "{line}, answer {n}");
            let seen = sign_in.script.seen();
            assert!(seen.iter().all(|seen| !seen.line.contains("evil")));
        }
        let sign_in = sign_in(&issuer);
        sign_in.script.on(&line, |_| Err(FetchError::TimedOut));
        let outcome = sign_in.finish().await;
        assert!(
            matches!(outcome, Err(ProviderError::Unavailable(_))),
            "{line}"
        );
    }
}

#[tokio::test]
async fn an_id_token_with_wrong_claims_is_rejected() {
    let claims = [
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://issuer.example//")),
        ("iss", Value::Null),
        ("aud", json!("another-client")),
        ("aud", json!(["another-client"])),
        ("aud", json!(["client", "another-client"])),
        ("aud", Value::Null),
        ("azp", json!("another-client")),
        ("azp", json!(7)),
        ("nonce", json!("another-nonce")),
        ("nonce", json!("the-nonce ")),
        ("nonce", json!(["the-nonce"])),
        ("nonce", Value::Null),
        ("exp", json!(NOW - 60)),
        ("exp", Value::Null),
        ("nbf", json!(NOW + 61)),
        ("iat", json!(NOW + 61)),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!(1)),
    ];
    for (name, value) in claims {
        let mut issuer = Issuer::new(ISSUER);
        set(&mut issuer.claims, name, value.clone());
        let outcome = sign_in(&issuer).finish().await;
        let refused = matches!(outcome, Err(ProviderError::Unacceptable(_)));
        assert!(refused, "{name}: {value}");
    }
    let mut issuer = Issuer::new(ISSUER);
    issuer.claims["aud"] = json!(["client", "another-client"]);
    issuer.claims["azp"] = json!("client");
    sign_in(&issuer).finish().await.unwrap();
}

#[tokio::test]
async fn an_id_token_with_a_wrong_signature_is_rejected() {
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("kid", json!("unknown")),
        ("typ", json!("logout+jwt")),
        ("typ", json!("at+jwt")),
        ("crit", json!(["b64"])),
    ] {
        let mut issuer = Issuer::new(ISSUER);
        set(&mut issuer.header, name, value.clone());
        let outcome = sign_in(&issuer).finish().await;
        let refused = matches!(outcome, Err(ProviderError::Unacceptable(_)));
        assert!(refused, "{name}: {value}");
    }
    let other = Signer::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAc");
    let mut issuer = Issuer::new(ISSUER);
    let good = signer().sign(&issuer.header, &issuer.claims);
    for token in [
        json!(other.sign(&issuer.header, &issuer.claims)),
        json!(good.rsplit_once('.').unwrap().0),
        json!(""),
        json!("a.b.c"),
        json!(7),
        json!({}),
    ] {
        issuer.tokens["id_token"] = token.clone();
        let outcome = sign_in(&issuer).finish().await;
        let refused = matches!(outcome, Err(ProviderError::Unacceptable(_)));
        assert!(refused, "{token}");
    }
}

#[tokio::test]
async fn a_response_from_another_issuer_is_rejected() {
    for (announced, iss, good) in [
        (false, None, true),
        (false, Some(ISSUER), true),
        (false, Some("https://evil.example"), false),
        (false, Some("https://issuer.example//"), false),
        (false, Some("https://issuer.example/x"), false),
        (true, Some("https://issuer.example/"), true),
        (false, Some(""), false),
        (true, None, false),
        (true, Some(ISSUER), true),
        (true, Some("https://evil.example"), false),
    ] {
        let mut issuer = Issuer::new(ISSUER);
        issuer.metadata["authorization_response_iss_parameter_supported"] = json!(announced);
        let sign_in = sign_in(&issuer);
        let outcome = sign_in.finish_from(iss).await;
        assert_eq!(outcome.is_ok(), good, "{announced} {iss:?}");
        // The code of a wrong response is not redeemed.
        let redeemed = sign_in.script.count(&issuer.token());
        assert_eq!(redeemed, usize::from(good), "{announced} {iss:?}");
    }
}

#[tokio::test]
async fn user_info_about_another_user_is_rejected() {
    for subject in [json!("u-2"), json!(1), Value::Null] {
        let mut issuer = Issuer::new(ISSUER);
        set(&mut issuer.claims, "name", Value::Null);
        issuer.user_info = json!({"sub": subject, "name": "Mallory"});
        let outcome = sign_in(&issuer).finish().await;
        assert!(matches!(outcome, Err(ProviderError::Unacceptable(_))));
    }
}

#[tokio::test]
async fn errors_are_classified_and_contain_no_secrets() {
    for (status, body, refused) in [
        (400, json!({"error": "invalid_grant"}), true),
        (200, json!({"error": "bad_verification_code"}), true),
        (200, json!({"ok": false, "error": "invalid_code"}), true),
        (401, json!({"error": "invalid_client"}), false),
        (200, json!({"ok": false}), false),
        (400, json!({}), false),
        (400, json!({"error": 7}), false),
        (
            400,
            json!({"error": "invalid_grant", "error_description": "no code the-code here"}),
            true,
        ),
        (
            400,
            json!({"error": "x", "error_description": "bad secret s3cr3t-of-ours\r\nevil line"}),
            false,
        ),
    ] {
        let issuer = Issuer::new(ISSUER);
        let sign_in = sign_in(&issuer);
        let answer = body.clone();
        sign_in.script.on(&issuer.token(), move |_| {
            let response = Response::builder().status(status);
            Ok(response.body(answer.to_string().into()).unwrap())
        });
        let error = sign_in.finish().await.unwrap_err();
        let text = error.to_string();
        assert_eq!(
            matches!(error, ProviderError::Refused(_)),
            refused,
            "{text}"
        );
        for secret in ["the-code", "s3cr3t-of-ours", "\n", "\r"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn unusable_tokens_are_rejected() {
    for (name, value) in [
        ("access_token", Value::Null),
        ("access_token", json!("")),
        ("access_token", json!(7)),
        ("token_type", json!("DPoP")),
        ("token_type", json!("mac")),
    ] {
        let mut issuer = Issuer::new(ISSUER);
        set(&mut issuer.tokens, name, value.clone());
        let outcome = sign_in(&issuer).finish().await;
        assert!(outcome.is_err(), "{name}: {value}");
    }
}

#[tokio::test]
async fn the_slash_of_an_issuer_with_an_empty_path_may_differ() {
    for (set, said, token, answer) in [
        (ISSUER, "https://issuer.example/", ISSUER, Some(ISSUER)),
        (ISSUER, ISSUER, "https://issuer.example/", None),
        (
            "https://issuer.example/",
            ISSUER,
            ISSUER,
            Some("https://issuer.example/"),
        ),
    ] {
        let mut issuer = Issuer::new(ISSUER);
        issuer.metadata["issuer"] = json!(said);
        issuer.claims["iss"] = json!(token);
        let provider = Oidc::new(set, "client", "s3cr3t".to_owned()).unwrap();
        let sign_in = SignIn::new(provider);
        issuer.serve(&sign_in.script);
        let identity = sign_in.finish_from(answer).await.unwrap().identity;
        // Users keep the issuer of the settings, however the provider writes it.
        assert_eq!(&*identity.user.issuer, set);
    }
}
