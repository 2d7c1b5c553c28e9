//! `farport inspect`.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use farport_client::{Browser, CancellationToken, NoBrowser, Opener, Store, parse_url};
use farport_ui::chat::{self, ChatStart};
use farport_ui::{Inspector, Settings, Target};

use crate::error::Error;
use crate::listen;
use crate::remote::args::MessageArgs;
use crate::remote::inspect::InspectArgs;
use crate::remote::{log_to_stderr, saved};
use crate::terminal::COPY;

/// The file of the saved calls, in the current folder, so that a project can commit it.
const SAVED_CALLS: &str = ".farport/calls.json";

/// What a page is started with.
pub(crate) struct Page {
    /// The server to connect to.
    pub(crate) target: Option<Target>,
    /// The port; 0 takes a free one.
    pub(crate) port: u16,
    /// Whether the page and sign-ins are only printed.
    pub(crate) no_open: bool,
    /// How the chat starts. Providers of the environment are added to it.
    pub(crate) chat: ChatStart,
}

/// Serves the page until a signal arrives.
pub(crate) fn run(args: InspectArgs) -> Result<(), Error> {
    log_to_stderr(&MessageArgs {
        debug: args.debug,
        silent: false,
    })?;
    serve(Page {
        target: args.target()?,
        port: args.port,
        no_open: args.no_open,
        chat: ChatStart::default(),
    })
}

/// Serves a page until a signal arrives.
pub(crate) fn serve(mut page: Page) -> Result<(), Error> {
    let (providers, problems) = chat::from_environment(|name| std::env::var(name).ok());
    for problem in problems {
        crate::mcp::output::note(&problem);
    }
    page.chat.providers = providers;
    let no_open = page.no_open;
    let opener: Arc<dyn Opener> = if no_open {
        Arc::new(NoBrowser)
    } else {
        Arc::new(Browser)
    };
    let settings = Settings {
        target: page.target,
        store: Store::of_user()?,
        opener: Arc::clone(&opener),
        port: page.port,
        saved_calls: PathBuf::from(SAVED_CALLS),
        chat: page.chat,
        servers: Arc::new(saved::for_inspector),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let result = runtime.block_on(async {
        let signal = farport::host::shutdown_signal().map_err(Error::Runtime)?;
        let inspector = Inspector::bind(settings).await.map_err(listening)?;
        announce(inspector.url(), no_open, &*opener).map_err(Error::Output)?;
        let stop = CancellationToken::new();
        let serving = inspector.serve(stop.clone());
        tokio::pin!(serving);
        tokio::select! {
            result = &mut serving => return result.map_err(Error::Inspect),
            () = signal => stop.cancel(),
        }
        serving.await.map_err(Error::Inspect)
    });
    runtime.shutdown_background();
    result
}

/// Prints the page's address, and opens it.
fn announce(url: &str, no_open: bool, opener: &dyn Opener) -> std::io::Result<()> {
    let mut out = anstream::stdout();
    writeln!(out, "{COPY}{url}{COPY:#}")?;
    out.flush()?;
    let opened = !no_open && parse_url(url).is_ok_and(|url| opener.open(&url).is_ok());
    let next = if opened {
        "The page opens in your browser."
    } else {
        "Open this URL in a browser on this machine."
    };
    anstream::eprintln!("{next} The URL contains a token: do not share it. Press Ctrl-C to stop.");
    Ok(())
}

/// Names the program that holds a port, if one does.
fn listening(error: farport_ui::Error) -> Error {
    match error {
        farport_ui::Error::Listen { port, source } => {
            Error::Listen(listen::Error::new("localhost", port, source))
        }
        other => Error::Inspect(other),
    }
}
