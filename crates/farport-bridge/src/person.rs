//! The person who started all this: told things, shown pages, and sometimes asked.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::sync::Mutex;
use url::Url;

use crate::Error;
use crate::opener::Opener;

/// What a person is told goes here.
pub trait Teller: Send + Sync {
    /// Tells something. `text` may have several lines; no secret is in it, except the address of a
    /// sign-in page, which the person needs.
    fn tell(&self, text: &str);
}

/// Whoever signs in.
#[derive(Clone)]
pub struct Person {
    teller: Arc<dyn Teller>,
    opener: Arc<dyn Opener>,
    input: Option<Arc<Mutex<Box<dyn AsyncBufRead + Send + Unpin>>>>,
}

impl Person {
    /// A person who is told through `teller` and shown pages by `opener`.
    pub fn new(teller: impl Teller + 'static, opener: impl Opener + 'static) -> Self {
        Self {
            teller: Arc::new(teller),
            opener: Arc::new(opener),
            input: None,
        }
    }

    /// A person who may type, too.
    #[must_use]
    pub fn with_input(mut self, input: impl AsyncBufRead + Send + Unpin + 'static) -> Self {
        self.input = Some(Arc::new(Mutex::new(Box::new(input))));
        self
    }

    pub(crate) fn tell(&self, text: &str) {
        self.teller.tell(text);
    }

    pub(crate) fn open(&self, url: &Url) -> io::Result<()> {
        self.opener.open(url)
    }

    /// The next line typed. Never ready where nobody types, or no longer.
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
