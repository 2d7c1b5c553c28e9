//! Arguments of `farport deploy`.

use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::{Args, ValueEnum};

/// Bring the server to where it runs: Cloudflare, a container, a machine
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport deploy                       Build the worker and deploy it to Cloudflare
  farport deploy --dry-run             Everything but sending it
  farport deploy --env staging         To an environment of wrangler.jsonc
  farport deploy --target docker       Write a Dockerfile: a static program, no root, no shell
  farport deploy --target systemd      Write a unit for a Linux machine
  farport deploy --target fly          Write a fly.toml for Fly.io, and the Dockerfile it builds

For Cloudflare it looks for the Rust target, worker-build, wrangler and an account, and says how to get
what is missing. RUSTC, WORKER_BUILD and WRANGLER name others than those in PATH.

A file that is there already and says something else is left alone, unless --force is given.")]
pub(crate) struct DeployArgs {
    /// Where to
    #[arg(long, value_name = "TARGET", default_value = "workers")]
    pub(crate) target: Target,

    /// Write nothing and send nothing; say what would be done. A worker is built and measured
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Environment of wrangler's configuration
    #[arg(long, short, value_name = "NAME")]
    pub(crate) env: Option<String>,

    /// Set the secrets in this file along with the worker, NAME=value on each line; secrets that
    /// it does not name stay
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) secrets_file: Option<PathBuf>,

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
    /// Cloudflare Workers
    Workers,
    /// A container image
    Docker,
    /// A service of a Linux machine
    Systemd,
    /// Fly.io
    Fly,
}
