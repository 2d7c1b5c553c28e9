//! What is said to the person: on standard error, because standard output is the client's.

use farport_bridge::Teller;
use tracing_subscriber::EnvFilter;

use super::args::MessageArgs;
use crate::error::Error;

/// Says things on standard error.
pub(crate) struct Voice {
    silent: bool,
}

/// A voice as it was asked for.
pub(crate) fn teller(args: &MessageArgs) -> Voice {
    Voice {
        silent: args.silent && !args.debug,
    }
}

impl Voice {
    /// A voice that says everything there is to say.
    pub(crate) const fn loud() -> Self {
        Self { silent: false }
    }
}

impl Teller for Voice {
    fn tell(&self, text: &str) {
        if !self.silent {
            anstream::eprintln!("{text}");
        }
    }
}

/// Writes what happens to standard error, as far as it was asked for.
pub(crate) fn log_to_stderr(args: &MessageArgs) -> Result<(), Error> {
    if !args.debug {
        return Ok(());
    }
    let filter = EnvFilter::new("farport_bridge=trace,hyper_util=info,reqwest=info");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init()
        .map_err(|error| Error::Runtime(std::io::Error::other(error.to_string())))
}
