//! Waiting longer each time.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// How long to wait before the next try.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// The next wait: twice the one before, to at most half a minute, and up to a quarter less, so
    /// that many do not come back at once.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST);
        let mut byte = [0];
        // Without randomness all come back at once, and no harm is done.
        let _ = getrandom::fill(&mut byte);
        let [byte] = byte;
        wait - wait.mul_f64(f64::from(byte) / 1024.0)
    }

    /// Something worked.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}
