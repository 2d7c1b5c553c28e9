use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use farport_oauth::{
    UnixTime,
    jwk::KeySet,
    jwt::{self, Algorithm, Claims, Expect, JwtError},
};
use serde_json::{Value, json};

use crate::support::{Signer, signer};

const NOW: u64 = 1_800_000_000;

fn expect() -> Expect<'static> {
    Expect {
        algorithms: Algorithm::ALL,
        types: &["JWT", "at+jwt"],
        issuer: "https://issuer.example",
        audience: &["me", "also-me"],
        now: UnixTime(NOW),
        leeway: Duration::from_secs(60),
    }
}

fn keys() -> KeySet {
    let set = json!({"keys": [signer().rsa_jwk("r"), signer().p256_jwk("p")]});
    KeySet::parse(set.to_string().as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.example", "sub": "alice", "aud": "me", "exp": NOW + 600,
        "iat": NOW, "jti": "1", "role": "admin",
    })
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "p", "typ": "JWT"})
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
        value => object[name] = value,
    }
    object
}

fn verify(token: &str) -> Result<Claims, JwtError> {
    jwt::verify(token, &keys(), &expect())
}

#[test]
fn every_supported_algorithm_verifies() {
    for (algorithm, kid) in [
        ("RS256", "r"),
        ("RS384", "r"),
        ("RS512", "r"),
        ("PS256", "r"),
        ("ES256", "p"),
    ] {
        for header in [
            json!({"alg": algorithm, "kid": kid}),
            json!({"alg": algorithm}),
        ] {
            let token = signer().sign(&header, &claims());
            let read = verify(&token).unwrap();
            assert_eq!(read.subject.as_deref(), Some("alice"), "{algorithm}");
            assert_eq!(read.id.as_deref(), Some("1"));
            assert_eq!(read.text("role"), Some("admin"));
            assert_eq!(read.expires, UnixTime(NOW + 600));
            let only = Expect {
                algorithms: &[Algorithm::Es256],
                ..expect()
            };
            let accepted = jwt::verify(&token, &keys(), &only).is_ok();
            assert_eq!(accepted, algorithm == "ES256", "{algorithm}");
        }
    }
}

#[test]
fn an_unexpected_header_is_rejected() {
    use JwtError::{Algorithm, Critical, Malformed, Type, UnknownKey};
    let wrong_type = Malformed("a member of the header has a wrong type");
    for (name, value, error) in [
        ("alg", json!("none"), Algorithm),
        ("alg", json!("None"), Algorithm),
        ("alg", json!("HS256"), Algorithm),
        ("alg", json!("es256"), Algorithm),
        ("alg", json!("ES384"), Algorithm),
        ("alg", json!("EdDSA"), Algorithm),
        ("alg", json!(""), Algorithm),
        ("alg", json!(["ES256"]), wrong_type),
        ("alg", Value::Null, Algorithm),
        ("crit", json!(["exp"]), Critical),
        ("crit", json!([]), Critical),
        ("kid", json!("q"), UnknownKey),
        ("kid", json!(""), UnknownKey),
        ("kid", json!("r"), UnknownKey),
        ("kid", json!("P"), UnknownKey),
        ("kid", json!(7), wrong_type),
        ("typ", json!("logout+jwt"), Type),
        ("typ", json!(7), wrong_type),
    ] {
        let header = with(header(), name, value);
        let outcome = verify(&signer().sign(&header, &claims())).map(drop);
        assert_eq!(outcome, Err(error), "{header}");
    }
    for typ in [
        Value::Null,
        json!("jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
        json!("Application/JWT"),
    ] {
        let token = signer().sign(&with(header(), "typ", typ.clone()), &claims());
        assert!(verify(&token).is_ok(), "{typ}");
        let elsewhere = Expect {
            types: &["client-authentication+jwt"],
            ..expect()
        };
        assert_eq!(
            jwt::verify(&token, &keys(), &elsewhere).map(drop),
            Err(Type)
        );
    }
}

#[test]
fn a_key_in_the_header_is_not_used() {
    let other = Signer::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAc");
    let header = json!({
        "alg": "ES256", "kid": "p", "jwk": other.p256_jwk("p"),
        "jku": "https://evil.example/keys", "x5u": "https://evil.example/cert",
    });
    let outcome = verify(&other.sign(&header, &claims())).map(drop);
    assert_eq!(outcome, Err(JwtError::Signature));
}

#[test]
fn a_public_key_is_not_accepted_as_an_hmac_secret() {
    // The known attack: the RSA public key as the secret of an HMAC.
    let set = json!({"keys": [
        {"kty": "oct", "kid": "s", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "alg": "HS256"},
        signer().rsa_jwk("r"),
    ]});
    let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
    assert_eq!(keys.len(), 1);
    for kid in ["r", "s"] {
        for algorithm in ["HS256", "HS384", "HS512"] {
            let header = json!({"alg": algorithm, "kid": kid});
            let token = signer().sign(&header, &claims());
            let outcome = jwt::verify(&token, &keys, &expect()).map(drop);
            assert_eq!(outcome, Err(JwtError::Algorithm));
        }
    }
    // A key is used only with its own algorithm.
    let bound = with(signer().rsa_jwk("r"), "alg", json!("PS256"));
    let keys = KeySet::parse(json!({"keys": [bound]}).to_string().as_bytes()).unwrap();
    let token = signer().sign(&json!({"alg": "RS256", "kid": "r"}), &claims());
    let outcome = jwt::verify(&token, &keys, &expect()).map(drop);
    assert_eq!(outcome, Err(JwtError::UnknownKey));
}

#[test]
fn every_unexpected_claim_is_rejected() {
    use JwtError::{Audience, Claim, Expired, Issuer, NotYet};
    for (name, value, outcome) in [
        ("iss", json!("https://issuer.example/"), Ok(())),
        ("iss", json!("https://ISSUER.example"), Err(Issuer)),
        ("iss", json!(["https://issuer.example"]), Err(Claim("iss"))),
        ("iss", Value::Null, Err(Claim("iss"))),
        ("aud", json!("you"), Err(Audience)),
        ("aud", json!("Me"), Err(Audience)),
        ("aud", json!([]), Err(Audience)),
        ("aud", json!(["you", "also-me"]), Ok(())),
        ("aud", json!(["me", 7]), Err(Claim("aud"))),
        ("aud", json!({"me": true}), Err(Claim("aud"))),
        ("aud", Value::Null, Err(Claim("aud"))),
        ("exp", Value::Null, Err(Claim("exp"))),
        ("exp", json!("1900000000"), Err(Claim("exp"))),
        ("exp", json!(-1), Err(Claim("exp"))),
        ("exp", json!(1e300), Err(Claim("exp"))),
        ("exp", json!(true), Err(Claim("exp"))),
        ("exp", json!(0), Err(Expired)),
        ("exp", json!(NOW - 60), Err(Expired)),
        ("exp", json!(NOW - 59), Ok(())),
        ("exp", json!(NOW as f64 - 59.0), Ok(())),
        ("exp", json!(u64::MAX), Ok(())),
        ("nbf", json!(NOW + 60), Ok(())),
        ("nbf", json!(NOW + 61), Err(NotYet)),
        ("nbf", json!("now"), Err(Claim("nbf"))),
        ("iat", json!(NOW + 60), Ok(())),
        ("iat", json!(NOW + 61), Err(NotYet)),
        ("iat", json!([]), Err(Claim("iat"))),
        ("iat", Value::Null, Ok(())),
        ("sub", json!(12), Err(Claim("sub"))),
        ("sub", Value::Null, Ok(())),
        ("jti", json!(12), Err(Claim("jti"))),
    ] {
        let claims = with(claims(), name, value);
        let read = verify(&signer().sign(&header(), &claims)).map(drop);
        assert_eq!(read, outcome, "{claims}");
    }
}

#[test]
fn any_change_makes_a_token_invalid() {
    let token = signer().sign(&header(), &claims());
    assert!(verify(&token).is_ok());
    let good = |text: &str| verify(text).is_ok();
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        assert!(!good(std::str::from_utf8(&bytes).unwrap()), "{at}");
        assert!(!good(&token[..at]), "{at}");
    }
    let parts: Vec<_> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("three parts");
    };
    let lone = BASE64.encode(r#"{"alg":"none"}"#);
    for token in [
        String::new(),
        "..".into(),
        "....".into(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{lone}.{payload}."),
        format!("{header}.{payload}.{signature}."),
        format!("{header}.{payload}.{signature}.x.y"),
        format!("{header}.{payload}.{signature}="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{header}.{payload}.{}", "A".repeat(86)),
        format!("{header}.{payload}.{signature}AAAA"),
        format!("{header}.{}.{signature}", BASE64.encode("[]")),
    ] {
        assert!(!good(&token), "{token}");
    }
}

#[test]
fn a_duplicate_member_is_rejected() {
    let claims = claims().to_string();
    let twice = claims.replacen('{', r#"{"sub":"mallory","#, 1);
    let header_twice = r#"{"alg":"ES256","kid":"p","kid":"p"}"#;
    let header = header().to_string();
    for (header, claims) in [(header.as_str(), &twice), (header_twice, &claims)] {
        let outcome = verify(&signer().sign_text(header, claims)).map(drop);
        let expect = JwtError::Malformed("a part is not a JSON object without duplicate members");
        assert_eq!(outcome, Err(expect));
    }
}

#[test]
fn a_long_token_is_rejected_without_parsing() {
    let claims = with(claims(), "padding", json!("x".repeat(jwt::LONGEST)));
    let token = signer().sign(&header(), &claims);
    let outcome = verify(&token).map(drop);
    assert_eq!(outcome, Err(JwtError::Malformed("the token is too long")));
    let header = with(header(), "padding", json!("x".repeat(4096)));
    let outcome = verify(&signer().sign(&header, &self::claims())).map(drop);
    assert_eq!(outcome, Err(JwtError::Malformed("the header is too long")));
    let huge = "A".repeat(64 * 1024 * 1024);
    let begun = Instant::now();
    assert!(verify(&huge).is_err());
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn unusable_keys_are_ignored() {
    let good = signer().p256_jwk("p");
    let rsa = signer().rsa_jwk("r");
    for (key, usable) in [
        (good.clone(), true),
        (with(good.clone(), "use", json!("sig")), true),
        (with(good.clone(), "use", json!("enc")), false),
        (with(good.clone(), "key_ops", json!(["verify"])), true),
        (with(good.clone(), "key_ops", json!(["sign"])), false),
        (with(good.clone(), "alg", json!("ES256")), true),
        (with(good.clone(), "alg", json!("RS256")), false),
        (with(good.clone(), "alg", json!("ECDH-ES")), false),
        (with(good.clone(), "crv", json!("P-384")), false),
        (with(good.clone(), "kty", json!("OKP")), false),
        (with(good.clone(), "d", json!("AQAB")), false),
        (with(good.clone(), "x", json!("AQAB")), false),
        // Not on the curve.
        (with(good.clone(), "x", good["y"].clone()), false),
        (with(good.clone(), "y", Value::Null), false),
        (with(good.clone(), "x5c", json!(["..."])), true),
        (rsa.clone(), true),
        (with(rsa.clone(), "e", json!("AQ")), false),
        (with(rsa.clone(), "e", json!("AA")), false),
        (with(rsa.clone(), "e", json!("Ag")), false),
        (with(rsa.clone(), "n", json!("AQAB")), false),
        (with(rsa.clone(), "n", json!("")), false),
        // Even, and too long.
        (
            with(rsa.clone(), "n", json!(BASE64.encode([0xfe; 256]))),
            false,
        ),
        (
            with(rsa.clone(), "n", json!(BASE64.encode([0xff; 2000]))),
            false,
        ),
        (json!("key"), false),
        (json!(null), false),
        (json!({}), false),
    ] {
        let set = json!({"keys": [key], "more": 1}).to_string();
        let read = KeySet::parse(set.as_bytes()).unwrap();
        assert_eq!(!read.is_empty(), usable, "{set}");
        let written = serde_json::to_string(&read).unwrap();
        let again: KeySet = serde_json::from_str(&written).unwrap();
        assert_eq!(again.len(), read.len());
        assert!(!written.contains("\"d\""));
    }
    for set in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[],"keys":[]}"#,
        "<html>",
    ] {
        assert!(KeySet::parse(set.as_bytes()).is_err(), "{set}");
    }
    let many = json!({"keys": vec![good; 1000]}).to_string();
    assert_eq!(KeySet::parse(many.as_bytes()).unwrap().len(), KeySet::MOST);
}

#[test]
fn a_serialized_set_still_verifies() {
    let written = serde_json::to_string(&keys()).unwrap();
    let keys: KeySet = serde_json::from_str(&written).unwrap();
    for header in [header(), json!({"alg": "PS256", "kid": "r"})] {
        let token = signer().sign(&header, &claims());
        assert!(jwt::verify(&token, &keys, &expect()).is_ok());
    }
}

#[test]
fn the_issuer_can_be_read_before_verification() {
    let token = signer().sign(&json!({"alg": "none"}), &claims());
    let issuer = jwt::unverified_issuer(&token).unwrap();
    assert_eq!(issuer, "https://issuer.example");
    assert!(jwt::unverified_issuer("a.b.c").is_err());
}
