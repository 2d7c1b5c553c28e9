//! `farport guarded`: starts the programs that must not outlive `farport dev`.
//!
//! A process can request a signal for the death of its parent, and keeps this request when it executes
//! another program. So this process requests the signal, then executes the program: the program ends with
//! `farport dev`, even if `farport dev` is killed.

use std::os::unix::process::{CommandExt, parent_id};
use std::process::Command;

use super::args::GuardedArgs;
use super::env_vars;
use crate::error::Error;

/// Replaces this process with the program. Returns only on failure.
pub(crate) fn run(args: GuardedArgs) -> Result<(), Error> {
    // The other systems have no such signal.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| super::Error::Guard(error.into()))?;
    if parent_id() != args.parent {
        // The parent ended before the request.
        return Ok(());
    }
    let mut words = args.program.into_iter();
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(&program);
    command.args(words);
    if args.listen_pid {
        command.env(env_vars::LISTEN_PID, std::process::id().to_string());
    }
    let source = command.exec();
    Err(super::Error::Start { program, source }.into())
}
