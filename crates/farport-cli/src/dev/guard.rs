//! Starting programs that do not outlive this one, and ending them.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

/// A command for a program that the system ends when this process ends, however that comes
/// (see `commands/guarded.rs`). It leads a process group of its own, so that ctrl-c in the
/// terminal reaches this process alone, and has no input.
///
/// The thread that spawns it has to live as long as this process.
pub(super) fn command(program: &OsStr, listen_pid: bool) -> Command {
    let mut command = Command::new(this_program());
    command
        .arg0("farport")
        .args(["guarded", "--parent"])
        .arg(std::process::id().to_string())
        .args(listen_pid.then_some("--listen-pid"))
        .arg("--")
        .arg(program)
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// The program this process runs, also when its file has been replaced since.
fn this_program() -> PathBuf {
    match cfg!(target_os = "linux") {
        true => "/proc/self/exe".into(),
        false => std::env::current_exe().unwrap_or_else(|_| "farport".into()),
    }
}

fn pid(child: &Child) -> Option<Pid> {
    // Absent once the child has been waited for: nobody else gets its signal then.
    child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw)
}

/// Asks a program to end.
pub(super) fn ask_to_end(child: &Child) {
    if let Some(pid) = pid(child) {
        // It fails when the program has just ended, which is what was wanted.
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Asks a program and everything it started to end.
pub(super) fn ask_group_to_end(child: &Child) {
    if let Some(pid) = pid(child) {
        let _ = kill_process_group(pid, Signal::TERM);
    }
}

/// Ends a program and everything it started.
pub(super) fn kill_group(child: &Child) {
    if let Some(pid) = pid(child) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}
