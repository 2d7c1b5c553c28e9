//! The user who signs in: receives messages, sees pages, and sometimes types.

use std::io;
use std::sync::Arc;

use farport_core::Plain;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::sync::Mutex;
use url::Url;

use crate::Error;
use crate::opener::Opener;

/// Receives messages for the user.
pub trait Reporter: Send + Sync {
    /// Shows a message, which may have several lines. It holds no secret, except the URL of a sign-in
    /// page, which the user needs.
    fn report(&self, text: &str);
}

impl<F: Fn(&str) + Send + Sync> Reporter for F {
    fn report(&self, text: &str) {
        self(text);
    }
}

/// The user who signs in.
///
/// ```
/// use farport_client::{Browser, User};
///
/// // Messages go to standard error, and sign-in pages to the browser.
/// let user = User::new(|text: &str| eprintln!("{text}"), Browser);
/// ```
#[derive(Clone)]
pub struct User {
    reporter: Arc<dyn Reporter>,
    opener: Arc<dyn Opener>,
    input: Option<Arc<Mutex<Box<dyn AsyncBufRead + Send + Unpin>>>>,
}

impl User {
    /// A user who receives messages through `reporter` and sees pages through `opener`.
    pub fn new(reporter: impl Reporter + 'static, opener: impl Opener + 'static) -> Self {
        Self {
            reporter: Arc::new(reporter),
            opener: Arc::new(opener),
            input: None,
        }
    }

    /// A user who may type, too.
    #[must_use]
    pub fn with_input(mut self, input: impl AsyncBufRead + Send + Unpin + 'static) -> Self {
        self.input = Some(Arc::new(Mutex::new(Box::new(input))));
        self
    }

    pub(crate) fn report(&self, text: &str) {
        self.reporter.report(text);
    }

    /// Shows an error, and its hint on a second line. A server's text in it cannot start a line.
    pub(crate) fn report_error(&self, error: &Error) {
        self.report(&Self::lines(error));
    }

    /// The text that [`User::report_error`] shows.
    pub(crate) fn lines(error: &Error) -> String {
        let mut lines = format!("error: {}", Plain(error));
        if let Some(hint) = error.hint() {
            lines.push_str(&format!("\nhint: {}", Plain(hint)));
        }
        lines
    }

    pub(crate) fn open(&self, url: &Url) -> io::Result<()> {
        self.opener.open(url)
    }

    /// The next line that the user types. Never ready without an input, or at its end.
    pub(crate) async fn pasted(&self) -> Result<String, Error> {
        let Some(input) = &self.input else {
            return std::future::pending().await;
        };
        let mut line = String::new();
        let read = input
            .lock()
            .await
            .read_line(&mut line)
            .await
            .map_err(Error::Local)?;
        if read == 0 {
            return std::future::pending().await;
        }
        Ok(line)
    }
}
