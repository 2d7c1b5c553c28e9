//! Slack: OpenID Connect for the user's identity, and Slack's own flow for access on the user's behalf.

use crate::parse_url;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::{
    Begin, FetchContext, Finish, InvalidSettings, Oidc, Provider, ProviderError, SecretIn,
    claims::{self, Required},
    exchange::{App, check_issuer, get_as_user, unavailable, upstream_tokens},
    urls,
};
use crate::{
    BoxFuture, Identity, Properties, Scopes, UpstreamTokens, UserId, client::TokenSuccess,
};

const TEAM: &str = "https://slack.com/team_id";
const USER: &str = "https://slack.com/user_id";

/// Slack.
///
/// Slack does not grant OpenID scopes and API scopes together. Without user scopes this is *Sign in with
/// Slack*, which is OpenID Connect, and its token only identifies the user. With user scopes it is
/// Slack's own flow, whose token acts for the user; the API then identifies the user. In both cases the
/// subject is `<team>/<user>`, because user IDs are only unique within a team.
///
/// Rotating tokens are refreshed.
///
/// ```
/// use farport_oauth::provider::Slack;
///
/// let slack = Slack::new("client", "secret".to_owned()).user_scopes(["search:read"]);
/// # let _ = slack;
/// ```
#[derive(Debug)]
pub struct Slack {
    oidc: Oidc,
    base: Url,
    app: App,
    user_scopes: Scopes,
    teams: Vec<String>,
    pkce: bool,
}

impl Slack {
    /// *Sign in with Slack* at slack.com, with the scopes `openid`, `profile` and `email`.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Self {
        #[expect(clippy::expect_used, reason = "it is a constant")]
        let base = parse_url("https://slack.com/").expect("a URL");
        Self::at(base, App::new(client_id, client_secret))
    }

    fn at(base: Url, app: App) -> Self {
        // Slack apps have to opt in to PKCE, and then count as public clients.
        let oidc = Oidc::at(&base, &urls::identifier(&base), "Slack", app.clone()).pkce(false);
        Self {
            oidc,
            base,
            app,
            user_scopes: Scopes::none(),
            teams: Vec::new(),
            pkce: false,
        }
    }

    /// Sets another base URL, such as slack-gov.com. Keeps the user scopes, the teams and the PKCE
    /// setting, and resets everything else.
    ///
    /// # Errors
    /// When `url` is not an https URL (http for localhost).
    pub fn base_url(self, url: &str) -> Result<Self, InvalidSettings> {
        let base = urls::endpoint("Slack's base URL", url)?;
        let new = Self {
            user_scopes: self.user_scopes,
            ..Self::at(base, self.app)
        };
        Ok(new.teams(self.teams).pkce(self.pkce))
    }

    /// Sets the scopes for access on the user's behalf, such as `channels:read`. `users:read` provides
    /// the user's real name, and `users:read.email` the email address.
    #[must_use]
    pub fn user_scopes<S: Into<Arc<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.user_scopes = Scopes::from_iter(scopes);
        self
    }

    /// Permits only members of the teams with these IDs (`T...`).
    #[must_use]
    pub fn teams<V: Into<String>>(mut self, teams: impl IntoIterator<Item = V>) -> Self {
        self.teams = teams.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whether to use PKCE. Default: false, because an app has to opt in at Slack first.
    #[must_use]
    pub fn pkce(mut self, pkce: bool) -> Self {
        self.pkce = pkce;
        self.oidc = self.oidc.pkce(pkce);
        self
    }

    fn issuer(&self) -> String {
        urls::identifier(&self.base)
    }

    fn token_url(&self) -> Url {
        urls::below(&self.base, "api/oauth.v2.access")
    }

    /// Checks the team, and sets the issuer and the subject.
    fn identity(&self, mut known: Identity) -> Result<Identity, ProviderError> {
        let text = |name: &str| claims::text(&known.claims, name);
        let (Some(team), Some(user)) = (text(TEAM), text(USER)) else {
            let why = "the response from Slack does not name the user and the team";
            return Err(ProviderError::Unacceptable(why.into()));
        };
        if !self.teams.is_empty() {
            let required = Required {
                claim: TEAM.into(),
                values: self.teams.clone(),
            };
            required.check(&known.claims)?;
        }
        let subject = format!("{team}/{user}");
        known.user = UserId {
            issuer: self.issuer().into(),
            subject: subject.into(),
        };
        Ok(known)
    }

    /// Calls a method of Slack's API with the user's token.
    async fn call(
        &self,
        method: &str,
        query: Option<(&str, &str)>,
        access: &SecretString,
        context: FetchContext<'_>,
    ) -> Result<Map<String, Value>, ProviderError> {
        let mut url = urls::below(&self.base, &format!("api/{method}"));
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let answer = get_as_user(&url, access, "application/json", context).await?;
        let members = answer.ok().and_then(|answer| answer.object());
        let members = members.map_err(unavailable)?;
        if members.get("ok") != Some(&Value::Bool(true)) {
            let code = claims::text(&members, "error").unwrap_or("no error code");
            let code: String = code.chars().take(60).collect();
            let why = format!("{method} returned {}", code.escape_debug());
            return Err(ProviderError::Unavailable(why));
        }
        Ok(members)
    }

    async fn complete(
        &self,
        finish: Finish<'_>,
        context: FetchContext<'_>,
    ) -> Result<Properties, ProviderError> {
        let issuer = self.issuer();
        check_issuer(finish.iss, &[&issuer], false)?;
        let answer = self
            .app
            .redeem(
                &self.token_url(),
                SecretIn::Header,
                &finish,
                self.pkce,
                context,
            )
            .await?;
        let of_user = user_tokens(&answer);
        let tokens = upstream_tokens(of_user, None, &self.user_scopes, context)?;
        let who = self
            .call("auth.test", None, &tokens.access, context)
            .await?;
        let (team, user) = (claims::text(&who, "team_id"), claims::text(&who, "user_id"));
        let (Some(team), Some(user)) = (team, user) else {
            let why = "the response from Slack does not name the user of the token";
            return Err(ProviderError::Unavailable(why.into()));
        };
        let mut known = Map::new();
        known.insert(TEAM.into(), team.into());
        known.insert(USER.into(), user.into());
        if let Some(name) = claims::text(&who, "team") {
            known.insert("https://slack.com/team_name".into(), name.into());
        }
        let mut name = claims::text(&who, "user").map(str::to_owned);
        if tokens.scopes.contains("users:read") {
            let about = self
                .call("users.info", Some(("user", user)), &tokens.access, context)
                .await?;
            if let Some(Value::Object(about)) = about.get("user") {
                if claims::text(about, "id") != Some(user) {
                    let why = "the user info from Slack is about another user";
                    return Err(ProviderError::Unacceptable(why.into()));
                }
                name = claims::text(about, "real_name").map(str::to_owned).or(name);
                if let Some(email) = claims::text(about, "/profile/email") {
                    known.insert("email".into(), email.into());
                    let confirmed = about.get("is_email_confirmed") == Some(&Value::Bool(true));
                    known.insert("email_verified".into(), confirmed.into());
                }
            }
        }
        let identity = Identity {
            user: UserId {
                issuer: issuer.into(),
                subject: user.into(),
            },
            name,
            email: claims::verified_email(&known),
            claims: known,
            allowed: None,
        };
        Ok(Properties {
            identity: self.identity(identity)?,
            upstream: Some(tokens),
        })
    }
}

/// The part of an `oauth.v2.access` response with the user's tokens: `authed_user` after a code, the top
/// level after a refresh.
fn user_tokens(answer: &TokenSuccess) -> &Map<String, Value> {
    match answer.members().get("authed_user") {
        Some(Value::Object(user)) if user.contains_key("access_token") => user,
        _ => answer.members(),
    }
}

impl Provider for Slack {
    fn name(&self) -> &str {
        "Slack"
    }

    fn begin<'a>(
        &'a self,
        begin: Begin<'a>,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>> {
        // With only one team, Slack can show its sign-in page directly.
        let team = match self.teams.as_slice() {
            [team] => vec![("team".to_owned(), team.clone())],
            _ => Vec::new(),
        };
        Box::pin(async move {
            if self.user_scopes.is_empty() {
                let mut url = self.oidc.begin(begin, context).await?;
                url.query_pairs_mut().extend_pairs(&team);
                return Ok(url);
            }
            let endpoint = urls::below(&self.base, "oauth/v2/authorize");
            let scopes = self.user_scopes.iter().collect::<Vec<_>>().join(",");
            let ours = [("user_scope", scopes)];
            Ok(self
                .app
                .authorization_url(&endpoint, &begin, self.pkce, ours, &team))
        })
    }

    fn finish<'a>(
        &'a self,
        finish: Finish<'a>,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<Properties, ProviderError>> {
        Box::pin(async move {
            if !self.user_scopes.is_empty() {
                return self.complete(finish, context).await;
            }
            let properties = self.oidc.finish(finish, context).await?;
            Ok(Properties {
                identity: self.identity(properties.identity)?,
                upstream: properties.upstream,
            })
        })
    }

    fn refresh<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<UpstreamTokens, ProviderError>> {
        Box::pin(async move {
            if self.user_scopes.is_empty() {
                return self.oidc.refresh(tokens, context).await;
            }
            let answer = self
                .app
                .refresh(&self.token_url(), SecretIn::Header, tokens, context)
                .await?;
            let of_user = user_tokens(&answer);
            upstream_tokens(of_user, Some(tokens), &self.user_scopes, context)
        })
    }

    fn revoke<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        context: FetchContext<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            if self.user_scopes.is_empty() {
                return self.oidc.revoke(tokens, context).await;
            }
            let revoked = self.call("auth.revoke", None, &tokens.access, context);
            revoked.await.map(drop)
        })
    }
}
