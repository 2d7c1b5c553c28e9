//! OpenID providers (OpenID Connect Core 1.0, the code flow).

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::{
    Begin, Finish, InvalidSettings, Provider, ProviderError, SecretIn, World,
    claims::{self, Permissions, Required},
    exchange::{App, TokenAnswer, ask_as_user, check_issuer, unavailable},
    metadata::{self, Metadata},
    urls,
};
use crate::{
    BoxFuture, Identity, Properties, Reach, Scopes, UpstreamTokens, UserId,
    caching::Bounds,
    jwks::{RemoteKeys, RemoteKeysError},
    jwt::{Algorithm, Claims, Expect},
    outgoing::Answer,
    remote::Remote,
};

/// An OpenID provider, known by its issuer: its endpoints and keys are discovered from there.
///
/// The code is protected by PKCE and a nonce, and the id token is checked against the provider's
/// keys. Where it lacks the name, the e-mail address or the permissions that were asked for, the
/// user-info endpoint is asked too.
pub struct Oidc {
    pub(super) name: String,
    pub(super) issuer: String,
    pub(super) app: App,
    pub(super) secret_in: Option<SecretIn>,
    pub(super) scopes: Scopes,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) pkce: bool,
    pub(super) permissions: Option<Permissions>,
    /// For whom access tokens are, where permissions are looked for in them too.
    pub(super) access_token_audience: Option<String>,
    pub(super) required: Vec<Required>,
    metadata: Remote<Metadata>,
    keys: Mutex<Option<Arc<RemoteKeys>>>,
}

impl Oidc {
    /// How far the provider's clock may be off.
    const LEEWAY: Duration = Duration::from_secs(60);

    const BOUNDS: Bounds = Bounds {
        default: Duration::from_secs(3600),
        least: Duration::from_secs(300),
        most: Duration::from_secs(24 * 3600),
    };

    /// The provider with this issuer, written exactly as its metadata write it. It is asked for
    /// the scopes `openid`, `profile` and `email`.
    ///
    /// # Errors
    /// When the issuer is not an https URL (http is good for localhost).
    pub fn new(
        issuer: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let url = urls::endpoint("the issuer", issuer)?;
        let name = url.host_str().unwrap_or_default().to_owned();
        Ok(Self::at(
            &url,
            issuer,
            &name,
            App::new(client_id, client_secret),
        ))
    }

    /// The same as a public client, which has no secret.
    ///
    /// # Errors
    /// When the issuer is not an https URL (http is good for localhost).
    pub fn public(issuer: &str, client_id: impl Into<String>) -> Result<Self, InvalidSettings> {
        let mut provider = Self::new(issuer, client_id, String::new())?;
        provider.app.secret = None;
        Ok(provider)
    }

    pub(super) fn at(url: &Url, issuer: &str, name: &str, app: App) -> Self {
        Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            app,
            secret_in: None,
            scopes: Scopes::from_iter(["openid", "profile", "email"]),
            parameters: Vec::new(),
            algorithms: Algorithm::ALL.to_vec(),
            pkce: true,
            permissions: None,
            access_token_audience: None,
            required: Vec::new(),
            metadata: Remote::new(
                metadata::location(url),
                Reach::Configured,
                Self::BOUNDS,
                Metadata::MOST_BYTES,
            ),
            keys: Mutex::default(),
        }
    }

    /// What it is called on pages. By default a preset's name, or the issuer's host.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The scopes to ask for, in place of the preset ones. `openid` is always among them.
    #[must_use]
    pub fn scopes<S: Into<Arc<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Scopes::from_iter(scopes).either(&Scopes::from_iter(["openid"]));
        self
    }

    /// One more parameter of the authorization request, such as `prompt` or `audience`. Those that
    /// belong to the protocol cannot be changed so.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Where the client secret goes. By default what the metadata say, the header if they allow it.
    #[must_use]
    pub fn secret_in(mut self, place: SecretIn) -> Self {
        self.secret_in = Some(place);
        self
    }

    /// How id tokens may be signed. By default in any way that [`Algorithm`] knows.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// The claim that says which scopes a user may grant: an array of strings, or a string with
    /// spaces between them. A name that begins with `/` is a JSON pointer. A user without the
    /// claim may grant nothing. By default there is none, and users are not limited.
    #[must_use]
    pub fn permissions_claim(mut self, claim: impl Into<String>) -> Self {
        let meaning = self
            .permissions
            .map_or_else(BTreeMap::new, |old| old.meaning);
        self.permissions = Some(Permissions {
            meaning,
            ..Permissions::new(claim)
        });
        self
    }

    /// Lets a value of the permissions claim, such as a role, stand for these scopes. Other values
    /// stand for themselves.
    #[must_use]
    pub fn permission<S: Into<Arc<str>>>(
        mut self,
        value: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let permissions = self
            .permissions
            .get_or_insert_with(|| Permissions::new("permissions"));
        let scopes = Scopes::from_iter(scopes);
        permissions.meaning.insert(value.into(), scopes);
        self
    }

    /// Looks for the permissions claim in the access token first. It has to be a JWT of the same
    /// issuer for this audience, about the same user.
    #[must_use]
    pub fn permissions_in_access_token(mut self, audience: impl Into<String>) -> Self {
        self.access_token_audience = Some(audience.into());
        self
    }

    /// Lets only those sign in whose id token has one of these values in this claim.
    #[must_use]
    pub fn require<V: Into<String>>(
        mut self,
        claim: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.required.push(Required {
            claim: claim.into(),
            values: values.into_iter().map(Into::into).collect(),
        });
        self
    }

    /// Whether PKCE is used. By default it is; a provider that ignores it does no harm, one that
    /// chokes on it would.
    #[must_use]
    pub fn pkce(mut self, pkce: bool) -> Self {
        self.pkce = pkce;
        self
    }

    async fn metadata(&self, world: World<'_>) -> Result<Arc<Metadata>, ProviderError> {
        let read = |answer: &Answer| Metadata::read(&answer.body, &self.issuer);
        let metadata = self.metadata.get(world, read).await;
        metadata.map_err(ProviderError::Unavailable)
    }

    /// The keys at the URL that the metadata name.
    fn keys(&self, metadata: &Metadata) -> Arc<RemoteKeys> {
        let mut kept = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(keys) if *keys.url() == metadata.keys => keys.clone(),
            _ => {
                let keys = RemoteKeys::new(metadata.keys.clone(), Reach::Configured);
                kept.insert(Arc::new(keys)).clone()
            }
        }
    }

    fn secret_goes(&self, metadata: &Metadata) -> SecretIn {
        self.secret_in.unwrap_or(metadata.secret_in)
    }

    async fn verify(
        &self,
        what: &str,
        token: &str,
        audience: &str,
        types: &[&str],
        metadata: &Metadata,
        world: World<'_>,
    ) -> Result<Claims, ProviderError> {
        let expect = Expect {
            algorithms: &self.algorithms,
            types,
            issuer: &self.issuer,
            audience: &[audience],
            now: world.now,
            leeway: Self::LEEWAY,
        };
        let verified = self.keys(metadata).verify(token, &expect, world).await;
        verified.map_err(|error| match error {
            RemoteKeysError::Token(error) => unacceptable(format!("the {what}: {error}")),
            RemoteKeysError::Unavailable(why) => ProviderError::Unavailable(why),
        })
    }

    /// OpenID Connect Core 1.0, section 3.1.3.7.
    async fn id_token(
        &self,
        answer: &TokenAnswer,
        nonce: &str,
        metadata: &Metadata,
        world: World<'_>,
    ) -> Result<Claims, ProviderError> {
        let Some(token) = answer.text("id_token") else {
            return Err(unacceptable("there is no id token"));
        };
        let us = &self.app.id;
        let claims = self
            .verify("id token", token, us, &["JWT"], metadata, world)
            .await?;
        let party = claims.members.get("azp");
        if party.is_some_and(|party| party != us) {
            return Err(unacceptable("the id token was issued to another client"));
        }
        if claims.audience.len() > 1 && party.is_none() {
            return Err(unacceptable("the id token is not for us alone"));
        }
        if claims.text("nonce") != Some(nonce) {
            return Err(unacceptable("the id token is not of this sign-in"));
        }
        Ok(claims)
    }

    /// What the id token lacks of what was asked for.
    fn lacks(&self, claims: &Map<String, Value>) -> bool {
        let lacks = |scope: &str, there: bool| self.scopes.contains(scope) && !there;
        lacks("profile", claims::name(claims).is_some())
            || lacks("email", claims.contains_key("email"))
            || self.permissions.as_ref().is_some_and(|permissions| {
                self.access_token_audience.is_none()
                    && claims::find(claims, &permissions.claim).is_none()
            })
    }

    async fn user_info(
        &self,
        url: &Url,
        access: &SecretString,
        subject: &str,
        world: World<'_>,
    ) -> Result<Map<String, Value>, ProviderError> {
        let answer = ask_as_user(url, access, "application/json", world).await?;
        let members = answer.good().and_then(|answer| answer.object());
        let members = members.map_err(unavailable)?;
        // Section 5.3.2: otherwise somebody's token could stand for somebody else.
        if members.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(unacceptable("the user info is about somebody else"));
        }
        Ok(members)
    }

    /// What the user may grant. Where an access token says so, its claim counts among the claims,
    /// in place of one of the same name.
    async fn allowed(
        &self,
        claims: &mut Map<String, Value>,
        subject: &str,
        access: &SecretString,
        metadata: &Metadata,
        world: World<'_>,
    ) -> Result<Option<Scopes>, ProviderError> {
        use secrecy::ExposeSecret;

        let Some(permissions) = &self.permissions else {
            return Ok(None);
        };
        let Some(audience) = &self.access_token_audience else {
            return Ok(Some(permissions.read(claims)));
        };
        let token = access.expose_secret();
        let types = ["at+jwt", "JWT"];
        let token = self
            .verify("access token", token, audience, &types, metadata, world)
            .await?;
        if token.subject.as_deref() != Some(subject) {
            return Err(unacceptable("the access token is about somebody else"));
        }
        let allowed = permissions.read(&token.members);
        // A pointer leads into the claim that its first part names.
        let top = permissions.top();
        let claim = token.members.get(&top).cloned();
        match claim {
            Some(claim) => claims.insert(top, claim),
            None => claims.remove(&top),
        };
        Ok(Some(allowed))
    }

    async fn complete(
        &self,
        finish: Finish<'_>,
        world: World<'_>,
    ) -> Result<Properties, ProviderError> {
        let metadata = self.metadata(world).await?;
        check_issuer(finish.iss, &[&self.issuer], metadata.names_itself)?;
        let place = self.secret_goes(&metadata);
        let answer = self
            .app
            .redeem(&metadata.token, place, &finish, self.pkce, world)
            .await?;
        let id_token = self
            .id_token(&answer, finish.nonce, &metadata, world)
            .await?;
        let tokens = answer.tokens(None, &self.scopes, world)?;
        let subject = id_token.subject.clone().filter(|sub| !sub.is_empty());
        let Some(subject) = subject else {
            return Err(unacceptable("the id token is about nobody"));
        };
        for required in &self.required {
            required.check(&id_token.members)?;
        }
        let mut claims = id_token.members;
        if let Some(url) = metadata.userinfo.as_ref().filter(|_| self.lacks(&claims)) {
            let more = self.user_info(url, &tokens.access, &subject, world).await?;
            // One side's address must not count as verified because of the other's word.
            let addressed = claims.contains_key("email");
            for (name, value) in more {
                if !(addressed && name == "email_verified") {
                    claims.entry(name).or_insert(value);
                }
            }
        }
        let allowed = self
            .allowed(&mut claims, &subject, &tokens.access, &metadata, world)
            .await?;
        Ok(Properties {
            identity: Identity {
                user: UserId {
                    issuer: self.issuer.as_str().into(),
                    subject: subject.into(),
                },
                name: claims::name(&claims),
                email: claims::verified_email(&claims),
                claims: claims::without_protocol(claims),
                allowed,
            },
            upstream: Some(tokens),
        })
    }
}

fn unacceptable(why: impl Into<String>) -> ProviderError {
    ProviderError::Unacceptable(why.into())
}

impl Provider for Oidc {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin<'a>(
        &'a self,
        begin: Begin<'a>,
        world: World<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>> {
        Box::pin(async move {
            let metadata = self.metadata(world).await?;
            let ours = [
                ("scope", self.scopes.to_string()),
                ("nonce", begin.nonce.to_owned()),
            ];
            Ok(self.app.authorization_url(
                &metadata.authorization,
                &begin,
                self.pkce,
                ours,
                &self.parameters,
            ))
        })
    }

    fn finish<'a>(
        &'a self,
        finish: Finish<'a>,
        world: World<'a>,
    ) -> BoxFuture<'a, Result<Properties, ProviderError>> {
        Box::pin(self.complete(finish, world))
    }

    fn refresh<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        world: World<'a>,
    ) -> BoxFuture<'a, Result<UpstreamTokens, ProviderError>> {
        Box::pin(async move {
            let metadata = self.metadata(world).await?;
            let place = self.secret_goes(&metadata);
            let answer = self
                .app
                .renew(&metadata.token, place, tokens, world)
                .await?;
            answer.tokens(Some(tokens), &self.scopes, world)
        })
    }
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oidc")
            .field("name", &self.name)
            .field("issuer", &self.issuer)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}
