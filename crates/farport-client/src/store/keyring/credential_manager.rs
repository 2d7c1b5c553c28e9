//! The Credential Manager of Windows.

use super::{Opened, explain};
use crate::Error;

pub(super) use super::no_service::Service;

/// The most that one entry holds, in bytes. The Credential Manager takes 2560.
pub(super) const LARGEST_ENTRY: usize = 2400;

/// What to do when the keyring fails.
pub(super) const HINT: &str = "start or unlock one (on Linux: GNOME Keyring, KWallet or KeePassXC)";

/// Opens the keyring of this user.
pub(super) async fn open() -> Result<Opened, Error> {
    let store = windows_native_keyring_store::Store::new().map_err(explain)?;
    Ok(Opened::Native(store))
}
