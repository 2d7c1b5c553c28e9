//! Messages to the user, on standard error. Standard output belongs to the client.

use farport_client::Reporter;
use tracing_subscriber::EnvFilter;

use super::args::MessageArgs;
use crate::error::Error;
use crate::terminal::Plain;

/// Writes messages to standard error.
pub(crate) struct MessageWriter {
    silent: bool,
}

impl MessageWriter {
    /// Creates a writer that follows `--silent` and `--debug`.
    pub(crate) const fn new(args: &MessageArgs) -> Self {
        Self {
            silent: args.silent && !args.debug,
        }
    }

    /// Creates a writer that writes every message.
    pub(crate) const fn verbose() -> Self {
        Self { silent: false }
    }
}

impl Reporter for MessageWriter {
    fn report(&self, text: &str) {
        if !self.silent {
            // farport-client separates the lines. A server's text cannot contain a line break.
            for line in text.lines() {
                anstream::eprintln!("{}", Plain(line));
            }
        }
    }
}

/// Starts a log on standard error if `--debug` is given.
pub(crate) fn log_to_stderr(args: &MessageArgs) -> Result<(), Error> {
    if !args.debug {
        return Ok(());
    }
    let filter = EnvFilter::new("farport_client=trace,hyper_util=info,reqwest=info");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .fmt_fields(farport::host::log_fields())
        .with_ansi(false)
        .try_init()
        .map_err(|error| Error::Runtime(std::io::Error::other(error.to_string())))
}
