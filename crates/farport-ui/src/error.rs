//! Why the inspector could not start.

use std::io;

/// Why the inspector could not start or serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port is not available on the loopback addresses.
    #[error("cannot listen on port {port} of 127.0.0.1")]
    Listen {
        /// The port.
        port: u16,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The system provides no random numbers for the token.
    #[error("the system provides no random numbers")]
    NoRandomness,
    /// The server stopped.
    #[error("cannot serve the page")]
    Serve(#[source] io::Error),
}
