//! The store of a server without sign-in: none.

use std::sync::Arc;

use farport::Error;
use farport_oauth::Store;
use worker::{Env, Stub};

/// Returns no object.
pub(crate) fn stub(_: &Env) -> Result<Option<Stub>, worker::Error> {
    Ok(None)
}

/// Returns an error.
pub(crate) fn distant(_: &Env) -> Result<Arc<dyn Store>, Error> {
    Err(Error::NoSignIn)
}
