//! Signing in: what a server asks for is looked up, a client is had, a person or a credential says
//! yes, and the tokens are kept and renewed.
//!
//! rmcp's client auth is not used for it; ARCHITECTURE.md says why.

mod assertion;
mod authorize;
mod challenge;
mod device;
mod error;
mod loopback;
mod metadata;
mod options;
mod register;
mod token;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

pub use error::SignInError;
pub use options::{Flow, SignInOptions};
pub use register::StaticClient;

pub(crate) use challenge::Challenge;
pub(crate) use metadata::ServerMetadata;

use crate::Error;
use crate::http::{Http, shown};
use crate::identity::Identity;
use crate::person::Person;
use crate::secret::Secret;
use crate::store::{Client, Record, Store, Tokens, now};
use metadata::Discovered;

/// Renewal begins this long before a token runs out, in seconds.
const AHEAD: u64 = 60;
/// More sign-ins than this ...
const MOST_SIGN_INS: usize = 5;
/// ... in this time are a loop.
const SIGN_INS_WITHIN: Duration = Duration::from_secs(30);
/// How long to wait for another instance that renews. Longer than its request may take.
const RENEWAL: Duration = Duration::from_secs(60);

/// The tokens of one server.
pub(crate) struct Auth {
    http: Arc<Http>,
    server: Url,
    identity: Identity,
    options: SignInOptions,
    store: Store,
    person: Person,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    loaded: bool,
    record: Option<Record>,
    sign_ins: VecDeque<Instant>,
    /// A renewal that was refused is not tried again with the same token.
    refused: Option<Secret>,
}

impl Auth {
    pub(crate) fn new(
        http: Arc<Http>,
        server: Url,
        identity: Identity,
        options: SignInOptions,
        store: Store,
        person: Person,
    ) -> Self {
        Self {
            http,
            server,
            identity,
            options,
            store,
            person,
            state: Mutex::default(),
        }
    }

    /// What to present to the server, renewed when it is about to run out. `None` where nobody has
    /// signed in, or nobody has to.
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
        let before = self.present(tokens);
        if let Err(error) = self.renew(&mut state, before.as_ref()).await {
            // The token may do for another minute; if it does not, the server says so.
            tracing::warn!(%error, "the sign-in could not be renewed");
        }
        Ok(state.tokens().and_then(|tokens| self.present(tokens)))
    }

    /// The server did not take what was presented: gets something that it may take.
    pub(crate) async fn unauthorized(
        &self,
        challenge: &Challenge,
        presented: Option<&Secret>,
    ) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        state.record = self.load().await?;
        if self.has_other_than(&state, presented) {
            return Ok(());
        }
        let found = self.discover(&state, challenge).await?;
        if let Some(found) = &found {
            state.keep_to_issuer(found);
        }
        if presented.is_some() && self.renew(&mut state, presented).await? {
            return Ok(());
        }
        self.sign_in(&mut state, found, challenge, presented, Vec::new())
            .await
    }

    /// The server wants more than was granted: asks for that, and for what was granted.
    pub(crate) async fn insufficient_scope(
        &self,
        challenge: &Challenge,
        presented: Option<&Secret>,
    ) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        state.record = self.load().await?;
        if self.has_other_than(&state, presented) {
            return Ok(());
        }
        let granted = state
            .tokens()
            .map(|tokens| tokens.scopes.clone())
            .unwrap_or_default();
        let found = self.discover(&state, challenge).await?;
        if let Some(found) = &found {
            state.keep_to_issuer(found);
        }
        self.sign_in(&mut state, found, challenge, presented, granted)
            .await
    }

    /// Signs in whether or not there is a sign-in already.
    pub(crate) async fn sign_in_now(&self, challenge: &Challenge) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        state.record = self.load().await?;
        let presented = state.tokens().and_then(|tokens| self.present(tokens));
        let found = self.discover(&state, challenge).await?;
        if let Some(found) = &found {
            state.keep_to_issuer(found);
        }
        self.sign_in(&mut state, found, challenge, presented.as_ref(), Vec::new())
            .await
    }

    async fn load(&self) -> Result<Option<Record>, Error> {
        let mut record = self.store.load(&self.identity).await?;
        if let Some(record) = &mut record {
            self.server.as_str().clone_into(&mut record.server);
        }
        Ok(record)
    }

    /// Whether another instance has put something new into the store meanwhile.
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
        at > now().saturating_add(ahead)
    }

    async fn discover(
        &self,
        state: &State,
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
        metadata::discover(
            &self.http,
            &self.server,
            self.options.allow_http,
            challenge,
            known.as_deref(),
        )
        .await
        .map(Some)
    }

    /// Renews the tokens. Whether there are other ones now than `presented`.
    async fn renew(&self, state: &mut State, presented: Option<&Secret>) -> Result<bool, Error> {
        let again = matches!(self.options.flow, Flow::ClientCredentials { .. });
        if !again && !state.can_renew() {
            return Ok(false);
        }
        let _guard = self.store.lock(self.identity.key(), RENEWAL).await?;
        state.record = self.load().await?.or(state.record.take());
        if self.has_other_than(state, presented) && state.tokens().is_some_and(|t| self.fresh(t)) {
            return Ok(true);
        }
        if again {
            let found = self.discover(state, &Challenge::default()).await?;
            self.client_credentials(state, found, &Challenge::default())
                .await?;
            return Ok(true);
        }
        self.refresh(state).await
    }

    async fn refresh(&self, state: &mut State) -> Result<bool, Error> {
        if !state.can_renew() {
            return Ok(false);
        }
        let Some(mut record) = state.record.clone() else {
            return Ok(false);
        };
        if record.authorization_server.is_none() {
            // Taken over from elsewhere, where the endpoints are not kept.
            let found = metadata::discover(
                &self.http,
                &self.server,
                self.options.allow_http,
                &Challenge::default(),
                None,
            )
            .await?;
            record.resource = self.resource(&found);
            record.authorization_server = Some(found.server);
        }
        let (Some(server), Some(tokens)) = (&record.authorization_server, &record.tokens) else {
            return Ok(false);
        };
        let client = match (&self.options.client_info, &record.client) {
            (Some(given), _) => {
                given.client(server, self.options.wanted("token_endpoint_auth_method"))
            }
            (None, Some(client)) => client.clone(),
            (None, None) => return Ok(false),
        };
        let Some(refresh) = &tokens.refresh else {
            return Ok(false);
        };
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
        ];
        if let Some(resource) = &record.resource {
            form.push(("resource", resource));
        }
        match token::request(&self.http, server, &client, form, &tokens.scopes).await {
            Ok(mut renewed) => {
                renewed.refresh = renewed.refresh.or_else(|| tokens.refresh.clone());
                renewed.id_token = renewed.id_token.or_else(|| tokens.id_token.clone());
                record.tokens = Some(renewed);
                self.store.save(self.identity.key(), &record).await?;
                state.record = Some(record);
                tracing::debug!("the sign-in was renewed");
                Ok(true)
            }
            Err(Error::SignIn(SignInError::Token { code, why, .. }))
                if matches!(
                    &*code,
                    "invalid_grant" | "invalid_client" | "unauthorized_client"
                ) =>
            {
                tracing::info!(%why, "the sign-in is over");
                state.refused = Some(refresh.clone());
                Ok(false)
            }
            Err(error) => Err(error),
        }
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
        // Whoever signs in holds the lock for as long as a person may take.
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
            return self.client_credentials(state, found, challenge).await;
        }
        let Some(found) = found else { return Ok(()) };
        let record = match self.options.flow {
            Flow::Device => self.by_device(state, &found, challenge, &granted).await?,
            _ => self.by_browser(state, &found, challenge, &granted).await?,
        };
        self.store.save(self.identity.key(), &record).await?;
        state.record = Some(record);
        state.refused = None;
        Ok(())
    }

    async fn client_credentials(
        &self,
        state: &mut State,
        found: Option<Discovered>,
        challenge: &Challenge,
    ) -> Result<(), Error> {
        // Without one the options were refused.
        let Some(given) = &self.options.client_info else {
            return Ok(());
        };
        let (server, resource, scopes) = match (found, &self.options.flow) {
            (Some(found), _) => {
                let scopes = self.scopes(&found, challenge, None, &[]);
                (found.server.clone(), self.resource(&found), scopes)
            }
            (None, Flow::ClientCredentials { token_endpoint }) => {
                let server = ServerMetadata {
                    issuer: token_endpoint.as_ref().map(shown).unwrap_or_default(),
                    token_endpoint: token_endpoint.clone(),
                    ..ServerMetadata::default()
                };
                let scopes = self.options.scopes().unwrap_or_else(|| challenge.scopes());
                (server, self.options.resource.clone(), scopes)
            }
            (None, _) => return Ok(()),
        };
        let client = given.client(&server, self.options.wanted("token_endpoint_auth_method"));
        let scope = scopes.join(" ");
        let mut form = vec![("grant_type", "client_credentials")];
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        if let Some(resource) = &resource {
            form.push(("resource", resource));
        }
        let tokens = token::request(&self.http, &server, &client, form, &scopes).await?;
        let record = Record {
            authorization_server: Some(server),
            resource,
            tokens: Some(tokens),
            ..Record::new(&self.server)
        };
        self.store.save(self.identity.key(), &record).await?;
        state.record = Some(record);
        Ok(())
    }

    /// What tokens are asked for: the address given, or what the server calls itself, or its address.
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

    /// The scopes to ask for: those given; else those of the challenge, of the resource, or of the
    /// registration. Where none of them says, none are asked for (MCP, "Scope Selection Strategy").
    /// What was granted before is asked for again.
    fn scopes(
        &self,
        found: &Discovered,
        challenge: &Challenge,
        client: Option<&Client>,
        granted: &[String],
    ) -> Vec<String> {
        let registered = client
            .and_then(|client| client.scope.as_deref())
            .unwrap_or_default();
        let mut scopes = match self.options.scopes() {
            Some(given) => given,
            None if !challenge.scopes().is_empty() => challenge.scopes(),
            None if !found.resource_scopes.is_empty() => found.resource_scopes.clone(),
            None => registered.split_whitespace().map(str::to_owned).collect(),
        };
        if !granted.is_empty() {
            scopes.extend(challenge.scopes());
            scopes.extend_from_slice(granted);
        }
        let interactive = !matches!(self.options.flow, Flow::ClientCredentials { .. });
        let offered = found.server.scopes_supported.as_deref().unwrap_or_default();
        // Without it some servers give no refresh token; others refuse what they do not know.
        if interactive && offered.iter().any(|scope| scope == "offline_access") {
            scopes.push("offline_access".to_owned());
        }
        if self.options.use_id_token {
            scopes.push("openid".to_owned());
        }
        let mut seen = std::collections::BTreeSet::new();
        scopes.retain(|scope| seen.insert(scope.clone()));
        scopes
    }
}

impl State {
    fn tokens(&self) -> Option<&Tokens> {
        self.record.as_ref()?.tokens.as_ref()
    }

    fn can_renew(&self) -> bool {
        let refresh = self.tokens().and_then(|tokens| tokens.refresh.as_ref());
        refresh.is_some_and(|refresh| {
            !self
                .refused
                .as_ref()
                .is_some_and(|refused| refused.is(refresh.expose()))
        })
    }

    /// Drops what another authorization server gave: it goes to nobody else.
    fn keep_to_issuer(&mut self, found: &Discovered) {
        let Some(record) = &mut self.record else {
            return;
        };
        let known = record
            .authorization_server
            .as_ref()
            .map(|server| &server.issuer);
        match known {
            Some(known) if *known != found.server.issuer => {
                tracing::info!(from = %known, to = %found.server.issuer, "the server signs in elsewhere now");
                record.client = None;
                record.tokens = None;
                record.authorization_server = None;
            }
            // Endpoints may move within an issuer.
            Some(_) => record.authorization_server = Some(found.server.clone()),
            None => {}
        }
    }

    fn count_sign_in(&mut self, server: &Url) -> Result<(), SignInError> {
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

/// Takes the tokens of a sign-in back at its server. Whether the server has that.
pub(crate) async fn revoke(http: &Http, record: &Record) -> Result<bool, Error> {
    match (&record.authorization_server, &record.client, &record.tokens) {
        (Some(server), Some(client), Some(tokens)) => {
            token::revoke(http, server, client, tokens).await
        }
        _ => Ok(false),
    }
}
