//! Authorization server metadata (RFC 8414, OpenID Connect Discovery 1.0) and where it is published.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::{json, parse_url, same_issuer};

/// The metadata of an authorization server. Malformed members are ignored and listed; the caller checks
/// whether an endpoint may receive secrets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServerMetadata {
    /// The issuer identifier.
    pub issuer: String,
    /// The authorization endpoint.
    #[serde(default, with = "optional_url")]
    pub authorization_endpoint: Option<Url>,
    /// The token endpoint.
    #[serde(default, with = "optional_url")]
    pub token_endpoint: Option<Url>,
    /// The registration endpoint (RFC 7591).
    #[serde(default, with = "optional_url")]
    pub registration_endpoint: Option<Url>,
    /// The revocation endpoint (RFC 7009).
    #[serde(default, with = "optional_url")]
    pub revocation_endpoint: Option<Url>,
    /// The introspection endpoint (RFC 7662).
    #[serde(
        default,
        with = "optional_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub introspection_endpoint: Option<Url>,
    /// The device authorization endpoint (RFC 8628).
    #[serde(default, with = "optional_url")]
    pub device_authorization_endpoint: Option<Url>,
    /// The user-info endpoint (OpenID Connect).
    #[serde(
        default,
        with = "optional_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub userinfo_endpoint: Option<Url>,
    /// The URL of the public keys.
    #[serde(
        default,
        with = "optional_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub jwks_uri: Option<Url>,
    /// The supported scopes.
    #[serde(default, deserialize_with = "list")]
    pub scopes_supported: Option<Vec<String>>,
    /// The supported grant types.
    #[serde(default, deserialize_with = "list")]
    pub grant_types_supported: Option<Vec<String>>,
    /// The supported PKCE methods.
    #[serde(default, deserialize_with = "list")]
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// The supported client authentication methods at the token endpoint.
    #[serde(default, deserialize_with = "list")]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// The supported client authentication methods at the introspection endpoint.
    #[serde(
        default,
        deserialize_with = "list",
        skip_serializing_if = "Option::is_none"
    )]
    pub introspection_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether authorization responses contain `iss` (RFC 9207).
    #[serde(default, deserialize_with = "flag")]
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether a client ID can be the URL of a client metadata document.
    #[serde(default, deserialize_with = "flag")]
    pub client_id_metadata_document_supported: bool,
    /// The names of the members above that [`ServerMetadata::read`] ignored, because they have the wrong
    /// type or are not URLs. The caller decides which of them it can do without.
    #[serde(skip)]
    pub malformed: Vec<&'static str>,
}

/// Metadata cannot be used. The message is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The text is not a JSON object with an `issuer`.
    #[error("not a JSON object with authorization server metadata: {0}")]
    Unreadable(String),
    /// The metadata names another issuer.
    #[error(
        "the metadata names the issuer {found}, and the settings name {expected}; write the issuer in the \
         settings exactly as the server does"
    )]
    Issuer {
        /// The issuer in the metadata, escaped and shortened.
        found: String,
        /// The expected issuer.
        expected: String,
    },
}

impl ServerMetadata {
    /// Whether the token endpoint supports a client authentication method. Without a list, every method
    /// counts as supported.
    pub fn supports_token_auth(&self, method: &str) -> bool {
        supports(
            self.token_endpoint_auth_methods_supported.as_deref(),
            method,
        )
    }

    /// Whether the introspection endpoint supports a client authentication method. Without a list, every
    /// method counts as supported.
    pub fn supports_introspection_auth(&self, method: &str) -> bool {
        supports(
            self.introspection_endpoint_auth_methods_supported
                .as_deref(),
            method,
        )
    }

    /// Reads metadata. The caller checks the issuer.
    ///
    /// # Errors
    /// When the text is not a JSON object without duplicate members, or `issuer` is missing.
    pub fn read(text: &[u8]) -> Result<Self, MetadataError> {
        let unreadable = |error: serde_json::Error| MetadataError::Unreadable(error.to_string());
        let members = json::object(text).map_err(unreadable)?;
        let malformed = malformed(&members);
        let read = serde_json::from_value(Value::Object(members)).map_err(unreadable)?;
        Ok(Self { malformed, ..read })
    }

    /// Reads the metadata of `issuer`, compared with [`same_issuer`].
    ///
    /// # Errors
    /// As for [`ServerMetadata::read`], and when the metadata names another issuer.
    pub fn read_of(text: &[u8], issuer: &str) -> Result<Self, MetadataError> {
        let metadata = Self::read(text)?;
        if !same_issuer(&metadata.issuer, issuer) {
            let found: String = metadata.issuer.chars().take(200).collect();
            return Err(MetadataError::Issuer {
                found: found.escape_debug().to_string(),
                expected: issuer.to_owned(),
            });
        }
        Ok(metadata)
    }
}

/// The names of the members that are neither missing, nor null, nor well-formed.
fn malformed(members: &Map<String, Value>) -> Vec<&'static str> {
    const URLS: [&str; 8] = [
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "device_authorization_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
    ];
    const LISTS: [&str; 5] = [
        "scopes_supported",
        "grant_types_supported",
        "code_challenge_methods_supported",
        "token_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_methods_supported",
    ];
    const FLAGS: [&str; 2] = [
        "authorization_response_iss_parameter_supported",
        "client_id_metadata_document_supported",
    ];
    let is_url = |value: &Value| value.as_str().is_some_and(|text| parse_url(text).is_ok());
    let is_list = |value: &Value| {
        let list = value.as_array();
        list.is_some_and(|list| list.iter().all(Value::is_string))
    };
    let differs = |name: &str, fits: &dyn Fn(&Value) -> bool| {
        let value = members.get(name).filter(|value| !value.is_null());
        value.is_some_and(|value| !fits(value))
    };
    let urls = URLS.into_iter().filter(|name| differs(name, &is_url));
    let lists = LISTS.into_iter().filter(|name| differs(name, &is_list));
    let flags = FLAGS
        .into_iter()
        .filter(|name| differs(name, &Value::is_boolean));
    urls.chain(lists).chain(flags).collect()
}

fn supports(methods: Option<&[String]>, method: &str) -> bool {
    methods.is_none_or(|methods| methods.iter().any(|one| one == method))
}

/// A URL as a string. Anything else counts as missing.
mod optional_url {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;
    use url::Url;

    use crate::parse_url;

    pub(super) fn serialize<S: Serializer>(
        url: &Option<Url>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        url.as_ref().map(Url::as_str).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Url>, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(value.as_str().and_then(|text| parse_url(text).ok()))
    }
}

/// Reads an array of strings. Anything else counts as missing.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let list = value.as_array();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Ok(list.map(|list| list.iter().filter_map(text).collect()))
}

/// Reads a boolean. Anything else counts as false.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_bool().unwrap_or(false))
}

const OAUTH: &str = "oauth-authorization-server";
const OPENID: &str = "openid-configuration";

/// The URL of the metadata of `issuer` by RFC 8414, section 3.1: the well-known name precedes the path.
pub fn oauth_metadata_url(issuer: &Url) -> Url {
    inserted(issuer, OAUTH)
}

/// The URL of the metadata of `issuer` by OpenID Connect Discovery 1.0, section 4.1: the well-known name
/// follows the path.
pub fn openid_metadata_url(issuer: &Url) -> Url {
    let path = issuer.path().trim_end_matches('/');
    with_path(issuer, &format!("{path}/.well-known/{OPENID}"))
}

/// All URLs of the metadata of `issuer`, in the order of the MCP specification.
pub fn metadata_urls(issuer: &Url) -> Vec<Url> {
    let mut urls = vec![
        inserted(issuer, OAUTH),
        inserted(issuer, OPENID),
        openid_metadata_url(issuer),
    ];
    urls.dedup();
    urls
}

/// The URLs of the metadata of a protected resource (RFC 9728, section 3.1): for its path, and for its origin.
pub fn resource_metadata_urls(resource: &Url) -> Vec<Url> {
    const RESOURCE: &str = "oauth-protected-resource";
    let mut urls = vec![
        inserted(resource, RESOURCE),
        with_path(resource, &format!("/.well-known/{RESOURCE}")),
    ];
    urls.dedup();
    urls
}

/// Inserts `/.well-known/NAME` before the path.
fn inserted(url: &Url, name: &str) -> Url {
    let path = url.path().trim_end_matches('/');
    with_path(url, &format!("/.well-known/{name}{path}"))
}

fn with_path(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_path(path);
    url.set_query(None);
    url.set_fragment(None);
    url
}
