//! Sign-in, in a program with the feature `sign-in`.

use crate::Server;

pub use farport_oauth::ExternalServer;
pub use farport_oauth::provider::{GitHub, InvalidSettings, OAuth2, OAuth2Urls, Oidc, Slack};
pub use farport_server::{ApiToken, DevLogin, External, SignIn};

impl Server {
    /// Requires users to sign in, except for what is [`Server::public`].
    #[must_use]
    pub fn auth(mut self, sign_in: impl Into<SignIn>) -> Self {
        self.server.set_sign_in(sign_in.into());
        self
    }
}
