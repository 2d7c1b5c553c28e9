//! Client authentication with a private key: `private_key_jwt` (RFC 7523, section 2.2; OpenID Connect
//! Core, section 9).

use farport_oauth::UnixTime;
use farport_oauth::client::{AssertionSigner, client_assertion};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;

use super::SignInError;
use crate::secret::{Secret, random_text};
use crate::store::Client;

/// A private key with its algorithm.
enum Key {
    Ecdsa(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    /// Reads a key in PEM (PKCS #8). `None` for anything else, and for unsupported algorithms.
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
}

/// Whether a key can be used.
pub(super) fn is_key(pem: &Secret) -> bool {
    Key::read(pem).is_some()
}

impl AssertionSigner for Key {
    fn algorithm(&self) -> &'static str {
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

/// What a private key looks like.
pub(super) const KEY_HINT: &str = "use a PKCS #8 key in PEM, for ES256, ES384, EdDSA or RS256";

/// The assertion of `client` for the authorization server with the issuer `audience`, at the time `now` in seconds
/// since 1970.
pub(super) fn assertion(client: &Client, audience: &str, now: u64) -> Result<Secret, SignInError> {
    let unusable = || SignInError::Options {
        why: "the client's private key is invalid".to_owned(),
        hint: Some(KEY_HINT),
    };
    let key = client.secret.as_ref().and_then(Key::read);
    let key = key.ok_or_else(unusable)?;
    let jti = random_text(18).map_err(|_| unusable())?;
    let assertion = client_assertion(&key, &client.id, audience, &jti, UnixTime(now));
    assertion.map(Secret::new).ok_or_else(unusable)
}
