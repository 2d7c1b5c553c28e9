//! Arguments of `farport deploy`.

use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::{Args, ValueEnum};

/// Deploy the server to Cloudflare Workers, or write the files for Docker, systemd or Fly.io
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farport deploy                      Build the Worker and deploy it to Cloudflare
  farport deploy --dry-run            Build the Worker and print its size
  farport deploy --env staging        Deploy to an environment in wrangler.jsonc
  farport deploy --target docker      Write a Dockerfile

For Cloudflare, farport checks the required tools first: the Rust target, wrangler and an account.
To use other tools than those in PATH, set CARGO, RUSTC, WASM_BINDGEN_BIN or WRANGLER.")]
pub(crate) struct DeployArgs {
    /// Deployment target
    #[arg(long, value_name = "TARGET", default_value = "workers")]
    pub(crate) target: Target,

    /// Print what would happen, without writing or uploading anything; a Worker is still built
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Build the Worker into the folder `build` without wrangler
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) build_only: bool,

    /// Environment in wrangler's configuration
    #[arg(long, short, value_name = "NAME")]
    pub(crate) env: Option<String>,

    /// File of secrets to set together with the Worker, one NAME=value per line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) secrets_file: Option<PathBuf>,

    /// Overwrite existing files with different contents
    #[arg(long)]
    pub(crate) force: bool,

    /// Binary to run [default: the only one, or `default-run` in Cargo.toml]
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,

    /// Print the result as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A deployment target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Cloudflare Workers
    Workers,
    /// Container image; writes a Dockerfile
    Docker,
    /// Linux service; writes a unit file
    Systemd,
    /// Fly.io; writes fly.toml and a Dockerfile
    Fly,
}
