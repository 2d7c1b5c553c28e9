//! Randomness of the operating system.

use farport_oauth::Random;

/// Random bytes from the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// # Panics
    /// When the system has no randomness: a server without it would create ids that can be guessed.
    #[expect(clippy::expect_used, reason = "no safe way to continue exists")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the system has no randomness");
    }
}
