//! The bounds and timeouts of a machine.

use std::time::Duration;

use farport_core::Era;

/// The bounds and timeouts of a [`Dialect`](super::Dialect).
///
/// ```
/// use farport_client::dialect::{Dialect, Options};
///
/// let mut options = Options::default();
/// options.most_calls = 100;
/// let dialect = Dialect::new(options);
/// assert_eq!(dialect.held().calls, 0);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The server's era, where it is known; `None` (the default) to find it out.
    pub server: Option<Era>,
    /// Whether callers and servers of different eras are translated. Default: true. If false, each
    /// message passes on as it is.
    pub translates: bool,
    /// Whether the first request of a caller of 2026-07-28 waits until `server/discover` has shown
    /// the server's era. Default: true. If false, the request passes on as it is, and the driver calls
    /// [`Dialect::on_refused`](super::Dialect::on_refused) where the status of the response shows that
    /// the server does not know the era.
    pub probes: bool,
    /// The prefix of each `requestState`. Default: empty. A driver that serves several callers, or
    /// outlives a restart, sets a random prefix, so that a caller cannot guess or reuse the states
    /// of another.
    pub state_prefix: String,
    /// The wait for an answer to `server/discover` before a server counts as one of the session
    /// era. Default: 10 seconds.
    pub probe_timeout: Duration,
    /// The wait for the caller's answer to a question. Default: 5 minutes.
    pub question_timeout: Duration,
    /// The wait for more questions of the same call, so that one result carries them all. Default:
    /// 20 milliseconds.
    pub gather: Duration,
    /// The time for which a question that belongs to no call waits for the caller's next call.
    /// Default: 60 seconds.
    pub stray_timeout: Duration,
    /// The most calls of the caller at a time. Default: 1024.
    pub most_calls: usize,
    /// The most calls that wait for the caller's answers. The one that has waited longest makes
    /// room. Default: 64.
    pub most_parked: usize,
    /// The most open questions of one call. Default: 32.
    pub most_questions: usize,
    /// The most rounds of questions of one call. Default: 10.
    pub most_rounds: u32,
    /// The most resources that the caller can be subscribed to. Default: 1024.
    pub most_subscriptions: usize,
    /// The most bytes of messages held. The call that holds most fails first. Default: 64 MiB.
    pub most_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server: None,
            translates: true,
            probes: true,
            state_prefix: String::new(),
            probe_timeout: Duration::from_secs(10),
            question_timeout: Duration::from_secs(300),
            gather: Duration::from_millis(20),
            stray_timeout: Duration::from_secs(60),
            most_calls: 1024,
            most_parked: 64,
            most_questions: 32,
            most_rounds: 10,
            most_subscriptions: 1024,
            most_bytes: 64 << 20,
        }
    }
}
