//! Arguments of `farport deploy`.

use clap::{Args, ValueEnum};

/// Bring the server to where it runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport deploy --target docker       Write a Dockerfile: a static program, no root, no shell
  farport deploy --target systemd      Write a unit for a Linux machine
  farport deploy --target fly          Write a fly.toml for Fly.io, and the Dockerfile it builds

A file that is there already and says something else is left alone, unless --force is given.")]
pub(crate) struct DeployArgs {
    /// Where to
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Target,

    /// Write nothing and send nothing; say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Write over files that say something else
    #[arg(long)]
    pub(crate) force: bool,

    /// Binary to run, in a crate that has several
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,

    /// Print what was done as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// A container image
    Docker,
    /// A service of a Linux machine
    Systemd,
    /// Fly.io
    Fly,
}
