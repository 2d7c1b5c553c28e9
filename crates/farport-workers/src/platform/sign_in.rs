//! Sign-in: its store, its keys and its requests to other servers.

mod fetcher;
mod store;

use std::{collections::HashMap, sync::Arc};

use farport_oauth::{Store, provider};
use farport_server::{Error, HostError, OAuth, SystemRandom};
use farport_store::MasterKeys;
use secrecy::SecretString;

use self::fetcher::WorkerFetcher;
use crate::platform::environment::Variables;
pub use store::StoreObject;
pub(crate) use store::{store, stub};

/// The variables with the master key and earlier ones.
const MASTER_KEYS: [&str; 2] = ["FARPORT_MASTER_KEY", "FARPORT_PREVIOUS_MASTER_KEYS"];

/// Passes the variables to identity providers.
pub(crate) fn provide(variables: &HashMap<String, SecretString>) {
    let variables = variables.iter();
    provider::provide_variables(variables.map(|(name, value)| (name.clone(), value.clone())));
}

/// Returns what sign-in requires of a host.
///
/// # Errors
/// When the master key is missing or invalid.
pub(crate) fn oauth(store: Arc<dyn Store>, variables: &Variables) -> Result<OAuth, Error> {
    let [current, previous] = MASTER_KEYS.map(|name| variables.get(name));
    let current = current.ok_or(HostError::NoMasterKey)?;
    let keys = MasterKeys::parse(&current, &previous.unwrap_or_default(), MASTER_KEYS);
    let keys = keys.map_err(HostError::master_key)?;
    Ok(OAuth {
        store,
        keys: keys.keys(),
        random: Arc::new(SystemRandom),
        fetcher: Arc::new(WorkerFetcher),
    })
}

/// Defines the class of the store.
#[doc(hidden)]
#[macro_export]
macro_rules! store_class {
    ($server:path) => {
        $crate::object_class!(
            FarportStore,
            $crate::StoreObject,
            "The OAuth store.",
            $server
        );
    };
}
