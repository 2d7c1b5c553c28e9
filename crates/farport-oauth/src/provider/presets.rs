//! OpenID providers of which we know how they are set up.

use secrecy::SecretString;
use url::Url;

use super::{InvalidSettings, Oidc, exchange::App, urls};

impl Oidc {
    /// Google. A refresh token is asked for, so that tools can use Google's APIs later.
    ///
    /// Another issuer, as a stand-in, can be given with [`Oidc::google_at`].
    pub fn google(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Self {
        let issuer = "https://accounts.google.com";
        #[expect(clippy::expect_used, reason = "it is a constant")]
        let url = Url::parse(issuer).expect("a URL");
        Self::at(&url, issuer, "Google", App::new(client_id, client_secret)).for_google()
    }

    /// A stand-in for Google.
    ///
    /// # Errors
    /// When the issuer is not an https URL (http is good for localhost).
    pub fn google_at(
        issuer: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let provider = Self::new(issuer, client_id, client_secret)?;
        Ok(provider.named("Google").for_google())
    }

    fn for_google(self) -> Self {
        self.parameter("access_type", "offline")
    }

    /// Lets only users of these Google Workspace domains sign in. Google is asked to offer no
    /// others, and the id token has to say so (`hd`): what is only asked for, a user can change.
    #[must_use]
    pub fn hosted_domains<V: Into<String>>(self, domains: impl IntoIterator<Item = V>) -> Self {
        let domains: Vec<String> = domains.into_iter().map(Into::into).collect();
        let asked = match domains.as_slice() {
            [domain] => domain.clone(),
            // Google takes one, or any.
            _ => "*".to_owned(),
        };
        self.parameter("hd", asked).require("hd", domains)
    }

    /// Auth0, by the tenant's domain (`example.eu.auth0.com`, or a domain of its own). Where an
    /// API's [`auth0_audience`](Self::auth0_audience) is set, its permissions limit what users may
    /// grant.
    ///
    /// # Errors
    /// When the domain makes no URL.
    pub fn auth0(
        domain: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        // Auth0's issuers end with a slash.
        let issuer = format!("{}/", urls::of_domain(domain));
        Ok(Self::new(&issuer, client_id, client_secret)?.named("Auth0"))
    }

    /// The Auth0 API that access tokens are for. Its permissions, which Auth0 writes into them
    /// when *RBAC* and *Add Permissions in the Access Token* are on, limit what a user may grant.
    #[must_use]
    pub fn auth0_audience(self, audience: impl Into<String>) -> Self {
        let audience = audience.into();
        self.parameter("audience", audience.clone())
            .permissions_claim("permissions")
            .permissions_in_access_token(audience)
    }

    /// WorkOS AuthKit, by its domain (`example.authkit.app`). The permissions in its access tokens
    /// limit what users may grant; the audience of these is the client id, unless
    /// [`permissions_in_access_token`](Self::permissions_in_access_token) says otherwise.
    ///
    /// # Errors
    /// When the domain makes no URL.
    pub fn workos(
        domain: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let client_id = client_id.into();
        let issuer = urls::of_domain(domain);
        let provider = Self::new(&issuer, client_id.clone(), client_secret)?;
        Ok(provider
            .named("WorkOS")
            .scopes(["openid", "profile", "email", "offline_access"])
            .permissions_claim("permissions")
            .permissions_in_access_token(client_id))
    }

    /// Stytch, by the project's domain (`example.customers.stytch.com`).
    ///
    /// # Errors
    /// When the domain makes no URL.
    pub fn stytch(
        domain: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let issuer = urls::of_domain(domain);
        Ok(Self::new(&issuer, client_id, client_secret)?.named("Stytch"))
    }

    /// Okta, by the organisation's domain (`example.okta.com`), or with the path of one of its
    /// authorization servers (`example.okta.com/oauth2/default`).
    ///
    /// # Errors
    /// When the domain makes no URL.
    pub fn okta(
        domain: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let issuer = urls::of_domain(domain);
        Ok(Self::new(&issuer, client_id, client_secret)?.named("Okta"))
    }

    /// Keycloak, by its base URL and the realm.
    ///
    /// # Errors
    /// When they make no https URL (http is good for localhost).
    pub fn keycloak(
        base_url: &str,
        realm: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let base = urls::endpoint("Keycloak's base URL", base_url)?;
        let issuer = urls::below(&base, &format!("realms/{realm}"));
        Ok(Self::new(issuer.as_str(), client_id, client_secret)?.named("Keycloak"))
    }
}
