//! GitHub, which is OAuth 2.0 and not OpenID.

use std::sync::Arc;

use http::StatusCode;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::{
    Begin, Finish, InvalidSettings, Provider, ProviderError, SecretIn, World, claims,
    exchange::{App, ask_as_user, check_issuer, unavailable},
    urls,
};
use crate::{BoxFuture, Identity, Properties, Scopes, UpstreamTokens, UserId};

/// GitHub, or a GitHub Enterprise Server.
///
/// Users are known by the base URL as the issuer and by their number as the subject: a login name
/// can be given up, and taken by somebody else. The name is among the claims as `login`.
///
/// OAuth apps and GitHub Apps both work. The tokens of a GitHub App may expire; they are renewed.
#[derive(Debug)]
pub struct GitHub {
    base: Url,
    api: Url,
    app: App,
    scopes: Scopes,
    parameters: Vec<(String, String)>,
}

impl GitHub {
    /// github.com. It is asked for the scopes `read:user` and `user:email`.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Self {
        #[expect(clippy::expect_used, reason = "both are constants")]
        let [base, api] = ["https://github.com/", "https://api.github.com/"]
            .map(|url| Url::parse(url).expect("a URL"));
        Self {
            base,
            api,
            app: App::new(client_id, client_secret),
            scopes: Scopes::from_iter(["read:user", "user:email"]),
            parameters: Vec::new(),
        }
    }

    /// A GitHub Enterprise Server, or another stand-in, at this URL. Its API is taken to be below
    /// `api/v3`, or, at `*.ghe.com`, on a host of its own.
    ///
    /// # Errors
    /// When it is not an https URL (http is good for localhost).
    pub fn base_url(mut self, url: &str) -> Result<Self, InvalidSettings> {
        let base = urls::endpoint("GitHub's base URL", url)?;
        let host = base.host_str().unwrap_or_default();
        self.api = match host.ends_with(".ghe.com") {
            true => urls::endpoint("GitHub's API", &format!("https://api.{host}/"))?,
            false => urls::below(&base, "api/v3"),
        };
        self.base = base;
        Ok(self)
    }

    /// Where its API is, if it is not where [`base_url`](Self::base_url) takes it to be.
    ///
    /// # Errors
    /// When it is not an https URL (http is good for localhost).
    pub fn api_url(mut self, url: &str) -> Result<Self, InvalidSettings> {
        self.api = urls::endpoint("GitHub's API", url)?;
        Ok(self)
    }

    /// The scopes to ask for, in place of the preset ones. Without `user:email` there is no e-mail
    /// address. GitHub Apps have permissions instead, and ignore scopes.
    #[must_use]
    pub fn scopes<S: Into<Arc<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Scopes::from_iter(scopes);
        self
    }

    /// One more parameter of the authorization request, such as `allow_signup` or `prompt`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    fn token_url(&self) -> Url {
        urls::below(&self.base, "login/oauth/access_token")
    }

    async fn complete(
        &self,
        finish: Finish<'_>,
        world: World<'_>,
    ) -> Result<Properties, ProviderError> {
        let issuer = urls::identifier(&self.base);
        // What GitHub's own authorization server metadata call it.
        let server = format!("{issuer}/login/oauth");
        check_issuer(finish.iss, &[&issuer, &server], false)?;
        let answer = self
            .app
            .redeem(&self.token_url(), SecretIn::Body, &finish, true, world)
            .await?;
        let tokens = answer.tokens(None, &self.scopes, world)?;
        let user = self.user(&tokens.access, world).await?;
        let subject = user.get("id").and_then(Value::as_u64);
        let login = claims::text(&user, "login");
        let (Some(subject), Some(login)) = (subject, login) else {
            let why = "GitHub describes a user without number or login";
            return Err(ProviderError::Unavailable(why.into()));
        };
        let email = match self.may_see_emails(&tokens) {
            true => self.email(&tokens.access, world).await?,
            false => None,
        };
        Ok(Properties {
            identity: Identity {
                user: UserId {
                    issuer: issuer.into(),
                    subject: subject.to_string().into(),
                },
                name: Some(claims::text(&user, "name").unwrap_or(login).to_owned()),
                email,
                claims: without_links(user),
                allowed: None,
            },
            upstream: Some(tokens),
        })
    }

    /// A GitHub App's token names no scopes; whether it may is found out by asking.
    fn may_see_emails(&self, tokens: &UpstreamTokens) -> bool {
        let scopes = &tokens.scopes;
        scopes.is_empty() || scopes.contains("user:email") || scopes.contains("user")
    }

    async fn user(
        &self,
        access: &SecretString,
        world: World<'_>,
    ) -> Result<Map<String, Value>, ProviderError> {
        let url = urls::below(&self.api, "user");
        let answer = ask_as_user(&url, access, ACCEPT, world).await?;
        let members = answer.good().and_then(|answer| answer.object());
        members.map_err(unavailable)
    }

    /// The user's primary address, if it is verified and we may see it.
    async fn email(
        &self,
        access: &SecretString,
        world: World<'_>,
    ) -> Result<Option<String>, ProviderError> {
        let url = urls::below(&self.api, "user/emails");
        let answer = ask_as_user(&url, access, ACCEPT, world).await?;
        if matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
            return Ok(None);
        }
        let answer = answer.good().map_err(unavailable)?;
        let Ok(Value::Array(all)) = serde_json::from_slice(&answer.body) else {
            return Err(unavailable(answer.nonsense("a JSON array")));
        };
        let is = |email: &Value, what: &str| email.get(what) == Some(&Value::Bool(true));
        let primary = all
            .iter()
            .find(|email| is(email, "primary") && is(email, "verified"));
        let address = primary.and_then(|email| email.get("email")?.as_str());
        Ok(address.map(str::to_owned))
    }
}

const ACCEPT: &str = "application/vnd.github+json";

/// A user's description is full of links to the API, which help nobody who looks at claims.
fn without_links(mut user: Map<String, Value>) -> Map<String, Value> {
    let kept = |name: &str| matches!(name, "avatar_url" | "html_url") || !name.ends_with("url");
    user.retain(|name, _| kept(name));
    user
}

impl Provider for GitHub {
    fn name(&self) -> &str {
        "GitHub"
    }

    fn begin<'a>(
        &'a self,
        begin: Begin<'a>,
        _world: World<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>> {
        let endpoint = urls::below(&self.base, "login/oauth/authorize");
        let ours = [("scope", self.scopes.to_string())];
        let url = self
            .app
            .authorization_url(&endpoint, &begin, true, ours, &self.parameters);
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
                .renew(&self.token_url(), SecretIn::Body, tokens, world)
                .await?;
            answer.tokens(Some(tokens), &self.scopes, world)
        })
    }
}
