//! The server's requests and notifications.

use std::fmt;

use serde_json::value::RawValue;

use crate::message::{Id, Kind, Peek};

/// The id of a JSON-RPC request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub(super) Id);

impl fmt::Display for RequestId {
    /// Writes the id as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.json())
    }
}

/// A request or notification of the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerMessage {
    /// A request, which [`Connection::respond`](crate::Connection::respond) answers.
    Request {
        /// The id of the request.
        id: RequestId,
        /// The method.
        method: String,
        /// The parameters.
        params: Option<Box<RawValue>>,
    },
    /// A notification.
    Notification {
        /// The method.
        method: String,
        /// The parameters.
        params: Option<Box<RawValue>>,
    },
}

impl ServerMessage {
    /// The message that `peek` describes; `None` for a response.
    pub(super) fn new(peek: &Peek<'_>) -> Option<Self> {
        let method = peek.method.clone().into_owned();
        let params = peek.params.and_then(raw);
        match &peek.kind {
            Kind::Request(id) => Some(Self::Request {
                id: RequestId(id.clone()),
                method,
                params,
            }),
            Kind::Notification => Some(Self::Notification { method, params }),
            Kind::Response(_) => None,
        }
    }

    /// The method.
    pub fn method(&self) -> &str {
        match self {
            Self::Request { method, .. } | Self::Notification { method, .. } => method,
        }
    }
}

/// JSON text that has been read before.
pub(super) fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}
