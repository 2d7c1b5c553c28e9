//! The sign-ins that are kept: a file for each server, in one folder, for this user's eyes only.
//!
//! A file is replaced whole, by renaming. A process changes a file while it holds its lock, which the
//! operating system releases when the process dies; so several instances share one sign-in and one refresh,
//! and none waits for a dead one.
//!
//! Tokens rest in the file, or, where that is wanted, in the keyring of the operating system; then the
//! file says where they are. A sign-in that is in the keyring stays there until it ends.

mod api_keys;
mod folder;
mod import;
mod keyring;
mod lock;
mod record;
mod secrets;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base16ct::lower::encode_string;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use api_keys::{ApiKey, ApiKeys};
pub use keyring::Keyring;
pub(crate) use lock::Guard;
pub(crate) use record::{Client, ClientAuth, Record, Tokens};

use crate::Error;
use crate::clock::Clock;
use crate::identity::Identity;
use secrets::Place;

/// Where sign-ins are kept.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// The folder of the proxy that is replaced, whose sign-ins are taken over.
    elsewhere: Option<PathBuf>,
    /// The file that lists the API keys.
    api_keys: PathBuf,
    keyring: Keyring,
    /// Whether what is kept anew goes into the keyring.
    into_keyring: bool,
    clock: Clock,
}

/// A file, as it is written.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    record: Record,
    /// Where the secrets are, when they are not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyring: Option<Place>,
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
    /// Whether it is renewed without the user.
    pub renews: bool,
    /// Whether there is a token at all: a client may be registered before the first sign-in.
    pub signed_in: bool,
    /// Whether the tokens are in the keyring of the operating system; else they are in the file.
    pub in_keyring: bool,
    /// What the tokens are for (RFC 8707), where that was settled.
    pub resource: Option<String>,
    /// The names of the headers that are sent along; their values may be secrets.
    pub headers: Vec<String>,
    /// Which of several sign-ins to one server this is.
    pub key: String,
}

/// How often a file is read again when it was replaced during the read.
const MOST_READS: usize = 5;
/// How long moving a sign-in into the keyring waits for others that use it.
const MOVE_WITHIN: Duration = Duration::from_secs(10);

const HINT: &str = "check that the folder is yours, or name another one in FARPORT_CONFIG_DIR";

impl Store {
    /// The store of this user: under `FARPORT_CONFIG_DIR`, or in the platform's folder for settings.
    /// Sign-ins that `mcp-remote` left are taken over when one is wanted.
    ///
    /// # Errors
    /// When the system does not say where this user's settings are.
    pub fn of_user() -> Result<Self, Error> {
        let folder = folder::config().ok_or_else(|| {
            Error::usage_with_hint(
                "this system names no folder for settings",
                "name one in FARPORT_CONFIG_DIR",
            )
        })?;
        Ok(Self {
            folder: folder.join("sign-ins"),
            elsewhere: folder::mcp_auth(),
            api_keys: folder.join("api-keys.json"),
            keyring: Keyring::of_system(),
            into_keyring: false,
            clock: Clock::default(),
        })
    }

    /// A store in this folder, without sign-ins from elsewhere.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            // Sign-ins are the files that end in `.json`.
            api_keys: folder.join("api-keys.list"),
            folder,
            elsewhere: None,
            keyring: Keyring::of_system(),
            into_keyring: false,
            clock: Clock::default(),
        }
    }

    /// The same store, which takes over what `mcp-remote` left in `folder`.
    #[must_use]
    pub fn taking_over(mut self, folder: impl Into<PathBuf>) -> Self {
        self.elsewhere = Some(folder.into());
        self
    }

    /// The same store, whose tokens go into the keyring from now on, if `wanted`. Where a sign-in is
    /// in the keyring already, it stays there in any case.
    #[must_use]
    pub fn with_keyring(mut self, wanted: bool) -> Self {
        self.into_keyring = wanted;
        self
    }

    /// The same store with another keyring than the system's.
    #[must_use]
    pub fn using(mut self, keyring: Keyring) -> Self {
        self.keyring = keyring;
        self
    }

    /// The API keys in the keyring of this store.
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys::new(self.api_keys.clone(), self.keyring.clone())
    }

    /// The same store with another clock than the system's, for tests of tokens that expire.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
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
            if let Some(kept) = self.read(&path)? {
                all.push(kept.summary(key));
            }
        }
        all.sort_by(|a, b| (&a.server, &a.key).cmp(&(&b.server, &b.key)));
        Ok(all)
    }

    /// Forgets a sign-in of [`Store::list`]. Whether there was one.
    ///
    /// # Errors
    /// When its file cannot be removed, or its tokens cannot be taken out of the keyring; then the
    /// file stays.
    pub async fn forget(&self, key: &str) -> Result<bool, Error> {
        let path = self.path(key);
        if let Some(place) = self.read(&path)?.and_then(|kept| kept.keyring) {
            place.clear(&self.keyring).await?;
        }
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed(&path, error)),
        }
    }

    /// Checks that the keyring can be used, if one is wanted, before a user signs in in vain.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        if self.into_keyring {
            self.keyring.ready().await?;
        }
        Ok(())
    }

    /// The sign-in of a server; one of the replaced proxy's where there is none of ours.
    pub(crate) async fn load(&self, identity: &Identity) -> Result<Option<Record>, Error> {
        let record = self.record(identity.key()).await?;
        if record.is_some() {
            return Ok(record);
        }
        let elsewhere = self.elsewhere.as_deref();
        Ok(elsewhere.and_then(|folder| import::find(folder, identity)))
    }

    /// Moves a sign-in into the keyring that rests in its file, where a keyring is wanted.
    pub(crate) async fn settle(&self, key: &str) -> Result<(), Error> {
        let in_file = |kept: &Kept| kept.keyring.is_none() && kept.record.has_secrets();
        let path = self.path(key);
        if !self.into_keyring || !self.read(&path)?.as_ref().is_some_and(in_file) {
            return Ok(());
        }
        let guard = self.lock(key, MOVE_WITHIN).await?;
        // An instance that holds the lock writes the file when it is done.
        if guard.is_some()
            && let Some(kept) = self.read(&path)?.filter(in_file)
        {
            self.save(key, &kept.record).await?;
        }
        Ok(())
    }

    /// A sign-in, with its secrets.
    pub(crate) async fn record(&self, key: &str) -> Result<Option<Record>, Error> {
        let path = self.path(key);
        let mut place = None;
        for _ in 0..MOST_READS {
            let Some(mut kept) = self.read(&path)? else {
                return Ok(None);
            };
            let Some(now) = &kept.keyring else {
                return Ok(Some(kept.record));
            };
            if now.take(&self.keyring, &mut kept.record).await? {
                return Ok(Some(kept.record));
            }
            // Another instance may have renewed it between the two reads.
            if place.as_ref() == Some(now) {
                tracing::warn!(path = %path.display(), "the keyring does not have this sign-in");
                // Without its secret the client cannot authenticate.
                let client = kept.record.client.take();
                kept.record.client = client.filter(|client| client.auth == ClientAuth::None);
                return Ok(Some(kept.record));
            }
            place.clone_from(&kept.keyring);
        }
        Ok(None)
    }

    /// Keeps a sign-in in place of the one before.
    pub(crate) async fn save(&self, key: &str, record: &Record) -> Result<(), Error> {
        self.make_folder()?;
        let path = self.path(key);
        let before = self.read(&path)?.and_then(|kept| kept.keyring);
        let mut kept = Kept {
            record: record.clone(),
            keyring: None,
        };
        if (self.into_keyring || before.is_some()) && record.has_secrets() {
            let name = self.entry_name(key);
            let place = Place::put(&self.keyring, &name, before.as_ref(), &mut kept.record).await?;
            kept.keyring = Some(place);
        }
        self.write(&path, &kept)?;
        if let Some(before) = before
            && let Err(error) = before.clear(&self.keyring).await
        {
            tracing::warn!(%error, "a token that was replaced is still in the keyring");
        }
        Ok(())
    }

    fn write(&self, path: &Path, kept: &Kept) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(kept).map_err(io::Error::from);
        let written = text.and_then(|text| {
            // For this user alone, from the first byte on.
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        });
        written.map_err(|error| self.failed(path, error))
    }

    /// What its entries in the keyring are called. Two folders have different ones.
    fn entry_name(&self, key: &str) -> String {
        let folder = self.folder.canonicalize();
        let folder = folder.as_ref().unwrap_or(&self.folder);
        let hash = Sha256::digest(folder.as_os_str().as_encoded_bytes());
        format!("{key}-{}", encode_string(hash.get(..4).unwrap_or_default()))
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

    fn read(&self, path: &Path) -> Result<Option<Kept>, Error> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(path, error)),
        };
        match serde_json::from_slice(&text) {
            Ok(kept) => Ok(Some(kept)),
            Err(error) => {
                // Signing in again fixes it; the file may be from a newer release, so it stays.
                tracing::warn!(path = %path.display(), %error, "a stored sign-in cannot be read");
                Ok(None)
            }
        }
    }

    fn make_folder(&self) -> Result<(), Error> {
        folder::make(&self.folder).map_err(|error| self.failed(&self.folder, error))
    }

    #[expect(clippy::unused_self, reason = "it reads as part of the store")]
    fn failed(&self, path: &Path, why: io::Error) -> Error {
        Error::Store {
            path: path.to_owned(),
            why,
            hint: HINT,
        }
    }
}

impl Kept {
    fn summary(&self, key: String) -> Summary {
        let record = &self.record;
        let (place, tokens) = (self.keyring.as_ref(), record.tokens.as_ref());
        let server = record.authorization_server.as_ref();
        let scopes = place.map(|place| &place.scopes);
        Summary {
            server: record.server.clone(),
            issuer: server.map(|one| one.issuer.clone()).unwrap_or_default(),
            scopes: scopes
                .or(tokens.map(|tokens| &tokens.scopes))
                .cloned()
                .unwrap_or_default(),
            expires_at: match place {
                Some(place) => place.expires_at,
                None => tokens.and_then(|tokens| tokens.expires_at),
            },
            renews: place.map_or_else(
                || tokens.is_some_and(|tokens| tokens.refresh.is_some()),
                |place| place.renews,
            ),
            signed_in: place.map_or(tokens.is_some(), |place| place.signed_in),
            in_keyring: place.is_some(),
            resource: record.resource.clone(),
            headers: record.headers.clone(),
            key,
        }
    }
}
