//! The steps of a sign-in.

use std::time::Duration;

use super::mask::Masks;

/// Where the client comes from that a sign-in uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientSource {
    /// The options name it.
    Given,
    /// Its id is the URL of its metadata document.
    MetadataDocument,
    /// It was registered before.
    Stored,
    /// It was registered now.
    Registered,
}

/// A step of a sign-in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignInStep {
    /// The MCP server requires a token, or another one.
    #[non_exhaustive]
    Challenge {
        /// The error code, such as `invalid_token` or `insufficient_scope`.
        error: Option<String>,
        /// The required scopes.
        scope: Option<String>,
        /// The URL of the protected resource's metadata.
        resource_metadata: Option<String>,
    },
    /// The metadata of the protected resource and the authorization server.
    #[non_exhaustive]
    Discovered {
        /// The resource, if its metadata was found.
        resource: Option<String>,
        /// The issuer of the authorization server.
        issuer: String,
        /// The authorization endpoint.
        authorization_endpoint: Option<String>,
        /// The token endpoint.
        token_endpoint: Option<String>,
        /// The registration endpoint.
        registration_endpoint: Option<String>,
        /// The scopes that the resource's metadata names.
        scopes: Vec<String>,
    },
    /// The client to sign in as is known.
    #[non_exhaustive]
    Client {
        /// The client id.
        id: String,
        /// Where the client comes from.
        source: ClientSource,
    },
    /// The user is sent to the authorization server.
    #[non_exhaustive]
    Authorization {
        /// The URL. `state` and `code_challenge` are masked.
        url: String,
    },
    /// The browser returned with a code.
    #[non_exhaustive]
    Code {
        /// The issuer that the response names.
        issuer: Option<String>,
    },
    /// The authorization server returned tokens.
    #[non_exhaustive]
    Token {
        /// Whether a refresh token was used.
        refreshed: bool,
        /// The granted scopes.
        scopes: Vec<String>,
        /// The lifetime of the access token.
        expires_in: Option<Duration>,
        /// Whether there is a refresh token.
        refreshable: bool,
    },
    /// The sign-in or the refresh failed.
    #[non_exhaustive]
    Failed {
        /// Why.
        error: String,
    },
}

impl SignInStep {
    /// The step without the secrets that are known. A server may repeat one in any text.
    pub(super) fn masked(self, masks: &Masks) -> Self {
        let text = |text: String| masks.text(&text);
        let some = |text: Option<String>| text.map(|text| masks.text(&text));
        let all = |texts: Vec<String>| texts.iter().map(|text| masks.text(text)).collect();
        match self {
            Self::Challenge {
                error,
                scope,
                resource_metadata,
            } => Self::Challenge {
                error: some(error),
                scope: some(scope),
                resource_metadata: some(resource_metadata),
            },
            Self::Discovered {
                resource,
                issuer,
                authorization_endpoint,
                token_endpoint,
                registration_endpoint,
                scopes,
            } => Self::Discovered {
                resource: some(resource),
                issuer: text(issuer),
                authorization_endpoint: some(authorization_endpoint),
                token_endpoint: some(token_endpoint),
                registration_endpoint: some(registration_endpoint),
                scopes: all(scopes),
            },
            Self::Client { id, source } => Self::Client {
                id: text(id),
                source,
            },
            Self::Authorization { url } => Self::Authorization { url: text(url) },
            Self::Code { issuer } => Self::Code {
                issuer: some(issuer),
            },
            Self::Token {
                refreshed,
                scopes,
                expires_in,
                refreshable,
            } => Self::Token {
                refreshed,
                scopes: all(scopes),
                expires_in,
                refreshable,
            },
            Self::Failed { error } => Self::Failed { error: text(error) },
        }
    }
}
