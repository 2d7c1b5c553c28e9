//! The settings of the service.

use std::time::Duration;

use farport_core::{StreamLimits, asking::ParkingLimits};

use crate::Guard;

/// The settings of a [`McpService`](crate::McpService).
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The allowed Host and Origin headers.
    pub guard: Guard,
    /// The URL that clients use, if set. The page at `/` shows it.
    pub public_url: Option<String>,
    /// The limits on sizes and times.
    pub limits: Limits,
}

/// Limits on the resources that clients can use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum size of a request's path and headers together, in bytes. Default: 64 KiB. The host's
    /// HTTP parser has its own limit.
    pub head_bytes: usize,
    /// The maximum size of a request body, in bytes. Default: 4 MiB.
    pub body_bytes: usize,
    /// The maximum time for a request body to arrive. Default: 15 s.
    pub body_time: Duration,
    /// The maximum number of open 2024-11-05 connections. Default: 10,000. One more ends the oldest
    /// connection of the user, or network of anonymous clients, with the most.
    pub legacy_connections: usize,
    /// The maximum number of open event streams. Default: 15,000, three quarters of the native host's
    /// connections. One more ends the oldest stream of the user, or network, with the most.
    pub streams: usize,
    /// The maximum number of open event streams, and of 2024-11-05 connections, per user or network.
    /// Default: 0, which means no separate limit.
    pub streams_of_share: usize,
    /// The maximum number of new sessions per minute, per user or network of anonymous clients.
    /// Default: 600, also at once. 0 means no limit.
    pub sessions_per_minute: u32,
    /// The maximum total size of all sessions' events, in bytes. Default: 256 MiB. Above it, the streams
    /// of users and networks with more than an equal part keep only their newest event.
    pub event_bytes: usize,
    /// The maximum number of streams per session that clients can resume. Default: 32.
    pub streams_per_session: usize,
    /// How long clients can resume a stream after its end. Default: 5 min.
    pub stream_retention: Duration,
    /// The limits on the events of a stream.
    pub stream: StreamLimits,
    /// The limits on calls of 2026-07-28 that wait for their clients' answers.
    pub parking: ParkingLimits,
    /// The interval of comments on an idle stream. Default: 20 s, because proxies commonly close a
    /// connection that is idle for 30 or 60 s.
    pub keep_alive: Duration,
    /// The time after which the response to a call without a result becomes an event stream, if the
    /// client accepts one. Default: 10 s; zero means never. Until then, the server sends nothing, and
    /// clients and proxies commonly time out after 60 to 300 s without a response head.
    pub quiet_after: Duration,
    /// The time after which a client should reconnect to a stream that the server ended. Default: 1 s.
    pub retry: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 << 10,
            body_bytes: 4 << 20,
            body_time: Duration::from_secs(15),
            legacy_connections: 10_000,
            streams: 15_000,
            streams_of_share: 0,
            sessions_per_minute: 600,
            event_bytes: 256 << 20,
            streams_per_session: 32,
            stream_retention: Duration::from_secs(5 * 60),
            stream: StreamLimits::default(),
            parking: ParkingLimits::default(),
            keep_alive: Duration::from_secs(20),
            quiet_after: Duration::from_secs(10),
            retry: Duration::from_secs(1),
        }
    }
}
