//! `farport dev --inspect`: the inspector on the project's server, which follows each reload.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use farport_client::{Browser, CancellationToken, NoBrowser, Opener, Store, parse_url};
use farport_ui::chat::{self, ChatStart};
use farport_ui::{Handle, Inspector, Settings, Target};
use tokio::task::JoinHandle;

use super::Error;
use super::machine::Message;
use crate::remote::saved;
use crate::terminal::{COPY, Plain};

/// How to inspect.
#[derive(Clone, Debug)]
pub(crate) struct InspectOptions {
    /// The server's URL.
    pub(crate) url: String,
    /// Whether the page opens in a browser.
    pub(crate) open: bool,
}

/// A running inspector.
#[derive(Debug)]
pub(super) struct Inspection {
    handle: Handle,
    /// The page's address.
    page: String,
    options: InspectOptions,
    /// Whether the server has been ready.
    connected: bool,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Inspection {
    /// Serves the inspector's page.
    pub(super) async fn start(options: InspectOptions, root: &Path) -> Result<Self, Error> {
        let settings = Settings {
            target: None,
            store: Store::of_user().map_err(Error::Store)?,
            opener: opener(&options),
            port: 0,
            saved_calls: root.join(".farport").join("calls.json"),
            chat: ChatStart {
                // What is wrong with a provider, `farport inspect` reports.
                providers: chat::from_environment(|name| std::env::var(name).ok()).0,
                ..ChatStart::default()
            },
            servers: Arc::new(saved::for_inspector),
        };
        let inspector = Inspector::bind(settings).await.map_err(Error::Inspect)?;
        let stop = CancellationToken::new();
        let (handle, page) = (inspector.handle(), inspector.url().to_owned());
        let until = stop.clone();
        let serving = tokio::spawn(async move {
            if let Err(error) = inspector.serve(until).await {
                anstream::eprintln!("The inspector ended: {}", Plain(error));
            }
        });
        Ok(Self {
            handle,
            page,
            options,
            connected: false,
            stop,
            serving,
        })
    }

    /// Follows what happens to the server. `text` is the message that the terminal shows.
    pub(super) fn follow(&mut self, message: &Message, text: &str) {
        match message {
            Message::Serving { .. } if self.connected => self.handle.reload(),
            Message::Serving { .. } => {
                self.connected = true;
                let target = Target::new(self.options.url.clone(), Vec::new(), false);
                self.handle.connect(target);
                self.announce();
            }
            Message::BuildFailed { .. }
            | Message::StartFailed { .. }
            | Message::NotReady
            | Message::Ended { .. } => {
                self.handle
                    .report(&anstream::adapter::strip_str(text).to_string());
            }
            Message::Unchanged => {}
        }
    }

    /// Prints the page's address, and opens it.
    fn announce(&self) {
        let mut out = anstream::stderr();
        // A closed standard error is no reason to stop.
        let _ = writeln!(out, "Inspector: {COPY}{}{COPY:#}", self.page);
        if let Ok(url) = parse_url(&self.page)
            && let Err(error) = opener(&self.options).open(&url)
            && self.options.open
        {
            let _ = writeln!(out, "The page did not open ({}).", Plain(error));
        }
    }

    /// Closes the connection and the page.
    pub(super) async fn end(self) {
        self.stop.cancel();
        // It only fails when it panicked, which has been printed.
        let _ = self.serving.await;
    }
}

fn opener(options: &InspectOptions) -> Arc<dyn Opener> {
    if options.open {
        Arc::new(Browser)
    } else {
        Arc::new(NoBrowser)
    }
}
