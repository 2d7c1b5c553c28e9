//! Signing in under any name, for development; and remembering who has signed in.

use std::sync::Arc;

use secrecy::SecretString;

use super::{Answer, Authorization, Next, Refused, SetCookie, SignInPage, Stage, Visit, cookies};
use crate::{
    AuthorizationServer, Consent, ConsentKey, Identity, OAuthError, Properties, SignIn,
    SignInMethod, UnixTime, UserId,
    keys::Purpose,
    parameters::Parameters,
    token::{Kind, digest},
};

/// The issuer of those who sign in for development.
pub const DEVELOPMENT: &str = "urn:farport:development";

const LONGEST_NAME: usize = 64;

impl AuthorizationServer {
    /// Answers the form of the sign-in page: `transaction`, `name`.
    pub async fn sign_in(&self, visit: Visit<'_>) -> Answer {
        self.try_sign_in(&visit).await.into()
    }

    async fn try_sign_in(&self, visit: &Visit<'_>) -> Result<Answer, Refused> {
        self.admit_visitor(visit.address, visit.now)?;
        if !matches!(self.sign_in, SignInMethod::Development) {
            return Err(Refused::forbidden("Nobody signs in here by name"));
        }
        let form = Parameters::read(visit.parameters).map_err(OAuthError::from)?;
        let taken = self.take_up_form(visit, form.get("transaction")).await?;
        let (Stage::SignIn(authorization), browser) = taken else {
            return Err(Refused::over());
        };
        self.check_still_trusted(visit, &authorization).await?;
        let name = form.get("name").map(str::trim).unwrap_or_default();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            let client_name = authorization.client_name.clone();
            let stage = Stage::SignIn(authorization);
            return Ok(Answer::of(Next::SignIn(SignInPage {
                transaction: self.begin(visit, &browser, stage).await?,
                client_name,
                problem: Some("Enter a name of 1 to 64 characters."),
            })));
        }
        let identity = Identity {
            user: UserId {
                issuer: DEVELOPMENT.into(),
                subject: name.into(),
            },
            name: Some(name.to_owned()),
            email: None,
            claims: development_claims(name),
            allowed: None,
        };
        let cookie = self.remember(visit, &identity).await?;
        let mut answer = self
            .signed(visit, &browser, authorization, identity)
            .await?;
        answer.cookies.extend(cookie);
        Ok(answer)
    }

    async fn signed(
        &self,
        visit: &Visit<'_>,
        browser: &SecretString,
        authorization: Authorization,
        identity: Identity,
    ) -> Result<Answer, Refused> {
        let remembered = self.consented(&identity, &authorization, visit.now).await?;
        let properties = Properties {
            identity,
            upstream: None,
        };
        match remembered {
            true => self.finish(visit, &authorization, properties).await,
            false => {
                self.ask(visit, browser, authorization, Some(properties))
                    .await
            }
        }
    }

    /// Who has signed in with this browser, if that is still remembered.
    pub(super) async fn signed_in(&self, visit: &Visit<'_>) -> Result<Option<Identity>, Refused> {
        let cookie = visit.cookies.get(&cookies::name(visit.site, "signed-in"));
        let Some(cookie) = cookie.filter(|cookie| Kind::Cookie.fits(cookie)) else {
            return Ok(None);
        };
        let cookie = SecretString::from(cookie);
        let found = self.world.store.sign_in(&digest(&cookie)).await?;
        let Some(found) = found.filter(|found| found.expires > visit.now) else {
            return Ok(None);
        };
        // Sealed with a key that is gone: as good as forgotten.
        Ok(self
            .opened(Purpose::SignIn, &cookie, Some(found.sealed))
            .ok())
    }

    /// Remembers who has signed in with this browser. A browser gets a new cookie each time, so
    /// that nobody can have planted it.
    pub(super) async fn remember(
        &self,
        visit: &Visit<'_>,
        identity: &Identity,
    ) -> Result<Option<SetCookie>, Refused> {
        let lifetime = self.config.sign_in_lifetime;
        if lifetime.is_zero() {
            return Ok(None);
        }
        let secret = Kind::Cookie.random(self.random());
        let plain = serde_json::to_vec(identity).map_err(super::broken)?;
        let sign_in = SignIn {
            id: digest(&secret),
            expires: visit.now.after(lifetime),
            sealed: self
                .keys
                .seal(self.random(), Purpose::SignIn, &secret, &plain),
        };
        let most = self.config.most_transactions;
        self.world.store.add_sign_in(sign_in, most).await?;
        let cookie = SetCookie::new(visit.site, "signed-in", secret, lifetime);
        Ok(Some(cookie))
    }

    /// Forgets who has signed in with this browser.
    pub(super) async fn forget_sign_in(
        &self,
        visit: &Visit<'_>,
    ) -> Result<Option<SetCookie>, Refused> {
        let name = cookies::name(visit.site, "signed-in");
        let Some(cookie) = visit.cookies.get(&name) else {
            return Ok(None);
        };
        let id = digest(&SecretString::from(cookie));
        self.world.store.remove_sign_in(&id).await?;
        Ok(Some(SetCookie::removal(visit.site, "signed-in")))
    }

    /// Whether this user has consented to all of this before.
    pub(super) async fn consented(
        &self,
        identity: &Identity,
        authorization: &Authorization,
        now: UnixTime,
    ) -> Result<bool, Refused> {
        if authorization.ask || !authorization.assured || self.config.consent_lifetime.is_zero() {
            return Ok(false);
        }
        let key = consent_key(identity, authorization);
        let consent = self.world.store.consent(&key).await?;
        Ok(consent.is_some_and(|consent| {
            consent.expires > now && consent.scopes.covers(&authorization.scopes)
        }))
    }

    /// Remembers what a user has consented to.
    pub(super) async fn remember_consent(
        &self,
        identity: &Identity,
        authorization: &Authorization,
        now: UnixTime,
    ) -> Result<(), Refused> {
        let lifetime = self.config.consent_lifetime;
        if lifetime.is_zero() || !authorization.assured {
            return Ok(());
        }
        let key = consent_key(identity, authorization);
        // Consent to less does not take back what was consented to before.
        let before = self.world.store.consent(&key).await?;
        let before = before.filter(|consent| consent.expires > now);
        let scopes = before.map_or_else(
            || authorization.scopes.clone(),
            |consent| consent.scopes.either(&authorization.scopes),
        );
        let consent = Consent {
            key,
            scopes,
            expires: now.after(lifetime),
        };
        self.world.store.add_consent(consent).await?;
        Ok(())
    }
}

fn consent_key(identity: &Identity, authorization: &Authorization) -> ConsentKey {
    ConsentKey {
        user: identity.user.clone(),
        client: authorization.client.clone(),
        redirect_uri: authorization.redirect_uri.clone(),
        resource: Arc::clone(&authorization.resource),
    }
}

/// So that permissions that ask for a login can be tried.
fn development_claims(name: &str) -> serde_json::Map<String, serde_json::Value> {
    let mut claims = serde_json::Map::new();
    claims.insert("login".into(), name.into());
    claims
}
