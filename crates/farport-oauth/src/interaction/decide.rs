//! What the user says to the consent page.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{Answer, Authorization, Consented, Next, Refused, SetCookie, SignInPage, Stage, Visit};
use crate::{
    AuthorizationServer, ErrorCode, OAuthError, Properties, SignInMethod,
    parameters::Parameters,
    provider::{Begin, World},
    token::{Kind, digest, random_text},
};

impl AuthorizationServer {
    /// Answers the form of the consent page: `transaction`, and `decision`, which is `allow`,
    /// `deny` or `switch`, to sign in as somebody else.
    pub async fn decide(&self, visit: Visit<'_>) -> Answer {
        self.try_decide(&visit).await.into()
    }

    async fn try_decide(&self, visit: &Visit<'_>) -> Result<Answer, Refused> {
        self.admit_visitor(visit.address, visit.now)?;
        let form = Parameters::read(visit.parameters).map_err(OAuthError::from)?;
        let taken = self.take_up_form(visit, form.get("transaction")).await?;
        let (Stage::Consent(authorization, properties), browser) = taken else {
            return Err(Refused::over());
        };
        self.check_still_trusted(visit, &authorization).await?;
        match form.get("decision") {
            Some("allow") => self.allowed(visit, authorization, properties).await,
            Some("switch") => self.switched(visit, &browser, authorization).await,
            // Whatever is not consent is none.
            _ => {
                let text = "The user did not consent";
                let error = OAuthError::new(ErrorCode::AccessDenied, text);
                match properties {
                    Some(_) => authorization.refused(visit.site, &error),
                    None => authorization.stopped(visit.site, error),
                }
            }
        }
    }

    async fn allowed(
        &self,
        visit: &Visit<'_>,
        authorization: Authorization,
        properties: Option<Properties>,
    ) -> Result<Answer, Refused> {
        let Some(properties) = properties else {
            return self
                .to_provider(visit, authorization, Consented::JustNow)
                .await;
        };
        self.remember_consent(&properties.identity, &authorization, visit.now)
            .await?;
        self.finish(visit, &authorization, properties).await
    }

    async fn switched(
        &self,
        visit: &Visit<'_>,
        browser: &SecretString,
        authorization: Authorization,
    ) -> Result<Answer, Refused> {
        let removal = self.forget_sign_in(visit).await?;
        let mut answer = match self.sign_in {
            SignInMethod::Development => {
                let client_name = authorization.client_name.clone();
                let stage = Stage::SignIn(authorization);
                Answer::of(Next::SignIn(SignInPage {
                    transaction: self.begin(visit, browser, stage).await?,
                    client_name,
                    problem: None,
                }))
            }
            SignInMethod::Provider(_) => self.ask(visit, browser, authorization, None).await?,
        };
        answer.cookies.extend(removal);
        Ok(answer)
    }

    /// Sends the browser on to the provider. Only now it gets the cookie that it has to come back
    /// with: a browser in which nobody consented has none.
    pub(super) async fn to_provider(
        &self,
        visit: &Visit<'_>,
        authorization: Authorization,
        consent: Consented,
    ) -> Result<Answer, Refused> {
        let SignInMethod::Provider(provider) = &self.sign_in else {
            return Err(OAuthError::server_error().into());
        };
        let (verifier, nonce) = (random_text(self.random()), random_text(self.random()));
        let binding = Kind::Cookie.random(self.random());
        let stage = Stage::Provider {
            authorization: authorization.clone(),
            verifier: verifier.expose_secret().into(),
            nonce: nonce.expose_secret().into(),
            consent,
        };
        let state = self.begin(visit, &binding, stage).await?;
        let begin = Begin {
            redirect_uri: &callback_uri(visit.site),
            state: state.expose_secret(),
            nonce: nonce.expose_secret(),
            verifier: verifier.expose_secret(),
        };
        let world = World {
            now: visit.now,
            fetcher: &self.world.fetcher,
        };
        let url = match provider.begin(begin, world).await {
            Ok(url) => url,
            Err(error) => {
                tracing::warn!(provider = provider.name(), %error, "a sign-in could not begin");
                let text = "The identity provider cannot be reached at the moment";
                let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, text);
                return authorization.refused(visit.site, &error);
            }
        };
        let lifetime = self.config.transaction_lifetime;
        Ok(Answer {
            next: Next::Provider {
                name: provider.name().to_owned(),
                url: url.into(),
            },
            cookies: vec![binding_cookie(visit, &state, binding, lifetime)],
        })
    }
}

/// Where a provider sends the browser back to.
pub(super) fn callback_uri(site: &crate::Site) -> String {
    format!("{}/callback", site.issuer())
}

/// What the binding cookie of a transaction is called: several may be going on in one browser.
pub(super) fn binding_name(transaction: &crate::Digest) -> String {
    let [a, b, c, d, ..] = transaction.0;
    format!("provider-{a:02x}{b:02x}{c:02x}{d:02x}")
}

fn binding_cookie(
    visit: &Visit<'_>,
    state: &SecretString,
    binding: SecretString,
    lifetime: Duration,
) -> SetCookie {
    let name = binding_name(&digest(state));
    SetCookie::new(visit.site, &name, binding, lifetime)
}
