//! GitHub, which uses OAuth 2.0 without OpenID Connect.

use crate::parse_url;
use std::sync::Arc;

use http::{Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use url::Url;

use super::{
    Begin, FetchContext, Finish, InvalidSettings, Provider, ProviderError, SecretIn, claims,
    exchange::{App, MOST_BYTES, check_issuer, get_as_user, unavailable, upstream_tokens},
    urls,
};
use crate::{
    BoxFuture, Identity, Properties, Reach, Scopes, UpstreamTokens, UserId,
    outgoing::{Failure, Outgoing},
};

/// GitHub, or a GitHub Enterprise Server.
///
/// The issuer of a user is the base URL, and the subject is the user's number, because another user can
/// take a login name later. The claim `login` contains the name.
///
/// Supports OAuth apps and GitHub Apps. Expiring tokens of a GitHub App are refreshed.
///
/// ```
/// use farport_oauth::provider::GitHub;
///
/// let github = GitHub::new("client", "secret".to_owned()).scopes(["repo"]);
/// # let _ = github;
/// ```
#[derive(Debug)]
pub struct GitHub {
    base: Url,
    api: Url,
    app: App,
    scopes: Scopes,
    parameters: Vec<(String, String)>,
}

impl GitHub {
    /// github.com, with the scopes `read:user` and `user:email`.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Self {
        #[expect(clippy::expect_used, reason = "both are constants")]
        let [base, api] = ["https://github.com/", "https://api.github.com/"]
            .map(|url| parse_url(url).expect("a URL"));
        Self {
            base,
            api,
            app: App::new(client_id, client_secret),
            scopes: Scopes::from_iter(["read:user", "user:email"]),
            parameters: Vec::new(),
        }
    }

    /// Sets the URL of a GitHub Enterprise Server. Its API is at `api/v3`, or on the host `api.` for
    /// `*.ghe.com`.
    ///
    /// # Errors
    /// When `url` is not an https URL (http for localhost).
    pub fn base_url(mut self, url: &str) -> Result<Self, InvalidSettings> {
        let base = urls::endpoint("GitHub's base URL", url)?;
        let host = base.host_str().unwrap_or_default();
        self.api = if host.ends_with(".ghe.com") {
            urls::endpoint("GitHub's API", &format!("https://api.{host}/"))?
        } else {
            urls::below(&base, "api/v3")
        };
        self.base = base;
        Ok(self)
    }

    /// Sets the URL of the API, if it differs from the one that [`base_url`](Self::base_url) assumes.
    ///
    /// # Errors
    /// When `url` is not an https URL (http for localhost).
    pub fn api_url(mut self, url: &str) -> Result<Self, InvalidSettings> {
        self.api = urls::endpoint("GitHub's API", url)?;
        Ok(self)
    }

    /// Sets the requested scopes. Without `user:email` there is no email address. GitHub Apps have
    /// permissions instead and ignore scopes.
    #[must_use]
    pub fn scopes<S: Into<Arc<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Scopes::from_iter(scopes);
        self
    }

    /// Adds a parameter to the authorization request, such as `allow_signup` or `prompt`.
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
        context: FetchContext<'_>,
    ) -> Result<Properties, ProviderError> {
        let issuer = urls::identifier(&self.base);
        // The issuer in GitHub's own authorization server metadata.
        let server = format!("{issuer}/login/oauth");
        check_issuer(finish.iss, &[&issuer, &server], false)?;
        let answer = self
            .app
            .redeem(&self.token_url(), SecretIn::Body, &finish, true, context)
            .await?;
        let tokens = upstream_tokens(answer.members(), None, &self.scopes, context)?;
        let user = self.user(&tokens.access, context).await?;
        let subject = user.get("id").and_then(Value::as_u64);
        let login = claims::text(&user, "login");
        let (Some(subject), Some(login)) = (subject, login) else {
            let why = "the user info from GitHub has no id or login";
            return Err(ProviderError::Unavailable(why.into()));
        };
        let email = if self.may_see_emails(&tokens) {
            self.email(&tokens.access, context).await?
        } else {
            None
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

    /// A GitHub App's token names no scopes, so only the request shows whether it is permitted.
    fn may_see_emails(&self, tokens: &UpstreamTokens) -> bool {
        let scopes = &tokens.scopes;
        scopes.is_empty() || scopes.contains("user:email") || scopes.contains("user")
    }

    async fn user(
        &self,
        access: &SecretString,
        context: FetchContext<'_>,
    ) -> Result<Map<String, Value>, ProviderError> {
        let url = urls::below(&self.api, "user");
        let answer = get_as_user(&url, access, ACCEPT, context).await?;
        let members = answer.ok().and_then(|answer| answer.object());
        members.map_err(unavailable)
    }

    /// The user's primary email address, if it is verified and the token permits access to it.
    async fn email(
        &self,
        access: &SecretString,
        context: FetchContext<'_>,
    ) -> Result<Option<String>, ProviderError> {
        let url = urls::below(&self.api, "user/emails");
        let answer = get_as_user(&url, access, ACCEPT, context).await?;
        if matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
            return Ok(None);
        }
        let answer = answer.ok().map_err(unavailable)?;
        let Ok(Value::Array(all)) = serde_json::from_slice(&answer.body) else {
            return Err(unavailable(answer.unexpected("a JSON array")));
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

/// Removes the API links from the user info.
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
        _world: FetchContext<'a>,
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
                .refresh(&self.token_url(), SecretIn::Body, tokens, context)
                .await?;
            upstream_tokens(answer.members(), Some(tokens), &self.scopes, context)
        })
    }

    /// Deletes the token through GitHub's API.
    fn revoke<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let url = urls::below(&self.api, &format!("applications/{}/token", self.app.id));
            let body = serde_json::json!({ "access_token": tokens.access.expose_secret() });
            let mut request =
                Outgoing::json(Method::DELETE, &url, &body, Reach::Configured, MOST_BYTES).header(
                    header::ACCEPT,
                    ACCEPT,
                    false,
                );
            if let Some(basic) = self.app.basic() {
                request = request.header_value(header::AUTHORIZATION, basic);
            }
            let answer = request
                .send(&**context.fetcher)
                .await
                .map_err(unavailable)?;
            match answer.status {
                // 404 and 422: the token is no longer valid.
                StatusCode::NO_CONTENT
                | StatusCode::NOT_FOUND
                | StatusCode::UNPROCESSABLE_ENTITY => Ok(()),
                status => Err(unavailable(Failure::Status(status))),
            }
        })
    }

    fn unique_login(&self) -> Option<&str> {
        Some("login")
    }
}
