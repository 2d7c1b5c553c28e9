//! Metadata documents at their well-known places, in both of their forms.

use bytes::Bytes;
use farport_oauth::{ProtectedResourceMetadata, Site};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::{Auth, Authority};
use crate::{Body, refusal::Refusal, respond};

const RESOURCE: &str = "/.well-known/oauth-protected-resource";
const SERVER: &str = "/.well-known/oauth-authorization-server";

/// Where the metadata of the resource at `path` are.
pub(super) fn resource_metadata_url(site: &Site, path: &str) -> String {
    format!("{}{RESOURCE}{path}", site.issuer())
}

/// Whether there is a metadata document at `path`.
pub(crate) fn is_well_known(path: &str) -> bool {
    path.starts_with(RESOURCE) || path.starts_with(SERVER)
}

impl Auth {
    /// The document at `path`.
    pub(super) fn document(&self, site: &Site, path: &str) -> Result<Response<Body>, Refusal> {
        if let Some(of) = path.strip_prefix(RESOURCE) {
            let resource = match of {
                "" => Some(site.issuer()),
                of => site.resource(of),
            };
            let resource = resource.ok_or(Refusal::NoRoute)?.clone();
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
        // Clients of 2025-03-26 look below the resource's path, for the same issuer.
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
        tracing::error!(%error, "metadata do not serialise");
        Refusal::Internal
    })?;
    let mut response = respond::json(StatusCode::OK, Bytes::from(json));
    let briefly = HeaderValue::from_static("public, max-age=300");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, briefly);
    Ok(response)
}
