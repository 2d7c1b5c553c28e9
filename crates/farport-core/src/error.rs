//! Errors as the peer sees them.

use std::borrow::Cow;

use crate::{ProtocolVersion, RawJson};

/// A JSON-RPC error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub i64);

impl ErrorCode {
    /// The body is not JSON.
    pub const PARSE_ERROR: Self = Self(-32700);
    /// The JSON is not a message that is allowed here.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// Nobody serves this method.
    pub const METHOD_NOT_FOUND: Self = Self(-32601);
    /// The parameters do not fit the method.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// The server failed; the reason is in its log.
    pub const INTERNAL_ERROR: Self = Self(-32603);
    /// The session is unknown, has ended, or is somebody else's.
    pub const SESSION_NOT_FOUND: Self = Self(-32001);
    /// Nobody has signed in, or the token is not good.
    pub const UNAUTHORIZED: Self = Self(-32004);
    /// The caller may not do this.
    pub const FORBIDDEN: Self = Self(-32003);
    /// 2026-07-28: a header is missing or disagrees with the body.
    pub const HEADER_MISMATCH: Self = Self(-32020);
    /// 2026-07-28: the request needs a capability that the client did not declare.
    pub const MISSING_CLIENT_CAPABILITY: Self = Self(-32021);
    /// 2026-07-28: the server does not speak the requested revision.
    pub const UNSUPPORTED_VERSION: Self = Self(-32022);
}

/// A JSON-RPC error: what the peer is told. What the log is told is written where the error arises.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message} ({})", code.0)]
pub struct RpcError {
    /// The JSON-RPC error code.
    pub code: ErrorCode,
    /// One sentence for the peer. Never holds a secret or an internal detail.
    pub message: Cow<'static, str>,
    /// The `data` member, as JSON.
    pub data: Option<RawJson>,
}

impl RpcError {
    /// An error without `data`.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// -32004.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::UNAUTHORIZED, message)
    }

    /// -32003.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::FORBIDDEN, message)
    }

    /// -32700.
    pub fn parse(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::PARSE_ERROR, message)
    }

    /// -32600.
    pub fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::INVALID_REQUEST, message)
    }

    /// -32602.
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::INVALID_PARAMS, message)
    }

    /// -32601, naming the method.
    pub fn method_not_found(method: &str) -> Self {
        Self::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("Method not found: {method}"),
        )
    }

    /// -32603 with a fixed text: the reason belongs in the log.
    pub fn internal() -> Self {
        Self::new(ErrorCode::INTERNAL_ERROR, "Internal error")
    }

    /// -32603 for a request that was being served when the server's process ended.
    pub fn restarted() -> Self {
        Self::new(
            ErrorCode::INTERNAL_ERROR,
            "The server was restarted before it could answer; what the request did until then is not known",
        )
    }

    /// -32020 (2026-07-28, "Server Validation").
    pub fn header_mismatch(message: impl std::fmt::Display) -> Self {
        Self::new(
            ErrorCode::HEADER_MISMATCH,
            format!("Header mismatch: {message}"),
        )
    }

    /// -32001.
    pub fn session_not_found() -> Self {
        Self::new(ErrorCode::SESSION_NOT_FOUND, "Session not found")
    }

    /// -32022 with the supported and the requested revisions as `data`.
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

    /// The HTTP status that carries this error as the answer to a 2026-07-28 request
    /// (2026-07-28, "Streamable HTTP"): errors of the request itself are not 200.
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
