//! The end of a sign-in: the client receives a code or an error.

use std::sync::Arc;

use super::{Authorization, ErrorLink, ErrorPage, Next, PageRequest, PageResponse, destination};
use crate::{
    Code, ErrorCode, Grant, GrantId, OAuthError, Properties, Site,
    keys::GrantKey,
    parse_url,
    server::{Clients, Core},
    token::{SecretKind, digest, random_name},
};

/// Creates grants and their codes.
pub(super) struct CodeIssuer {
    pub(super) core: Arc<Core>,
    pub(super) clients: Arc<Clients>,
}

impl CodeIssuer {
    /// Checks that the client and its redirect URI are still registered: the client may have been
    /// deleted or have changed its document since the page was shown. If not, the redirect URI receives
    /// neither a code nor an error.
    pub(super) async fn check_still_trusted(
        &self,
        request: &PageRequest<'_>,
        authorization: &Authorization,
    ) -> Result<(), ErrorPage> {
        let uri = &*authorization.redirect_uri;
        let client = self
            .clients
            .find(authorization.client.as_str(), request.address, request.now);
        let client = client.await?;
        let registered = client.is_some_and(|client| {
            let mut registered = client.redirect_uris.iter();
            registered.any(|one| crate::redirect::matches(one, uri))
        });
        if !registered || self.core.config.redirects.check(uri).is_err() {
            let text = "the client or its redirect URI is no longer registered";
            let error = OAuthError::invalid_request(text);
            return Err(ErrorPage::unknown_client(error));
        }
        Ok(())
    }

    /// Creates the grant, limited to what the user may grant, and redirects to the client with a code.
    pub(super) async fn issue(
        &self,
        request: &PageRequest<'_>,
        authorization: &Authorization,
        properties: Properties,
    ) -> Result<PageResponse, ErrorPage> {
        let identity = &properties.identity;
        let scopes = match &identity.allowed {
            None => authorization.scopes.clone(),
            Some(allowed) => authorization.scopes.both(allowed),
        };
        if scopes.is_empty() && !authorization.scopes.is_empty() {
            let text = "the user may not grant any of the requested scopes";
            let error = OAuthError::new(ErrorCode::AccessDenied, text);
            return authorization.redirect_with_error(request.site, &error);
        }
        let random = self.core.random();
        let id = GrantId(random_name(random).into());
        let key = GrantKey::random(random);
        let plain = serde_json::to_vec(&properties).map_err(super::internal_error)?;
        let secret = SecretKind::Code.random(random);
        let expires = request.now.after(self.core.config.code_lifetime);
        let code = Code {
            id: digest(&secret),
            grant: id.clone(),
            challenge: authorization.challenge,
            expires,
            wrapped: self.core.keys.wrap(random, &secret, &key),
            used: false,
        };
        let grant = Grant {
            sealed: key.seal(random, &id.0, &plain),
            user: properties.identity.user,
            client: authorization.client.clone(),
            redirect_uri: authorization.redirect_uri.clone(),
            resource: authorization.resource.clone(),
            scopes,
            created: request.now,
            used: request.now,
            deadline: request.now.after(self.core.config.grant_lifetime),
            retryable: None,
            // The redemption of the code extends it.
            expires,
            revision: 0,
            id,
        };
        self.core.store().issue(grant, code).await?;
        authorization.redirect_with_code(request.site, &secret)
    }
}

impl Authorization {
    fn redirect_with_code(
        &self,
        site: &Site,
        code: &secrecy::SecretString,
    ) -> Result<PageResponse, ErrorPage> {
        use secrecy::ExposeSecret;
        let (uri, state) = (&self.redirect_uri, self.state.as_deref());
        let url = response_url(site, uri, state, "code", code.expose_secret(), None)?;
        Ok(PageResponse::of(Next::Client {
            name: self.client_name.clone(),
            url,
            granted: true,
            error: None,
        }))
    }

    /// Redirects to the client with an error.
    pub(super) fn redirect_with_error(
        &self,
        site: &Site,
        error: &OAuthError,
    ) -> Result<PageResponse, ErrorPage> {
        let (uri, state) = (&self.redirect_uri, self.state.as_deref());
        redirect_with_error(site, uri, state, self.client_name.clone(), error)
    }

    /// The response to an error before a user has signed in: for an unverified client on the web, a
    /// page with a link instead of a redirect.
    pub(super) fn error_before_sign_in(
        &self,
        site: &Site,
        error: OAuthError,
    ) -> Result<PageResponse, ErrorPage> {
        if self.vouched_for {
            return self.redirect_with_error(site, &error);
        }
        let (uri, state) = (&self.redirect_uri, self.state.as_deref());
        error_before_sign_in(site, uri, state, self.client_name.clone(), error)
    }
}

/// Redirects to a client with an error (RFC 6749, section 4.1.2.1).
pub(super) fn redirect_with_error(
    site: &Site,
    redirect_uri: &str,
    state: Option<&str>,
    name: Option<String>,
    error: &OAuthError,
) -> Result<PageResponse, ErrorPage> {
    Ok(PageResponse::of(Next::Client {
        name,
        url: error_url(site, redirect_uri, state, error)?,
        granted: false,
        error: Some(error.clone()),
    }))
}

/// The response to an error before a user has signed in, for an unverified client: a page with a link
/// if the redirect URI is on the web.
pub(super) fn error_before_sign_in(
    site: &Site,
    redirect_uri: &str,
    state: Option<&str>,
    name: Option<String>,
    error: OAuthError,
) -> Result<PageResponse, ErrorPage> {
    if !is_on_the_web(redirect_uri) {
        return redirect_with_error(site, redirect_uri, state, name, &error);
    }
    Ok(PageResponse::of(Next::ErrorLink(ErrorLink {
        url: error_url(site, redirect_uri, state, &error)?,
        destination: destination(redirect_uri),
        name,
        error,
    })))
}

/// Whether a redirect URI leads to a web server, and not to the user's own machine.
pub(super) fn is_on_the_web(redirect_uri: &str) -> bool {
    redirect_uri.starts_with("https://")
}

/// The redirect URI with an error.
fn error_url(
    site: &Site,
    redirect_uri: &str,
    state: Option<&str>,
    error: &OAuthError,
) -> Result<String, ErrorPage> {
    let code = error.code.as_str();
    let description = Some(&*error.description);
    response_url(site, redirect_uri, state, "error", code, description)
}

/// The redirect URI with an authorization response. Its own query parameters stay, except those with
/// the name of a response parameter: each of these must appear only once.
fn response_url(
    site: &Site,
    redirect_uri: &str,
    state: Option<&str>,
    name: &str,
    value: &str,
    description: Option<&str>,
) -> Result<String, ErrorPage> {
    let mut url = parse_url(redirect_uri)
        .map_err(|_| ErrorPage::from(OAuthError::invalid_request("redirect_uri is not valid")))?;
    const RESPONSE: [&str; 6] = [
        "code",
        "error",
        "error_description",
        "error_uri",
        "state",
        "iss",
    ];
    let clashes = url
        .query_pairs()
        .any(|(name, _)| RESPONSE.contains(&&*name));
    if clashes {
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| !RESPONSE.contains(&&**name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
    let mut pairs = url.query_pairs_mut();
    pairs.append_pair(name, value);
    if let Some(description) = description {
        pairs.append_pair("error_description", description);
    }
    if let Some(state) = state {
        pairs.append_pair("state", state);
    }
    pairs.append_pair("iss", site.issuer());
    drop(pairs);
    Ok(url.into())
}
