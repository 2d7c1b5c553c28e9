//! The authorization endpoint (OAuth 2.1, section 4.1).

use std::sync::Arc;

use super::{
    Answer, Authorization, Next, Refused, SignInPage, Stage, Visit,
    finish::{self, is_on_the_web},
};
use crate::{
    AuthorizationServer, Client, ClientAuthentication, ClientOrigin, Digest, ErrorCode, OAuthError,
    Properties, Scopes, SignInMethod, parameters::Parameters, redirect, server::challenge,
};

/// What `prompt` asks for (OpenID Connect Core, section 3.1.2.1), as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prompt {
    Whatever,
    Ask,
    Never,
}

/// The longest `state` that is kept until the user has answered.
const LONGEST_STATE: usize = 4096;

/// A request whose client and redirect URI are good: from here on, errors go to the client.
struct Trusted {
    client: Client,
    redirect_uri: Arc<str>,
    state: Option<String>,
}

impl Trusted {
    /// Whether anybody but the client itself says that it is good.
    fn is_vouched_for(&self) -> bool {
        self.client.origin == ClientOrigin::Settings
    }

    /// Whether a code can reach none but this client: the operator says so, or it goes to a host of
    /// the client's own, or it is good for nobody who cannot prove that they are the client.
    fn is_assured(&self) -> bool {
        let public = matches!(self.client.authentication, ClientAuthentication::None);
        self.is_vouched_for() || is_on_the_web(&self.redirect_uri) || !public
    }

    fn refused(&self, visit: &Visit<'_>, error: OAuthError) -> Result<Answer, Refused> {
        let (uri, state) = (&*self.redirect_uri, self.state.as_deref());
        let name = self.client.name.clone();
        match self.is_vouched_for() {
            true => finish::refusal(visit.site, uri, state, name, &error),
            false => finish::stopped(visit.site, uri, state, name, error),
        }
    }
}

impl AuthorizationServer {
    /// Answers the authorization endpoint, whose parameters came in the query.
    pub async fn authorize(&self, visit: Visit<'_>) -> Answer {
        self.try_authorize(&visit).await.into()
    }

    async fn try_authorize(&self, visit: &Visit<'_>) -> Result<Answer, Refused> {
        self.admit_visitor(visit.address, visit.now)?;
        let parameters = Parameters::read(visit.parameters).map_err(OAuthError::from)?;
        let trusted = self.trusted(&parameters, visit).await?;
        let (authorization, prompt) = match self.understood(&parameters, visit, &trusted) {
            Ok(understood) => understood,
            Err(error) => return trusted.refused(visit, error),
        };
        let (browser, cookie) = self.browser(visit);
        let mut answer = self.next(visit, authorization, &browser).await?;
        if prompt == Prompt::Never && !matches!(answer.next, Next::Client { .. }) {
            let text = "The user has to be asked, and prompt is none";
            let error = OAuthError::new(ErrorCode::InteractionRequired, text);
            return trusted.refused(visit, error);
        }
        answer.cookies.push(cookie);
        Ok(answer)
    }

    /// What a browser needs next that brings an authorization request.
    async fn next(
        &self,
        visit: &Visit<'_>,
        authorization: Authorization,
        browser: &secrecy::SecretString,
    ) -> Result<Answer, Refused> {
        let known = self.signed_in(visit).await?;
        let remembered = match &known {
            Some(identity) => self.consented(identity, &authorization, visit.now).await?,
            None => false,
        };
        match (&self.sign_in, known) {
            (SignInMethod::Development, None) => {
                let client_name = authorization.client_name.clone();
                let stage = Stage::SignIn(authorization);
                Ok(Answer::of(Next::SignIn(SignInPage {
                    transaction: self.begin(visit, browser, stage).await?,
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
                    return self.finish(visit, &authorization, properties).await;
                }
                self.ask(visit, browser, authorization, Some(properties))
                    .await
            }
            (SignInMethod::Provider(_), Some(identity)) if remembered => {
                let consent = super::Consented::Before(Box::new(identity));
                self.to_provider(visit, authorization, consent).await
            }
            (SignInMethod::Provider(_), _) => self.ask(visit, browser, authorization, None).await,
        }
    }

    /// Asks for consent.
    pub(super) async fn ask(
        &self,
        visit: &Visit<'_>,
        browser: &secrecy::SecretString,
        authorization: Authorization,
        properties: Option<Properties>,
    ) -> Result<Answer, Refused> {
        let identity = properties.as_ref().map(|properties| &properties.identity);
        let mut page = self.consent_page(Default::default(), &authorization, identity);
        let stage = Stage::Consent(authorization, properties);
        page.transaction = self.begin(visit, browser, stage).await?;
        Ok(Answer::of(Next::Consent(page)))
    }

    /// The client and its redirect URI. Whatever is wrong with them is said here, not to whoever
    /// the redirect URI leads to.
    async fn trusted(
        &self,
        parameters: &Parameters,
        visit: &Visit<'_>,
    ) -> Result<Trusted, Refused> {
        let invalid = |text: &'static str| Refused::from(OAuthError::invalid_request(text));
        for name in ["client_id", "redirect_uri"] {
            if parameters.repeats(name) {
                return Err(invalid("client_id and redirect_uri stand once"));
            }
        }
        let id = parameters.get("client_id");
        let id = id.ok_or_else(|| invalid("client_id is missing"))?;
        let client = self.client(id, visit.address, visit.now).await?;
        let client = client.ok_or_else(|| {
            Refused::from(OAuthError::invalid_client(
                "This client is not known here. It may have been forgotten: let it register again",
            ))
        })?;
        let redirect_uri: Arc<str> = match (parameters.get("redirect_uri"), &*client.redirect_uris)
        {
            (Some(presented), registered) => {
                let known = registered
                    .iter()
                    .any(|one| redirect::matches(one, presented));
                // Checked once more as such: what was registered under other rules is not good
                // for ever.
                if !known || self.config.redirects.check(presented).is_err() {
                    return Err(invalid("redirect_uri is not one of this client's"));
                }
                presented.into()
            }
            (None, [only]) if !redirect::is_loopback(only) => only.clone(),
            (None, _) => return Err(invalid("redirect_uri is missing")),
        };
        let state = match parameters.repeats("state") {
            // Told without it.
            true => None,
            false => parameters.get("state").map(str::to_owned),
        };
        Ok(Trusted {
            client,
            redirect_uri,
            state,
        })
    }

    /// The rest of the request.
    fn understood(
        &self,
        parameters: &Parameters,
        visit: &Visit<'_>,
        trusted: &Trusted,
    ) -> Result<(Authorization, Prompt), OAuthError> {
        let error = OAuthError::new;
        if trusted
            .state
            .as_ref()
            .is_some_and(|state| state.len() > LONGEST_STATE)
        {
            let text = "state is longer than 4096 characters";
            return Err(OAuthError::invalid_request(text));
        }
        if parameters.get("request").is_some() {
            let text = "Request objects are not supported";
            return Err(error(ErrorCode::RequestNotSupported, text));
        }
        if parameters.get("request_uri").is_some() {
            let text = "Request objects are not supported";
            return Err(error(ErrorCode::RequestUriNotSupported, text));
        }
        if parameters.repeats("resource") {
            let text = "A token is for one resource";
            return Err(error(ErrorCode::InvalidTarget, text));
        }
        if let Some(name) = parameters.repeated() {
            let text = format!("{name} stands more than once");
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
        let resource = visit.site.requested(parameters.get("resource"));
        let resource = resource.ok_or_else(|| {
            let text = "resource is not one of this server's";
            error(ErrorCode::InvalidTarget, text)
        })?;
        let scopes = self.requested_scopes(parameters.get("scope"), &trusted.client)?;
        let prompt = match parameters.get("prompt") {
            None => Prompt::Whatever,
            Some("none") => Prompt::Never,
            Some(prompts) => {
                let known = |prompt| matches!(prompt, "consent" | "login" | "select_account");
                if !prompts.split(' ').all(known) {
                    return Err(OAuthError::invalid_request("prompt is not understood"));
                }
                Prompt::Ask
            }
        };
        let authorization = Authorization {
            client: trusted.client.id.clone(),
            client_name: trusted.client.name.clone(),
            client_uri: trusted.client.uri.clone(),
            redirect_uri: trusted.redirect_uri.clone(),
            state: trusted.state.clone(),
            scopes,
            resource,
            challenge,
            ask: prompt == Prompt::Ask,
            vouched_for: trusted.is_vouched_for(),
            assured: trusted.is_assured(),
        };
        Ok((authorization, prompt))
    }

    /// The scopes that a request comes down to. Those that there are not are let be, as RFC 6749,
    /// section 3.3, allows: clients in the field ask for `openid` wherever they are.
    fn requested_scopes(
        &self,
        parameter: Option<&str>,
        client: &Client,
    ) -> Result<Scopes, OAuthError> {
        let asked = parameter.map(Scopes::parse).transpose();
        let asked = asked
            .map_err(|error| OAuthError::new(ErrorCode::InvalidScope, error.to_string()))?
            .unwrap_or_default();
        let mut scopes = asked.both(&self.config.scopes);
        if scopes.is_empty() {
            scopes = self.config.default_scopes.clone();
        }
        if let Some(allowed) = &client.scopes {
            scopes = scopes.both(allowed);
        }
        Ok(scopes)
    }
}
