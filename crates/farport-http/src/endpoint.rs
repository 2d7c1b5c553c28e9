//! The streamable HTTP endpoint, `/mcp`.

use std::{sync::Arc, time::Duration};

use farport_core::Runtime;

use crate::{
    Limits, form::Accepted, gate::Gate, modern::ModernCalls, session::SessionHost,
    shutdown::Shutdown, streams::Streams,
};

/// Handles requests to `/mcp` in both eras: [`ModernCalls`] those that describe themselves, and this
/// type those of sessions.
pub(crate) struct McpEndpoint {
    pub(crate) gate: Arc<Gate>,
    pub(crate) host: Arc<SessionHost>,
    pub(crate) modern: ModernCalls,
    pub(crate) streams: Arc<Streams>,
    pub(crate) shutdown: Arc<Shutdown>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) limits: Limits,
}

/// Returns the time after which the response to a call without a result becomes an event stream, or
/// `None` if it never does.
pub(crate) fn quiet_after(limits: &Limits, accepted: Accepted) -> Option<Duration> {
    let quiet = limits.quiet_after;
    (accepted.events() && !quiet.is_zero()).then_some(quiet)
}
