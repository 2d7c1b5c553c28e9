//! The arguments of `farport dev`.

use clap::{Args, Subcommand};

use crate::cli::DevArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(DevArgs),
    Guarded(GuardedArgs),
}

/// Run a program that ends together with this process's parent
///
/// `farport dev` starts builds and servers this way. It is not for users.
#[derive(Debug, Args)]
#[command(name = "guarded", hide = true)]
pub(crate) struct GuardedArgs {
    /// Process id of the parent, to detect that it has already exited
    #[arg(long)]
    pub(crate) parent: u32,

    /// Set LISTEN_PID to the process id of the program
    #[arg(long)]
    pub(crate) listen_pid: bool,

    /// Program to run, with its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) program: Vec<std::ffi::OsString>,
}
