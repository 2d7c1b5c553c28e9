//! Dynamic client registration (RFC 7591).

use bytes::Bytes;
use http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::json;

/// The client metadata of a registration request (RFC 7591, section 2).
#[derive(Clone, Copy, Debug)]
pub struct RegistrationRequest<'a> {
    /// The name for consent pages.
    pub client_name: &'a str,
    /// The version of the client.
    pub software_version: &'a str,
    /// The redirect URIs; empty for a client without redirects.
    pub redirect_uris: &'a [&'a str],
    /// The grant types.
    pub grant_types: &'a [&'a str],
    /// How the client authenticates at the token endpoint.
    pub auth_method: &'a str,
    /// The scopes; the server's default if `None`.
    pub scope: Option<&'a str>,
}

impl RegistrationRequest<'_> {
    /// The JSON body for a native application. Members of `extra` replace members with the same name.
    pub fn body(&self, extra: &Map<String, Value>) -> Bytes {
        let mut metadata = Map::new();
        metadata.insert("client_name".into(), json!(self.client_name));
        metadata.insert("redirect_uris".into(), json!(self.redirect_uris));
        metadata.insert("grant_types".into(), json!(self.grant_types));
        metadata.insert("response_types".into(), json!(["code"]));
        metadata.insert("token_endpoint_auth_method".into(), json!(self.auth_method));
        metadata.insert("application_type".into(), json!("native"));
        metadata.insert("software_version".into(), json!(self.software_version));
        if let Some(scope) = self.scope {
            metadata.insert("scope".into(), json!(scope));
        }
        for (name, value) in extra {
            metadata.insert(name.clone(), value.clone());
        }
        Bytes::from(Value::Object(metadata).to_string())
    }
}

/// A successful registration (RFC 7591, section 3.2.1).
#[derive(Debug, Deserialize)]
pub struct RegisteredClient {
    /// The client ID. Printable ASCII, possibly with spaces.
    pub client_id: String,
    /// The client secret, for a client that authenticates with one.
    pub client_secret: Option<SecretString>,
    /// When the secret expires, in seconds of Unix time; 0 for never.
    pub client_secret_expires_at: Option<u64>,
    /// How the client authenticates at the token endpoint.
    pub token_endpoint_auth_method: Option<String>,
    /// The registered scopes. Not validated.
    pub scope: Option<String>,
}

/// An authorization server registered no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The server returned an error.
    #[error("the server returned {status}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The error code; empty if there is none.
        code: String,
        /// The description; empty if there is none.
        description: String,
    },
    /// The response is not a JSON object with a `client_id`.
    #[error("the response has no client_id")]
    NoClientId,
    /// The `client_id` has other characters than printable ASCII.
    #[error("the client_id is not printable ASCII")]
    ClientId,
}

impl RegisteredClient {
    /// Reads the response of a registration endpoint.
    ///
    /// # Errors
    /// When the response is an error, or has no usable `client_id`.
    pub fn read(status: StatusCode, body: &[u8]) -> Result<Self, RegistrationError> {
        if !status.is_success() {
            #[derive(Deserialize, Default)]
            struct Document {
                #[serde(default)]
                error: String,
                #[serde(default)]
                error_description: String,
            }
            let document: Document = json::parse(body).unwrap_or_default();
            return Err(RegistrationError::Refused {
                status,
                code: document.error,
                description: document.error_description,
            });
        }
        let client: Self = json::parse(body).map_err(|_| RegistrationError::NoClientId)?;
        let is_printable = |byte: u8| matches!(byte, 0x20..=0x7e);
        if client.client_id.bytes().all(is_printable) {
            Ok(client)
        } else {
            Err(RegistrationError::ClientId)
        }
    }
}
