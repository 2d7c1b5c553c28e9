//! Growing waits between the attempts of a recovery.
//!
//! Each recovery (a session, a stream, a sign-in, discovery) has one owner and one [`Backoff`].

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use tokio::time::Instant;

/// The first wait.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a success has to last before the waits start over.
const LASTING: Duration = Duration::from_secs(10);
/// The longest wait that a server can ask for with `Retry-After`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// How long to wait before the next attempt.
///
/// Each failure doubles the wait, up to 30 s. A success resets the wait only after it has lasted for
/// 10 s, so a peer that accepts each attempt and then drops it is not asked without a pause.
#[derive(Debug)]
pub(crate) struct Backoff {
    wait: Duration,
    /// When the current success began.
    succeeded_at: Option<Instant>,
    /// Before this, no attempt is made.
    ready_at: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            wait: FIRST,
            succeeded_at: None,
            ready_at: None,
        }
    }
}

impl Backoff {
    /// Records a success, which lasts until the next failure.
    pub(crate) fn succeeded(&mut self, now: Instant) {
        self.succeeded_at.get_or_insert(now);
    }

    /// Records that an attempt failed, or that what worked has ended, and returns the wait before the
    /// next attempt: 500 ms at first, then twice the last one up to 30 s, less up to a quarter so
    /// that many clients do not return at once.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        let lasted = self
            .succeeded_at
            .take()
            .is_some_and(|since| now.duration_since(since) >= LASTING);
        if lasted {
            self.wait = FIRST;
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST);
        let mut byte = [0];
        // Without randomness all clients return at once, which is harmless.
        let _ = getrandom::fill(&mut byte);
        let [byte] = byte;
        let wait = wait - wait.mul_f64(f64::from(byte) / 1024.0);
        self.ready_at = Some(now + wait);
        wait
    }

    /// Returns how long to wait before the next attempt: zero when none has failed, when the wait is
    /// over, and after a success that has lasted.
    pub(crate) fn remaining(&self, now: Instant) -> Duration {
        let lasted = self
            .succeeded_at
            .is_some_and(|since| now.duration_since(since) >= LASTING);
        if lasted {
            return Duration::ZERO;
        }
        self.ready_at
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }
}

/// Returns the wait that a response asks for with `Retry-After`, as seconds or as a date, up to ten
/// minutes (RFC 9110, section 10.2.3). `None` without a valid one.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `wait` is `full`, less up to a quarter.
    fn is_about(wait: Duration, full: Duration) -> bool {
        wait <= full && wait >= full.mul_f64(0.75)
    }

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.remaining(now), Duration::ZERO);
        for full in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            let wait = backoff.failed(now);
            assert!(
                is_about(wait, Duration::from_millis(full)),
                "{wait:?} {full}"
            );
            assert_eq!(backoff.remaining(now), wait);
            assert_eq!(backoff.remaining(now + wait), Duration::ZERO);
        }
    }

    #[test]
    fn only_a_success_that_lasts_resets_the_wait() {
        let mut now = Instant::now();
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            let wait = backoff.failed(now);
            now += wait;
            backoff.succeeded(now);
            now += LASTING - Duration::from_millis(1);
            // Further events of the same success do not prolong the wait for it to last.
            backoff.succeeded(now);
        }
        assert!(is_about(backoff.failed(now), LONGEST));
        backoff.succeeded(now);
        now += LASTING;
        assert_eq!(backoff.remaining(now), Duration::ZERO);
        assert!(is_about(backoff.failed(now), FIRST));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 30);
        for (value, expect) in [
            ("5", Some(5)),
            (" 0 ", Some(0)),
            ("86400", Some(600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(
                retry_after(&headers, now),
                expect.map(Duration::from_secs),
                "{value:?}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
