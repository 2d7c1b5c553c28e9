//! A handler's control of its call's response stream.

use std::sync::Arc;

use crate::EventStream;

/// Ends the HTTP response of a call while the handler continues. The client resumes the stream with
/// GET and `Last-Event-ID` to receive the result (2025-11-25, "Resumability and Redelivery", SSE
/// polling).
///
/// A handler finds it in the extensions of its request context, but only for calls whose stream can
/// be resumed.
///
/// ```
/// use farport_core::StreamControl;
///
/// /// Lets go of the connection before a long job.
/// fn long_job(control: Option<&StreamControl>) {
///     if let Some(control) = control {
///         control.close();
///     }
///     // The client reconnects, and receives the result when the job has finished.
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StreamControl(Arc<EventStream>);

impl StreamControl {
    /// Creates a control of `stream`.
    pub fn new(stream: Arc<EventStream>) -> Self {
        Self(stream)
    }

    /// Ends the current response. The client reconnects after the server's `retry` interval.
    pub fn close(&self) {
        self.0.detach();
    }
}
