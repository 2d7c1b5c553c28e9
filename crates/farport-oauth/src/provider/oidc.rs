//! OpenID Connect providers (OpenID Connect Core 1.0, authorization code flow).

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
    Begin, FetchContext, Finish, InvalidSettings, Provider, ProviderError, SecretIn,
    claims::{self, Permissions, Required},
    exchange::{App, check_issuer, get_as_user, unavailable, upstream_tokens},
    metadata::Metadata,
    urls,
};
use crate::{
    BoxFuture, Identity, Properties, Reach, Scopes, UpstreamTokens, UserId,
    caching::Bounds,
    client::{self, TokenSuccess},
    jwks::{RemoteKeys, RemoteKeysError},
    jwt::{Algorithm, Claims, Expect},
    outgoing::Response,
    remote::Remote,
};

/// An OpenID Connect provider. Its endpoints and keys come from the metadata of its issuer.
///
/// PKCE and a nonce protect the code, and the id token is verified with the provider's keys. If it lacks
/// the name, the email address or the permissions, they come from the user-info endpoint.
///
/// ```
/// use farport_oauth::provider::Oidc;
///
/// let provider = Oidc::new("https://id.example.com", "client", "secret".to_owned())?;
/// # let _ = provider;
/// # Ok::<(), farport_oauth::provider::InvalidSettings>(())
/// ```
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
    /// The audience of access tokens, if they contain the permissions.
    pub(super) access_token_audience: Option<String>,
    pub(super) required: Vec<Required>,
    pub(super) unique_login: Option<String>,
    pub(super) revokes_all: bool,
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

    /// A provider with the scopes `openid`, `profile` and `email`. `issuer` has to be written exactly as
    /// in its metadata.
    ///
    /// # Errors
    /// When the issuer is not an https URL (http for localhost).
    pub fn new(
        issuer: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let url = urls::endpoint("the issuer", issuer)?;
        let name = urls::display_name(&url);
        Ok(Self::at(
            &url,
            issuer,
            &name,
            App::new(client_id, client_secret),
        ))
    }

    /// Like [`Oidc::new`], as a public client, which has no secret.
    ///
    /// # Errors
    /// When the issuer is not an https URL (http for localhost).
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
            unique_login: None,
            revokes_all: false,
            metadata: Remote::new(
                client::openid_metadata_url(url),
                Reach::Configured,
                Self::BOUNDS,
                Metadata::MOST_BYTES,
            ),
            keys: Mutex::default(),
        }
    }

    /// Sets the display name. Default: the name of the preset, or the host of the issuer; on localhost,
    /// the whole issuer.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the requested scopes. They always include `openid`.
    #[must_use]
    pub fn scopes<S: Into<Arc<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Scopes::from_iter(scopes).either(&Scopes::from_iter(["openid"]));
        self
    }

    /// Adds a parameter to the authorization request, such as `prompt` or `audience`. It cannot replace
    /// the parameters of the protocol.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Sets where the client secret goes. By default a method that the metadata lists, the header if
    /// possible.
    #[must_use]
    pub fn secret_in(mut self, place: SecretIn) -> Self {
        self.secret_in = Some(place);
        self
    }

    /// Sets the accepted signature algorithms of id tokens. Default: [`Algorithm::ALL`].
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets the claim with the scopes that a user may grant: an array of strings, or a space-separated
    /// string. A name that starts with `/` is a JSON pointer. A user without the claim may grant
    /// nothing. By default users are not limited.
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

    /// Maps a value of the permissions claim, such as a role, to scopes. Other values are scopes
    /// themselves.
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

    /// Reads the permissions claim from the access token. It has to be a JWT of the same issuer for this
    /// audience and the same user.
    #[must_use]
    pub fn permissions_in_access_token(mut self, audience: impl Into<String>) -> Self {
        self.access_token_audience = Some(audience.into());
        self
    }

    /// Permits only users whose id token has one of these values in this claim.
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

    /// Sets whether to use PKCE. Default: true. Turn it off only for a provider that rejects requests
    /// with PKCE.
    #[must_use]
    pub fn pkce(mut self, pkce: bool) -> Self {
        self.pkce = pkce;
        self
    }

    /// Sets the claim with the user name that `login_in` compares, such as `preferred_username`. Set it
    /// only if the provider guarantees that no two users have the same name. OpenID Connect does not
    /// (Core 1.0, section 5.7).
    #[must_use]
    pub fn unique_login(mut self, claim: impl Into<String>) -> Self {
        self.unique_login = Some(claim.into());
        self
    }

    async fn metadata(&self, context: FetchContext<'_>) -> Result<Arc<Metadata>, ProviderError> {
        let read = |answer: &Response| Metadata::read(&answer.body, &self.issuer);
        let metadata = self.metadata.get(context, read).await;
        metadata.map_err(ProviderError::Unavailable)
    }

    /// The keys at the URL in the metadata.
    fn keys(&self, metadata: &Metadata) -> Arc<RemoteKeys> {
        let mut cached = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some(keys) if *keys.url() == metadata.keys => keys.clone(),
            _ => {
                let keys = RemoteKeys::new(metadata.keys.clone(), Reach::Configured);
                cached.insert(Arc::new(keys)).clone()
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
        context: FetchContext<'_>,
    ) -> Result<Claims, ProviderError> {
        let expect = Expect {
            algorithms: &self.algorithms,
            types,
            issuer: &self.issuer,
            audience: &[audience],
            now: context.now,
            leeway: Self::LEEWAY,
        };
        let verified = self.keys(metadata).verify(token, &expect, context).await;
        verified.map_err(|error| match error {
            RemoteKeysError::Token(error) => unacceptable(format!("the {what}: {error}")),
            RemoteKeysError::Unavailable(why) => ProviderError::Unavailable(why),
        })
    }

    /// Validates the id token (OpenID Connect Core 1.0, section 3.1.3.7).
    async fn id_token(
        &self,
        answer: &TokenSuccess,
        nonce: &str,
        metadata: &Metadata,
        context: FetchContext<'_>,
    ) -> Result<Claims, ProviderError> {
        let Some(token) = answer.members().get("id_token").and_then(Value::as_str) else {
            return Err(unacceptable("the token response has no id token"));
        };
        let client_id = &self.app.id;
        let claims = self
            .verify("id token", token, client_id, &["JWT"], metadata, context)
            .await?;
        let party = claims.members.get("azp");
        if party.is_some_and(|party| party != client_id) {
            return Err(unacceptable("the id token was issued to another client"));
        }
        if claims.audience.len() > 1 && party.is_none() {
            return Err(unacceptable("the id token has other audiences and no azp"));
        }
        if claims.text("nonce") != Some(nonce) {
            return Err(unacceptable("the id token has another nonce"));
        }
        Ok(claims)
    }

    /// Whether the id token lacks requested claims.
    fn lacks(&self, claims: &Map<String, Value>) -> bool {
        let lacks = |scope: &str, present: bool| self.scopes.contains(scope) && !present;
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
        context: FetchContext<'_>,
    ) -> Result<Map<String, Value>, ProviderError> {
        let answer = get_as_user(url, access, "application/json", context).await?;
        let members = answer.ok().and_then(|answer| answer.object());
        let members = members.map_err(unavailable)?;
        // Section 5.3.2: the user info may be about another user.
        if members.get("sub").and_then(Value::as_str) != Some(subject) {
            return Err(unacceptable("the user info is about another user"));
        }
        Ok(members)
    }

    /// The scopes that the user may grant. If they come from the access token, its claim replaces the
    /// one in `claims`.
    async fn allowed(
        &self,
        claims: &mut Map<String, Value>,
        subject: &str,
        access: &SecretString,
        metadata: &Metadata,
        context: FetchContext<'_>,
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
            .verify("access token", token, audience, &types, metadata, context)
            .await?;
        if token.subject.as_deref() != Some(subject) {
            return Err(unacceptable("the access token is about another user"));
        }
        let allowed = permissions.read(&token.members);
        // The first part of a pointer names the claim.
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
        context: FetchContext<'_>,
    ) -> Result<Properties, ProviderError> {
        let metadata = self.metadata(context).await?;
        check_issuer(finish.iss, &[&self.issuer], metadata.announces_iss)?;
        let place = self.secret_goes(&metadata);
        let answer = self
            .app
            .redeem(&metadata.token, place, &finish, self.pkce, context)
            .await?;
        let id_token = self
            .id_token(&answer, finish.nonce, &metadata, context)
            .await?;
        let tokens = upstream_tokens(answer.members(), None, &self.scopes, context)?;
        let subject = id_token.subject.clone().filter(|sub| !sub.is_empty());
        let Some(subject) = subject else {
            return Err(unacceptable("the id token has no subject"));
        };
        for required in &self.required {
            required.check(&id_token.members)?;
        }
        let mut claims = id_token.members;
        if let Some(url) = metadata.userinfo.as_ref().filter(|_| self.lacks(&claims)) {
            let more = self
                .user_info(url, &tokens.access, &subject, context)
                .await?;
            // `email_verified` of one source must not apply to the `email` of the other.
            let has_email = claims.contains_key("email");
            for (name, value) in more {
                if !(has_email && name == "email_verified") {
                    claims.entry(name).or_insert(value);
                }
            }
        }
        let allowed = self
            .allowed(&mut claims, &subject, &tokens.access, &metadata, context)
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
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>> {
        Box::pin(async move {
            let metadata = self.metadata(context).await?;
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
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Properties, ProviderError>> {
        Box::pin(self.complete(finish, context))
    }

    fn refresh<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<UpstreamTokens, ProviderError>> {
        Box::pin(async move {
            let metadata = self.metadata(context).await?;
            let place = self.secret_goes(&metadata);
            let answer = self
                .app
                .refresh(&metadata.token, place, tokens, context)
                .await?;
            upstream_tokens(answer.members(), Some(tokens), &self.scopes, context)
        })
    }

    fn revoke<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let metadata = self.metadata(context).await?;
            let Some(endpoint) = &metadata.revocation else {
                return Ok(());
            };
            let place = self.secret_goes(&metadata);
            self.app.revoke(endpoint, place, tokens, context).await
        })
    }

    fn revokes_all(&self) -> bool {
        self.revokes_all
    }

    fn unique_login(&self) -> Option<&str> {
        self.unique_login.as_deref()
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
