//! Signals of Unix.

use std::{future::Future, io};

/// Handles SIGTERM and SIGINT (ctrl-c) from now on, and returns a future that is ready at the first
/// one. Call it within a tokio runtime.
///
/// # Errors
/// When the system does not allow the program to handle a signal.
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
