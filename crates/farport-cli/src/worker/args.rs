//! Arguments of `farport secret` and `farport tail`.

use clap::{Args, Subcommand};

/// Set, list and delete the secrets of a deployed worker
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport secret put GITHUB_CLIENT_SECRET        Asks for the value, without showing it
  farport secret put TOKEN < token.txt           Takes it from a file
  farport secret put FARPORT_MASTER_KEY --random Makes one that nobody has seen
  farport secret list
  farport secret delete TOKEN

A value is never an argument: those are in the shell's history, and in the list of processes. For this
machine, secrets stand in .dev.vars; for a container, a unit or Fly.io they are the platform's.")]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    pub(crate) command: SecretCommand,

    /// Environment of wrangler's configuration
    #[arg(long, short, value_name = "NAME", global = true)]
    pub(crate) env: Option<String>,

    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Set a secret
    Put {
        /// Its name
        name: String,
        /// Take 32 random bytes, in base64
        #[arg(long)]
        random: bool,
    },
    /// List the names of the secrets
    List,
    /// Delete a secret
    Delete {
        /// Its name
        name: String,
    },
}

/// Show the log of a deployed worker as it happens
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport tail
  farport tail --env staging --json

It is what wrangler shows: requests, what the worker logs, and what it fails with.")]
pub(crate) struct TailArgs {
    /// Environment of wrangler's configuration
    #[arg(long, short, value_name = "NAME")]
    pub(crate) env: Option<String>,

    /// Print a JSON object for each event
    #[arg(long)]
    pub(crate) json: bool,
}
