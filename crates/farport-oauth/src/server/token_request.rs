//! A request of a client that authenticates.

use std::{fmt, net::IpAddr};

/// A request to the token, revocation or introspection endpoint.
#[derive(Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The `Authorization` header, if there is one.
    pub authorization: Option<&'a str>,
    /// The body, which is a form.
    pub body: &'a [u8],
    /// The address that the request came from.
    pub address: Option<IpAddr>,
}

/// Omits the header and the body, which contain secrets.
impl fmt::Debug for TokenRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
