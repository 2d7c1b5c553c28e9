//! Signals of Windows.

use std::{future::Future, io};

/// Handles ctrl-c from now on, and returns a future that is ready at the first one. Call it within a
/// tokio runtime.
///
/// # Errors
/// When the system does not allow the program to handle it.
pub fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
