//! Metadata documents (RFC 8414, RFC 9728).

use std::sync::Arc;

use serde::Serialize;

use super::Config;
use crate::{Scopes, Site};

/// The authorization server metadata (RFC 8414).
#[derive(Clone, Debug, Serialize)]
pub struct AuthorizationServerMetadata {
    issuer: Arc<str>,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    revocation_endpoint: String,
    introspection_endpoint: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 2],
    token_endpoint_auth_methods_supported: [&'static str; 4],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 2],
    revocation_endpoint_auth_methods_supported: [&'static str; 4],
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 2],
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; 2],
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
    client_id_metadata_document_supported: bool,
    protected_resources: Vec<Arc<str>>,
}

/// The metadata of a protected resource (RFC 9728).
#[derive(Clone, Debug, Serialize)]
pub struct ProtectedResourceMetadata {
    /// The resource identifier.
    pub resource: Arc<str>,
    /// The issuers of its authorization servers.
    pub authorization_servers: Vec<Arc<str>>,
    /// The supported scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// How clients send tokens: only in the header.
    pub bearer_methods_supported: [&'static str; 1],
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
}

const ALGORITHMS: [&str; 2] = ["RS256", "ES256"];
const METHODS: [&str; 4] = [
    "none",
    "client_secret_post",
    "client_secret_basic",
    "private_key_jwt",
];

impl AuthorizationServerMetadata {
    /// The metadata of a server with these settings at `site`.
    pub(super) fn new(config: &Config, site: &Site) -> Self {
        let issuer = site.issuer();
        let at = |path: &str| format!("{issuer}{path}");
        let [_, secret, basic, jwt] = METHODS;
        Self {
            issuer: issuer.clone(),
            authorization_endpoint: at("/authorize"),
            token_endpoint: at("/token"),
            registration_endpoint: config.registration.then(|| at("/register")),
            revocation_endpoint: at("/revoke"),
            introspection_endpoint: at("/introspect"),
            scopes_supported: names(&config.scopes),
            response_types_supported: ["code"],
            response_modes_supported: ["query"],
            grant_types_supported: ["authorization_code", "refresh_token"],
            token_endpoint_auth_methods_supported: METHODS,
            token_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
            revocation_endpoint_auth_methods_supported: METHODS,
            revocation_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
            introspection_endpoint_auth_methods_supported: [secret, basic, jwt],
            introspection_endpoint_auth_signing_alg_values_supported: ALGORITHMS,
            code_challenge_methods_supported: ["S256"],
            authorization_response_iss_parameter_supported: true,
            client_id_metadata_document_supported: config.client_documents,
            protected_resources: site.resources().cloned().collect(),
        }
    }
}

impl ProtectedResourceMetadata {
    /// The metadata of `resource`, for tokens of `issuers`.
    pub fn new(resource: Arc<str>, issuers: Vec<Arc<str>>, scopes: &Scopes) -> Self {
        Self {
            resource,
            authorization_servers: issuers,
            scopes_supported: names(scopes),
            bearer_methods_supported: ["header"],
            resource_name: None,
        }
    }
}

fn names(scopes: &Scopes) -> Vec<String> {
    scopes.iter().map(str::to_owned).collect()
}
