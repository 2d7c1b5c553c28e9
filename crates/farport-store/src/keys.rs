//! Master keys: what seals OAuth's transactions.
//!
//! There is one that seals, and there may be some before it that still open what they sealed. They
//! come from the environment, or from a file beside the database that is made on first use.

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use farport_oauth::{Digest, Keys};
use secrecy::{ExposeSecret, SecretBox};
use zeroize::Zeroizing;

use crate::files;

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

    /// The keys in the file at `path`: one a line, the one that seals first; lines that begin with
    /// `#` are for people. Where there is no such file, one is made, with a new key, for its owner
    /// alone. Of several processes that make it at the same time, all get the same key.
    ///
    /// # Errors
    /// When the file can be neither read nor made, or holds something else.
    pub fn of_file(path: &Path) -> Result<Self, KeyError> {
        match read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            Err(source) => return Err(failed(path, source)),
            Ok(text) => return Self::of_text(&text, path),
        }
        let text = read(path).map_err(|source| failed(path, source))?;
        Self::of_text(&text, path)
    }

    fn of_text(text: &str, path: &Path) -> Result<Self, KeyError> {
        let lines = (1..).zip(text.lines());
        let keys = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let mut keys = keys.map(|(number, line): (usize, _)| {
            MasterKey::parse(line).ok_or_else(|| KeyError::NoKey {
                place: format!("{}, line {number},", path.display()),
            })
        });
        let current = keys.next().ok_or_else(|| KeyError::Empty {
            path: path.to_owned(),
        })??;
        Ok(Self {
            current,
            previous: keys.collect::<Result<_, _>>()?,
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

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut file = OpenOptions::new().read(true).open(path)?;
    files::restrict(&file, path)?;
    let mut text = Zeroizing::new(String::new());
    io::Read::read_to_string(&mut file, &mut text)?;
    Ok(text)
}

/// Makes the file whole, then gives it its name, which somebody else may have taken meanwhile.
fn make(path: &Path) -> Result<(), KeyError> {
    files::make_folder(path).map_err(|error| failed(path, io::Error::other(error)))?;
    let mut secret = Zeroizing::new([0; LENGTH]);
    getrandom::fill(&mut *secret).map_err(|_| KeyError::Randomness)?;
    let key = Zeroizing::new(BASE64_STANDARD.encode(*secret));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let make = || {
        // Its owner's alone from the beginning, as the crate has it.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(
            file,
            "# farport's master key. Whoever has it can open what it sealed."
        )?;
        writeln!(file, "{}", *key)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => sync_folder(folder),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    };
    make().map_err(|source: io::Error| failed(path, source))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Elsewhere a folder is no file that could be synchronised.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> KeyError {
    KeyError::File {
        path: path.to_owned(),
        source,
    }
}
