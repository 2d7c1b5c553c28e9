//! Coming back from the identity provider.

use secrecy::SecretString;

use super::{
    Answer, Consented, Refused, SetCookie, Stage, Visit, cookies,
    decide::{binding_name, callback_uri},
};
use crate::{
    AuthorizationServer, Digest, ErrorCode, OAuthError, SignInMethod,
    parameters::Parameters,
    provider::{Finish, ProviderError, World},
};

impl AuthorizationServer {
    /// Answers the address that the provider sends the browser back to.
    pub async fn callback(&self, visit: Visit<'_>) -> Answer {
        self.try_callback(&visit).await.into()
    }

    async fn try_callback(&self, visit: &Visit<'_>) -> Result<Answer, Refused> {
        self.admit_visitor(visit.address, visit.now)?;
        let SignInMethod::Provider(provider) = &self.sign_in else {
            return Err(Refused::forbidden("Nobody comes back to here"));
        };
        // Providers send whatever they like along, lines of text among it.
        let ours = ["code", "state", "iss", "error"];
        let query = Parameters::read_some(visit.parameters, &ours).map_err(OAuthError::from)?;
        if let Some(name) = query.repeated() {
            let text = format!("{name} stands more than once");
            return Err(OAuthError::invalid_request(text).into());
        }
        let bound = |id: &Digest| {
            let name = cookies::name(visit.site, &binding_name(id));
            visit.cookies.get(&name).map(SecretString::from)
        };
        let state = query.get("state");
        let Stage::Provider {
            authorization,
            verifier,
            nonce,
            consent,
        } = self.take_up(visit, state, bound).await?
        else {
            return Err(Refused::over());
        };
        self.check_still_trusted(visit, &authorization).await?;
        let used = state.map(|state| {
            let name = binding_name(&Digest::of(state));
            SetCookie::removal(visit.site, &name)
        });
        let refuse =
            |code, text: String| authorization.refused(visit.site, &OAuthError::new(code, text));
        let Some(code) = query.get("code") else {
            let said = query.get("error").unwrap_or("no code");
            tracing::info!(provider = provider.name(), said, "a sign-in was refused");
            return match said {
                "access_denied" => {
                    let text = format!("The sign-in at {} was refused", provider.name());
                    refuse(ErrorCode::AccessDenied, text)
                }
                _ => {
                    let text = format!("The sign-in at {} failed", provider.name());
                    refuse(ErrorCode::ServerError, text)
                }
            };
        };
        let finish = Finish {
            code,
            iss: query.get("iss"),
            redirect_uri: &callback_uri(visit.site),
            nonce: &nonce,
            verifier: &verifier,
        };
        let world = World {
            now: visit.now,
            fetcher: &self.world.fetcher,
        };
        let properties = match provider.finish(finish, world).await {
            Ok(properties) => properties,
            Err(error) => {
                tracing::warn!(provider = provider.name(), %error, "a sign-in failed");
                return match error {
                    ProviderError::NotAllowed(text) => refuse(ErrorCode::AccessDenied, text),
                    ProviderError::Unavailable(_) => refuse(
                        ErrorCode::TemporarilyUnavailable,
                        format!("{} cannot be reached at the moment", provider.name()),
                    ),
                    ProviderError::Unacceptable(_) | ProviderError::Refused(_) => refuse(
                        ErrorCode::ServerError,
                        format!("The sign-in at {} failed", provider.name()),
                    ),
                };
            }
        };
        let identity = &properties.identity;
        let remembered = self.remember(visit, identity).await?;
        let mut answer = match consent {
            Consented::JustNow => {
                self.remember_consent(identity, &authorization, visit.now)
                    .await?;
                self.finish(visit, &authorization, properties).await?
            }
            Consented::Before(expected) if expected.user == identity.user => {
                self.finish(visit, &authorization, properties).await?
            }
            // Somebody else came back; they have consented to nothing.
            Consented::Before(_) => {
                let (browser, cookie) = self.browser(visit);
                let asked = self.ask(visit, &browser, authorization, Some(properties));
                let mut answer = asked.await?;
                answer.cookies.push(cookie);
                answer
            }
        };
        answer.cookies.extend(remembered);
        answer.cookies.extend(used);
        Ok(answer)
    }
}
