//! JSON-RPC errors, as the peer receives them.

use std::borrow::Cow;

use crate::{ProtocolVersion, RawJson};

/// A JSON-RPC error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub i64);

impl ErrorCode {
    /// The body is not JSON.
    pub const PARSE_ERROR: Self = Self(-32700);
    /// The JSON is not a valid message at this point.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// The server does not have this method.
    pub const METHOD_NOT_FOUND: Self = Self(-32601);
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// The server failed. Its log has the cause.
    pub const INTERNAL_ERROR: Self = Self(-32603);
    /// The session is unknown, has ended, or belongs to another principal.
    pub const SESSION_NOT_FOUND: Self = Self(-32001);
    /// The request has no token, or an invalid one.
    pub const UNAUTHORIZED: Self = Self(-32004);
    /// The caller is not permitted to make this request.
    pub const FORBIDDEN: Self = Self(-32003);
    /// 2026-07-28: a header is missing or differs from the body.
    pub const HEADER_MISMATCH: Self = Self(-32020);
    /// 2026-07-28: the request needs a capability that the client did not declare.
    pub const MISSING_CLIENT_CAPABILITY: Self = Self(-32021);
    /// 2026-07-28: the server does not support the requested revision.
    pub const UNSUPPORTED_VERSION: Self = Self(-32022);
}

/// A JSON-RPC error for the peer. The code that finds a cause writes it to the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message} ({})", code.0)]
pub struct RpcError {
    /// The JSON-RPC error code.
    pub code: ErrorCode,
    /// A sentence for the peer, without secrets and internal details.
    pub message: Cow<'static, str>,
    /// The `data` member, as JSON.
    pub data: Option<RawJson>,
}

impl RpcError {
    /// Creates an error without `data`.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// Creates an error with code -32004.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::UNAUTHORIZED, message)
    }

    /// Creates an error with code -32003.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::FORBIDDEN, message)
    }

    /// Creates an error with code -32700.
    pub fn parse(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::PARSE_ERROR, message)
    }

    /// Creates an error with code -32600.
    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::INVALID_REQUEST, message)
    }

    /// Creates an error with code -32602.
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::INVALID_PARAMS, message)
    }

    /// Creates an error with code -32601 that names the method.
    pub fn method_not_found(method: &str) -> Self {
        Self::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("Method not found: {method}"),
        )
    }

    /// Creates an error with code -32603 and a fixed message. The cause belongs in the log.
    pub fn internal() -> Self {
        Self::new(ErrorCode::INTERNAL_ERROR, "Internal error")
    }

    /// Creates an error with code -32603 for a request whose process ended before the response.
    pub fn restarted() -> Self {
        Self::new(
            ErrorCode::INTERNAL_ERROR,
            "The server restarted during this request. It may have run in part: check before you retry",
        )
    }

    /// Creates an error with code -32020 (2026-07-28, "Server Validation").
    pub fn header_mismatch(message: impl std::fmt::Display) -> Self {
        Self::new(
            ErrorCode::HEADER_MISMATCH,
            format!("Header mismatch: {message}"),
        )
    }

    /// Creates an error with code -32001.
    pub fn session_not_found() -> Self {
        Self::new(ErrorCode::SESSION_NOT_FOUND, "Session not found")
    }

    /// Creates an error with code -32022, with the supported and the requested revisions as `data`.
    pub fn unsupported_version(requested: &str, supported: &[ProtocolVersion]) -> Self {
        let supported: Vec<_> = supported
            .iter()
            .rev()
            .map(|version| version.as_str())
            .collect();
        let data = serde_json::json!({ "supported": supported, "requested": requested });
        Self {
            code: ErrorCode::UNSUPPORTED_VERSION,
            message: Cow::Borrowed("Unsupported protocol version"),
            data: Some(RawJson::from(data.to_string())),
        }
    }

    /// Returns the HTTP status of a response with this error to a 2026-07-28 request
    /// (2026-07-28, "Streamable HTTP"): an invalid request does not get 200.
    pub fn modern_status(&self) -> http::StatusCode {
        match self.code {
            ErrorCode::PARSE_ERROR
            | ErrorCode::INVALID_REQUEST
            | ErrorCode::HEADER_MISMATCH
            | ErrorCode::MISSING_CLIENT_CAPABILITY
            | ErrorCode::UNSUPPORTED_VERSION => http::StatusCode::BAD_REQUEST,
            ErrorCode::METHOD_NOT_FOUND => http::StatusCode::NOT_FOUND,
            _ => http::StatusCode::OK,
        }
    }
}
