//! OAuth 2.0 providers without OpenID Connect.

use std::{fmt, sync::Arc};

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::{
    Begin, FetchContext, Finish, InvalidSettings, Provider, ProviderError, SecretIn,
    claims::{self, Permissions},
    exchange::{App, check_issuer, get_as_user, unavailable, upstream_tokens},
    urls,
};
use crate::{BoxFuture, Identity, Properties, Scopes, UpstreamTokens, UserId};

/// The endpoints of a provider.
///
/// ```
/// use farport_oauth::provider::OAuth2Urls;
///
/// let endpoints = OAuth2Urls {
///     authorize: "https://id.example.com/authorize",
///     token: "https://id.example.com/token",
///     user_info: "https://id.example.com/me",
/// };
/// # let _ = endpoints;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OAuth2Urls<'a> {
    /// The authorization endpoint.
    pub authorize: &'a str,
    /// The token endpoint.
    pub token: &'a str,
    /// The user-info endpoint, which returns a JSON object about the user of a token.
    pub user_info: &'a str,
}

/// An OAuth 2.0 provider with a user-info endpoint.
///
/// Without OpenID Connect there is no id token: the user-info endpoint identifies the user.
///
/// ```
/// use farport_oauth::provider::{OAuth2, OAuth2Urls};
///
/// let endpoints = OAuth2Urls {
///     authorize: "https://id.example.com/authorize",
///     token: "https://id.example.com/token",
///     user_info: "https://id.example.com/me",
/// };
/// let provider = OAuth2::new("https://id.example.com", endpoints, "client", "secret".to_owned())?;
/// let provider = provider.scopes(["profile"]);
/// # let _ = provider;
/// # Ok::<(), farport_oauth::provider::InvalidSettings>(())
/// ```
pub struct OAuth2 {
    name: String,
    issuer: String,
    authorize: Url,
    token: Url,
    user_info: Url,
    app: App,
    secret_in: SecretIn,
    scopes: Scopes,
    parameters: Vec<(String, String)>,
    pkce: bool,
    subject: String,
    display_name: Option<String>,
    permissions: Option<Permissions>,
    revocation: Option<Url>,
    unique_login: Option<String>,
}

impl OAuth2 {
    /// A provider with these endpoints. `issuer` identifies its users together with their subject, and
    /// must not change later; the provider's base URL is a good choice. Requests no scope.
    ///
    /// # Errors
    /// When an endpoint is not an https URL (http for localhost), or the issuer is empty.
    pub fn new(
        issuer: &str,
        endpoints: OAuth2Urls<'_>,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        if issuer.is_empty() {
            return Err(InvalidSettings("the issuer must not be empty".into()));
        }
        let authorize = urls::endpoint("the authorization endpoint", endpoints.authorize)?;
        // On localhost the port distinguishes providers. The path of an endpoint does not.
        let mut of_issuer = authorize.clone();
        of_issuer.set_path("");
        of_issuer.set_query(None);
        Ok(Self {
            name: urls::display_name(&of_issuer),
            issuer: issuer.to_owned(),
            token: urls::endpoint("the token endpoint", endpoints.token)?,
            user_info: urls::endpoint("the user-info endpoint", endpoints.user_info)?,
            authorize,
            app: App::new(client_id, client_secret),
            secret_in: SecretIn::Header,
            scopes: Scopes::none(),
            parameters: Vec::new(),
            pkce: true,
            subject: "sub".to_owned(),
            display_name: None,
            permissions: None,
            revocation: None,
            unique_login: None,
        })
    }

    /// Sets the display name. Default: the host of the authorization endpoint.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the requested scopes.
    #[must_use]
    pub fn scopes<S: Into<Arc<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Scopes::from_iter(scopes);
        self
    }

    /// Adds a parameter to the authorization request.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Sets where the client secret goes. Default: the header.
    #[must_use]
    pub fn secret_in(mut self, place: SecretIn) -> Self {
        self.secret_in = place;
        self
    }

    /// Sets whether to use PKCE. Default: true.
    #[must_use]
    pub fn pkce(mut self, pkce: bool) -> Self {
        self.pkce = pkce;
        self
    }

    /// Sets the member of the user info that permanently identifies the user, a string or a whole
    /// number: `sub` by default, often `id`. A name that starts with `/` is a JSON pointer. Never use a
    /// member that a user can change, such as a login or an email address.
    #[must_use]
    pub fn subject(mut self, member: impl Into<String>) -> Self {
        self.subject = member.into();
        self
    }

    /// Sets the member of the user info with the display name. Default: `name`,
    /// `preferred_username` or `nickname`. A name that starts with `/` is a JSON pointer.
    #[must_use]
    pub fn display_name(mut self, member: impl Into<String>) -> Self {
        self.display_name = Some(member.into());
        self
    }

    /// Sets the member of the user info with the scopes that the user may grant; see
    /// [`Oidc::permissions_claim`](super::Oidc::permissions_claim).
    #[must_use]
    pub fn permissions_claim(mut self, member: impl Into<String>) -> Self {
        self.permissions = Some(Permissions::new(member));
        self
    }

    /// Sets the revocation endpoint (RFC 7009), for tokens of grants that have ended. By default they
    /// are not revoked.
    ///
    /// # Errors
    /// When `url` is not an https URL (http for localhost).
    pub fn revocation_url(mut self, url: &str) -> Result<Self, InvalidSettings> {
        self.revocation = Some(urls::endpoint("the revocation endpoint", url)?);
        Ok(self)
    }

    /// Sets the member of the user info with the user name that `login_in` compares. Set it only if the
    /// provider guarantees that no two users have the same name.
    #[must_use]
    pub fn unique_login(mut self, member: impl Into<String>) -> Self {
        self.unique_login = Some(member.into());
        self
    }

    async fn complete(
        &self,
        finish: Finish<'_>,
        context: FetchContext<'_>,
    ) -> Result<Properties, ProviderError> {
        check_issuer(finish.iss, &[&self.issuer], false)?;
        let answer = self
            .app
            .redeem(&self.token, self.secret_in, &finish, self.pkce, context)
            .await?;
        let tokens = upstream_tokens(answer.members(), None, &self.scopes, context)?;
        let accept = "application/json";
        let answer = get_as_user(&self.user_info, &tokens.access, accept, context).await?;
        let user = answer.ok().and_then(|answer| answer.object());
        let user = user.map_err(unavailable)?;
        let name = match &self.display_name {
            Some(member) => claims::text(&user, member).map(str::to_owned),
            None => claims::name(&user),
        };
        Ok(Properties {
            identity: Identity {
                user: UserId {
                    issuer: self.issuer.as_str().into(),
                    subject: self.subject_of(&user)?.into(),
                },
                name,
                email: claims::verified_email(&user),
                allowed: self.permissions.as_ref().map(|all| all.read(&user)),
                claims: user,
            },
            upstream: Some(tokens),
        })
    }

    fn subject_of(&self, user: &Map<String, Value>) -> Result<String, ProviderError> {
        let subject = match claims::find(user, &self.subject) {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) if !number.is_f64() => Some(number.to_string()),
            _ => None,
        };
        subject.ok_or_else(|| {
            ProviderError::Unavailable(format!(
                "the user info has no `{}` that identifies the user",
                self.subject
            ))
        })
    }
}

impl Provider for OAuth2 {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin<'a>(
        &'a self,
        begin: Begin<'a>,
        _world: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>> {
        let scope = (!self.scopes.is_empty()).then(|| ("scope", self.scopes.to_string()));
        let parameters = &self.parameters;
        let url = self
            .app
            .authorization_url(&self.authorize, &begin, self.pkce, scope, parameters);
        Box::pin(async move { Ok(url) })
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
            let answer = self
                .app
                .refresh(&self.token, self.secret_in, tokens, context)
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
            match &self.revocation {
                Some(url) => self.app.revoke(url, self.secret_in, tokens, context).await,
                None => Ok(()),
            }
        })
    }

    fn unique_login(&self) -> Option<&str> {
        self.unique_login.as_deref()
    }
}

impl fmt::Debug for OAuth2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2")
            .field("name", &self.name)
            .field("issuer", &self.issuer)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}
