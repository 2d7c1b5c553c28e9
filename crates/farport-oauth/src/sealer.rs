//! Encryption of short values that clients carry.

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox};

use crate::{
    DecryptError, Random,
    keys::{decrypt, encrypt},
};

/// Encrypts short values that a client carries and must not read, change, or pass to another user.
///
/// The key is random and lost with the process.
pub struct Sealer {
    key: SecretBox<[u8; 32]>,
    random: Arc<dyn Random>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    /// Creates a sealer with a random key.
    pub fn new(random: Arc<dyn Random>) -> Self {
        let mut key = Box::new([0; 32]);
        random.fill(&mut *key);
        Self {
            key: SecretBox::new(key),
            random,
        }
    }

    /// Encrypts `plain`, and binds it to `context`. Returns base64url.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> String {
        let sealed = encrypt(self.key.expose_secret(), &*self.random, context, plain);
        BASE64_URL_SAFE_NO_PAD.encode(sealed)
    }

    /// Decrypts the result of [`Sealer::seal`] with the same context.
    ///
    /// # Errors
    /// If the text or the context was changed, or another sealer encrypted it.
    pub fn open(&self, context: &[u8], sealed: &str) -> Result<Vec<u8>, DecryptError> {
        let sealed = BASE64_URL_SAFE_NO_PAD
            .decode(sealed)
            .map_err(|_| DecryptError)?;
        decrypt(self.key.expose_secret(), context, &sealed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    struct Counting(AtomicU8);

    impl Random for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    #[test]
    fn only_the_same_sealer_and_context_open_a_value() {
        let random = Arc::new(Counting(0.into()));
        let (sealer, other) = (Sealer::new(random.clone()), Sealer::new(random));
        let sealed = sealer.seal(b"ann", b"value");
        assert_eq!(sealer.open(b"ann", &sealed).as_deref(), Ok(&b"value"[..]));
        assert_eq!(sealer.open(b"bob", &sealed), Err(DecryptError));
        assert_eq!(other.open(b"ann", &sealed), Err(DecryptError));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(sealer.open(b"ann", &changed), Err(DecryptError), "{index}");
        }
        for text in [
            "",
            "x",
            "!",
            &format!("{sealed}A"),
            &format!("{sealed}-TAMPERED"),
        ] {
            assert_eq!(sealer.open(b"ann", text), Err(DecryptError), "{text}");
        }
    }
}
