//! A client that proves who it is with a key (RFC 7523, section 2.2; OpenID Connect Core, section 9:
//! `private_key_jwt`).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use super::SignInError;
use crate::secret::{Secret, random_text};
use crate::store::{Client, now};

/// What such a proof is called in a form.
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long a proof is good for, in seconds.
const LIFE: u64 = 120;

/// A private key, and what it signs with.
enum Key {
    Ecdsa(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    /// Reads a key in PEM (PKCS #8). `None` for what is none, or of a kind that nobody signs with.
    fn read(pem: &Secret) -> Option<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose().as_bytes()).ok()?;
        let der = der.secret_pkcs8_der();
        let random = SystemRandom::new();
        for (kind, name) in [
            (&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256"),
            (&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384"),
        ] {
            if let Ok(key) = EcdsaKeyPair::from_pkcs8(kind, der, &random) {
                return Some(Self::Ecdsa(key, name));
            }
        }
        if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Some(Self::Ed25519(key));
        }
        RsaKeyPair::from_pkcs8(der).ok().map(Self::Rsa)
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Ecdsa(_, name) => name,
            Self::Ed25519(_) => "EdDSA",
            Self::Rsa(_) => "RS256",
        }
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(key, _) => Some(key.sign(&random, text).ok()?.as_ref().to_vec()),
            Self::Ed25519(key) => Some(key.sign(text).as_ref().to_vec()),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)
                    .ok()?;
                Some(signature)
            }
        }
    }
}

/// Whether a key can be used.
pub(super) fn is_key(pem: &Secret) -> bool {
    Key::read(pem).is_some()
}

/// The proof that `client` gives to the authorization server that `audience` names.
pub(super) fn assertion(client: &Client, audience: &str) -> Result<Secret, SignInError> {
    let unusable = || {
        SignInError::Options(
            "The client's private key cannot be used: it has to be PKCS #8 in PEM, for ES256, ES384, \
             EdDSA or RS256."
                .to_owned(),
        )
    };
    let key = client.secret.as_ref().and_then(Key::read);
    let key = key.ok_or_else(unusable)?;
    let id = random_text(18).map_err(|_| unusable())?;
    let issued = now();
    let head = json!({"alg": key.algorithm(), "typ": "JWT"});
    let claims = json!({
        "iss": client.id, "sub": client.id, "aud": audience, "jti": id,
        "iat": issued, "exp": issued.saturating_add(LIFE),
    });
    let encode = |part: &serde_json::Value| BASE64.encode(part.to_string());
    let text = format!("{}.{}", encode(&head), encode(&claims));
    let signature = key.sign(text.as_bytes()).ok_or_else(unusable)?;
    Ok(Secret::new(format!("{text}.{}", BASE64.encode(signature))))
}
