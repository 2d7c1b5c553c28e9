//! Slack: OpenID for who somebody is, and a flow of its own for what may be done in their name.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::{
    Begin, Finish, InvalidSettings, Oidc, Provider, ProviderError, SecretIn, World,
    claims::{self, Required},
    exchange::{App, TokenAnswer, ask_as_user, check_issuer, unavailable},
    urls,
};
use crate::{BoxFuture, Identity, Properties, Scopes, UpstreamTokens, UserId};

const TEAM: &str = "https://slack.com/team_id";
const USER: &str = "https://slack.com/user_id";

/// Slack.
///
/// Slack does not give its OpenID scopes and those of its API together. Without user scopes this
/// is *Sign in with Slack*, which is OpenID, and its token is good for who the user is. With user
/// scopes it is Slack's own flow, whose token acts for the user; who they are is asked of the API
/// then. Both know a user as `<team>/<user>`, since a user's id is a name within their team.
///
/// Tokens of an app that rotates them are renewed.
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
    /// slack.com, as *Sign in with Slack* with the scopes `openid`, `profile` and `email`.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Self {
        #[expect(clippy::expect_used, reason = "it is a constant")]
        let base = Url::parse("https://slack.com/").expect("a URL");
        Self::at(base, App::new(client_id, client_secret))
    }

    fn at(base: Url, app: App) -> Self {
        // Slack wants apps to opt in to PKCE, and treats those as public clients then.
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

    /// A stand-in for slack.com, or slack-gov.com. Set it before anything else but the user
    /// scopes, the teams and PKCE.
    ///
    /// # Errors
    /// When it is not an https URL (http is good for localhost).
    pub fn base_url(self, url: &str) -> Result<Self, InvalidSettings> {
        let base = urls::endpoint("Slack's base URL", url)?;
        let new = Self {
            user_scopes: self.user_scopes,
            ..Self::at(base, self.app)
        };
        Ok(new.teams(self.teams).pkce(self.pkce))
    }

    /// What is asked for to act in the user's name, such as `channels:read`. Where there is
    /// `users:read`, the user's real name is known, and with `users:read.email` their address.
    #[must_use]
    pub fn user_scopes<S: Into<Arc<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.user_scopes = Scopes::from_iter(scopes);
        self
    }

    /// Lets only members of these teams sign in, by their ids (`T...`).
    #[must_use]
    pub fn teams<V: Into<String>>(mut self, teams: impl IntoIterator<Item = V>) -> Self {
        self.teams = teams.into_iter().map(Into::into).collect();
        self
    }

    /// Whether PKCE is used. By default it is not: an app has to opt in at Slack first.
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

    /// Checks the team, and makes of what is known an identity.
    fn identity(&self, mut known: Identity) -> Result<Identity, ProviderError> {
        let text = |name: &str| claims::text(&known.claims, name);
        let (Some(team), Some(user)) = (text(TEAM), text(USER)) else {
            let why = "Slack does not say which user of which team it is";
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

    /// What one of Slack's methods says to the user's token.
    async fn call(
        &self,
        method: &str,
        query: Option<(&str, &str)>,
        access: &SecretString,
        world: World<'_>,
    ) -> Result<Map<String, Value>, ProviderError> {
        let mut url = urls::below(&self.base, &format!("api/{method}"));
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let answer = ask_as_user(&url, access, "application/json", world).await?;
        let members = answer.good().and_then(|answer| answer.object());
        let members = members.map_err(unavailable)?;
        if members.get("ok") != Some(&Value::Bool(true)) {
            let code = claims::text(&members, "error").unwrap_or("no error code");
            let code: String = code.chars().take(60).collect();
            let why = format!("{method} answered {}", code.escape_debug());
            return Err(ProviderError::Unavailable(why));
        }
        Ok(members)
    }

    async fn complete(
        &self,
        finish: Finish<'_>,
        world: World<'_>,
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
                world,
            )
            .await?;
        let of_user = user_tokens(&answer);
        let tokens = TokenAnswer::tokens_of(of_user, None, &self.user_scopes, world)?;
        let who = self.call("auth.test", None, &tokens.access, world).await?;
        let (team, user) = (claims::text(&who, "team_id"), claims::text(&who, "user_id"));
        let (Some(team), Some(user)) = (team, user) else {
            let why = "Slack does not say whose token it gave";
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
                .call("users.info", Some(("user", user)), &tokens.access, world)
                .await?;
            if let Some(Value::Object(about)) = about.get("user") {
                if claims::text(about, "id") != Some(user) {
                    let why = "Slack describes somebody else than was asked for";
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

/// Where in an answer of `oauth.v2.access` the user's tokens are: when a code was redeemed, in a
/// part of its own; when they were renewed, at the top.
fn user_tokens(answer: &TokenAnswer) -> &Map<String, Value> {
    match answer.members.get("authed_user") {
        Some(Value::Object(user)) if user.contains_key("access_token") => user,
        _ => &answer.members,
    }
}

impl Provider for Slack {
    fn name(&self) -> &str {
        "Slack"
    }

    fn begin<'a>(
        &'a self,
        begin: Begin<'a>,
        world: World<'a>,
    ) -> BoxFuture<'a, Result<Url, ProviderError>> {
        // With one team, Slack can show its sign-in at once.
        let team = match self.teams.as_slice() {
            [team] => vec![("team".to_owned(), team.clone())],
            _ => Vec::new(),
        };
        Box::pin(async move {
            if self.user_scopes.is_empty() {
                let mut url = self.oidc.begin(begin, world).await?;
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
        world: World<'a>,
    ) -> BoxFuture<'a, Result<Properties, ProviderError>> {
        Box::pin(async move {
            if !self.user_scopes.is_empty() {
                return self.complete(finish, world).await;
            }
            let properties = self.oidc.finish(finish, world).await?;
            Ok(Properties {
                identity: self.identity(properties.identity)?,
                upstream: properties.upstream,
            })
        })
    }

    fn refresh<'a>(
        &'a self,
        tokens: &'a UpstreamTokens,
        world: World<'a>,
    ) -> BoxFuture<'a, Result<UpstreamTokens, ProviderError>> {
        Box::pin(async move {
            if self.user_scopes.is_empty() {
                return self.oidc.refresh(tokens, world).await;
            }
            let answer = self
                .app
                .renew(&self.token_url(), SecretIn::Header, tokens, world)
                .await?;
            let of_user = user_tokens(&answer);
            TokenAnswer::tokens_of(of_user, Some(tokens), &self.user_scopes, world)
        })
    }
}
