//! Arguments of `farport tokens` and `farport grants`.

use std::time::Duration;

use clap::{Args, Subcommand};
use farport::Storage;

/// Manage API tokens, for scripts and other clients that cannot sign in
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport tokens create ci --scope todos:read --expires 90d
  farport tokens list
  farport tokens revoke c35b9a52aa8dd33bd5f2ed31818e6e35

Clients send the token as `Authorization: Bearer TOKEN`. farport prints a token only when it
creates it: the database contains its SHA-256 hash. A running server rejects a revoked token
after at most ten seconds.")]
pub(crate) struct TokensArgs {
    #[command(subcommand)]
    pub(crate) command: TokensCommand,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Create a token and print it
    #[command(after_help = "\
Examples:
  farport tokens create ci
  farport tokens create ci --scope todos:read --scope todos:write --expires 90d")]
    Create {
        /// Label of the token, which is also the name of its user
        label: String,
        /// Scope of the token [repeatable]
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Lifetime of the token, such as 90d or 12h [default: unlimited]
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
    },
    /// List the tokens
    List,
    /// Revoke a token
    Revoke {
        /// Id of the token, from `farport tokens list`
        id: String,
    },
}

/// Manage grants: the access that users have given to clients
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport grants list
  farport grants list --user alice
  farport grants revoke --user alice
  farport grants revoke e6712d6ea56f4cb9b6bc1eef66ce1994

Revoking a grant invalidates its tokens; the user has to sign in and consent again. A running server
rejects the tokens after at most fifteen seconds.")]
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
    #[command(after_help = "\
Examples:
  farport grants revoke e6712d6ea56f4cb9b6bc1eef66ce1994
  farport grants revoke --user alice
  farport grants revoke --all")]
    Revoke {
        /// Id of the grant, from `farport grants list`
        id: Option<String>,
        #[command(flatten)]
        filter: FilterArgs,
        /// Revoke every grant
        #[arg(long, conflicts_with_all = ["id", "user", "client"])]
        all: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Subject of a user, to select that user's grants
    #[arg(long, value_name = "SUBJECT")]
    pub(crate) user: Option<String>,
    /// Id of a client, to select the grants to that client
    #[arg(long, value_name = "ID")]
    pub(crate) client: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// Database of the server [default: `store` in farport.toml, else the database of `farport dev`]
    #[arg(
        long,
        global = true,
        value_name = "sqlite:PATH",
        env = "FARPORT_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Option<Storage>,
    /// Print the result as one line of JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}
