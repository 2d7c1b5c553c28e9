//! No keyring.

use super::{Opened, failed};
use crate::Error;

pub(super) use super::no_service::Service;

/// The most that one entry holds, in bytes.
pub(super) const LARGEST_ENTRY: usize = 48 * 1024;

/// What to do when the keyring fails.
pub(super) const HINT: &str =
    "install a release build of farport, or build it with `--features keyring`";

/// Returns an error.
pub(super) async fn open() -> Result<Opened, Error> {
    Err(failed(
        "this build of farport does not include the Secret Service",
    ))
}
