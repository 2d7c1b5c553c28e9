//! API keys in the keyring of the operating system, and a file that lists what they are for.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{HINT, Keyring, folder, keyring, lock};
use crate::Error;
use crate::secret::Secret;

/// How long a change waits for another process.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most keys.
const MOST: usize = 100;

/// API keys in the keyring of the operating system, such as those of providers of models.
///
/// A file lists what the keys are for. It contains no key.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    file: PathBuf,
    keyring: Keyring,
}

/// What a key in the keyring is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// An id that no other key has.
    pub id: String,
    /// The name for people.
    pub label: String,
    /// The name of the API.
    pub api: String,
    /// The base URL of the API.
    pub base_url: String,
}

impl ApiKeys {
    /// The keys that `file` lists.
    pub(super) fn new(file: PathBuf, keyring: Keyring) -> Self {
        Self { file, keyring }
    }

    /// Lists what the keys are for, without opening the keyring.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn list(&self) -> Result<Vec<ApiKey>, Error> {
        let text = match std::fs::read(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let list: Result<Vec<ApiKey>, _> = serde_json::from_slice(&text);
        list.map_err(|error| self.failed(error.into()))
    }

    /// Reads a key. `None` if the keyring has none with this id.
    ///
    /// # Errors
    /// When the keyring cannot be used.
    pub async fn get(&self, id: &str) -> Result<Option<SecretString>, Error> {
        let secret = self.keyring.get(&self.entry(id)).await?;
        Ok(secret.map(|secret| SecretString::from(secret.expose())))
    }

    /// Puts a key into the keyring, in place of one with the same id.
    ///
    /// # Errors
    /// When the keyring cannot be used, the key is too long for it, or the list cannot be written.
    pub async fn keep(&self, about: ApiKey, key: &SecretString) -> Result<(), Error> {
        let key = Secret::new(key.expose_secret());
        if key.expose().len() > self.keyring.largest_entry() {
            return Err(keyring::failed("the key is too long for it"));
        }
        self.keyring.ready().await?;
        let _guard = self.lock().await?;
        let mut list = self.list()?;
        list.retain(|one| one.id != about.id);
        if list.len() >= MOST {
            return Err(keyring::failed(format!("it holds {MOST} keys already")));
        }
        let title = format!("farport: {}", about.label);
        let entry = self.entry(&about.id);
        self.keyring.set(&entry, &title, &key).await?;
        list.push(about);
        self.write(&list)
    }

    /// Removes a key from the keyring. Returns whether there was one.
    ///
    /// # Errors
    /// When the keyring cannot be used, or the list cannot be written.
    pub async fn forget(&self, id: &str) -> Result<bool, Error> {
        let _guard = self.lock().await?;
        let mut list = self.list()?;
        let Some(at) = list.iter().position(|one| one.id == id) else {
            return Ok(false);
        };
        self.keyring.remove(&self.entry(id)).await?;
        list.remove(at);
        self.write(&list)?;
        Ok(true)
    }

    /// The name of an entry. Two lists have different ones.
    fn entry(&self, id: &str) -> String {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let folder = folder.canonicalize().unwrap_or(folder.to_owned());
        let mut hash = Sha256::new();
        hash.update(folder.as_os_str().as_encoded_bytes());
        hash.update(b"\0");
        hash.update(id);
        format!(
            "api-key-{}",
            base16ct::lower::encode_string(hash.finalize().get(..8).unwrap_or_default())
        )
    }

    async fn lock(&self) -> Result<Option<super::Guard>, Error> {
        if let Some(parent) = self.file.parent() {
            folder::make(parent).map_err(|error| self.failed(error))?;
        }
        let path = self.file.with_extension("lock");
        let guard = lock::acquire(&path, PATIENCE).await;
        guard.map_err(|error| self.failed(error))
    }

    fn write(&self, list: &[ApiKey]) -> Result<(), Error> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let text = serde_json::to_vec_pretty(list).map_err(io::Error::from);
        let written = text.and_then(|text| {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&text)?;
            file.persist(&self.file).map_err(|error| error.error)?;
            Ok(())
        });
        written.map_err(|error| self.failed(error))
    }

    fn failed(&self, why: io::Error) -> Error {
        Error::Store {
            path: self.file.clone(),
            why,
            hint: HINT,
        }
    }
}
