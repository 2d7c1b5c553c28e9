//! Requests that go no further, and how each is told so.

use bytes::Bytes;
use farport_core::{ErrorCode, RequestId, RpcError, envelope::Rejected, frame};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::{Body, respond};

/// Why a request is refused before anybody serves it.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The Host header names somebody else.
    Host,
    /// The Origin header is not let in.
    Origin,
    /// There is nothing at this path.
    NoRoute,
    /// The path has no such method; these it has.
    Method(&'static str),
    /// The client does not accept what it would be sent.
    NotAcceptable(&'static str),
    /// The body is not of this type.
    MediaType(&'static str),
    /// The head is too large.
    HeadTooLarge,
    /// The body is too large.
    TooLarge,
    /// The body took too long.
    TooSlow,
    /// The connection failed before the body was whole.
    Broken,
    /// The server is about to stop, or full.
    Unavailable(&'static str),
    /// A session is needed and none was named.
    NoSession,
    /// The session is unknown, has ended, or is somebody else's.
    UnknownSession,
    /// The message itself is refused.
    Message(Rejected),
    /// The message is refused with a status of its own.
    Status(StatusCode, Rejected),
    /// Signing in, or more scopes, would help: the client is told how.
    Challenged(Box<Challenged>),
    /// The server failed; the reason is in its log.
    Internal,
}

/// A refusal with a `WWW-Authenticate` header.
#[derive(Debug)]
pub(crate) struct Challenged {
    pub(crate) status: StatusCode,
    pub(crate) challenge: Option<HeaderValue>,
    pub(crate) rejected: Rejected,
}

/// A header that goes with a refusal.
type WithHeader = Option<(HeaderName, HeaderValue)>;

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        Self::Message(rejected)
    }
}

impl Refusal {
    /// Refuses request `id`.
    pub(crate) fn of(id: &RequestId, error: RpcError) -> Self {
        Self::Message(Rejected {
            id: Some(id.clone()),
            error,
        })
    }

    /// The JSON-RPC error alone, as the answer to request `id`.
    pub(crate) fn into_frame(self, id: &RequestId) -> Bytes {
        let (_, rejected, _) = self.into_parts();
        frame::error(
            Some(rejected.id.as_ref().unwrap_or(id)),
            &rejected.error,
            true,
        )
    }

    /// The response: a JSON-RPC error with the HTTP status that fits it.
    pub(crate) fn into_response(self) -> Response<Body> {
        let (status, rejected, header) = self.into_parts();
        tracing::debug!(%status, error = %rejected.error, "refused");
        // Without a request there is no id: null is none that MCP's schemas know.
        let body = frame::error(rejected.id.as_ref(), &rejected.error, false);
        let mut response = respond::json(status, body);
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn into_parts(self) -> (StatusCode, Rejected, WithHeader) {
        let general = |status, message: &'static str| {
            (status, Rejected::from(RpcError::invalid_request(message)))
        };
        let mut with = None;
        let (status, rejected) = match self {
            Self::Host => general(StatusCode::FORBIDDEN, "Host is not allowed"),
            Self::Origin => general(StatusCode::FORBIDDEN, "Origin is not allowed"),
            Self::NoRoute => general(StatusCode::NOT_FOUND, "Not found"),
            Self::Method(methods) => {
                with = Some((header::ALLOW, HeaderValue::from_static(methods)));
                general(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
            }
            Self::NotAcceptable(message) => general(StatusCode::NOT_ACCEPTABLE, message),
            Self::MediaType(message) => general(StatusCode::UNSUPPORTED_MEDIA_TYPE, message),
            Self::HeadTooLarge => general(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The headers are too large",
            ),
            Self::TooLarge => general(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::TooSlow => general(StatusCode::REQUEST_TIMEOUT, "The body took too long"),
            Self::Broken => general(StatusCode::BAD_REQUEST, "The body is not whole"),
            Self::Unavailable(message) => general(StatusCode::SERVICE_UNAVAILABLE, message),
            Self::NoSession => general(
                StatusCode::BAD_REQUEST,
                "Mcp-Session-Id is missing: send initialize first",
            ),
            Self::UnknownSession => (
                StatusCode::NOT_FOUND,
                Rejected::from(RpcError::session_not_found()),
            ),
            Self::Message(rejected) => {
                let status = match rejected.error.code {
                    ErrorCode::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
                    ErrorCode::INTERNAL_ERROR => StatusCode::INTERNAL_SERVER_ERROR,
                    _ => StatusCode::BAD_REQUEST,
                };
                (status, rejected)
            }
            Self::Status(status, rejected) => (status, rejected),
            Self::Challenged(challenged) => {
                with = challenged
                    .challenge
                    .map(|challenge| (header::WWW_AUTHENTICATE, challenge));
                (challenged.status, challenged.rejected)
            }
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Rejected::from(RpcError::internal()),
            ),
        };
        (status, rejected, with)
    }
}
