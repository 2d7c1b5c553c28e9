//! Master keys: what seals OAuth's transactions.
//!
//! There is one that seals, and there may be some before it that still open what they sealed. They
//! come from the environment, or from a file beside the database that is made on first use.

#[cfg(not(target_arch = "wasm32"))]
mod file;

use std::{fmt, io, path::PathBuf};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use farport_oauth::{Digest, Keys};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

/// How many bytes a key has.
const LENGTH: usize = 32;

/// A key that other keys are derived from.
pub struct MasterKey {
    id: String,
    secret: SecretBox<[u8; LENGTH]>,
}

/// The master keys of a server.
pub struct MasterKeys {
    current: MasterKey,
    previous: Vec<MasterKey>,
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// What stands where a key is expected is none.
    #[error(
        "{place} does not hold {LENGTH} bytes in base64; make a key with `openssl rand -base64 \
         {LENGTH}`"
    )]
    NoKey {
        /// Where it stands: a variable, or a file and its line.
        place: String,
    },
    /// The file holds no key at all.
    #[error("{} holds no key; remove it to have one made", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or made.
    #[error("the master key's file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no randomness.
    #[error("the system gave no random bytes for a master key")]
    Randomness,
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
    /// A key of these bytes.
    pub fn new(secret: [u8; LENGTH]) -> Self {
        // As it stands before what the key sealed. Enough to tell a server's few keys apart;
        // nothing of the key is to be had from it.
        let labelled = Zeroizing::new([&b"farport key id"[..], &secret].concat());
        let digest = Digest::of(&*labelled);
        let id = digest.0.iter().take(4);
        Self {
            id: id.map(|byte| format!("{byte:02x}")).collect(),
            secret: SecretBox::new(Box::new(secret)),
        }
    }

    /// Its name: the same for the same bytes, and no secret. Stands beside what it sealed.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its bytes.
    pub fn secret(&self) -> &[u8; LENGTH] {
        self.secret.expose_secret()
    }

    fn parse(text: &str) -> Option<Self> {
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
    /// The key in `current`, and those before it in `previous`, with commas between them; each is
    /// 32 bytes in base64, of either alphabet. `variables` are the names of where the two come
    /// from, for the error.
    ///
    /// # Errors
    /// [`KeyError::NoKey`].
    pub fn parse(current: &str, previous: &str, variables: [&str; 2]) -> Result<Self, KeyError> {
        let read = |text: &str, place: &str| {
            MasterKey::parse(text).ok_or_else(|| KeyError::NoKey {
                place: place.to_owned(),
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

    /// The keys, for an authorization server.
    pub fn keys(&self) -> Keys {
        let previous = self.previous.iter();
        Keys::new(
            *self.current.secret(),
            previous.map(|key| *key.secret()).collect::<Vec<_>>(),
        )
    }

    /// The key that seals.
    pub fn current(&self) -> &MasterKey {
        &self.current
    }

    /// Those that still open, newest first.
    pub fn previous(&self) -> &[MasterKey] {
        &self.previous
    }
}
