//! A project as a Cloudflare Worker: its configuration ([`config`]), the required tools ([`tools`]), and
//! how farport runs them ([`build`], [`wrangler`], [`secrets`]).

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
