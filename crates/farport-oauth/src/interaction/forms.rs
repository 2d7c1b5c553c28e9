//! The forms: sign-in with any name, for development, and the decision on the consent page.

use secrecy::SecretString;

use super::{
    Authorization, Consented, ErrorPage, Interaction, Next, PageRequest, PageResponse, Problem,
    SignInPage, Stage,
};
use crate::{
    ErrorCode, Identity, OAuthError, Properties, SignInMethod, UserId, parameters::Parameters,
};

/// The issuer of users who sign in for development.
pub const DEVELOPMENT: &str = "urn:farport:development";

/// The description of the error that a client receives when the user selects "Deny".
pub const DENIED_BY_USER: &str = "the user denied access";

const LONGEST_NAME: usize = 64;

impl Interaction {
    /// Handles the form of the sign-in page. Its fields are `transaction` and `name`.
    pub async fn sign_in(&self, request: PageRequest<'_>) -> PageResponse {
        self.try_sign_in(&request).await.into()
    }

    async fn try_sign_in(&self, request: &PageRequest<'_>) -> Result<PageResponse, ErrorPage> {
        self.admit(request)?;
        if !matches!(self.core.sign_in, SignInMethod::Development) {
            return Err(ErrorPage::forbidden(
                Problem::WrongSignIn,
                "this server does not offer sign-in by name",
            ));
        }
        let form = Parameters::read(request.parameters).map_err(OAuthError::from)?;
        let taken = self
            .transactions
            .resume_form(request, form.get("transaction"))
            .await?;
        let (Stage::SignIn(authorization), browser) = taken else {
            return Err(ErrorPage::expired());
        };
        self.codes
            .check_still_trusted(request, &authorization)
            .await?;
        let name = form.get("name").map(str::trim).unwrap_or_default();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            let client_name = authorization.client_name.clone();
            let stage = Stage::SignIn(authorization);
            return Ok(PageResponse::of(Next::SignIn(SignInPage {
                transaction: self.transactions.begin(request, &browser, stage).await?,
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
        let cookie = self.sign_ins.remember(request, &identity).await?;
        let mut response = self
            .after_sign_in(request, &browser, authorization, identity)
            .await?;
        response.cookies.extend(cookie);
        Ok(response)
    }

    async fn after_sign_in(
        &self,
        request: &PageRequest<'_>,
        browser: &SecretString,
        authorization: Authorization,
        identity: Identity,
    ) -> Result<PageResponse, ErrorPage> {
        let remembered = self
            .consents
            .covers(&identity, &authorization, request.now)
            .await?;
        let properties = Properties {
            identity,
            upstream: None,
        };
        if remembered {
            self.codes.issue(request, &authorization, properties).await
        } else {
            self.ask(request, browser, authorization, Some(properties))
                .await
        }
    }

    /// Handles the form of the consent page. Its fields are `transaction`, and `decision`: `allow`,
    /// `deny`, or `switch` to sign in as another user.
    pub async fn decide(&self, request: PageRequest<'_>) -> PageResponse {
        self.try_decide(&request).await.into()
    }

    async fn try_decide(&self, request: &PageRequest<'_>) -> Result<PageResponse, ErrorPage> {
        self.admit(request)?;
        let form = Parameters::read(request.parameters).map_err(OAuthError::from)?;
        let taken = self
            .transactions
            .resume_form(request, form.get("transaction"))
            .await?;
        let (Stage::Consent(authorization, properties), browser) = taken else {
            return Err(ErrorPage::expired());
        };
        self.codes
            .check_still_trusted(request, &authorization)
            .await?;
        match form.get("decision") {
            Some("allow") => self.allowed(request, authorization, properties).await,
            Some("switch") => self.switched(request, &browser, authorization).await,
            // Any other value denies.
            _ => {
                let error = OAuthError::new(ErrorCode::AccessDenied, DENIED_BY_USER);
                match properties {
                    Some(_) => authorization.redirect_with_error(request.site, &error),
                    None => authorization.error_before_sign_in(request.site, error),
                }
            }
        }
    }

    async fn allowed(
        &self,
        request: &PageRequest<'_>,
        authorization: Authorization,
        properties: Option<Properties>,
    ) -> Result<PageResponse, ErrorPage> {
        let Some(properties) = properties else {
            return self
                .to_provider(request, authorization, Consented::JustNow)
                .await;
        };
        self.consents
            .remember(&properties.identity, &authorization, request.now)
            .await?;
        self.codes.issue(request, &authorization, properties).await
    }

    async fn switched(
        &self,
        request: &PageRequest<'_>,
        browser: &SecretString,
        authorization: Authorization,
    ) -> Result<PageResponse, ErrorPage> {
        let removal = self.sign_ins.forget(request).await?;
        let mut response = match self.core.sign_in {
            SignInMethod::Development => {
                let client_name = authorization.client_name.clone();
                let stage = Stage::SignIn(authorization);
                PageResponse::of(Next::SignIn(SignInPage {
                    transaction: self.transactions.begin(request, browser, stage).await?,
                    client_name,
                    problem: None,
                }))
            }
            SignInMethod::Provider(_) => self.ask(request, browser, authorization, None).await?,
        };
        response.cookies.extend(removal);
        Ok(response)
    }
}

/// The claims of a user who signed in for development. `login` lets rules with `login_in` be tested.
fn development_claims(name: &str) -> serde_json::Map<String, serde_json::Value> {
    let mut claims = serde_json::Map::new();
    claims.insert("login".into(), name.into());
    claims
}
