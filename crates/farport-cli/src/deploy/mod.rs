//! `farport deploy`: bringing a project to where it runs.
//!
//! For Cloudflare the crate is built, measured and handed to wrangler ([`crate::worker`]). For
//! everywhere else ([`native`]) the files are written that the platform's own tools work from, and
//! the commands are named. What a file of the user's own says is never lost ([`write`]).

pub(crate) mod args;
mod docker;
pub(crate) mod error;
mod fly;
pub(crate) mod native;
mod systemd;
mod text;
mod write;

pub(crate) use error::Error;
pub(crate) use write::Outcome;
