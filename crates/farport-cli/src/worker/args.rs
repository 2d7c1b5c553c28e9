//! Arguments of `farport secret` and `farport tail`.

use clap::{Args, Subcommand};

/// Manage the secrets of a deployed Worker
///
/// For `farport dev`, write secrets to .dev.vars instead.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport secret put GITHUB_CLIENT_SECRET          Prompt for the value
  farport secret put TOKEN < token.txt             Read the value from a file
  farport secret put FARPORT_MASTER_KEY --random   Use a random value
  farport secret list")]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    pub(crate) command: SecretCommand,

    /// Environment in wrangler's configuration
    #[arg(long, short, value_name = "NAME", global = true)]
    pub(crate) env: Option<String>,

    /// Print the result as one line of JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Set a secret
    ///
    /// farport prompts for the value, or reads it from standard input. The value is not an argument,
    /// so that it stays out of the shell's history and the process list.
    #[command(after_help = "\
Examples:
  farport secret put GITHUB_CLIENT_SECRET          Prompt for the value
  farport secret put TOKEN < token.txt             Read the value from a file
  farport secret put FARPORT_MASTER_KEY --random   Use a random value")]
    Put {
        /// Name of the secret
        name: String,
        /// Use 32 random bytes in base64 as the value
        #[arg(long)]
        random: bool,
    },
    /// List the names of the secrets
    List,
    /// Delete a secret
    Delete {
        /// Name of the secret
        name: String,
    },
}

/// Stream the log of a deployed Worker
///
/// Runs `wrangler tail`, which prints requests, log messages and exceptions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport tail
  farport tail --env staging --json")]
pub(crate) struct TailArgs {
    /// Environment in wrangler's configuration
    #[arg(long, short, value_name = "NAME")]
    pub(crate) env: Option<String>,

    /// Print one JSON object per event
    #[arg(long)]
    pub(crate) json: bool,
}
