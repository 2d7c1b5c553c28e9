//! A project as a Cloudflare Worker: what it says of itself ([`config`]), the programs that build
//! and carry it ([`tools`]), and what they are told to do ([`build`], [`wrangler`]).

pub(crate) mod args;
pub(crate) mod build;
pub(crate) mod config;
mod error;
pub(crate) mod secrets;
pub(crate) mod tools;
pub(crate) mod wrangler;

pub(crate) use config::Config;
pub(crate) use error::{Error, Missing};
pub(crate) use tools::Tools;
