//! Holds a sign-in before its next step.

use std::fmt;
use std::pin::Pin;

/// The next step of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStep {
    /// The metadata of the protected resource is requested.
    ResourceMetadata,
    /// The metadata of the authorization server is requested.
    ServerMetadata,
    /// The client is registered, or an earlier registration is used.
    Client,
    /// The user is sent to the authorization server.
    Authorization,
    /// The code is exchanged for tokens.
    Token,
    /// The refresh token is used.
    Refresh,
}

/// Decides when the next step of a sign-in starts.
///
/// A browser may wait for its page, and other processes for the sign-in, while a step is held.
pub trait Gate: Send + Sync {
    /// Completes when the step may start. It is dropped when the sign-in is cancelled.
    fn wait(&self, next: NextStep) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl fmt::Debug for dyn Gate + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}
