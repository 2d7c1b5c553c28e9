//! The errors that a client receives (RFC 6749, sections 4.1.2.1 and 5.2, and the registries that
//! follow them).

use std::{borrow::Cow, time::Duration};

use http::StatusCode;

/// An error code with a description for the client's developer. Internal causes are only logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// The error code.
    pub code: ErrorCode,
    /// The description, in the characters that RFC 6749 allows.
    pub description: Cow<'static, str>,
    /// How long the client should wait before a retry.
    pub retry_after: Option<Duration>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// A registered OAuth error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// The registered name of the code.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status of an error response.
            pub fn status(self) -> StatusCode {
                let status = match self { $(Self::$name => $status,)* };
                StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
            }
        }
    };
}

codes! {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest = "invalid_request", 400;
    /// The client is unknown, or failed to authenticate.
    InvalidClient = "invalid_client", 401;
    /// The code or refresh token is not valid, or belongs to another client.
    InvalidGrant = "invalid_grant", 400;
    /// The client is not permitted to make this request.
    UnauthorizedClient = "unauthorized_client", 400;
    /// The grant type is not supported.
    UnsupportedGrantType = "unsupported_grant_type", 400;
    /// The response type is not supported.
    UnsupportedResponseType = "unsupported_response_type", 400;
    /// The scope cannot be granted.
    InvalidScope = "invalid_scope", 400;
    /// The user or the server denied access.
    AccessDenied = "access_denied", 403;
    /// The resource does not belong to this server (RFC 8707).
    InvalidTarget = "invalid_target", 400;
    /// A redirect URI is not acceptable (RFC 7591).
    InvalidRedirectUri = "invalid_redirect_uri", 400;
    /// The client metadata is not acceptable (RFC 7591).
    InvalidClientMetadata = "invalid_client_metadata", 400;
    /// Request objects are not supported (OpenID Connect).
    RequestNotSupported = "request_not_supported", 400;
    /// References to request objects are not supported (OpenID Connect).
    RequestUriNotSupported = "request_uri_not_supported", 400;
    /// The user has to interact, but the client requested `prompt=none` (OpenID Connect).
    InteractionRequired = "interaction_required", 400;
    /// This type of token cannot be revoked (RFC 7009).
    UnsupportedTokenType = "unsupported_token_type", 400;
    /// The server failed.
    ServerError = "server_error", 500;
    /// The server is busy, or a service it needs is unavailable; retry.
    TemporarilyUnavailable = "temporarily_unavailable", 503;
    /// The client sends too many requests; retry later.
    SlowDown = "slow_down", 429;
}

impl OAuthError {
    /// Creates an error. Characters that RFC 6749 does not allow become `?`.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        let mut description = description.into();
        // RFC 6749 allows printable ASCII without quote and backslash.
        let fits = |c: char| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~');
        if !description.chars().all(fits) {
            let plain = description.chars().map(|c| if fits(c) { c } else { '?' });
            description = Cow::Owned(plain.collect());
        }
        Self {
            code,
            description,
            retry_after: None,
        }
    }

    pub(crate) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    pub(crate) fn invalid_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidClient, description)
    }

    pub(crate) fn invalid_grant() -> Self {
        Self::new(
            ErrorCode::InvalidGrant,
            "the code or refresh token is not valid: it has expired, was revoked, or belongs to another client; sign in again",
        )
    }

    pub(crate) fn server_error() -> Self {
        Self::new(
            ErrorCode::ServerError,
            "the server could not complete the request; try again later",
        )
    }

    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl From<crate::StoreError> for OAuthError {
    fn from(error: crate::StoreError) -> Self {
        tracing::error!(%error, "the OAuth store failed");
        Self::server_error()
    }
}

impl From<crate::parameters::Malformed> for OAuthError {
    fn from(error: crate::parameters::Malformed) -> Self {
        Self::invalid_request(error.to_string())
    }
}
