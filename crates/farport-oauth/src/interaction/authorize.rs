//! The authorization endpoint (OAuth 2.1, section 4.1).

use std::sync::Arc;

use super::{
    Authorization, ConsentPage, ErrorPage, Interaction, Next, PageRequest, PageResponse,
    SignInPage, Stage,
    finish::{self, is_on_the_web},
};
use crate::{
    Client, ClientAuthentication, ClientOrigin, Digest, ErrorCode, OAuthError, Properties, Scopes,
    SignInMethod, parameters::Parameters, redirect, server::challenge,
};

/// The relevant values of `prompt` (OpenID Connect Core, section 3.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prompt {
    Default,
    Consent,
    Never,
}

/// The longest accepted `state`, in bytes.
const LONGEST_STATE: usize = 4096;

/// The valid client and redirect URI of a request. Further errors go to this client.
struct Recipient {
    client: Client,
    redirect_uri: Arc<str>,
    state: Option<String>,
}

impl Recipient {
    /// Whether the client comes from the settings.
    fn is_vouched_for(&self) -> bool {
        self.client.origin == ClientOrigin::Settings
    }

    /// Whether a code can reach only this client: the client comes from the settings, the code goes to
    /// its own host, or only an authenticated client can redeem it.
    fn is_assured(&self) -> bool {
        let public = matches!(self.client.authentication, ClientAuthentication::None);
        self.is_vouched_for() || is_on_the_web(&self.redirect_uri) || !public
    }

    fn send_error(
        &self,
        request: &PageRequest<'_>,
        error: OAuthError,
    ) -> Result<PageResponse, ErrorPage> {
        let (uri, state) = (&*self.redirect_uri, self.state.as_deref());
        let name = self.client.name.clone();
        if self.is_vouched_for() {
            finish::redirect_with_error(request.site, uri, state, name, &error)
        } else {
            finish::error_before_sign_in(request.site, uri, state, name, error)
        }
    }
}

impl Interaction {
    /// Handles a request to the authorization endpoint. Its parameters are in the query.
    pub async fn authorize(&self, request: PageRequest<'_>) -> PageResponse {
        self.try_authorize(&request).await.into()
    }

    async fn try_authorize(&self, request: &PageRequest<'_>) -> Result<PageResponse, ErrorPage> {
        self.admit(request)?;
        let parameters = Parameters::read(request.parameters).map_err(OAuthError::from)?;
        let recipient = self.recipient(&parameters, request).await?;
        let (authorization, prompt) = match self.validate_request(&parameters, request, &recipient)
        {
            Ok(valid) => valid,
            Err(error) => return recipient.send_error(request, error),
        };
        let (browser, cookie) = self.transactions.browser(request);
        let mut response = self.next(request, authorization, &browser).await?;
        if prompt == Prompt::Never && !matches!(response.next, Next::Client { .. }) {
            let text = "the user must confirm, but prompt is none";
            let error = OAuthError::new(ErrorCode::InteractionRequired, text);
            return recipient.send_error(request, error);
        }
        response.cookies.push(cookie);
        Ok(response)
    }

    /// The first page or redirect for a valid authorization request.
    async fn next(
        &self,
        request: &PageRequest<'_>,
        authorization: Authorization,
        browser: &secrecy::SecretString,
    ) -> Result<PageResponse, ErrorPage> {
        let known = self.sign_ins.user(request).await?;
        let remembered = match &known {
            Some(identity) => {
                self.consents
                    .covers(identity, &authorization, request.now)
                    .await?
            }
            None => false,
        };
        match (&self.core.sign_in, known) {
            (SignInMethod::Development, None) => {
                let client_name = authorization.client_name.clone();
                let stage = Stage::SignIn(authorization);
                Ok(PageResponse::of(Next::SignIn(SignInPage {
                    transaction: self.transactions.begin(request, browser, stage).await?,
                    client_name,
                    problem: None,
                })))
            }
            (SignInMethod::Development, Some(identity)) => {
                let properties = Properties {
                    identity,
                    upstream: None,
                };
                if remembered {
                    return self.codes.issue(request, &authorization, properties).await;
                }
                self.ask(request, browser, authorization, Some(properties))
                    .await
            }
            (SignInMethod::Provider(_), Some(identity)) if remembered => {
                let consent = super::Consented::Before(Box::new(identity));
                self.to_provider(request, authorization, consent).await
            }
            (SignInMethod::Provider(_), _) => self.ask(request, browser, authorization, None).await,
        }
    }

    /// Shows the consent page.
    pub(super) async fn ask(
        &self,
        request: &PageRequest<'_>,
        browser: &secrecy::SecretString,
        authorization: Authorization,
        properties: Option<Properties>,
    ) -> Result<PageResponse, ErrorPage> {
        let identity = properties.as_ref().map(|properties| &properties.identity);
        let mut page = ConsentPage::new(&self.core, Default::default(), &authorization, identity);
        let stage = Stage::Consent(authorization, properties);
        page.transaction = self.transactions.begin(request, browser, stage).await?;
        Ok(PageResponse::of(Next::Consent(page)))
    }

    /// Validates the client and the redirect URI. If one is not valid, the user sees the error, and
    /// the redirect URI receives nothing.
    async fn recipient(
        &self,
        parameters: &Parameters,
        request: &PageRequest<'_>,
    ) -> Result<Recipient, ErrorPage> {
        let invalid = |text: &'static str| ErrorPage::from(OAuthError::invalid_request(text));
        for name in ["client_id", "redirect_uri"] {
            if parameters.repeats(name) {
                return Err(invalid("client_id or redirect_uri is repeated"));
            }
        }
        let id = parameters.get("client_id");
        let id = id.ok_or_else(|| invalid("client_id is missing"))?;
        let client = self.clients.find(id, request.address, request.now).await?;
        let client = client.ok_or_else(|| {
            ErrorPage::unknown_client(OAuthError::invalid_client(
                "the client is not registered here; register the client again",
            ))
        })?;
        let redirect_uri: Arc<str> = match (parameters.get("redirect_uri"), &*client.redirect_uris)
        {
            (Some(presented), registered) => {
                let known = registered
                    .iter()
                    .any(|one| redirect::matches(one, presented));
                // The policy may have changed since the registration.
                if !known || self.core.config.redirects.check(presented).is_err() {
                    return Err(invalid("redirect_uri is not registered for this client"));
                }
                presented.into()
            }
            (None, [only]) if !redirect::is_loopback(only) => only.clone(),
            (None, _) => return Err(invalid("redirect_uri is missing")),
        };
        // The error response to a repeated state has no state.
        let state = if parameters.repeats("state") {
            None
        } else {
            parameters.get("state").map(str::to_owned)
        };
        Ok(Recipient {
            client,
            redirect_uri,
            state,
        })
    }

    /// Validates the other parameters of the request.
    fn validate_request(
        &self,
        parameters: &Parameters,
        request: &PageRequest<'_>,
        recipient: &Recipient,
    ) -> Result<(Authorization, Prompt), OAuthError> {
        let error = OAuthError::new;
        if recipient
            .state
            .as_ref()
            .is_some_and(|state| state.len() > LONGEST_STATE)
        {
            let text = "state is longer than 4096 characters";
            return Err(OAuthError::invalid_request(text));
        }
        if parameters.get("request").is_some() {
            let text = "request objects are not supported";
            return Err(error(ErrorCode::RequestNotSupported, text));
        }
        if parameters.get("request_uri").is_some() {
            let text = "request objects are not supported";
            return Err(error(ErrorCode::RequestUriNotSupported, text));
        }
        if parameters.repeats("resource") {
            let text = "resource is repeated; a token is for one resource";
            return Err(error(ErrorCode::InvalidTarget, text));
        }
        if let Some(name) = parameters.repeated() {
            let text = format!("{name} is repeated");
            return Err(OAuthError::invalid_request(text));
        }
        match parameters.get("response_type") {
            Some("code") => {}
            Some(_) => {
                let text = "response_type must be code";
                return Err(error(ErrorCode::UnsupportedResponseType, text));
            }
            None => return Err(OAuthError::invalid_request("response_type is missing")),
        }
        if parameters
            .get("response_mode")
            .is_some_and(|mode| mode != "query")
        {
            return Err(OAuthError::invalid_request("response_mode must be query"));
        }
        let challenge: Digest = challenge(
            parameters.get("code_challenge"),
            parameters.get("code_challenge_method"),
        )?;
        let resource = request.site.requested(parameters.get("resource"));
        let resource = resource.ok_or_else(|| {
            let text = "resource is not part of this server";
            error(ErrorCode::InvalidTarget, text)
        })?;
        let scopes = self.requested_scopes(parameters.get("scope"), &recipient.client)?;
        let prompt = match parameters.get("prompt") {
            None => Prompt::Default,
            Some("none") => Prompt::Never,
            Some(prompts) => {
                let known = |prompt| matches!(prompt, "consent" | "login" | "select_account");
                if !prompts.split(' ').all(known) {
                    return Err(OAuthError::invalid_request("prompt has an unknown value"));
                }
                Prompt::Consent
            }
        };
        let authorization = Authorization {
            client: recipient.client.id.clone(),
            client_name: recipient.client.name.clone(),
            client_uri: recipient.client.uri.clone(),
            redirect_uri: recipient.redirect_uri.clone(),
            state: recipient.state.clone(),
            scopes,
            resource,
            challenge,
            ask: prompt == Prompt::Consent,
            refreshes: recipient.client.refreshes,
            vouched_for: recipient.is_vouched_for(),
            assured: recipient.is_assured(),
        };
        Ok((authorization, prompt))
    }

    /// The scopes to grant for a request. Unknown scopes are ignored, as RFC 6749, section 3.3, allows:
    /// many clients request `openid` from every server.
    fn requested_scopes(
        &self,
        parameter: Option<&str>,
        client: &Client,
    ) -> Result<Scopes, OAuthError> {
        let requested = parameter.map(Scopes::parse).transpose();
        let requested = requested
            .map_err(|error| OAuthError::new(ErrorCode::InvalidScope, error.to_string()))?
            .unwrap_or_default();
        let mut scopes = requested.both(&self.core.config.scopes);
        if scopes.is_empty() {
            scopes = self.core.config.default_scopes.clone();
        }
        if let Some(allowed) = &client.scopes {
            scopes = scopes.both(allowed);
        }
        Ok(scopes)
    }
}
