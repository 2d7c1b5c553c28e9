//! Providers of OAuth 2.0 that are not OpenID providers.

use std::{fmt, sync::Arc};

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::{
    Begin, Finish, InvalidSettings, Provider, ProviderError, SecretIn, World,
    claims::{self, Permissions},
    exchange::{App, ask_as_user, check_issuer, unavailable},
    urls,
};
use crate::{BoxFuture, Identity, Properties, Scopes, UpstreamTokens, UserId};

/// The endpoints of a provider.
#[derive(Clone, Copy, Debug)]
pub struct OAuth2Urls<'a> {
    /// Where users sign in.
    pub authorize: &'a str,
    /// Where codes are redeemed.
    pub token: &'a str,
    /// What describes the user whose token asks, as a JSON object.
    pub user_info: &'a str,
}

/// Any provider of OAuth 2.0 that describes its users somewhere.
///
/// Without OpenID there is no id token: what its user-info endpoint says to the token counts.
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
}

impl OAuth2 {
    /// The provider at these endpoints. `issuer` is what its users are known by here and must not
    /// change later; the provider's base URL is a good choice. No scope is asked for.
    ///
    /// # Errors
    /// When an endpoint is not an https URL (http is good for localhost), or the issuer is empty.
    pub fn new(
        issuer: &str,
        endpoints: OAuth2Urls<'_>,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        if issuer.is_empty() {
            return Err(InvalidSettings("the issuer may not be empty".into()));
        }
        let authorize = urls::endpoint("the authorization endpoint", endpoints.authorize)?;
        Ok(Self {
            name: authorize.host_str().unwrap_or_default().to_owned(),
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
        })
    }

    /// What it is called on pages. By default the host of its authorization endpoint.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The scopes to ask for.
    #[must_use]
    pub fn scopes<S: Into<Arc<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Scopes::from_iter(scopes);
        self
    }

    /// One more parameter of the authorization request.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Where the client secret goes. By default into the header.
    #[must_use]
    pub fn secret_in(mut self, place: SecretIn) -> Self {
        self.secret_in = place;
        self
    }

    /// Whether PKCE is used. By default it is.
    #[must_use]
    pub fn pkce(mut self, pkce: bool) -> Self {
        self.pkce = pkce;
        self
    }

    /// What in the user's description names the user for good, a string or a whole number: `sub`
    /// by default, often `id`. A name that begins with `/` is a JSON pointer. Never name what a
    /// user can change or give up, such as a login or an e-mail address.
    #[must_use]
    pub fn subject(mut self, member: impl Into<String>) -> Self {
        self.subject = member.into();
        self
    }

    /// What in the user's description they are called by. By default `name`,
    /// `preferred_username` or `nickname`. A name that begins with `/` is a JSON pointer.
    #[must_use]
    pub fn display_name(mut self, member: impl Into<String>) -> Self {
        self.display_name = Some(member.into());
        self
    }

    /// What in the user's description says which scopes they may grant, see
    /// [`Oidc::permissions_claim`](super::Oidc::permissions_claim).
    #[must_use]
    pub fn permissions_claim(mut self, member: impl Into<String>) -> Self {
        self.permissions = Some(Permissions::new(member));
        self
    }

    async fn complete(
        &self,
        finish: Finish<'_>,
        world: World<'_>,
    ) -> Result<Properties, ProviderError> {
        check_issuer(finish.iss, &[&self.issuer], false)?;
        let answer = self
            .app
            .redeem(&self.token, self.secret_in, &finish, self.pkce, world)
            .await?;
        let tokens = answer.tokens(None, &self.scopes, world)?;
        let accept = "application/json";
        let answer = ask_as_user(&self.user_info, &tokens.access, accept, world).await?;
        let user = answer.good().and_then(|answer| answer.object());
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
                "the description of the user has no `{}` that names them",
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
        _world: World<'a>,
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
            let answer = self
                .app
                .renew(&self.token, self.secret_in, tokens, world)
                .await?;
            answer.tokens(Some(tokens), &self.scopes, world)
        })
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
