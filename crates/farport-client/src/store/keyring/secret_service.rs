//! The Secret Service of a Linux or BSD desktop: GNOME Keyring, `KWallet`, `KeePassXC` and others
//! (freedesktop.org, "Secret Service API").

use std::collections::HashMap;
use std::time::Duration;

use secret_service::{EncryptionType, Error as Fault, Item, SecretService};

use super::{Opened, failed};
use crate::Error;

/// How long it may take, including the prompt for the keyring's password.
const PATIENCE: Duration = Duration::from_secs(180);

const NONE: &str = "no Secret Service runs in this session";

/// The most that one entry holds, in bytes.
pub(super) const LARGEST_ENTRY: usize = 48 * 1024;

/// What to do when the keyring fails.
pub(super) const HINT: &str = "start or unlock one (on Linux: GNOME Keyring, KWallet or KeePassXC)";

/// Opens the keyring of this user.
pub(super) async fn open() -> Result<Opened, Error> {
    Service::open().await.map(Opened::SecretService)
}

pub(super) struct Service(SecretService<'static>);

impl Service {
    /// Finds the one of this user's session.
    async fn open() -> Result<Self, Error> {
        bounded(async {
            // Encrypted on the bus too, so that nothing that listens there reads along.
            SecretService::connect(EncryptionType::Dh).await.map(Self)
        })
        .await
    }

    /// Makes sure that something can be kept: asks for the keyring's password, if it is locked.
    pub(super) async fn ready(&self) -> Result<(), Error> {
        bounded(async {
            match self.0.get_default_collection().await {
                Ok(collection) => collection.ensure_unlocked().await,
                // It is made with the first entry.
                Err(Fault::NoResult) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    pub(super) async fn get(&self, service: &str, name: &str) -> Result<Option<Vec<u8>>, Error> {
        bounded(async {
            match self.item(service, name).await? {
                Some(item) => item.get_secret().await.map(Some),
                None => Ok(None),
            }
        })
        .await
    }

    pub(super) async fn set(
        &self,
        service: &str,
        name: &str,
        title: &str,
        secret: &[u8],
    ) -> Result<(), Error> {
        bounded(async {
            let collection = match self.0.get_default_collection().await {
                Err(Fault::NoResult) => self.0.create_collection("Login", "default").await?,
                other => other?,
            };
            collection.ensure_unlocked().await?;
            let attributes = attributes(service, name);
            collection
                .create_item(title, attributes, secret, true, "application/octet-stream")
                .await
                .map(|_| ())
        })
        .await
    }

    pub(super) async fn remove(&self, service: &str, name: &str) -> Result<(), Error> {
        bounded(async {
            match self.item(service, name).await? {
                Some(item) => item.delete().await,
                None => Ok(()),
            }
        })
        .await
    }

    /// The item of a name, unlocked.
    async fn item(&self, service: &str, name: &str) -> Result<Option<Item<'_>>, Fault> {
        let found = self.0.search_items(attributes(service, name)).await?;
        let Some(item) = found.unlocked.into_iter().chain(found.locked).next() else {
            return Ok(None);
        };
        item.ensure_unlocked().await?;
        Ok(Some(item))
    }
}

fn attributes<'a>(service: &'a str, name: &'a str) -> HashMap<&'a str, &'a str> {
    HashMap::from([("service", service), ("username", name)])
}

async fn bounded<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Error> {
    let done = tokio::time::timeout(PATIENCE, work).await;
    let done = done.map_err(|_| failed("it did not answer within 3 minutes"))?;
    done.map_err(|error| {
        failed(match error {
            Fault::Unavailable => NONE.to_owned(),
            Fault::Locked | Fault::Prompt => "it is locked, and was not unlocked".to_owned(),
            // The bus is there, and no program on it offers the service.
            Fault::Zbus(error) if error.to_string().contains("ServiceUnknown") => NONE.to_owned(),
            Fault::Zbus(error) => error.to_string(),
            other => other.to_string(),
        })
    })
}
