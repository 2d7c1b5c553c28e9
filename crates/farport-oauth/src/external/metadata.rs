//! What an authorization server says of itself (RFC 8414, OpenID Connect Discovery 1.0).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use url::Url;

use crate::{
    Reach,
    caching::Bounds,
    json,
    outgoing::Answer,
    provider::{SecretIn, World, urls},
    remote::Remote,
};

/// The part of it that is used.
pub(super) struct Metadata {
    pub(super) keys: Option<Url>,
    pub(super) introspection: Option<Url>,
    pub(super) introspection_secret_in: SecretIn,
}

/// The two places where a server's metadata can be.
pub(super) struct Discovery {
    issuer: String,
    /// RFC 8414, section 3.1: the well-known name goes before the issuer's path.
    oauth: Remote<Metadata>,
    /// OpenID Connect Discovery 1.0, section 4.1: it goes after.
    openid: Remote<Metadata>,
    /// Which of them was there the last time.
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
        let path = url.path().trim_end_matches('/');
        let mut oauth = url.clone();
        oauth.set_query(None);
        oauth.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
        let openid = urls::below(url, ".well-known/openid-configuration");
        let remote = |url| Remote::new(url, Reach::Configured, Self::BOUNDS, Self::MOST_BYTES);
        Self {
            issuer: issuer.to_owned(),
            oauth: remote(oauth),
            openid: remote(openid),
            is_openid: AtomicBool::new(false),
        }
    }

    /// The metadata. An error is for the log.
    pub(super) async fn get(&self, world: World<'_>) -> Result<Arc<Metadata>, String> {
        let read = |answer: &Answer| Metadata::read(&answer.body, &self.issuer);
        let first = self.is_openid.load(Ordering::Relaxed);
        let mut said = Vec::new();
        for is_openid in [first, !first] {
            let document = match is_openid {
                true => &self.openid,
                false => &self.oauth,
            };
            match document.get(world, read).await {
                Ok(metadata) => {
                    self.is_openid.store(is_openid, Ordering::Relaxed);
                    return Ok(metadata);
                }
                Err(why) => said.push(format!("{}: {why}", document.url())),
            }
        }
        Err(said.join("; "))
    }
}

impl Metadata {
    fn read(text: &[u8], issuer: &str) -> Result<Self, String> {
        let members = json::object(text)
            .map_err(|error| format!("the server's metadata are not a JSON object: {error}"))?;
        if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(format!(
                "the server's metadata are not those of {issuer}; the issuer in the settings has \
                 to be written exactly as the server writes it"
            ));
        }
        let endpoint = |name: &str| urls::endpoint_of(&members, issuer, name);
        let methods = members.get("introspection_endpoint_auth_methods_supported");
        let methods = methods.and_then(Value::as_array);
        let basic = |all: &Vec<Value>| all.iter().any(|one| one == "client_secret_basic");
        Ok(Self {
            keys: endpoint("jwks_uri")?,
            introspection: endpoint("introspection_endpoint")?,
            introspection_secret_in: match methods.is_none_or(basic) {
                true => SecretIn::Header,
                false => SecretIn::Body,
            },
        })
    }
}
