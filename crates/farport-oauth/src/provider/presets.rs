//! Presets for well-known OpenID Connect providers.

use crate::parse_url;
use secrecy::SecretString;

use super::{InvalidSettings, Oidc, exchange::App, urls};

impl Oidc {
    /// Google. Requests a refresh token, so that tools can use Google's APIs later.
    ///
    /// [`Oidc::google_at`] sets another issuer for tests.
    pub fn google(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Self {
        let issuer = "https://accounts.google.com";
        #[expect(clippy::expect_used, reason = "it is a constant")]
        let url = parse_url(issuer).expect("a URL");
        Self::at(&url, issuer, "Google", App::new(client_id, client_secret)).for_google()
    }

    /// Google with another issuer, for tests.
    ///
    /// # Errors
    /// When the issuer is not an https URL (http for localhost).
    pub fn google_at(
        issuer: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let provider = Self::new(issuer, client_id, client_secret)?;
        Ok(provider.named("Google").for_google())
    }

    fn for_google(mut self) -> Self {
        // A revocation ends all grants of the user to this server.
        self.revokes_all = true;
        self.parameter("access_type", "offline")
    }

    /// Permits only users of these Google Workspace domains. The request names them, so that Google
    /// offers only these accounts, and the id token has to confirm the domain (`hd`), because a user can
    /// change the request.
    #[must_use]
    pub fn hosted_domains<V: Into<String>>(self, domains: impl IntoIterator<Item = V>) -> Self {
        let domains: Vec<String> = domains.into_iter().map(Into::into).collect();
        let requested = match domains.as_slice() {
            [domain] => domain.clone(),
            // Google accepts one domain, or any.
            _ => "*".to_owned(),
        };
        self.parameter("hd", requested).require("hd", domains)
    }

    /// Auth0, with the domain of the tenant (`example.eu.auth0.com`, or a custom domain). With
    /// [`auth0_audience`](Self::auth0_audience), the permissions of the API limit what users may grant.
    ///
    /// # Errors
    /// When the domain is not valid.
    pub fn auth0(
        domain: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        // Auth0's issuers end with a slash.
        let issuer = format!("{}/", urls::of_domain(domain));
        Ok(Self::new(&issuer, client_id, client_secret)?.named("Auth0"))
    }

    /// Sets the Auth0 API that access tokens are for. Its permissions limit what a user may grant. Auth0
    /// writes them into access tokens when *RBAC* and *Add Permissions in the Access Token* are on.
    #[must_use]
    pub fn auth0_audience(self, audience: impl Into<String>) -> Self {
        let audience = audience.into();
        self.parameter("audience", audience.clone())
            .permissions_claim("permissions")
            .permissions_in_access_token(audience)
    }

    /// WorkOS AuthKit, with its domain (`example.authkit.app`). The permissions in its access tokens
    /// limit what users may grant. The audience of these tokens is the client ID, unless
    /// [`permissions_in_access_token`](Self::permissions_in_access_token) sets another.
    ///
    /// # Errors
    /// When the domain is not valid.
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

    /// Stytch, with the domain of the project (`example.customers.stytch.com`).
    ///
    /// # Errors
    /// When the domain is not valid.
    pub fn stytch(
        domain: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let issuer = urls::of_domain(domain);
        Ok(Self::new(&issuer, client_id, client_secret)?.named("Stytch"))
    }

    /// Okta, with the domain of the organization (`example.okta.com`), or with the path of one of its
    /// authorization servers (`example.okta.com/oauth2/default`).
    ///
    /// # Errors
    /// When the domain is not valid.
    pub fn okta(
        domain: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let issuer = urls::of_domain(domain);
        let provider = Self::new(&issuer, client_id, client_secret)?;
        // An Okta username is unique in its organization.
        Ok(provider.named("Okta").unique_login("preferred_username"))
    }

    /// Keycloak, with its base URL and the realm.
    ///
    /// # Errors
    /// When `base_url` is not an https URL (http for localhost).
    pub fn keycloak(
        base_url: &str,
        realm: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
    ) -> Result<Self, InvalidSettings> {
        let base = urls::endpoint("Keycloak's base URL", base_url)?;
        let issuer = urls::below(&base, &format!("realms/{realm}"));
        let provider = Self::new(issuer.as_str(), client_id, client_secret)?;
        // A Keycloak username is unique in its realm.
        Ok(provider
            .named("Keycloak")
            .unique_login("preferred_username"))
    }
}
