//! Random, opaque codes and tokens, with a prefix for each kind.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use crate::{Digest, Random};

/// A kind of secret. Each has its own prefix, so that one kind is not accepted for another, and secret
/// scanners recognize a leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretKind {
    Code,
    Access,
    Refresh,
    Api,
    ClientSecret,
    /// Continues a transaction, as a form field or as the `state` at a provider.
    Transaction,
    /// A cookie.
    Cookie,
}

impl SecretKind {
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Code => "fpc_",
            Self::Access => "fpa_",
            Self::Refresh => "fpr_",
            Self::Api => "fpk_",
            Self::ClientSecret => "fps_",
            Self::Transaction => "fpt_",
            Self::Cookie => "fpb_",
        }
    }

    /// The length of a secret, in characters.
    pub(crate) const LENGTH: usize = 4 + 43;

    /// A new secret with 256 random bits.
    pub(crate) fn random(self, random: &dyn Random) -> SecretString {
        let mut text = String::with_capacity(Self::LENGTH);
        text.push_str(self.prefix());
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        BASE64_URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        text.into()
    }

    /// Whether `text` has the form of this kind.
    pub(crate) fn fits(self, text: &str) -> bool {
        text.len() == Self::LENGTH && text.starts_with(self.prefix())
    }
}

/// The digest under which a secret is stored.
pub(crate) fn digest(secret: &SecretString) -> Digest {
    Digest::of(secret.expose_secret())
}

/// A random ID with 128 bits, which is not secret.
///
/// It is hexadecimal, so it never starts with `-` and an operator can pass it to a command.
pub(crate) fn random_name(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// A PKCE verifier or a nonce, with 256 random bits.
pub(crate) fn random_text(random: &dyn Random) -> SecretString {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills buffers with one byte.
    struct All(u8);

    impl Random for All {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn random_names_are_hexadecimal() {
        for byte in 0..=u8::MAX {
            let name = random_name(&All(byte));
            assert_eq!(name.len(), 32, "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
        }
    }
}
