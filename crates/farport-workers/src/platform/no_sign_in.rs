//! In place of sign-in, in a Worker without it.

use std::{collections::HashMap, sync::Arc};

use farport_oauth::Store;
use farport_server::{Error, HostError, OAuth};
use secrecy::SecretString;
use worker::{Env, Stub};

use crate::platform::environment::Variables;

/// No provider reads variables.
pub(crate) fn provide(_: &HashMap<String, SecretString>) {}

/// Returns no object.
pub(crate) fn stub(_: &Env) -> Result<Option<Stub>, worker::Error> {
    Ok(None)
}

/// Returns an error.
pub(crate) fn store(_: &Env) -> Result<Arc<dyn Store>, Error> {
    Err(HostError::NoSignIn.into())
}

/// Returns an error.
pub(crate) fn oauth(_: Arc<dyn Store>, _: &Variables) -> Result<OAuth, Error> {
    Err(HostError::NoSignIn.into())
}

/// A server without sign-in has no store.
#[doc(hidden)]
#[macro_export]
macro_rules! store_class {
    ($server:path) => {};
}
