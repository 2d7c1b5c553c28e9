//! A client that proves who it is with a private key (RFC 7523).

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use farport_client::{Flow, NoBrowser, StaticClient, Store, User, log_in};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};

use crate::support::{Answer, Reports, Seen, Server, options};

/// Made for this test, and used for nothing else.
const RSA_KEY: &str = include_str!("rsa-key.pem");

type Verify = Box<dyn Fn(&[u8], &[u8]) -> bool + Send + Sync>;

/// A key of each kind: its algorithm, itself in PEM, and how its signatures are checked.
fn keys() -> Vec<(&'static str, String, Verify)> {
    let random = SystemRandom::new();
    let pem = |der: &[u8]| {
        let text = BASE64_STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    };
    let mut keys: Vec<(&str, String, Verify)> = Vec::new();
    for (name, signing, checking) in [
        (
            "ES256",
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &ECDSA_P256_SHA256_FIXED,
        ),
        (
            "ES384",
            &ECDSA_P384_SHA384_FIXED_SIGNING,
            &ECDSA_P384_SHA384_FIXED,
        ),
    ] {
        let der = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(signing, der.as_ref(), &random).unwrap();
        let public = key.public_key().as_ref().to_vec();
        let verify = move |text: &[u8], signature: &[u8]| {
            UnparsedPublicKey::new(checking, &public)
                .verify(text, signature)
                .is_ok()
        };
        keys.push((name, pem(der.as_ref()), Box::new(verify)));
    }
    let der = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let public = Ed25519KeyPair::from_pkcs8(der.as_ref())
        .unwrap()
        .public_key()
        .as_ref()
        .to_vec();
    let verify = move |text: &[u8], signature: &[u8]| {
        UnparsedPublicKey::new(&ED25519, &public)
            .verify(text, signature)
            .is_ok()
    };
    keys.push(("EdDSA", pem(der.as_ref()), Box::new(verify)));
    let body: String = RSA_KEY
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let key = RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(body).unwrap()).unwrap();
    let public: PublicKeyComponents<Vec<u8>> = key.public().into();
    let verify = move |text: &[u8], signature: &[u8]| {
        public
            .verify(&RSA_PKCS1_2048_8192_SHA256, text, signature)
            .is_ok()
    };
    keys.push(("RS256", RSA_KEY.to_owned(), Box::new(verify)));
    keys
}

#[tokio::test]
async fn a_key_signs_who_the_client_is_and_is_never_sent() {
    for (name, pem, verify) in keys() {
        let folder = tempfile::tempdir().unwrap();
        let proofs: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&proofs);
        let server = Server::start(move |origin, seen: &Seen| match &*seen.path {
            "/.well-known/oauth-protected-resource" => {
                Answer::json(&json!({"resource": origin, "authorization_servers": [origin]}))
            }
            "/.well-known/oauth-authorization-server" => Answer::json(&json!({
                "issuer": origin, "token_endpoint": format!("{origin}/token"),
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            })),
            "/token" => {
                assert_eq!(
                    seen.form("client_assertion_type"),
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                );
                let proof = seen.form("client_assertion");
                let (text, signature) = proof.rsplit_once('.').unwrap();
                let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
                assert!(verify(text.as_bytes(), &signature), "{name}");
                let part = |number: usize| -> Value {
                    let part = text.split('.').nth(number).unwrap();
                    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
                };
                assert_eq!(part(0), json!({"alg": name, "typ": "JWT"}));
                let claims = part(1);
                assert_eq!(
                    (&claims["iss"], &claims["sub"]),
                    (&json!("robot"), &json!("robot"))
                );
                assert_eq!(claims["aud"], origin);
                let (from, to) = (
                    claims["iat"].as_u64().unwrap(),
                    claims["exp"].as_u64().unwrap(),
                );
                assert!(to > from && to - from <= 300);
                noted
                    .lock()
                    .unwrap()
                    .push(claims["jti"].as_str().unwrap().to_owned());
                Answer::json(&json!({"access_token": "t", "token_type": "Bearer"}))
            }
            _ => Answer::status(401).with("www-authenticate", "Bearer"),
        })
        .await;
        let info = json!({"client_id": "robot", "private_key": pem});
        for _ in 0..2 {
            let mut options = options(&server.origin);
            options.sign_in.flow = Flow::ClientCredentials {
                token_endpoint: None,
            };
            options.sign_in.client_info = Some(StaticClient::parse(&info.to_string()).unwrap());
            let user = User::new(Reports::default(), NoBrowser);
            assert!(
                log_in(options, Store::at(folder.path()), user)
                    .await
                    .unwrap()
            );
        }
        let proofs = proofs.lock().unwrap();
        assert!(
            proofs.len() == 2 && proofs[0] != proofs[1],
            "each is used once"
        );
        for seen in server.seen() {
            assert!(!format!("{seen:?}").contains("PRIVATE"), "{name}");
        }
    }
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    for key in [
        "",
        "seeded",
        "-----BEGIN PRIVATE KEY-----\nc2VlZGVk\n-----END PRIVATE KEY-----\n",
    ] {
        let info = json!({"client_id": "robot", "private_key": key}).to_string();
        let said = StaticClient::parse(&info).unwrap_err().with_hint();
        assert!(
            said.contains("PKCS #8") && !said.contains("seeded"),
            "{said}"
        );
    }
}
