//! Arguments of an operator's commands.

use std::time::Duration;

use clap::{Args, Subcommand};
use farport::Storage;

/// Make, list and revoke API tokens, for scripts that cannot sign in
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport tokens create ci --scope todos:read --expires 90d
  farport tokens list
  farport tokens revoke c35b9a52aa8dd33bd5f2ed31818e6e35

A token is shown once, when it is made; the server keeps its SHA-256 alone. Clients send it as
`Authorization: Bearer TOKEN`. What is revoked is refused after ten seconds at most.")]
pub(crate) struct TokensArgs {
    #[command(subcommand)]
    pub(crate) command: TokensCommand,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Make a token and print it
    Create {
        /// What it is for; its holder acts under this name
        label: String,
        /// A scope that it has; may be given several times
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// How long it is good, as in 90d or 12h [default: for ever]
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
    },
    /// List the tokens
    List,
    /// Revoke a token
    Revoke {
        /// Its id, as `list` shows it
        id: String,
    },
}

/// List and revoke what users have granted to clients
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport grants list
  farport grants list --user alice
  farport grants revoke --user alice
  farport grants revoke e6712d6ea56f4cb9b6bc1eef66ce1994

Whoever's grant is revoked signs in and consents anew. What is revoked is refused after ten seconds
at most.")]
pub(crate) struct GrantsArgs {
    #[command(subcommand)]
    pub(crate) command: GrantsCommand,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GrantsCommand {
    /// List the grants
    List {
        #[command(flatten)]
        filter: FilterArgs,
    },
    /// Revoke grants
    Revoke {
        /// The id of one, as `list` shows it
        id: Option<String>,
        #[command(flatten)]
        filter: FilterArgs,
        /// Revoke every grant there is
        #[arg(long, conflicts_with_all = ["id", "user", "client"])]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only those of the user with this subject
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) user: Option<String>,
    /// Only those of the client with this id
    #[arg(long, value_name = "CLIENT")]
    pub(crate) client: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// The server's database [default: that of farport.toml, or else of `farport dev`]
    #[arg(long, global = true, value_name = "sqlite:PATH", env = "FARPORT_STORE")]
    pub(crate) store: Option<Storage>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}
