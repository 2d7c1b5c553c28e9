//! The metadata of an OpenID Connect provider, as [`Oidc`](super::Oidc) uses it.

use url::Url;

use super::{exchange::SecretIn, urls};
use crate::client::ServerMetadata;

/// The metadata with its endpoints checked.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) authorization: Url,
    pub(crate) token: Url,
    pub(crate) userinfo: Option<Url>,
    pub(crate) revocation: Option<Url>,
    pub(crate) keys: Url,
    pub(crate) secret_in: SecretIn,
    /// Whether authorization responses contain `iss` (RFC 9207).
    pub(crate) announces_iss: bool,
}

impl Metadata {
    /// The largest accepted document, in bytes.
    pub(crate) const MOST_BYTES: usize = 128 * 1024;

    /// Reads the metadata of `issuer`. The error is for the log.
    pub(crate) fn read(text: &[u8], issuer: &str) -> Result<Self, String> {
        let metadata = ServerMetadata::read_of(text, issuer)
            .map_err(|error| format!("cannot use the provider's metadata: {error}"))?;
        let secret_in = if metadata.supports_token_auth("client_secret_basic") {
            SecretIn::Header
        } else {
            SecretIn::Body
        };
        let endpoint = |name: &str, url: &Option<Url>| urls::checked(&metadata, name, url.as_ref());
        let required = |name: &str, url: &Option<Url>| {
            endpoint(name, url)?.ok_or_else(|| format!("the provider's metadata has no {name}"))
        };
        Ok(Self {
            authorization: required("authorization_endpoint", &metadata.authorization_endpoint)?,
            token: required("token_endpoint", &metadata.token_endpoint)?,
            userinfo: endpoint("userinfo_endpoint", &metadata.userinfo_endpoint)?,
            revocation: endpoint("revocation_endpoint", &metadata.revocation_endpoint)?,
            keys: required("jwks_uri", &metadata.jwks_uri)?,
            secret_in,
            announces_iss: metadata.authorization_response_iss_parameter_supported,
        })
    }
}
