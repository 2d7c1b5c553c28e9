//! `farport guarded`: how `farport dev` starts what must not outlive it.
//!
//! A signal that a process asks for at its parent's death stays asked for when it becomes
//! another program. So this process asks, then becomes the program: the program ends with
//! `farport dev` even when that is killed outright.

use std::os::unix::process::{CommandExt, parent_id};
use std::process::Command;

use crate::cli::GuardedArgs;
use crate::dev;
use crate::env_vars;
use crate::error::Error;

/// Becomes the program. Returns only when that fails.
pub(crate) fn run(args: GuardedArgs) -> Result<(), Error> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| dev::Error::Guard(error.into()))?;
    if parent_id() != args.parent {
        // It ended before the signal was asked for.
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
    Err(dev::Error::Start { program, source }.into())
}
