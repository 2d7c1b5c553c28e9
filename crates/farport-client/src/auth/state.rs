//! What is known of one sign-in in this process.

use std::collections::VecDeque;
use std::time::Duration;

use farport_oauth::same_issuer;
use tokio::time::Instant;
use url::Url;

use super::SignInError;
use super::metadata::Discovered;
use crate::backoff::Backoff;
use crate::http::shown;
use crate::secret::Secret;
use crate::store::{Record, Tokens};

/// More sign-ins than this ...
const MOST_SIGN_INS: usize = 5;
/// ... in this time are a loop.
const SIGN_INS_WITHIN: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct State {
    pub(super) loaded: bool,
    pub(super) record: Option<Record>,
    sign_ins: VecDeque<Instant>,
    /// The refresh token that the server refused. It is not sent again.
    pub(super) refused: Option<Secret>,
    /// Of refreshes ahead of time.
    backoff: Backoff,
}

impl State {
    pub(super) fn tokens(&self) -> Option<&Tokens> {
        self.record.as_ref()?.tokens.as_ref()
    }

    pub(super) fn can_renew(&self) -> bool {
        let refresh = self.tokens().and_then(|tokens| tokens.refresh.as_ref());
        refresh.is_some_and(|refresh| {
            !self
                .refused
                .as_ref()
                .is_some_and(|refused| refused.is(refresh.expose()))
        })
    }

    /// Whether a token that still works may be refreshed now.
    pub(super) fn may_renew_early(&self) -> bool {
        self.backoff.remaining(Instant::now()).is_zero()
    }

    pub(super) fn put_renewal_off(&mut self) {
        self.backoff.failed(Instant::now());
    }

    pub(super) fn renewed(&mut self) {
        self.backoff.succeeded(Instant::now());
    }

    /// Drops what another authorization server issued: it is never sent to this one.
    pub(super) fn keep_to_issuer(&mut self, found: &Discovered) {
        let Some(record) = &mut self.record else {
            return;
        };
        let known = record
            .authorization_server
            .as_ref()
            .map(|server| &server.issuer);
        match known {
            Some(known) if !same_issuer(known, &found.server.issuer) => {
                tracing::info!(from = %known, to = %found.server.issuer, "the server has another authorization server now");
                record.client = None;
                record.tokens = None;
                record.authorization_server = None;
            }
            // Endpoints may move within an issuer.
            Some(_) => record.authorization_server = Some(found.server.clone()),
            None => {}
        }
    }

    /// Drops the client that was registered dynamically, and the refresh token, which only that
    /// client may use. `false` when there is none.
    pub(super) fn drop_client(&mut self) -> bool {
        let Some(record) = &mut self.record else {
            return false;
        };
        if !record
            .client
            .as_ref()
            .is_some_and(|client| client.registered)
        {
            return false;
        }
        record.client = None;
        if let Some(tokens) = &mut record.tokens {
            tokens.refresh = None;
        }
        true
    }

    /// Notes whether a sign-in with the registered client is under way. `true` when that is news.
    pub(super) fn mark_unfinished(&mut self, unfinished: bool) -> bool {
        let client = self
            .record
            .as_mut()
            .and_then(|record| record.client.as_mut());
        match client.filter(|client| client.registered && client.unfinished != unfinished) {
            Some(client) => {
                client.unfinished = unfinished;
                true
            }
            None => false,
        }
    }

    pub(super) fn count_sign_in(&mut self, server: &Url) -> Result<(), SignInError> {
        let now = Instant::now();
        self.sign_ins
            .retain(|at| now.duration_since(*at) < SIGN_INS_WITHIN);
        if self.sign_ins.len() >= MOST_SIGN_INS {
            return Err(SignInError::TooMany {
                server: shown(server),
                count: self.sign_ins.len(),
                within: SIGN_INS_WITHIN,
            });
        }
        self.sign_ins.push_back(now);
        Ok(())
    }
}
