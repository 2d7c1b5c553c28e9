//! The metadata of an external authorization server (RFC 8414, OpenID Connect Discovery 1.0).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use url::Url;

use crate::{
    Reach,
    caching::Bounds,
    client::{ServerMetadata, oauth_metadata_url, openid_metadata_url},
    outgoing::Response,
    provider::{FetchContext, SecretIn, urls},
    remote::Remote,
};

/// The used part of the metadata.
pub(super) struct Metadata {
    pub(super) keys: Option<Url>,
    pub(super) introspection: Option<Url>,
    pub(super) introspection_secret_in: SecretIn,
}

/// The two locations of the metadata.
pub(super) struct Discovery {
    issuer: String,
    /// By RFC 8414.
    oauth: Remote<Metadata>,
    /// By OpenID Connect Discovery 1.0.
    openid: Remote<Metadata>,
    /// Which location had the metadata last.
    is_openid: AtomicBool,
}

impl Discovery {
    const MOST_BYTES: usize = 128 * 1024;

    const BOUNDS: Bounds = Bounds {
        default: Duration::from_secs(3600),
        least: Duration::from_secs(300),
        most: Duration::from_secs(24 * 3600),
    };

    pub(super) fn new(url: &Url, issuer: &str) -> Self {
        let remote = |url| Remote::new(url, Reach::Configured, Self::BOUNDS, Self::MOST_BYTES);
        Self {
            issuer: issuer.to_owned(),
            oauth: remote(oauth_metadata_url(url)),
            openid: remote(openid_metadata_url(url)),
            is_openid: AtomicBool::new(false),
        }
    }

    /// Returns the metadata. The error is for the log.
    pub(super) async fn get(&self, context: FetchContext<'_>) -> Result<Arc<Metadata>, String> {
        let read = |answer: &Response| Metadata::read(&answer.body, &self.issuer);
        let first = self.is_openid.load(Ordering::Relaxed);
        let mut errors = Vec::new();
        for is_openid in [first, !first] {
            let document = if is_openid { &self.openid } else { &self.oauth };
            match document.get(context, read).await {
                Ok(metadata) => {
                    self.is_openid.store(is_openid, Ordering::Relaxed);
                    return Ok(metadata);
                }
                Err(why) => errors.push(format!("{}: {why}", document.url())),
            }
        }
        Err(errors.join("; "))
    }
}

impl Metadata {
    fn read(text: &[u8], issuer: &str) -> Result<Self, String> {
        let metadata = ServerMetadata::read_of(text, issuer)
            .map_err(|error| format!("cannot use the authorization server metadata: {error}"))?;
        let introspection_secret_in = if metadata.supports_introspection_auth("client_secret_basic")
        {
            SecretIn::Header
        } else {
            SecretIn::Body
        };
        let endpoint = |name: &str, url: &Option<Url>| urls::checked(&metadata, name, url.as_ref());
        Ok(Self {
            keys: endpoint("jwks_uri", &metadata.jwks_uri)?,
            introspection: endpoint("introspection_endpoint", &metadata.introspection_endpoint)?,
            introspection_secret_in,
        })
    }
}
