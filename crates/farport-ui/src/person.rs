//! What the client reports during a connection, passed on to the page.

use std::io;
use std::sync::{Arc, Weak};

use farport_client::{Opener, Reporter, Url, User};

use crate::state::State;

/// A [`User`] whose messages and sign-in pages reach the page as events. The sign-in page is also
/// opened through `opener`.
pub(crate) fn person(state: &Arc<State>, opener: Arc<dyn Opener>) -> User {
    let page = Page(Arc::downgrade(state));
    User::new(page.clone(), SignIn(page, opener))
}

#[derive(Clone)]
struct Page(Weak<State>);

impl Reporter for Page {
    fn report(&self, text: &str) {
        if let Some(state) = self.0.upgrade() {
            state.notice(text);
        }
    }
}

struct SignIn(Page, Arc<dyn Opener>);

impl Opener for SignIn {
    fn open(&self, url: &Url) -> io::Result<()> {
        let Some(state) = self.0.0.upgrade() else {
            return Err(io::Error::from(io::ErrorKind::NotConnected));
        };
        state.sign_in_page(url.as_str());
        // The page shows the address as a link, so a machine without a browser is no failure.
        if let Err(error) = self.1.open(url) {
            tracing::debug!(%error, "the sign-in page did not open by itself");
        }
        Ok(())
    }
}
