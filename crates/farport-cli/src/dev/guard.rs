//! Starts programs that do not outlive this process, and ends them.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

/// Creates a command for a program that the system ends together with this process, even if this process is
/// killed (see `commands/guarded.rs`). The program has no input. It leads its own process group, so that
/// Ctrl-C in the terminal only reaches this process.
///
/// The thread that spawns it must live as long as this process.
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

/// Returns the program of this process, even if its file has been replaced.
fn this_program() -> PathBuf {
    match std::env::consts::OS {
        "linux" => "/proc/self/exe".into(),
        _ => std::env::current_exe().unwrap_or_else(|_| "farport".into()),
    }
}

fn pid(child: &Child) -> Option<Pid> {
    // `None` after the process was reaped, so that no other process receives the signal.
    child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw)
}

/// Sends SIGTERM to a program.
pub(super) fn terminate(child: &Child) {
    if let Some(pid) = pid(child) {
        // This fails if the program has just ended.
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Sends SIGTERM to a program and its child processes.
pub(super) fn terminate_group(child: &Child) {
    if let Some(pid) = pid(child) {
        let _ = kill_process_group(pid, Signal::TERM);
    }
}

/// Kills a program and its child processes.
pub(super) fn kill_group(child: &Child) {
    if let Some(pid) = pid(child) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}
