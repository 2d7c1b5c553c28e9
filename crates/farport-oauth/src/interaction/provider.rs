//! The way to the identity provider and back.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{
    Authorization, Consented, ErrorPage, Interaction, Next, PageRequest, PageResponse, Problem,
    SetCookie, Stage, cookies,
};
use crate::{
    Digest, ErrorCode, OAuthError, SignInMethod,
    parameters::Parameters,
    provider::{Begin, Finish, ProviderError},
    token::{SecretKind, digest, random_text},
};

impl Interaction {
    /// Redirects the browser to the provider. Only now does the server set the cookie that the browser
    /// has to return with, so a browser without consent has none.
    pub(super) async fn to_provider(
        &self,
        request: &PageRequest<'_>,
        authorization: Authorization,
        consent: Consented,
    ) -> Result<PageResponse, ErrorPage> {
        let SignInMethod::Provider(provider) = &self.core.sign_in else {
            return Err(OAuthError::server_error().into());
        };
        let (verifier, nonce) = (
            random_text(self.core.random()),
            random_text(self.core.random()),
        );
        let binding = SecretKind::Cookie.random(self.core.random());
        let stage = Stage::Provider {
            authorization: authorization.clone(),
            verifier: verifier.expose_secret().into(),
            nonce: nonce.expose_secret().into(),
            consent,
        };
        let state = self.transactions.begin(request, &binding, stage).await?;
        let begin = Begin {
            redirect_uri: &callback_uri(request.site),
            state: state.expose_secret(),
            nonce: nonce.expose_secret(),
            verifier: verifier.expose_secret(),
        };
        let context = self.core.fetch_context(request.now);
        let url = match provider.begin(begin, context).await {
            Ok(url) => url,
            Err(error) => {
                tracing::warn!(provider = provider.name(), %error, "cannot start a sign-in");
                let text = "cannot reach the identity provider; try again later";
                let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, text);
                return authorization.redirect_with_error(request.site, &error);
            }
        };
        let lifetime = self.core.config.transaction_lifetime;
        Ok(PageResponse {
            next: Next::Provider {
                name: provider.name().to_owned(),
                url: url.into(),
            },
            cookies: vec![binding_cookie(request, &state, binding, lifetime)],
        })
    }

    /// Handles a request to the callback URL, where the provider sends the browser back to.
    pub async fn callback(&self, request: PageRequest<'_>) -> PageResponse {
        self.try_callback(&request).await.into()
    }

    async fn try_callback(&self, request: &PageRequest<'_>) -> Result<PageResponse, ErrorPage> {
        self.admit(request)?;
        let SignInMethod::Provider(provider) = &self.core.sign_in else {
            return Err(ErrorPage::forbidden(
                Problem::WrongSignIn,
                "this server has no identity provider that redirects here",
            ));
        };
        // Providers add other parameters, including text with line breaks.
        let ours = ["code", "state", "iss", "error"];
        let query = Parameters::read_some(request.parameters, &ours).map_err(OAuthError::from)?;
        if let Some(name) = query.repeated() {
            let text = format!("{name} is repeated");
            return Err(OAuthError::invalid_request(text).into());
        }
        let bound = |id: &Digest| {
            let name = cookies::name(request.site, &binding_name(id));
            request.cookies.get(&name).map(SecretString::from)
        };
        let state = query.get("state");
        let Stage::Provider {
            authorization,
            verifier,
            nonce,
            consent,
        } = self.transactions.resume(request, state, bound).await?
        else {
            return Err(ErrorPage::expired());
        };
        self.codes
            .check_still_trusted(request, &authorization)
            .await?;
        let used = state.map(|state| {
            let name = binding_name(&Digest::of(state));
            SetCookie::removal(request.site, &name)
        });
        let send_error = |code, text: String| {
            authorization.redirect_with_error(request.site, &OAuthError::new(code, text))
        };
        let Some(code) = query.get("code") else {
            let error = query.get("error").unwrap_or("no code");
            tracing::info!(
                provider = provider.name(),
                error,
                "the provider rejected a sign-in"
            );
            return match error {
                "access_denied" => {
                    let text = format!("{} did not allow the sign-in", provider.name());
                    send_error(ErrorCode::AccessDenied, text)
                }
                _ => {
                    let text = format!("the sign-in with {} failed; try again", provider.name());
                    send_error(ErrorCode::ServerError, text)
                }
            };
        };
        let finish = Finish {
            code,
            iss: query.get("iss"),
            redirect_uri: &callback_uri(request.site),
            nonce: &nonce,
            verifier: &verifier,
        };
        let context = self.core.fetch_context(request.now);
        let properties = match provider.finish(finish, context).await {
            Ok(properties) => properties,
            Err(error) => {
                tracing::warn!(provider = provider.name(), %error, "sign-in failed");
                return match error {
                    ProviderError::NotAllowed(text) => send_error(ErrorCode::AccessDenied, text),
                    ProviderError::Unavailable(_) => send_error(
                        ErrorCode::TemporarilyUnavailable,
                        format!("cannot reach {}; try again later", provider.name()),
                    ),
                    ProviderError::Unacceptable(_) | ProviderError::Refused(_) => send_error(
                        ErrorCode::ServerError,
                        format!("the sign-in with {} failed; try again", provider.name()),
                    ),
                };
            }
        };
        let identity = &properties.identity;
        let remembered = self.sign_ins.remember(request, identity).await?;
        let mut response = match consent {
            Consented::JustNow => {
                self.consents
                    .remember(identity, &authorization, request.now)
                    .await?;
                self.codes
                    .issue(request, &authorization, properties)
                    .await?
            }
            Consented::Before(expected) if expected.user == identity.user => {
                self.codes
                    .issue(request, &authorization, properties)
                    .await?
            }
            // Another user returned, who has not consented.
            Consented::Before(_) => {
                let (browser, cookie) = self.transactions.browser(request);
                let asked = self.ask(request, &browser, authorization, Some(properties));
                let mut response = asked.await?;
                response.cookies.push(cookie);
                response
            }
        };
        response.cookies.extend(remembered);
        response.cookies.extend(used);
        Ok(response)
    }
}

/// The callback URL, where the provider sends the browser back to.
fn callback_uri(site: &crate::Site) -> String {
    format!("{}/callback", site.issuer())
}

/// The name of the cookie that binds a transaction. One browser can have several transactions.
fn binding_name(transaction: &Digest) -> String {
    let [a, b, c, d, ..] = transaction.0;
    format!("provider-{a:02x}{b:02x}{c:02x}{d:02x}")
}

fn binding_cookie(
    request: &PageRequest<'_>,
    state: &SecretString,
    binding: SecretString,
    lifetime: Duration,
) -> SetCookie {
    let name = binding_name(&digest(state));
    SetCookie::new(request.site, &name, binding, lifetime)
}
