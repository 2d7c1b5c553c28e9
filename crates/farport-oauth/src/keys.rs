//! Keys, and what is sealed with them.
//!
//! A grant's properties are sealed with a key of the grant's own. That key is nowhere in the
//! clear: each code and token carries it wrapped under a key made of the token itself and of the
//! master key. So neither a copy of the store nor a stolen master key opens a grant, and a token
//! alone does neither.

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

/// The master keys: the present one, and earlier ones that still open what they sealed.
pub struct Keys {
    present: MasterKey,
    earlier: Vec<MasterKey>,
}

struct MasterKey {
    /// Says which key sealed something. Of the key's digest, so that it needs no bookkeeping.
    id: [u8; ID],
    secret: SecretBox<[u8; 32]>,
}

/// The key of one grant.
pub(crate) struct GrantKey(SecretBox<[u8; 32]>);

/// Something does not open: it was sealed with another key, for another purpose, or changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed with a key that is not here, or changed since")]
pub struct Unopenable;

/// What something is sealed for. Sealed for one purpose, it does not open for another.
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
    /// Seals with `present`; opens with it and with `earlier` ones.
    ///
    /// To rotate, make a new key the present one and keep the old one among the earlier until
    /// nothing lives that it sealed: the longest that a grant lasts.
    pub fn new(present: [u8; 32], earlier: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self {
            present: MasterKey::new(present),
            earlier: earlier.into_iter().map(MasterKey::new).collect(),
        }
    }

    /// A key that nobody else has and that ends with the process.
    pub fn ephemeral(random: &dyn Random) -> Self {
        let mut key = [0; 32];
        random.fill(&mut key);
        Self::new(key, [])
    }

    fn of(&self, id: [u8; ID]) -> Option<&MasterKey> {
        std::iter::once(&self.present)
            .chain(&self.earlier)
            .find(|key| key.id == id)
    }

    /// Seals `plain`, to be opened for the same purpose, with the same `secret`.
    pub(crate) fn seal(
        &self,
        random: &dyn Random,
        purpose: Purpose,
        secret: &SecretString,
        plain: &[u8],
    ) -> Vec<u8> {
        let key = derive(&self.present, purpose, secret);
        let mut sealed = self.present.id.to_vec();
        sealed.extend(encrypt(&key, random, purpose.label(), plain));
        sealed
    }

    /// Opens what [`Keys::seal`] sealed.
    pub(crate) fn open(
        &self,
        purpose: Purpose,
        secret: &SecretString,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Unopenable> {
        let (id, sealed) = sealed.split_first_chunk().ok_or(Unopenable)?;
        let key = derive(self.of(*id).ok_or(Unopenable)?, purpose, secret);
        decrypt(&key, purpose.label(), sealed)
    }

    /// Wraps a grant's key so that whoever brings `token` can unwrap it.
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
    ) -> Result<GrantKey, Unopenable> {
        let key = self.open(Purpose::GrantKey, token, wrapped)?;
        let key = key.try_into().map_err(|_| Unopenable)?;
        Ok(GrantKey(SecretBox::new(Box::new(key))))
    }
}

impl GrantKey {
    pub(crate) fn random(random: &dyn Random) -> Self {
        let mut key = Box::new([0; 32]);
        random.fill(&mut *key);
        Self(SecretBox::new(key))
    }

    /// Seals a grant's properties; `grant` is its id, to which they are bound.
    pub(crate) fn seal(&self, random: &dyn Random, grant: &str, plain: &[u8]) -> Vec<u8> {
        encrypt(self.0.expose_secret(), random, &bound(grant), plain)
    }

    /// Opens a grant's properties.
    pub(crate) fn open(&self, grant: &str, sealed: &[u8]) -> Result<Vec<u8>, Unopenable> {
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
        reason = "HKDF-SHA256 gives up to 8,160 bytes; this asks for 32"
    )]
    hkdf.expand(purpose.label(), &mut key)
        .expect("32 bytes are few enough");
    key
}

fn encrypt(key: &[u8; 32], random: &dyn Random, bound: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    random.fill(&mut nonce);
    let payload = Payload {
        msg: plain,
        aad: bound,
    };
    #[expect(
        clippy::expect_used,
        reason = "it fails for plain texts of more than 256 GiB alone"
    )]
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(XNonce::from_slice(&nonce), payload)
        .expect("the text is short enough");
    [&nonce[..], &sealed].concat()
}

fn decrypt(key: &[u8; 32], bound: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unopenable> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Unopenable)?;
    let payload = Payload {
        msg: sealed,
        aad: bound,
    };
    XChaCha20Poly1305::new(key.into())
        .decrypt(XNonce::from_slice(nonce), payload)
        .map_err(|_| Unopenable)
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
    fn what_is_sealed_opens_with_the_same_secret_purpose_and_a_known_key() {
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
            assert_eq!(keys.open(purpose, secret, &sealed), Err(Unopenable));
        }
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            let opened = new.open(Purpose::Transaction, &secret, &changed);
            assert_eq!(opened, Err(Unopenable), "byte {index}");
        }
        for length in 0..sealed.len() {
            let opened = new.open(Purpose::Transaction, &secret, &sealed[..length]);
            assert_eq!(opened, Err(Unopenable), "{length} bytes");
        }
    }

    #[test]
    fn a_grants_properties_are_bound_to_the_grant() {
        let random = Counting(7.into());
        let key = GrantKey::random(&random);
        let sealed = key.seal(&random, "a", b"text");
        assert_eq!(key.open("a", &sealed).as_deref(), Ok(&b"text"[..]));
        assert_eq!(key.open("b", &sealed), Err(Unopenable));
    }
}
