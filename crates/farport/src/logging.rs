//! The log: on standard error, which no protocol uses.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::{LogFormat, Settings};

/// Starts logging as `settings` have it ([`Settings::log`], [`Settings::log_format`]), unless the
/// program has done so itself. [`Server::run`](crate::Server::run) does this; a program that binds and
/// serves on its own may do it first.
pub fn start_log(settings: &Settings) {
    // rmcp reports each peer that is made and dropped at info; here that is every call.
    let filter = EnvFilter::builder().parse_lossy(format!("rmcp=warn,{}", settings.log));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    let started = match settings.log_format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Text => {
            let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            log.with_ansi(colour).try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("logging was started by the program");
    }
}
