//! One instance at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

/// How long to wait before looking again.
const LOOK_AGAIN: Duration = Duration::from_millis(40);

/// Holds a lock until it is dropped, or the process dies.
#[derive(Debug)]
pub(crate) struct Guard(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

/// Waits for a lock. `None` when it was not free in time.
pub(super) async fn acquire(path: &Path, patience: Duration) -> io::Result<Option<Guard>> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    crate::system::private_file(&mut options);
    let file = options.open(path)?;
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(Guard(file))),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
