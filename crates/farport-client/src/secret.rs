//! Text that is never printed.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A token, or another secret text. `Debug` does not show it.
///
/// Only the store serializes it.
#[derive(Clone, Debug)]
pub(crate) struct Secret(SecretString);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether both are the same text, compared in constant time.
    pub(crate) fn is(&self, other: &str) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.expose().as_bytes(), other.as_bytes()).into()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Random bytes as text for a URL. 32 bytes give 43 characters.
pub(crate) fn random_text(bytes: usize) -> std::io::Result<String> {
    use base64::Engine;
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(std::io::Error::other)?;
    Ok(base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(buffer))
}
