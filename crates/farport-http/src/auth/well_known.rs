//! Metadata documents at their well-known URLs (RFC 8414, RFC 9728).

use bytes::Bytes;
use farport_oauth::{ProtectedResourceMetadata, Site};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::{Auth, Authority};
use crate::{Body, paths, refusal::Refusal, respond};

const RESOURCE: &str = paths::WELL_KNOWN[0];
const SERVER: &str = paths::WELL_KNOWN[1];

/// Returns the URL of the metadata of the resource at `path`.
///
/// The URL is below the path of the server's public URL, so that a proxy that forwards only that path
/// also forwards this request. RFC 9728, section 5.1, allows any URL here.
pub(super) fn resource_metadata_url(site: &Site, path: &str, slash: &str) -> String {
    format!("{}{RESOURCE}{path}{slash}", site.issuer())
}

/// Returns the trailing slash of `path`, if there is one.
///
/// A client that has the server's URL with a trailing slash uses it as the resource, and compares it
/// with the metadata (RFC 9728, section 3.3). So the metadata repeat the slash.
pub(super) fn slash(path: &str) -> &'static str {
    if path.len() > 1 && path.ends_with('/') {
        "/"
    } else {
        ""
    }
}

/// Reports whether `path` is that of a metadata document.
pub(crate) fn is_well_known(path: &str) -> bool {
    path.starts_with(RESOURCE) || path.starts_with(SERVER)
}

impl Auth {
    /// Returns the document at `path`. For a site with a path, the standards insert that path after the
    /// well-known prefix. The same document is also available below the path itself.
    pub(super) fn document(&self, site: &Site, path: &str) -> Result<Response<Body>, Refusal> {
        let within = |of| match paths::below(site.path(), of) {
            Some("/") => "",
            Some(rest) => rest,
            None => of,
        };
        if let Some(of) = path.strip_prefix(RESOURCE) {
            let of = within(of);
            let plain = of.strip_suffix('/').unwrap_or(of);
            let resource = match plain {
                "" => Some(site.issuer().clone()),
                plain => site
                    .resource(plain)
                    .map(|resource| format!("{resource}{}", slash(of)).into()),
            };
            let resource = resource.ok_or(Refusal::NoRoute)?;
            let issuers = match &self.authority {
                Authority::Own(_) => vec![site.issuer().clone()],
                Authority::External(validator, _) => validator.issuers(),
                Authority::ApiTokens(_) => Vec::new(),
            };
            let mut metadata = ProtectedResourceMetadata::new(resource, issuers, &self.scopes);
            metadata.resource_name = self.theme.name.clone();
            return document(&metadata);
        }
        let of = path.strip_prefix(SERVER).ok_or(Refusal::NoRoute)?;
        let of = within(of);
        let of = of.strip_suffix('/').unwrap_or(of);
        // Clients of 2025-03-26 append the resource's path for the same issuer.
        if !of.is_empty() && site.resource(of).is_none() {
            return Err(Refusal::NoRoute);
        }
        match self.own() {
            Some(server) => document(&server.metadata(site)),
            None => Err(Refusal::NoRoute),
        }
    }
}

fn document(metadata: &impl Serialize) -> Result<Response<Body>, Refusal> {
    let json = serde_json::to_vec(metadata).map_err(|error| {
        tracing::error!(%error, "cannot serialize a metadata document");
        Refusal::Internal
    })?;
    let mut response = respond::json(StatusCode::OK, Bytes::from(json));
    let five_minutes = HeaderValue::from_static("public, max-age=300");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, five_minutes);
    Ok(response)
}
