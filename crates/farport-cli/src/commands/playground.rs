//! `farport playground`.

use farport_ui::chat::ChatStart;

use super::inspect::{Page, serve};
use crate::error::Error;
use crate::remote::args::MessageArgs;
use crate::remote::log_to_stderr;
use crate::remote::playground::PlaygroundArgs;

/// Serves the page until a signal arrives.
pub(crate) fn run(args: PlaygroundArgs) -> Result<(), Error> {
    log_to_stderr(&MessageArgs {
        debug: args.debug,
        silent: false,
    })?;
    let (target, servers) = args.targets()?;
    serve(Page {
        target,
        port: args.port,
        no_open: args.no_open,
        chat: ChatStart {
            servers,
            open: true,
            ..ChatStart::default()
        },
    })
}
