//! Any token: one that is not signed with the key is refused, and one that is says what it has to.
//!
//! The input is a header, a payload and a signature, a line each. An empty last line stands for
//! the right signature.

#![no_main]

use std::{sync::LazyLock, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use farport_oauth::{
    UnixTime,
    jwk::KeySet,
    jwt::{self, Algorithm, Expect},
};
use libfuzzer_sys::fuzz_target;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_slice(&[7; 32]).unwrap());

static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let point = KEY.verifying_key().to_encoded_point(false);
    let (x, y) = (
        BASE64.encode(point.x().unwrap()),
        BASE64.encode(point.y().unwrap()),
    );
    let set = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k", "x": x, "y": y }] });
    KeySet::parse(set.to_string().as_bytes()).unwrap()
});

fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let (Some(header), Some(payload), Some(signature)) = (lines.next(), lines.next(), lines.next())
    else {
        if let Ok(text) = std::str::from_utf8(input) {
            assert!(jwt::verify(text, &KEYS, &expect()).is_err());
            let _ = jwt::unverified_issuer(text);
        }
        return;
    };
    let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let is_signed = signature.is_empty();
    let signature = if is_signed {
        let signature: Signature = KEY.sign(signed.as_bytes());
        signature.to_bytes().to_vec()
    } else {
        signature.to_vec()
    };
    let token = format!("{signed}.{}", BASE64.encode(signature));
    let Ok(claims) = jwt::verify(&token, &KEYS, &expect()) else {
        return;
    };
    assert!(is_signed, "the token is not signed with the key");
    // A lenient reader takes the last of two members; there must not have been two.
    let header: Value = serde_json::from_slice(header).unwrap();
    let payload: Value = serde_json::from_slice(payload).unwrap();
    assert_eq!(header["alg"], "ES256");
    assert!(header.get("crit").is_none());
    assert_eq!(payload, Value::Object(claims.members.clone()));
    assert_eq!(payload["iss"], "i");
    assert!(payload["aud"] == "a" || payload["aud"].as_array().unwrap().contains(&"a".into()));
    assert!(payload["exp"].as_f64().unwrap() > (NOW - 60) as f64);
    assert_eq!(
        claims.subject.as_deref(),
        payload.get("sub").and_then(Value::as_str)
    );
});

fn expect() -> Expect<'static> {
    Expect {
        algorithms: Algorithm::ALL,
        types: &["JWT", "at+jwt"],
        issuer: "i",
        audience: &["a"],
        now: UnixTime(NOW),
        leeway: Duration::from_secs(60),
    }
}
