//! The token endpoint (RFC 6749, section 3.2).

mod response;

use std::time::Duration;

use farport_oauth::client::{
    ClientCredential, ClientIdentity, FormRequest, is_client_error, revocation_fields,
};
use http::Method;
use url::Url;

use super::requests::{Answered, Requests};
use super::text::printable;
use super::{ServerMetadata, SignInError, assertion};
use crate::Error;
use crate::http::{Outgoing, Redirects, shown};
use crate::observe::{Purpose, SignInStep};
use crate::store::{Client, ClientAuth, Tokens};

/// The fields of a form. Their values never appear in a message.
pub(super) type Form<'a> = Vec<(&'a str, &'a str)>;

/// The tokens of a successful request, and how the client authenticated.
pub(super) struct Granted {
    pub(super) tokens: Tokens,
    pub(super) auth: ClientAuth,
}

/// Requests tokens. `asked` are the scopes that count as granted when the response names none.
///
/// When the server refuses the client and lists another way to send its secret, the request is
/// repeated once in that way.
pub(super) async fn request(
    requests: &Requests<'_>,
    server: &ServerMetadata,
    client: &Client,
    form: Form<'_>,
    asked: &[String],
) -> Result<Granted, Error> {
    let Some(endpoint) = &server.token_endpoint else {
        return Err(failed(server, "", "its metadata names no token endpoint").into());
    };
    let attempt = async |client: &Client| -> Result<Granted, Error> {
        let answered = post_form(requests, endpoint, server, client, form.clone()).await?;
        let tokens = response::read(&answered, asked, requests.now())
            .map_err(|refusal| failed(server, &refusal.code, &refusal.why))?;
        let refreshed = form.iter().any(|(name, _)| *name == "refresh_token");
        requests.observe(|_| SignInStep::Token {
            refreshed,
            scopes: tokens.scopes.clone(),
            expires_in: tokens
                .expires_at
                .map(|at| Duration::from_secs(at.saturating_sub(requests.now()))),
            refreshable: tokens.refresh.is_some(),
        });
        Ok(Granted {
            tokens,
            auth: client.auth,
        })
    };
    match attempt(client).await {
        Err(Error::SignIn(SignInError::Token { code, why, .. })) if is_client_error(&code) => {
            let refused = || failed(server, &code, &why);
            let Some(auth) = other_method(server, client) else {
                return Err(refused().into());
            };
            tracing::debug!(
                from = client.auth.name(),
                to = auth.name(),
                "trying another client authentication"
            );
            let other = Client {
                auth,
                ..client.clone()
            };
            match attempt(&other).await {
                Err(Error::SignIn(SignInError::Token { code, .. })) if is_client_error(&code) => {
                    Err(refused().into())
                }
                outcome => outcome,
            }
        }
        outcome => outcome,
    }
}

/// The other way to send the secret, where the server lists it or lists none.
fn other_method(server: &ServerMetadata, client: &Client) -> Option<ClientAuth> {
    client.secret.as_ref()?;
    let other = match client.auth {
        ClientAuth::Basic => ClientAuth::Post,
        ClientAuth::Post => ClientAuth::Basic,
        ClientAuth::None | ClientAuth::PrivateKey => return None,
    };
    let listed = server.token_endpoint_auth_methods_supported.as_ref();
    listed
        .is_none_or(|list| list.iter().any(|name| name == other.name()))
        .then_some(other)
}

fn failed(server: &ServerMetadata, code: &str, why: &str) -> SignInError {
    SignInError::Token {
        issuer: server.issuer.clone(),
        code: code.to_owned(),
        why: printable(why),
    }
}

/// Posts a form to an endpoint of `server`, authenticated as `client`. Never follows a redirect, because
/// the form contains secrets.
pub(super) async fn post_form(
    requests: &Requests<'_>,
    endpoint: &Url,
    server: &ServerMetadata,
    client: &Client,
    form: Form<'_>,
) -> Result<Answered, Error> {
    if let Some(secret) = &client.secret {
        requests.hide(secret);
    }
    let assertion;
    let credential = match (client.auth, &client.secret) {
        (ClientAuth::Basic, Some(secret)) => ClientCredential::Basic(secret.expose()),
        (ClientAuth::Post, Some(secret)) => ClientCredential::Post(secret.expose()),
        (ClientAuth::PrivateKey, _) => {
            assertion = assertion::assertion(client, &server.issuer, requests.now())?;
            ClientCredential::Assertion(assertion.expose())
        }
        _ => ClientCredential::None,
    };
    let identity = ClientIdentity {
        id: &client.id,
        credential,
    };
    let FormRequest { headers, body } = identity.form(form);
    let request = Outgoing {
        method: Method::POST,
        url: endpoint.clone(),
        headers,
        body,
        redirects: Redirects::Never,
        purpose: Purpose::Token,
        attempt: 1,
    };
    requests.send(request).await
}

/// Revokes a token (RFC 7009). `false` when the server has no revocation endpoint.
pub(super) async fn revoke(
    requests: &Requests<'_>,
    server: &ServerMetadata,
    client: &Client,
    tokens: &Tokens,
) -> Result<bool, Error> {
    let Some(endpoint) = &server.revocation_endpoint else {
        return Ok(false);
    };
    // Revoking the refresh token ends the grant, access tokens included.
    let form = match &tokens.refresh {
        Some(refresh) => revocation_fields(refresh.expose(), true),
        None => revocation_fields(tokens.access.expose(), false),
    };
    let answered = post_form(requests, endpoint, server, client, form.to_vec()).await?;
    if answered.status.is_success() {
        return Ok(true);
    }
    Err(Error::Refused {
        url: shown(endpoint),
        why: format!("the revocation returned HTTP {}", answered.status.as_u16()),
    })
}
