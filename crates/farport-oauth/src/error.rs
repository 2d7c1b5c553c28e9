//! What a client is told when it is refused (RFC 6749, sections 4.1.2.1 and 5.2, and the
//! registries that follow them).

use std::{borrow::Cow, time::Duration};

use http::StatusCode;

/// An error code and a text for the client's developer. Causes that are none of a client's business
/// are logged where they arise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// What went wrong.
    pub code: ErrorCode,
    /// In words; in the characters that RFC 6749 allows.
    pub description: Cow<'static, str>,
    /// When to come again.
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
            /// The code as it is sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status of an answer that is an error document.
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
    /// The client is unknown, or did not prove itself.
    InvalidClient = "invalid_client", 401;
    /// The code or refresh token is not good, or not this client's.
    InvalidGrant = "invalid_grant", 400;
    /// This client may not do that.
    UnauthorizedClient = "unauthorized_client", 400;
    /// There is no such grant type.
    UnsupportedGrantType = "unsupported_grant_type", 400;
    /// There is no such response type.
    UnsupportedResponseType = "unsupported_response_type", 400;
    /// The scope cannot be granted.
    InvalidScope = "invalid_scope", 400;
    /// The user, or the server, said no.
    AccessDenied = "access_denied", 403;
    /// The resource is not one of this server's (RFC 8707).
    InvalidTarget = "invalid_target", 400;
    /// A redirect URI must not be registered (RFC 7591).
    InvalidRedirectUri = "invalid_redirect_uri", 400;
    /// The client's metadata cannot be accepted (RFC 7591).
    InvalidClientMetadata = "invalid_client_metadata", 400;
    /// Request objects are not taken (OpenID Connect).
    RequestNotSupported = "request_not_supported", 400;
    /// Nor are references to them.
    RequestUriNotSupported = "request_uri_not_supported", 400;
    /// The user would have to be asked, and the client asked not to (OpenID Connect).
    InteractionRequired = "interaction_required", 400;
    /// The kind of token cannot be revoked here (RFC 7009).
    UnsupportedTokenType = "unsupported_token_type", 400;
    /// Something broke here.
    ServerError = "server_error", 500;
    /// Too much at a time; come again.
    TemporarilyUnavailable = "temporarily_unavailable", 503;
    /// Too often; come again later.
    SlowDown = "slow_down", 429;
}

impl OAuthError {
    /// An error with its text.
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
            "The code or refresh token is not valid, has expired, was revoked, or is another client's",
        )
    }

    pub(crate) fn server_error() -> Self {
        Self::new(ErrorCode::ServerError, "Something went wrong here")
    }

    pub(crate) fn again_in(mut self, wait: Duration) -> Self {
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
