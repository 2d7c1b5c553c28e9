//! Refusals: the reasons to refuse a request, and their responses.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use farport_core::{ErrorCode, RequestId, RpcError, Runtime, envelope::Rejected, frame};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::{Body, form::Accepted, respond};

/// The reason why the service refuses a request.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The Host header is not allowed. The text names it, and the setting to change.
    Host(Cow<'static, str>),
    /// The Origin header is not allowed. The text names it, and the setting to change.
    Origin(Cow<'static, str>),
    /// The path is unknown.
    NoRoute,
    /// The path does not support the method. It supports these.
    Method(&'static str),
    /// The client accepts none of the response's types.
    NotAcceptable(&'static str),
    /// The type of the body is not supported.
    MediaType(&'static str),
    /// The body has a content coding.
    ContentCoding,
    /// The head is too large.
    HeadTooLarge,
    /// The body is too large.
    TooLarge,
    /// The body took too long.
    TooSlow,
    /// The connection failed before the end of the body.
    Broken,
    /// The server is shutting down, overloaded, or missing a dependency.
    Unavailable(&'static str),
    /// The request needs a session and names none.
    NoSession,
    /// The session is unknown, has ended, or belongs to another principal.
    UnknownSession,
    /// The message is invalid.
    Message(Rejected),
    /// The message is refused with this status.
    Status(StatusCode, Rejected),
    /// The response has a header for the client: a challenge to sign in, or the time to wait.
    WithHeader(Box<WithHeader>),
    /// The server failed. The log has the cause.
    Internal,
}

/// A refusal whose response has a header.
#[derive(Debug)]
pub(crate) struct WithHeader {
    pub(crate) status: StatusCode,
    pub(crate) header: Header,
    pub(crate) rejected: Rejected,
}

/// A header of a refusal's response.
pub(crate) type Header = Option<(HeaderName, HeaderValue)>;

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        Self::Message(rejected)
    }
}

impl Refusal {
    /// Refuses request `id` with `error`.
    pub(crate) fn of(id: &RequestId, error: RpcError) -> Self {
        Self::Message(Rejected {
            id: Some(id.clone()),
            error,
        })
    }

    /// Refuses a client that exceeded a rate limit: the number of seconds to wait, and the request's id if
    /// known.
    pub(crate) fn too_many(seconds: u64, id: Option<RequestId>) -> Self {
        let message = format!("Too many requests: try again in {seconds} s");
        let error = RpcError::invalid_request(message);
        Self::WithHeader(Box::new(WithHeader {
            status: StatusCode::TOO_MANY_REQUESTS,
            header: Some((header::RETRY_AFTER, HeaderValue::from(seconds))),
            rejected: Rejected { id, error },
        }))
    }

    /// Returns only the JSON-RPC error, as the response to request `id`.
    pub(crate) fn into_frame(self, id: &RequestId) -> Bytes {
        let (_, rejected, _) = self.into_parts();
        frame::error(
            Some(rejected.id.as_ref().unwrap_or(id)),
            &rejected.error,
            true,
        )
    }

    /// Returns the response: a JSON-RPC error with the matching HTTP status.
    pub(crate) fn into_response(self) -> Response<Body> {
        let (status, rejected, header) = self.into_parts();
        tracing::debug!(%status, error = %rejected.error, "refused");
        // Without a request, the id is omitted: MCP's schemas do not allow null.
        let body = frame::error(rejected.id.as_ref(), &rejected.error, false);
        let mut response = respond::json(status, body);
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// Returns the response in a form that the client accepts, if its status is 200. Otherwise returns
    /// the refusal.
    pub(crate) fn into_accepted(self, accepted: Accepted) -> Result<Response<Body>, Self> {
        match self {
            Self::Status(StatusCode::OK, rejected) => {
                let body = frame::error(rejected.id.as_ref(), &rejected.error, false);
                Ok(respond::message(StatusCode::OK, accepted.form(), body))
            }
            other => Err(other),
        }
    }

    fn into_parts(self) -> (StatusCode, Rejected, Header) {
        fn general(
            status: StatusCode,
            message: impl Into<Cow<'static, str>>,
        ) -> (StatusCode, Rejected) {
            (status, Rejected::from(RpcError::invalid_request(message)))
        }
        let mut with = None;
        let (status, rejected) = match self {
            Self::Host(text) | Self::Origin(text) => general(StatusCode::FORBIDDEN, text),
            Self::NoRoute => general(StatusCode::NOT_FOUND, "Not found"),
            Self::Method(methods) => {
                with = Some((header::ALLOW, HeaderValue::from_static(methods)));
                general(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
            }
            Self::NotAcceptable(message) => general(StatusCode::NOT_ACCEPTABLE, message),
            Self::MediaType(message) => general(StatusCode::UNSUPPORTED_MEDIA_TYPE, message),
            Self::ContentCoding => {
                // The supported codings (RFC 7694, section 3).
                with = Some((
                    header::ACCEPT_ENCODING,
                    HeaderValue::from_static("identity"),
                ));
                general(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "Content-Encoding is not supported: send the body uncompressed",
                )
            }
            Self::HeadTooLarge => general(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The headers are too large",
            ),
            Self::TooLarge => general(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::TooSlow => general(
                StatusCode::REQUEST_TIMEOUT,
                "The body did not arrive in time",
            ),
            Self::Broken => general(StatusCode::BAD_REQUEST, "The body is incomplete"),
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
            Self::WithHeader(refused) => {
                with = refused.header;
                (refused.status, refused.rejected)
            }
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Rejected::from(RpcError::internal()),
            ),
        };
        (status, rejected, with)
    }
}

/// The minimum interval between log entries about refused hosts, and about refused origins.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Logs refused hosts and origins, for operators with a missing setting. At most once a minute each,
/// because attackers can send any number of them.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog {
    host: AtomicU64,
    origin: AtomicU64,
}

impl RefusalLog {
    /// Logs a refused host or origin. Returns whether it wrote an entry.
    pub(crate) fn note(&self, refusal: &Refusal, runtime: &dyn Runtime) -> bool {
        let (last, text) = match refusal {
            Refusal::Host(text) => (&self.host, text),
            Refusal::Origin(text) => (&self.origin, text),
            _ => return false,
        };
        let now = runtime.now().0;
        let before = last.load(Ordering::Relaxed);
        let quiet = before != 0 && now.saturating_sub(before) < LOG_EVERY.as_millis() as u64;
        // If several threads get here, the one that changes the time writes.
        let writes = !quiet
            && last
                .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if writes {
            tracing::warn!("refused a request: {text}");
        }
        writes
    }
}

#[cfg(test)]
mod tests {
    use farport_testkit::VirtualRuntime;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_log_has_a_refused_host_and_origin_once_a_minute() {
        let (log, runtime) = (RefusalLog::default(), VirtualRuntime::new());
        let host = Refusal::Host("Host \"a\" is not allowed".into());
        let origin = Refusal::Origin("Origin \"a\" is not allowed".into());
        for _ in 0..3 {
            assert!(log.note(&host, &runtime));
            assert!(log.note(&origin, &runtime));
            for _ in 0..59 {
                assert!(!log.note(&host, &runtime));
                assert!(!log.note(&origin, &runtime));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(!log.note(&Refusal::NoRoute, &runtime));
    }
}
