//! The sign-ins that are kept: a file for each server, in one folder, for this user's eyes only.
//!
//! A file is replaced whole, by renaming. Whoever changes one holds its lock, which the operating
//! system gives back when its holder dies; so several instances share one sign-in and one refresh,
//! and none waits for a dead one.

mod folder;
mod import;
mod lock;
mod record;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use record::{Client, ClientAuth, Record, Tokens, now};

pub(crate) use lock::Guard;

use crate::Error;
use crate::identity::Identity;

/// Where sign-ins are kept.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// The folder of the proxy that is replaced, whose sign-ins are taken over.
    elsewhere: Option<PathBuf>,
}

/// A stored sign-in, as a person may see it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Summary {
    /// The MCP server.
    pub server: String,
    /// The authorization server that gave the tokens.
    pub issuer: String,
    /// What was granted; empty where the server did not say.
    pub scopes: Vec<String>,
    /// When the access token runs out, in seconds since 1970; `None` where it was not said.
    pub expires_at: Option<u64>,
    /// Whether it is renewed without asking anybody.
    pub renews: bool,
    /// Whether there is a token at all: a client may be registered before anybody signs in.
    pub signed_in: bool,
    /// Which of several sign-ins to one server this is.
    pub key: String,
}

const ADVICE: &str = "Check that the folder is yours, or name another one in FARPORT_CONFIG_DIR.";

impl Store {
    /// The store of this user: under `FARPORT_CONFIG_DIR`, or in the platform's folder for settings.
    /// Sign-ins that `mcp-remote` left are taken over when one is wanted.
    ///
    /// # Errors
    /// When the system does not say where this user's settings are.
    pub fn of_user() -> Result<Self, Error> {
        let folder = folder::config().ok_or_else(|| {
            Error::Usage(
                "This system does not say where your settings are kept. Name a folder in \
                 FARPORT_CONFIG_DIR."
                    .to_owned(),
            )
        })?;
        Ok(Self {
            folder: folder.join("sign-ins"),
            elsewhere: folder::mcp_auth(),
        })
    }

    /// A store in a folder of its own, which takes nothing over from elsewhere.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            elsewhere: None,
        }
    }

    /// The same store, which takes over what `mcp-remote` left in `folder`.
    #[must_use]
    pub fn taking_over(mut self, folder: impl Into<PathBuf>) -> Self {
        self.elsewhere = Some(folder.into());
        self
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every sign-in there is, by server.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Summary>, Error> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(&self.folder, error)),
        };
        let mut all = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|error| self.failed(&self.folder, error))?
                .path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let key = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if let Some(record) = self.read(&path)? {
                all.push(record.summary(key));
            }
        }
        all.sort_by(|a, b| (&a.server, &a.key).cmp(&(&b.server, &b.key)));
        Ok(all)
    }

    /// Forgets a sign-in of [`Store::list`]. Whether there was one.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn forget(&self, key: &str) -> Result<bool, Error> {
        let path = self.path(key);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// The sign-in of a server; one of the replaced proxy's where there is none of ours.
    pub(crate) fn load(&self, identity: &Identity) -> Result<Option<Record>, Error> {
        let record = self.read(&self.path(identity.key()))?;
        if record.is_some() {
            return Ok(record);
        }
        let elsewhere = self.elsewhere.as_deref();
        Ok(elsewhere.and_then(|folder| import::find(folder, identity)))
    }

    pub(crate) fn record(&self, key: &str) -> Result<Option<Record>, Error> {
        self.read(&self.path(key))
    }

    /// Keeps a sign-in in place of the one before.
    pub(crate) fn save(&self, key: &str, record: &Record) -> Result<(), Error> {
        self.make_folder()?;
        let path = self.path(key);
        let text = serde_json::to_vec_pretty(record).map_err(io::Error::from);
        let written = text.and_then(|text| {
            // For this user alone, from the first byte on.
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        });
        written.map_err(|error| self.failed(&path, error))
    }

    /// Waits until no other instance changes this sign-in, and keeps others from it.
    ///
    /// A holder that hangs is passed over after `patience`: then there is no guard.
    pub(crate) async fn lock(&self, key: &str, patience: Duration) -> Result<Option<Guard>, Error> {
        self.make_folder()?;
        let path = self.folder.join(format!("{key}.lock"));
        lock::acquire(&path, patience)
            .await
            .map_err(|error| self.failed(&path, error))
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }

    fn read(&self, path: &Path) -> Result<Option<Record>, Error> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(path, error)),
        };
        match serde_json::from_slice(&text) {
            Ok(record) => Ok(Some(record)),
            Err(error) => {
                // Signing in again mends it; the file may be from a newer release, so it stays.
                tracing::warn!(path = %path.display(), %error, "a stored sign-in cannot be read");
                Ok(None)
            }
        }
    }

    fn make_folder(&self) -> Result<(), Error> {
        folder::make(&self.folder).map_err(|error| self.failed(&self.folder, error))
    }

    #[expect(clippy::unused_self, reason = "it reads as part of the store")]
    fn failed(&self, path: &Path, source: io::Error) -> Error {
        Error::Store {
            path: path.to_owned(),
            source,
            advice: ADVICE,
        }
    }
}
