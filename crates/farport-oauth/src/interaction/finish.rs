//! The end of the way: a code, or an error, goes to the client.

use url::Url;

use super::{Answer, Authorization, Next, Refused, Stopped, Visit, destination};
use crate::{
    AuthorizationServer, Code, ErrorCode, Grant, GrantId, OAuthError, Properties, Site,
    keys::GrantKey,
    token::{Kind, digest, random_name},
};

impl AuthorizationServer {
    /// Whether the client and its redirect URI are still good: the client may have been forgotten,
    /// or have changed its document, since the page was shown. If they are not, nothing goes
    /// there, a refusal no more than a code.
    pub(super) async fn check_still_trusted(
        &self,
        visit: &Visit<'_>,
        authorization: &Authorization,
    ) -> Result<(), Refused> {
        let uri = &*authorization.redirect_uri;
        let client = self.client(authorization.client.as_str(), visit.address, visit.now);
        let client = client.await?;
        let registered = client.is_some_and(|client| {
            let mut registered = client.redirect_uris.iter();
            registered.any(|one| crate::redirect::matches(one, uri))
        });
        if !registered || self.config.redirects.check(uri).is_err() {
            let text = "The client, or its redirect URI, is not known any more";
            return Err(OAuthError::invalid_request(text).into());
        }
        Ok(())
    }

    /// Grants what was asked for, as far as the user may, and sends the code to the client.
    pub(super) async fn finish(
        &self,
        visit: &Visit<'_>,
        authorization: &Authorization,
        properties: Properties,
    ) -> Result<Answer, Refused> {
        let identity = &properties.identity;
        let scopes = match &identity.allowed {
            None => authorization.scopes.clone(),
            Some(allowed) => authorization.scopes.both(allowed),
        };
        if scopes.is_empty() && !authorization.scopes.is_empty() {
            let text = "This user may grant none of the scopes that were asked for";
            let error = OAuthError::new(ErrorCode::AccessDenied, text);
            return authorization.refused(visit.site, &error);
        }
        let random = self.random();
        let id = GrantId(random_name(random).into());
        let key = GrantKey::random(random);
        let plain = serde_json::to_vec(&properties).map_err(super::broken)?;
        let secret = Kind::Code.random(random);
        let expires = visit.now.after(self.config.code_lifetime);
        let code = Code {
            id: digest(&secret),
            grant: id.clone(),
            challenge: authorization.challenge,
            expires,
            wrapped: self.keys.wrap(random, &secret, &key),
            used: false,
        };
        let grant = Grant {
            sealed: key.seal(random, &id.0, &plain),
            user: properties.identity.user,
            client: authorization.client.clone(),
            redirect_uri: authorization.redirect_uri.clone(),
            resource: authorization.resource.clone(),
            scopes,
            created: visit.now,
            // Until the code is redeemed.
            expires,
            revision: 0,
            id,
        };
        self.world.store.issue(grant, code).await?;
        authorization.answered(visit.site, "code", &secret, None)
    }
}

impl Authorization {
    fn answered(
        &self,
        site: &Site,
        name: &str,
        value: &secrecy::SecretString,
        description: Option<&str>,
    ) -> Result<Answer, Refused> {
        use secrecy::ExposeSecret;
        let (uri, state) = (&self.redirect_uri, self.state.as_deref());
        let url = redirect(site, uri, state, name, value.expose_secret(), description)?;
        Ok(Answer::of(Next::Client {
            name: self.client_name.clone(),
            url,
            granted: true,
        }))
    }

    /// Tells the client that it gets nothing.
    pub(super) fn refused(&self, site: &Site, error: &OAuthError) -> Result<Answer, Refused> {
        let (uri, state) = (&self.redirect_uri, self.state.as_deref());
        refusal(site, uri, state, self.client_name.clone(), error)
    }

    /// Tells the client so before anybody has signed in, or leaves that to the user.
    pub(super) fn stopped(&self, site: &Site, error: OAuthError) -> Result<Answer, Refused> {
        if self.vouched_for {
            return self.refused(site, &error);
        }
        let (uri, state) = (&self.redirect_uri, self.state.as_deref());
        stopped(site, uri, state, self.client_name.clone(), error)
    }
}

/// Tells a client that it gets nothing (RFC 6749, section 4.1.2.1).
pub(super) fn refusal(
    site: &Site,
    redirect_uri: &str,
    state: Option<&str>,
    name: Option<String>,
    error: &OAuthError,
) -> Result<Answer, Refused> {
    Ok(Answer::of(Next::Client {
        name,
        url: refusal_url(site, redirect_uri, state, error)?,
        granted: false,
    }))
}

/// The same before anybody has signed in, for a client that nobody vouches for: nobody is sent on
/// to the web by themselves.
pub(super) fn stopped(
    site: &Site,
    redirect_uri: &str,
    state: Option<&str>,
    name: Option<String>,
    error: OAuthError,
) -> Result<Answer, Refused> {
    if !is_on_the_web(redirect_uri) {
        return refusal(site, redirect_uri, state, name, &error);
    }
    Ok(Answer::of(Next::Stopped(Stopped {
        url: refusal_url(site, redirect_uri, state, &error)?,
        destination: destination(redirect_uri),
        name,
        error,
    })))
}

/// Whether a redirect URI leads elsewhere than to the user's own machine.
pub(super) fn is_on_the_web(redirect_uri: &str) -> bool {
    redirect_uri.starts_with("https://")
}

/// The redirect URI that tells so.
fn refusal_url(
    site: &Site,
    redirect_uri: &str,
    state: Option<&str>,
    error: &OAuthError,
) -> Result<String, Refused> {
    let code = error.code.as_str();
    let description = Some(&*error.description);
    redirect(site, redirect_uri, state, "error", code, description)
}

/// A redirect URI with an answer. Whatever it holds already stays; what it holds under the
/// answer's own names goes, since each stands once.
fn redirect(
    site: &Site,
    redirect_uri: &str,
    state: Option<&str>,
    name: &str,
    value: &str,
    description: Option<&str>,
) -> Result<String, Refused> {
    let mut url = Url::parse(redirect_uri)
        .map_err(|_| Refused::from(OAuthError::invalid_request("redirect_uri cannot be used")))?;
    const OURS: [&str; 6] = [
        "code",
        "error",
        "error_description",
        "error_uri",
        "state",
        "iss",
    ];
    let clashes = url.query_pairs().any(|(name, _)| OURS.contains(&&*name));
    if clashes {
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| !OURS.contains(&&**name))
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
