//! Nothing to remember of anybody: there is no sign-in.

use std::sync::Arc;

use farport::Error;
use farport_oauth::Store;
use worker::{Env, Stub};

/// There is no such object.
pub(crate) fn stub(_: &Env) -> Result<Option<Stub>, worker::Error> {
    Ok(None)
}

/// There is no store.
pub(crate) fn distant(_: &Env) -> Result<Arc<dyn Store>, Error> {
    Err(Error::NoSignIn)
}
