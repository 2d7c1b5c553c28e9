//! In place of sign-in, in a program without it.

use std::net::SocketAddr;

use farport_core::Dispatch;
use farport_http::Auth;

use crate::{
    error::Error, host::OAuth, host_error::HostError, protection::Protection, settings::Settings,
};

/// How users sign in. This program has no way.
#[derive(Clone, Debug)]
pub enum SignIn {}

/// Returns no protection.
///
/// # Errors
/// When the settings or the builder require one.
pub(crate) fn auth(
    protection: &mut Protection,
    _: &dyn Dispatch,
    settings: &Settings,
    _: &[SocketAddr],
    _: &dyn Fn() -> Result<OAuth, Error>,
) -> Result<Option<Auth>, Error> {
    if settings.auth.provider.is_some() || !protection.rules.is_empty() {
        return Err(HostError::NoSignIn.into());
    }
    Ok(None)
}
