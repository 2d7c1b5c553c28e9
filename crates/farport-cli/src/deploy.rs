//! `farport deploy`.
//!
//! For Cloudflare, farport builds and measures the crate, and runs wrangler ([`crate::worker`]). For
//! other targets ([`native`]), it writes the files that the platform's tools need, and prints the
//! commands to run. It never overwrites a user's file without `--force` ([`write`]).

pub(crate) mod args;
mod docker;
pub(crate) mod error;
mod fly;
pub(crate) mod native;
mod plan;
mod systemd;
mod text;
mod write;

pub(crate) use error::Error;
pub(crate) use write::Outcome;
