//! The keyring of the operating system: the Secret Service on Linux and the BSDs, the Keychain on
//! macOS, the Credential Manager on Windows.
//!
//! It is opened at its first use, so that programs without keyring tokens do not wait for it.

// Each system has its own keyring, with its own crate.
cfg_if::cfg_if! {
    if #[cfg(target_os = "macos")] {
        mod keychain;
        mod no_service;
        use keychain as platform;
    } else if #[cfg(windows)] {
        mod credential_manager;
        mod no_service;
        use credential_manager as platform;
    } else if #[cfg(all(feature = "secret-service", unix, not(target_vendor = "apple")))] {
        mod secret_service;
        use secret_service as platform;
    } else {
        mod absent;
        mod no_service;
        use absent as platform;
    }
}

use std::fmt;
use std::sync::Arc;

use keyring_core::CredentialStore;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::Error;
use crate::secret::Secret;

/// What everything of ours is filed under.
const SERVICE: &str = "farport";

/// A keyring, opened when something is looked for in it.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    opened: OnceCell<Opened>,
    largest_entry: usize,
}

enum Opened {
    SecretService(platform::Service),
    Native(Arc<CredentialStore>),
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("opened", &self.0.opened.initialized())
            .finish_non_exhaustive()
    }
}

impl Default for Keyring {
    fn default() -> Self {
        Self::of_system()
    }
}

impl Keyring {
    /// What the user can do when the keyring cannot be used.
    pub const HINT: &str = platform::HINT;

    /// The keyring of the user who runs this.
    pub fn of_system() -> Self {
        Self(Arc::new(Inner {
            opened: OnceCell::new(),
            largest_entry: platform::LARGEST_ENTRY,
        }))
    }

    /// Another keyring, whose entries hold at most `largest_entry` bytes.
    pub fn of(store: Arc<CredentialStore>, largest_entry: usize) -> Self {
        Self(Arc::new(Inner {
            opened: OnceCell::new_with(Some(Opened::Native(store))),
            largest_entry,
        }))
    }

    /// The most that one entry holds, in bytes.
    pub(super) fn largest_entry(&self) -> usize {
        self.0.largest_entry
    }

    /// Makes sure that there is one, and that it is open.
    pub(super) async fn ready(&self) -> Result<(), Error> {
        match self.opened().await? {
            Opened::SecretService(service) => service.ready().await,
            // The system asks when something is put there.
            Opened::Native(_) => Ok(()),
        }
    }

    /// What is kept under a name; `None` where nothing is.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Secret>, Error> {
        let bytes = match self.opened().await? {
            Opened::SecretService(service) => service.get(SERVICE, name).await?,
            Opened::Native(store) => {
                native(store, name, |entry| match entry.get_secret() {
                    Ok(secret) => Ok(Some(secret)),
                    Err(keyring_core::Error::NoEntry) => Ok(None),
                    Err(error) => Err(error),
                })
                .await?
            }
        };
        let text = bytes.map(String::from_utf8).transpose();
        text.map(|text| text.map(Secret::new))
            .map_err(|_| failed("what it holds under farport's name is not farport's"))
    }

    /// Keeps something under a name, in place of what was there. `title` is for people who look into
    /// their keyring.
    pub(super) async fn set(&self, name: &str, title: &str, secret: &Secret) -> Result<(), Error> {
        match self.opened().await? {
            Opened::SecretService(service) => {
                service
                    .set(SERVICE, name, title, secret.expose().as_bytes())
                    .await
            }
            Opened::Native(store) => {
                // The native stores show the name; they take no title.
                let _ = title;
                let secret = secret.clone();
                native(store, name, move |entry| {
                    entry.set_secret(secret.expose().as_bytes())
                })
                .await
            }
        }
    }

    /// Forgets what is kept under a name, if anything is.
    pub(super) async fn remove(&self, name: &str) -> Result<(), Error> {
        match self.opened().await? {
            Opened::SecretService(service) => service.remove(SERVICE, name).await,
            Opened::Native(store) => {
                native(store, name, |entry| match entry.delete_credential() {
                    Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
                    Err(error) => Err(error),
                })
                .await
            }
        }
    }

    async fn opened(&self) -> Result<&Opened, Error> {
        self.0.opened.get_or_try_init(platform::open).await
    }
}

/// Does something with an entry, away from the messages: the system may ask the user first.
async fn native<T: Send + 'static>(
    store: &Arc<CredentialStore>,
    name: &str,
    work: impl FnOnce(&keyring_core::Entry) -> keyring_core::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let (store, name) = (Arc::clone(store), name.to_owned());
    let done = spawn_blocking(move || {
        let entry = store.build(SERVICE, &name, None)?;
        work(&entry)
    });
    match done.await {
        Ok(result) => result.map_err(explain),
        Err(_) => Err(Error::Stopped),
    }
}

fn explain(error: keyring_core::Error) -> Error {
    use keyring_core::Error as Fault;
    // Some of the crate's errors carry what was read, which must not get into a message.
    failed(match error {
        Fault::PlatformFailure(why) => format!("the system said: {why}"),
        Fault::NoStorageAccess(why) => format!("it may not be opened: {why}"),
        Fault::BadEncoding(_) | Fault::BadDataFormat(..) => "what it holds is damaged".to_owned(),
        Fault::Ambiguous(_) => "it holds the same entry twice".to_owned(),
        other => other.to_string(),
    })
}

/// Why a keyring cannot be used.
pub(super) fn failed(why: impl Into<String>) -> Error {
    Error::Keyring { why: why.into() }
}
