//! The memory of the users who signed in with a browser.

use std::sync::Arc;

use secrecy::SecretString;

use super::{
    DEVELOPMENT, ErrorPage, PageRequest, SetCookie, cookies, internal_error,
    transactions::decrypted,
};
use crate::{
    Identity, SignIn,
    keys::Purpose,
    server::Core,
    token::{SecretKind, digest},
};

/// The remembered sign-ins of browsers.
pub(super) struct SignIns(pub(super) Arc<Core>);

impl SignIns {
    /// The user who signed in with this browser, if the server still remembers.
    pub(super) async fn user(
        &self,
        request: &PageRequest<'_>,
    ) -> Result<Option<Identity>, ErrorPage> {
        let cookie = request
            .cookies
            .get(&cookies::name(request.site, "signed-in"));
        let Some(cookie) = cookie.filter(|cookie| SecretKind::Cookie.fits(cookie)) else {
            return Ok(None);
        };
        let cookie = SecretString::from(cookie);
        let found = self.0.store().sign_in(&digest(&cookie)).await?;
        let Some(found) = found.filter(|found| found.expires > request.now) else {
            return Ok(None);
        };
        // Encrypted with a key that was removed: the same as not signed in.
        Ok(decrypted(&self.0.keys, Purpose::SignIn, &cookie, Some(found.sealed)).ok())
    }

    /// Remembers the user who signed in with this browser. The cookie is new each time, so that an
    /// attacker cannot set it beforehand.
    pub(super) async fn remember(
        &self,
        request: &PageRequest<'_>,
        identity: &Identity,
    ) -> Result<Option<SetCookie>, ErrorPage> {
        let lifetime = self.0.config.sign_in_lifetime;
        if lifetime.is_zero() {
            return Ok(None);
        }
        let secret = SecretKind::Cookie.random(self.0.random());
        let plain = serde_json::to_vec(identity).map_err(internal_error)?;
        let sign_in = SignIn {
            id: digest(&secret),
            expires: request.now.after(lifetime),
            sealed: self
                .0
                .keys
                .seal(self.0.random(), Purpose::SignIn, &secret, &plain),
            share: match &*identity.user.issuer {
                // In development, one visitor can sign in with many names.
                DEVELOPMENT => crate::limiter::share(request.address),
                issuer => format!("user {issuer} {}", identity.user.subject).into(),
            },
        };
        let most = self.0.config.most_transactions;
        self.0.store().add_sign_in(sign_in, most).await?;
        let cookie = SetCookie::new(request.site, "signed-in", secret, lifetime);
        Ok(Some(cookie))
    }

    /// Forgets the user who signed in with this browser.
    pub(super) async fn forget(
        &self,
        request: &PageRequest<'_>,
    ) -> Result<Option<SetCookie>, ErrorPage> {
        let name = cookies::name(request.site, "signed-in");
        let Some(cookie) = request.cookies.get(&name) else {
            return Ok(None);
        };
        let id = digest(&SecretString::from(cookie));
        self.0.store().remove_sign_in(&id).await?;
        Ok(Some(SetCookie::removal(request.site, "signed-in")))
    }
}
