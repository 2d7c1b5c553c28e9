//! Master keys, which encrypt the secrets in the OAuth store.
//!
//! The current key encrypts. Previous keys only decrypt what they encrypted. The keys come from the
//! environment, or from a file next to the database, which is created on first use.

use std::{fmt, io, path::PathBuf};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use farport_oauth::{Digest, Keys};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

/// The length of a key in bytes.
pub(crate) const LENGTH: usize = 32;

/// A key from which other keys are derived.
pub struct MasterKey {
    id: String,
    secret: SecretBox<[u8; LENGTH]>,
}

/// The master keys of a server.
pub struct MasterKeys {
    pub(crate) current: MasterKey,
    pub(crate) previous: Vec<MasterKey>,
}

/// The master keys cannot be read or created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A value is not a key.
    #[error("{location} is not {LENGTH} bytes in base64")]
    InvalidKey {
        /// A variable name, or a file and a line.
        location: String,
    },
    /// The file contains no key.
    #[error("{} contains no key", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or created.
    #[error("cannot open the master key file {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The operating system returned no random bytes.
    #[error("cannot create a master key: the operating system returned no random bytes")]
    Randomness,
}

impl KeyError {
    /// What to do next, if anything: lower case, without a full stop.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::InvalidKey { .. } => Some("create a key with `openssl rand -base64 32`"),
            Self::Empty { .. } => Some("delete the file to create a new key"),
            Self::File { .. } | Self::Randomness => None,
        }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeys")
            .field("current", &self.current)
            .field("previous", &self.previous)
            .finish()
    }
}

impl MasterKey {
    /// Creates a key from its bytes.
    pub fn new(secret: [u8; LENGTH]) -> Self {
        // The same ID precedes everything that the key encrypted. Four bytes are enough to tell a
        // server's few keys apart, and reveal nothing of the key.
        let labelled = Zeroizing::new([&b"farport key id"[..], &secret].concat());
        let digest = Digest::of(&*labelled);
        let id = digest.0.get(..4).unwrap_or_default();
        Self {
            id: base16ct::lower::encode_string(id),
            secret: SecretBox::new(Box::new(secret)),
        }
    }

    /// The ID of the key, derived from its bytes. It is not secret, and is stored with what the key
    /// encrypted.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The bytes of the key.
    pub fn secret(&self) -> &[u8; LENGTH] {
        self.secret.expose_secret()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        const EITHER_WAY: GeneralPurposeConfig =
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, EITHER_WAY);
        const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, EITHER_WAY);
        let text = text.trim();
        let bytes = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
        let bytes = Zeroizing::new(bytes.ok()?);
        Some(Self::new(bytes.as_slice().try_into().ok()?))
    }
}

impl MasterKeys {
    /// Parses the current key, and a comma-separated list of previous keys. A key is 32 bytes in
    /// base64 or base64url. `variables` names the two sources in the error.
    ///
    /// # Errors
    /// [`KeyError::InvalidKey`].
    pub fn parse(current: &str, previous: &str, variables: [&str; 2]) -> Result<Self, KeyError> {
        let read = |text: &str, location: &str| {
            MasterKey::parse(text).ok_or_else(|| KeyError::InvalidKey {
                location: location.to_owned(),
            })
        };
        let [first, rest] = variables;
        let previous = previous.split(',').filter(|key| !key.trim().is_empty());
        Ok(Self {
            current: read(current, first)?,
            previous: previous
                .map(|key| read(key, rest))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns the keys for an authorization server.
    pub fn keys(&self) -> Keys {
        let previous = self.previous.iter();
        Keys::new(
            *self.current.secret(),
            previous.map(|key| *key.secret()).collect::<Vec<_>>(),
        )
    }

    /// The key that encrypts.
    pub fn current(&self) -> &MasterKey {
        &self.current
    }

    /// The keys that only decrypt, newest first.
    pub fn previous(&self) -> &[MasterKey] {
        &self.previous
    }
}
