//! Transactions: what a browser continues with a secret and a cookie.

use std::sync::Arc;

use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::{ErrorPage, PageRequest, Pending, Problem, SetCookie, Stage, cookies, internal_error};
use crate::{
    Digest, Keys, Transaction,
    keys::Purpose,
    server::Core,
    token::{SecretKind, digest},
};

/// The transactions of browsers in the store.
pub(super) struct Transactions(pub(super) Arc<Core>);

impl Transactions {
    /// Starts a transaction. `browser` is the value of the cookie that can continue it.
    pub(super) async fn begin(
        &self,
        request: &PageRequest<'_>,
        browser: &SecretString,
        stage: Stage,
    ) -> Result<SecretString, ErrorPage> {
        let secret = SecretKind::Transaction.random(self.0.random());
        let pending = Pending {
            browser: digest(browser),
            issuer: request.site.issuer().clone(),
            stage,
        };
        let plain = serde_json::to_vec(&pending).map_err(internal_error)?;
        let transaction = Transaction {
            id: digest(&secret),
            expires: request.now.after(self.0.config.transaction_lifetime),
            sealed: self
                .0
                .keys
                .seal(self.0.random(), Purpose::Transaction, &secret, &plain),
            share: crate::limiter::share(request.address),
        };
        let most = self.0.config.most_transactions;
        self.0.store().begin(transaction, most).await?;
        Ok(secret)
    }

    /// Takes a transaction out of the store, so that it cannot be continued twice. It stays there when
    /// another browser sends its secret.
    pub(super) async fn resume(
        &self,
        request: &PageRequest<'_>,
        secret: Option<&str>,
        cookie: impl Fn(&Digest) -> Option<SecretString>,
    ) -> Result<Stage, ErrorPage> {
        let secret = secret.filter(|secret| SecretKind::Transaction.fits(secret));
        let secret: SecretString = secret.ok_or_else(ErrorPage::expired)?.into();
        let id = digest(&secret);
        let store = self.0.store();
        let found = store.transaction(&id).await?;
        let found = found.filter(|found| found.expires > request.now);
        let sealed = found.map(|transaction| transaction.sealed);
        let pending: Pending = decrypted(&self.0.keys, Purpose::Transaction, &secret, sealed)?;
        if pending.issuer != *request.site.issuer() {
            return Err(ErrorPage::expired());
        }
        let cookie = cookie(&id);
        if cookie.is_none_or(|cookie| digest(&cookie) != pending.browser) {
            let text = "another browser started this sign-in; start again from the client";
            return Err(ErrorPage::forbidden(Problem::OtherBrowser, text));
        }
        let taken = store.take_transaction(&id).await?;
        taken.ok_or_else(ErrorPage::expired)?;
        Ok(pending.stage)
    }

    /// The secret that identifies the browser, from its cookie or new, and the cookie to set. It is set
    /// with every page, so that it outlives the page.
    pub(super) fn browser(&self, request: &PageRequest<'_>) -> (SecretString, SetCookie) {
        let name = cookies::name(request.site, "browser");
        let known = request.cookies.get(&name);
        let secret: SecretString = match known.filter(|known| SecretKind::Cookie.fits(known)) {
            Some(known) => known.into(),
            None => SecretKind::Cookie.random(self.0.random()),
        };
        let (pages, browsers) = (
            self.0.config.transaction_lifetime,
            self.0.config.sign_in_lifetime,
        );
        let cookie = SetCookie::new(request.site, "browser", secret.clone(), pages.max(browsers));
        (secret, cookie)
    }

    /// Takes the transaction of a submitted form.
    pub(super) async fn resume_form(
        &self,
        request: &PageRequest<'_>,
        secret: Option<&str>,
    ) -> Result<(Stage, SecretString), ErrorPage> {
        let cookie = request.cookies.get(&cookies::name(request.site, "browser"));
        let cookie = cookie.map(SecretString::from);
        let stage = self.resume(request, secret, |_| cookie.clone()).await?;
        Ok((stage, cookie.unwrap_or_default()))
    }
}

/// Decrypts what is in the store. `None` and a failure count as expired.
pub(super) fn decrypted<T: DeserializeOwned>(
    keys: &Keys,
    purpose: Purpose,
    secret: &SecretString,
    sealed: Option<Vec<u8>>,
) -> Result<T, ErrorPage> {
    let sealed = sealed.ok_or_else(ErrorPage::expired)?;
    let plain = keys.open(purpose, secret, &sealed);
    let plain = plain.map_err(|error| {
        tracing::warn!(%error, "cannot decrypt a transaction; check the master key");
        ErrorPage::expired()
    })?;
    serde_json::from_slice(&plain).map_err(internal_error)
}
