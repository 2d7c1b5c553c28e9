//! Encryption of transactions, sign-ins and grants.
//!
//! Each grant has its own key, which encrypts its properties. The store contains that key only
//! wrapped: under keys derived from the master key together with one of the grant's codes or tokens.
//! So neither a copy of the store, nor the master key, nor a token alone decrypts a grant.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;

use crate::{Digest, Random};

const NONCE: usize = 24;
const ID: usize = 4;

/// The master keys: the current one, and previous ones that only decrypt.
pub struct Keys {
    current: MasterKey,
    previous: Vec<MasterKey>,
}

struct MasterKey {
    /// Identifies the key that encrypted something. Derived from the key's digest.
    id: [u8; ID],
    secret: SecretBox<[u8; 32]>,
}

/// The key of one grant.
pub(crate) struct GrantKey(SecretBox<[u8; 32]>);

/// Data cannot be decrypted: it was encrypted with another key or for another purpose, or was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("encrypted with an unknown key, or changed since")]
pub struct DecryptError;

/// The purpose of encrypted data. It can be decrypted for the same purpose only.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Transaction,
    SignIn,
    GrantKey,
    Properties,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Transaction => b"farport transaction",
            Self::SignIn => b"farport sign-in",
            Self::GrantKey => b"farport grant key",
            Self::Properties => b"farport properties",
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl fmt::Debug for GrantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrantKey(..)")
    }
}

impl Clone for GrantKey {
    fn clone(&self) -> Self {
        Self(SecretBox::new(Box::new(*self.0.expose_secret())))
    }
}

impl MasterKey {
    fn new(secret: [u8; 32]) -> Self {
        let mut labelled = b"farport key id".to_vec();
        labelled.extend(secret);
        let digest = Digest::of(labelled);
        let mut id = [0; ID];
        id.copy_from_slice(&digest.0[..ID]);
        Self {
            id,
            secret: SecretBox::new(Box::new(secret)),
        }
    }
}

impl Keys {
    /// Encrypts with `current`. Decrypts with it and with the `previous` keys.
    ///
    /// To rotate, make a new key the current one, and keep the old one among the previous keys for the
    /// longest lifetime of a grant.
    pub fn new(current: [u8; 32], previous: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self {
            current: MasterKey::new(current),
            previous: previous.into_iter().map(MasterKey::new).collect(),
        }
    }

    /// A random key, which is lost when the process ends.
    pub fn ephemeral(random: &dyn Random) -> Self {
        let mut key = [0; 32];
        random.fill(&mut key);
        Self::new(key, [])
    }

    fn of(&self, id: [u8; ID]) -> Option<&MasterKey> {
        std::iter::once(&self.current)
            .chain(&self.previous)
            .find(|key| key.id == id)
    }

    /// Encrypts `plain`. The same purpose and the same `secret` decrypt it.
    pub(crate) fn seal(
        &self,
        random: &dyn Random,
        purpose: Purpose,
        secret: &SecretString,
        plain: &[u8],
    ) -> Vec<u8> {
        let key = derive(&self.current, purpose, secret);
        let mut sealed = self.current.id.to_vec();
        sealed.extend(encrypt(&key, random, purpose.label(), plain));
        sealed
    }

    /// Decrypts the result of [`Keys::seal`].
    pub(crate) fn open(
        &self,
        purpose: Purpose,
        secret: &SecretString,
        sealed: &[u8],
    ) -> Result<Vec<u8>, DecryptError> {
        let (id, sealed) = sealed.split_first_chunk().ok_or(DecryptError)?;
        let key = derive(self.of(*id).ok_or(DecryptError)?, purpose, secret);
        decrypt(&key, purpose.label(), sealed)
    }

    /// Wraps a grant's key. The same `token` unwraps it.
    pub(crate) fn wrap(
        &self,
        random: &dyn Random,
        token: &SecretString,
        key: &GrantKey,
    ) -> Vec<u8> {
        self.seal(random, Purpose::GrantKey, token, key.0.expose_secret())
    }

    /// Unwraps a grant's key.
    pub(crate) fn unwrap(
        &self,
        token: &SecretString,
        wrapped: &[u8],
    ) -> Result<GrantKey, DecryptError> {
        let key = self.open(Purpose::GrantKey, token, wrapped)?;
        let key = key.try_into().map_err(|_| DecryptError)?;
        Ok(GrantKey(SecretBox::new(Box::new(key))))
    }
}

impl GrantKey {
    pub(crate) fn random(random: &dyn Random) -> Self {
        let mut key = Box::new([0; 32]);
        random.fill(&mut *key);
        Self(SecretBox::new(key))
    }

    /// Encrypts a grant's properties, bound to the grant's ID.
    pub(crate) fn seal(&self, random: &dyn Random, grant: &str, plain: &[u8]) -> Vec<u8> {
        encrypt(self.0.expose_secret(), random, &bound(grant), plain)
    }

    /// Decrypts a grant's properties.
    pub(crate) fn open(&self, grant: &str, sealed: &[u8]) -> Result<Vec<u8>, DecryptError> {
        decrypt(self.0.expose_secret(), &bound(grant), sealed)
    }
}

fn bound(grant: &str) -> Vec<u8> {
    [Purpose::Properties.label(), b" ", grant.as_bytes()].concat()
}

fn derive(master: &MasterKey, purpose: Purpose, secret: &SecretString) -> [u8; 32] {
    let hkdf = Hkdf::<Sha256>::new(
        Some(master.secret.expose_secret()),
        secret.expose_secret().as_bytes(),
    );
    let mut key = [0; 32];
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA256 provides up to 8,160 bytes; this requests 32"
    )]
    hkdf.expand(purpose.label(), &mut key)
        .expect("32 bytes are few enough");
    key
}

pub(crate) fn encrypt(key: &[u8; 32], random: &dyn Random, bound: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    random.fill(&mut nonce);
    let payload = Payload {
        msg: plain,
        aad: bound,
    };
    #[expect(
        clippy::expect_used,
        reason = "it fails only for plaintexts of more than 256 GiB"
    )]
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), payload)
        .expect("the text is short enough");
    [&nonce[..], &sealed].concat()
}

pub(crate) fn decrypt(
    key: &[u8; 32],
    bound: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, DecryptError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(DecryptError)?;
    let payload = Payload {
        msg: sealed,
        aad: bound,
    };
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), payload)
        .map_err(|_| DecryptError)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Random for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    #[test]
    fn sealed_data_opens_with_the_same_secret_purpose_and_a_known_key() {
        let random = Counting(0.into());
        let (old, new) = (Keys::new([1; 32], []), Keys::new([2; 32], [[1; 32]]));
        let (secret, other) = (SecretString::from("s"), SecretString::from("t"));
        let sealed = old.seal(&random, Purpose::Transaction, &secret, b"text");
        assert_eq!(
            new.open(Purpose::Transaction, &secret, &sealed).as_deref(),
            Ok(&b"text"[..])
        );
        for (keys, purpose, secret) in [
            (&new, Purpose::SignIn, &secret),
            (&new, Purpose::Transaction, &other),
            (&Keys::new([2; 32], []), Purpose::Transaction, &secret),
        ] {
            assert_eq!(keys.open(purpose, secret, &sealed), Err(DecryptError));
        }
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            let opened = new.open(Purpose::Transaction, &secret, &changed);
            assert_eq!(opened, Err(DecryptError), "byte {index}");
        }
        for length in 0..sealed.len() {
            let opened = new.open(Purpose::Transaction, &secret, &sealed[..length]);
            assert_eq!(opened, Err(DecryptError), "{length} bytes");
        }
    }

    #[test]
    fn a_grants_properties_are_bound_to_the_grant() {
        let random = Counting(7.into());
        let key = GrantKey::random(&random);
        let sealed = key.seal(&random, "a", b"text");
        assert_eq!(key.open("a", &sealed).as_deref(), Ok(&b"text"[..]));
        assert_eq!(key.open("b", &sealed), Err(DecryptError));
    }
}
