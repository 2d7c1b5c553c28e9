//! Discovers the server's OAuth metadata, registers a client, runs a grant, and stores and refreshes
//! the tokens.
//!
//! It does not use rmcp's client auth; ARCHITECTURE.md says why.

use farport_oauth::parse_url;
mod assertion;
mod authorize;
mod caller;
mod challenge;
mod device;
mod error;
mod gate;
mod loopback;
mod metadata;
mod options;
mod pasted;
mod register;
mod renew;
mod requests;
mod scopes;
mod state;
mod text;
mod token;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Mutex;
use url::Url;

pub use error::SignInError;
pub use gate::{Gate, NextStep};
pub use options::{Flow, SignInOptions};
pub use register::StaticClient;

pub(crate) use challenge::{Challenge, reason};

use crate::Error;
use crate::http::{Http, Reach, is_private, shown};
use crate::identity::Identity;
use crate::message::Peek;
use crate::observe::SignInStep;
use crate::secret::Secret;
use crate::store::{Record, Store, Tokens};
use crate::user::User;
use metadata::{Discovered, ServerMetadata};
use requests::Requests;
use state::State;

/// A token is refreshed this long before it expires, in seconds.
const AHEAD: u64 = 60;
/// How long to wait for another instance that refreshes. Longer than its retries may take.
const RENEWAL: Duration = Duration::from_secs(60);

/// The tokens of one server.
pub(crate) struct Auth {
    http: Arc<Http>,
    server: Url,
    identity: Identity,
    options: SignInOptions,
    store: Store,
    user: User,
    state: Mutex<State>,
    /// Whether the MCP server is in a private network, by the address of its last challenge.
    private: std::sync::Mutex<Option<bool>>,
    /// The name of the calling client.
    caller: OnceLock<String>,
}

impl Auth {
    pub(crate) fn new(
        http: Arc<Http>,
        server: Url,
        identity: Identity,
        options: SignInOptions,
        store: Store,
        user: User,
    ) -> Self {
        Self {
            http,
            server,
            identity,
            options,
            store,
            user,
            state: Mutex::default(),
            private: std::sync::Mutex::default(),
            caller: OnceLock::new(),
        }
    }

    /// Notes what the calling client calls itself, for a registration. Its first request counts.
    pub(crate) fn note_caller(&self, request: &Peek<'_>) {
        if self.caller.get().is_none() {
            let _ = self.caller.set(caller::name(request).unwrap_or_default());
        }
    }

    /// Notes the name of the calling client, for a registration. The first one counts.
    pub(crate) fn note_caller_name(&self, name: &str) {
        let _ = self.caller.set(caller::bounded(name));
    }

    /// Notes the address that a challenge came from; `None` when a proxy is between.
    pub(crate) fn challenged_by(&self, peer: Option<IpAddr>) {
        let private = peer.map(farport_oauth::special_use);
        let private = private.unwrap_or_else(|| is_private(&self.server));
        let mut noted = self
            .private
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *noted = Some(private);
    }

    /// Whether the MCP server is in a private network or on this machine. The address that its
    /// challenge came from decides: a name could resolve to another one by now.
    fn is_private(&self, state: &State) -> bool {
        let noted = *self
            .private
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        noted.unwrap_or_else(|| {
            let record = state.record.as_ref();
            is_private(&self.server) || record.is_some_and(|record| record.private_network)
        })
    }

    /// How far requests to what the MCP server names may go, by the address of its last challenge.
    pub(crate) fn reach(&self) -> Reach {
        if self.is_private(&State::default()) {
            Reach::Anywhere
        } else {
            Reach::Public
        }
    }

    /// Sends requests to what the MCP server names: a public server names public addresses alone.
    fn requests(&self, state: &State) -> Requests<'_> {
        let reach = if self.is_private(state) {
            Reach::Anywhere
        } else {
            Reach::Public
        };
        Requests::new(&self.http, reach)
            .gated(self.options.gate.as_deref())
            .at(self.store.clock())
    }

    /// The token to present to the server, refreshed when it is about to expire. `None` when there is
    /// no sign-in.
    pub(crate) async fn bearer(&self) -> Result<Option<Secret>, Error> {
        let mut state = self.state.lock().await;
        if !state.loaded {
            self.store.ready().await?;
            self.store.settle(self.identity.key()).await?;
            state.record = self.load().await?;
            state.loaded = true;
        }
        let Some(tokens) = state.tokens() else {
            return Ok(None);
        };
        if self.fresh(tokens) {
            return Ok(self.present(tokens));
        }
        if !state.may_renew_early() {
            return Ok(self.present(tokens));
        }
        let before = self.present(tokens);
        // One attempt: the token may last another minute, and if not, the server's 401 leads to
        // attempts with retries.
        let requests = self.requests(&state).once();
        match self.renew(&mut state, requests, before.as_ref()).await {
            Ok(_) => state.renewed(),
            Err(error) => {
                tracing::warn!(%error, "the token could not be refreshed yet");
                state.put_renewal_off();
            }
        }
        Ok(state.tokens().and_then(|tokens| self.present(tokens)))
    }

    /// The server refused the presented token: gets another one, by a refresh or a sign-in.
    pub(crate) async fn unauthorized(
        &self,
        challenge: &Challenge,
        presented: Option<&Secret>,
    ) -> Result<(), Error> {
        self.observe_challenge(challenge);
        let mut state = self.state.lock().await;
        state.record = self.load().await?;
        if self.has_other_than(&state, presented) {
            return Ok(());
        }
        let found = self
            .discover(&state, self.requests(&state), challenge)
            .await?;
        if let Some(found) = &found {
            state.keep_to_issuer(found);
        }
        let requests = self.requests(&state);
        if presented.is_some() && self.renew(&mut state, requests, presented).await? {
            state.renewed();
            return Ok(());
        }
        self.sign_in(&mut state, found, challenge, presented, Vec::new())
            .await
    }

    /// The server requires more scopes: signs in for those, and for the ones granted before.
    pub(crate) async fn insufficient_scope(
        &self,
        challenge: &Challenge,
        presented: Option<&Secret>,
    ) -> Result<(), Error> {
        self.observe_challenge(challenge);
        let mut state = self.state.lock().await;
        state.record = self.load().await?;
        if self.has_other_than(&state, presented) {
            return Ok(());
        }
        let granted = state
            .tokens()
            .map(|tokens| tokens.scopes.clone())
            .unwrap_or_default();
        let found = self
            .discover(&state, self.requests(&state), challenge)
            .await?;
        if let Some(found) = &found {
            state.keep_to_issuer(found);
        }
        self.sign_in(&mut state, found, challenge, presented, granted)
            .await
    }

    /// Signs in, also when there is a sign-in already.
    pub(crate) async fn sign_in_now(&self, challenge: &Challenge) -> Result<(), Error> {
        self.observe_challenge(challenge);
        let mut state = self.state.lock().await;
        state.record = self.load().await?;
        let presented = state.tokens().and_then(|tokens| self.present(tokens));
        let found = self
            .discover(&state, self.requests(&state), challenge)
            .await?;
        if let Some(found) = &found {
            state.keep_to_issuer(found);
        }
        self.sign_in(&mut state, found, challenge, presented.as_ref(), Vec::new())
            .await
    }

    fn observe_challenge(&self, challenge: &Challenge) {
        if let Some(watch) = self.http.watch() {
            watch.step(SignInStep::Challenge {
                error: challenge.error.clone(),
                scope: challenge.scope.clone(),
                resource_metadata: challenge.resource_metadata.clone(),
            });
        }
    }

    fn observe_failure(&self, error: &Error) {
        if let Some(watch) = self.http.watch() {
            let error = error.to_string();
            watch.step(SignInStep::Failed { error });
        }
    }

    async fn load(&self) -> Result<Option<Record>, Error> {
        let mut record = self.store.load(&self.identity).await?;
        if let Some(record) = &mut record {
            self.server.as_str().clone_into(&mut record.server);
        }
        Ok(record)
    }

    /// Whether another instance has stored a new token since.
    fn has_other_than(&self, state: &State, presented: Option<&Secret>) -> bool {
        let stored = state.tokens().and_then(|tokens| self.present(tokens));
        match (stored, presented) {
            (Some(stored), Some(presented)) => !stored.is(presented.expose()),
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    fn present(&self, tokens: &Tokens) -> Option<Secret> {
        tokens.bearer(self.options.use_id_token).cloned()
    }

    /// Whether it lasts: for another minute, or, of one that lives for less, for half its life.
    fn fresh(&self, tokens: &Tokens) -> bool {
        let Some(at) = tokens.runs_out_at(self.options.use_id_token) else {
            return true;
        };
        let life = tokens.obtained_at.map(|from| at.saturating_sub(from));
        let ahead = life.map_or(AHEAD, |life| AHEAD.min(life / 2));
        at > self.store.clock().now().saturating_add(ahead)
    }

    async fn discover(
        &self,
        state: &State,
        requests: Requests<'_>,
        challenge: &Challenge,
    ) -> Result<Option<Discovered>, Error> {
        if let Flow::ClientCredentials {
            token_endpoint: Some(_),
        } = &self.options.flow
        {
            return Ok(None);
        }
        let known = state.record.as_ref().and_then(|record| {
            record
                .authorization_server
                .as_ref()
                .map(|server| server.issuer.clone())
        });
        let found = metadata::discover(
            requests,
            &self.server,
            self.options.allow_http,
            challenge,
            known.as_deref(),
        )
        .await;
        match &found {
            Ok(found) => requests.observe(|watch| found.step(watch)),
            Err(error) => self.observe_failure(error),
        }
        found.map(Some)
    }

    /// Signs in, unless another instance does so first.
    async fn sign_in(
        &self,
        state: &mut State,
        found: Option<Discovered>,
        challenge: &Challenge,
        presented: Option<&Secret>,
        granted: Vec<String>,
    ) -> Result<(), Error> {
        if self.options.flow == Flow::Never {
            return Err(SignInError::NotSignedIn {
                server: shown(&self.server),
            }
            .into());
        }
        self.store.ready().await?;
        state.count_sign_in(&self.server)?;
        // This instance holds the lock for as long as the user may take.
        let patience = self.options.timeout.saturating_add(RENEWAL);
        let _guard = self.store.lock(self.identity.key(), patience).await?;
        let stored = self.load().await?;
        let known = state.record.take();
        state.record = stored.or_else(|| known.clone());
        if self.has_other_than(state, presented) {
            return Ok(());
        }
        if let Some(found) = &found {
            state.keep_to_issuer(found);
        }
        if let Flow::ClientCredentials { .. } = self.options.flow {
            let requests = self.requests(state);
            return self
                .client_credentials(state, requests, found, challenge)
                .await;
        }
        let Some(found) = found else { return Ok(()) };
        let mut record = self.interactively(state, &found, challenge, &granted).await;
        if let Err(error) = &record
            && error.is_refused_client()
            && state.drop_client()
        {
            self.save(state).await?;
            self.user.report(&format!(
                "{} no longer knows the client that farport had registered. Registering again.",
                found.server.issuer
            ));
            record = self.interactively(state, &found, challenge, &granted).await;
        }
        if let Err(error) = &record {
            self.observe_failure(error);
        }
        let mut record = record?;
        record.private_network = self.is_private(state);
        self.store.save(self.identity.key(), &record).await?;
        state.record = Some(record);
        state.refused = None;
        state.renewed();
        Ok(())
    }

    /// Lets the user sign in, with a browser or a device code.
    async fn interactively(
        &self,
        state: &mut State,
        found: &Discovered,
        challenge: &Challenge,
        granted: &[String],
    ) -> Result<Record, Error> {
        let outcome = match self.options.flow {
            Flow::Device => self.by_device(state, found, challenge, granted).await,
            _ => self.by_browser(state, found, challenge, granted).await,
        };
        // A browser came back, so the server knows the client.
        if let Err(error) = &outcome
            && !matches!(
                error,
                Error::Stopped | Error::SignIn(SignInError::TimedOut(_))
            )
            && state.mark_unfinished(false)
        {
            self.save(state).await?;
        }
        outcome
    }

    /// Stores the sign-in as it is.
    async fn save(&self, state: &State) -> Result<(), Error> {
        match &state.record {
            Some(record) => self.store.save(self.identity.key(), record).await,
            None => Ok(()),
        }
    }

    /// The resource that tokens are requested for: the given one, the one that the metadata names, or
    /// the server's URL.
    fn resource(&self, found: &Discovered) -> Option<String> {
        if !self.options.send_resource {
            return None;
        }
        let named = self
            .options
            .resource
            .clone()
            .or_else(|| found.resource.clone());
        Some(named.unwrap_or_else(|| {
            let mut server = self.server.clone();
            server.set_fragment(None);
            server.into()
        }))
    }

    /// The scopes to request (see [`scopes::to_request`]).
    fn scopes(
        &self,
        found: &Discovered,
        challenge: &Challenge,
        client: Option<&crate::store::Client>,
        granted: &[String],
    ) -> Vec<String> {
        scopes::to_request(&scopes::Sources {
            given: self.options.scopes(),
            challenge: challenge.scopes(),
            resource: &found.resource_scopes,
            registered: client.and_then(|client| client.scope.as_deref()),
            granted,
            offered: found.server.scopes_supported.as_deref().unwrap_or_default(),
            interactive: !matches!(self.options.flow, Flow::ClientCredentials { .. }),
            openid: self.options.use_id_token,
        })
    }
}

/// Revokes the tokens of a sign-in at its server. `false` when the server has no revocation endpoint.
pub(crate) async fn revoke(http: &Http, record: &Record) -> Result<bool, Error> {
    let server = parse_url(&record.server);
    let private = record.private_network || server.is_ok_and(|server| is_private(&server));
    let reach = if private {
        Reach::Anywhere
    } else {
        Reach::Public
    };
    match (&record.authorization_server, &record.client, &record.tokens) {
        (Some(server), Some(client), Some(tokens)) => {
            token::revoke(&Requests::new(http, reach), server, client, tokens).await
        }
        _ => Ok(false),
    }
}
