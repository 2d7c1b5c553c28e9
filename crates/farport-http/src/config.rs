//! What a host can set.

use std::time::Duration;

use farport_core::StreamLimits;

use crate::Guard;

/// The settings of an [`crate::McpService`].
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Which Host and Origin headers are let in.
    pub guard: Guard,
    /// Sizes and times.
    pub limits: Limits,
}

/// Bounds on what one client can make the server hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest head of a request, its path and headers together, in bytes. 64 KiB unless set.
    /// A host's own bound is about what it buffers, and may let a larger one through.
    pub head_bytes: usize,
    /// The largest request body, in bytes. 4 MiB unless set.
    pub body_bytes: usize,
    /// How long a request body may take to arrive. 15 s unless set.
    pub body_time: Duration,
    /// The most 2024-11-05 connections at a time. 10,000 unless set.
    pub legacy_connections: usize,
    /// The most streams of one session that can be resumed. 32 unless set.
    pub streams_per_session: usize,
    /// How long a finished stream can be resumed. 5 min unless set.
    pub stream_retention: Duration,
    /// How much of a stream is kept.
    pub stream: StreamLimits,
    /// How long an open stream may be quiet before a comment is sent. 20 s unless set: proxies
    /// commonly cut a connection that says nothing for 30 or 60 s.
    pub keep_alive: Duration,
    /// When a client should come back to a stream that was closed on it. 1 s unless set.
    pub retry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 << 10,
            body_bytes: 4 << 20,
            body_time: Duration::from_secs(15),
            legacy_connections: 10_000,
            streams_per_session: 32,
            stream_retention: Duration::from_secs(5 * 60),
            stream: StreamLimits::default(),
            keep_alive: Duration::from_secs(20),
            retry: Duration::from_secs(1),
        }
    }
}
