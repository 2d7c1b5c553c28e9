//! Codes and tokens: random, opaque, and told apart by how they begin.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use crate::{Digest, Random};

/// What a secret is for. Each begins differently, so that one is not taken for another and a leak
/// is recognised for what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    Access,
    Refresh,
    Api,
    ClientSecret,
    /// Continues a transaction; stands in a form, or goes to a provider as `state`.
    Transaction,
    /// A cookie.
    Cookie,
}

impl Kind {
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

    /// How long a secret of this kind is, in characters.
    pub(crate) const LENGTH: usize = 4 + 43;

    /// A new secret of 256 bits.
    pub(crate) fn random(self, random: &dyn Random) -> SecretString {
        let mut text = String::with_capacity(Self::LENGTH);
        text.push_str(self.prefix());
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        BASE64_URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        text.into()
    }

    /// Whether `text` looks like one.
    pub(crate) fn fits(self, text: &str) -> bool {
        text.len() == Self::LENGTH && text.starts_with(self.prefix())
    }
}

/// The digest under which a secret is stored.
pub(crate) fn digest(secret: &SecretString) -> Digest {
    Digest::of(secret.expose_secret())
}

/// A name of 128 random bits, for what needs no secrecy.
///
/// Its digits are hexadecimal: a name that could begin with `-` would be an option wherever an
/// operator gives it to a command.
pub(crate) fn random_name(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// A PKCE verifier or a nonce: 256 random bits.
pub(crate) fn random_text(random: &dyn Random) -> SecretString {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills with one byte.
    struct All(u8);

    impl Random for All {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn no_name_reads_as_an_option_of_a_command() {
        for byte in 0..=u8::MAX {
            let name = random_name(&All(byte));
            assert_eq!(name.len(), 32, "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
        }
    }
}
