//! What a handler may do with the stream its call is answered on.

use std::sync::Arc;

use crate::EventStream;

/// Lets a handler end the HTTP response of its own call while it goes on working: the client comes
/// back for the result with GET and `Last-Event-ID` (2025-11-25, "Resumability and Redelivery";
/// SSE polling).
///
/// A handler finds it among the extensions of its request context. It is there only for calls
/// whose stream can be resumed.
#[derive(Clone, Debug)]
pub struct StreamControl(Arc<EventStream>);

impl StreamControl {
    /// Controls `stream`.
    pub fn new(stream: Arc<EventStream>) -> Self {
        Self(stream)
    }

    /// Ends the present response. The client returns after the server's `retry` interval.
    pub fn close(&self) {
        self.0.detach();
    }
}
