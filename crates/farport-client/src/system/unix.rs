use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

/// Creates folders that only their owner can access.
pub(crate) fn private_folders(builder: &mut DirBuilder) {
    builder.mode(0o700);
}

/// Creates a file that only its owner can access.
pub(crate) fn private_file(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Starts the process in its own group: what it starts ends with it.
pub(crate) fn own_group(command: &mut Command) {
    command.process_group(0);
}

/// Asks the processes of a group to end.
pub(crate) fn terminate(group: Option<u32>) {
    signal(group, Signal::TERM);
}

/// Ends the processes of a group.
pub(crate) fn kill(group: Option<u32>) {
    signal(group, Signal::KILL);
}

fn signal(group: Option<u32>, signal: Signal) {
    let group = group.and_then(|group| i32::try_from(group).ok());
    if let Some(group) = group.and_then(Pid::from_raw) {
        // Fails when no process of the group is left.
        let _ = kill_process_group(group, signal);
    }
}
