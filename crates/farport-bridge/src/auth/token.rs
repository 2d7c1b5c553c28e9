//! The token endpoint (RFC 6749, section 3.2).

use base64::Engine;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{ServerMetadata, SignInError, assertion};
use crate::Error;
use crate::http::{Http, Outgoing, Redirects, shown};
use crate::secret::Secret;
use crate::store::{Client, ClientAuth, Tokens, now};

/// The most that an answer may have, in bytes.
const LARGEST: usize = 256 * 1024;

/// A form to be sent. Its values do not get into any message.
pub(super) type Form<'a> = Vec<(&'a str, &'a str)>;

#[derive(Deserialize)]
struct Answer {
    access_token: Option<Secret>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
    refresh_token: Option<Secret>,
    id_token: Option<Secret>,
    scope: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Asks for tokens. `asked` are the scopes that stand for what was granted when the answer does not
/// say.
pub(super) async fn request(
    http: &Http,
    server: &ServerMetadata,
    client: &Client,
    form: Form<'_>,
    asked: &[String],
) -> Result<Tokens, Error> {
    let Some(endpoint) = &server.token_endpoint else {
        return Err(failed(server, "", "it names no token endpoint").into());
    };
    let body = post_form(http, endpoint, server, client, form).await?;
    let Ok(answer) = serde_json::from_str::<Answer>(&body.text) else {
        return Err(failed(server, "", &format!("HTTP {} without JSON", body.status)).into());
    };
    if let Some(error) = &answer.error {
        let why = answer.error_description.as_deref().unwrap_or(error);
        return Err(failed(server, error, why).into());
    }
    if !(200..300).contains(&body.status) {
        return Err(failed(server, "", &format!("HTTP {}", body.status)).into());
    }
    let kind = answer.token_type.as_deref().unwrap_or("bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(failed(server, "", &format!("its tokens are of the kind {kind}")).into());
    }
    let Some(access) = answer
        .access_token
        .filter(|token| is_header_text(token.expose()))
    else {
        return Err(failed(server, "", "its answer has no usable token in it").into());
    };
    let scopes = match &answer.scope {
        Some(scope) => scope.split_whitespace().map(str::to_owned).collect(),
        None => asked.to_vec(),
    };
    Ok(Tokens {
        access,
        refresh: answer.refresh_token,
        id_token: answer.id_token,
        expires_at: answer
            .expires_in
            .as_ref()
            .and_then(seconds)
            .map(|after| now().saturating_add(after)),
        obtained_at: Some(now()),
        scopes,
    })
}

/// Seconds as a number, or as the text that some servers send.
fn seconds(value: &serde_json::Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// Whether it can stand in a header.
fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn failed(server: &ServerMetadata, code: &str, why: &str) -> SignInError {
    SignInError::Token {
        issuer: server.issuer.clone(),
        code: code.to_owned(),
        why: printable(why),
    }
}

/// What a server said, fit for a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) text: String,
}

/// Posts a form to an endpoint of `server`, as that client. Never follows a redirect: the form holds
/// secrets.
pub(super) async fn post_form(
    http: &Http,
    endpoint: &Url,
    server: &ServerMetadata,
    client: &Client,
    mut form: Form<'_>,
) -> Result<Answered, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let proof;
    match (client.auth, &client.secret) {
        (ClientAuth::Basic, Some(secret)) => {
            headers.insert(header::AUTHORIZATION, basic(&client.id, secret)?);
        }
        (ClientAuth::Post, Some(secret)) => {
            form.push(("client_id", &client.id));
            form.push(("client_secret", secret.expose()));
        }
        (ClientAuth::PrivateKey, _) => {
            proof = assertion::assertion(client, &server.issuer)?;
            form.push(("client_id", &client.id));
            form.push(("client_assertion_type", assertion::TYPE));
            form.push(("client_assertion", proof.expose()));
        }
        _ => form.push(("client_id", &client.id)),
    }
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = Outgoing {
        method: Method::POST,
        url: endpoint.clone(),
        headers,
        body: Bytes::from(body),
        redirects: Redirects::Never,
    };
    let mut response = http.send(request).await?;
    Ok(Answered {
        status: response.status().as_u16(),
        text: response.text(LARGEST).await?,
    })
}

/// RFC 6749, section 2.3.1: both parts are encoded as in a form first.
fn basic(id: &str, secret: &Secret) -> Result<HeaderValue, Error> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(id), encode(secret.expose()));
    let text = format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| SignInError::Options("The client's id cannot be sent.".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Takes a token back at the server (RFC 7009). Whether the server has that.
pub(super) async fn revoke(
    http: &Http,
    server: &ServerMetadata,
    client: &Client,
    tokens: &Tokens,
) -> Result<bool, Error> {
    let Some(endpoint) = &server.revocation_endpoint else {
        return Ok(false);
    };
    // Revoking the refresh token ends the grant, access tokens included.
    let form = match &tokens.refresh {
        Some(refresh) => vec![
            ("token", refresh.expose()),
            ("token_type_hint", "refresh_token"),
        ],
        None => vec![
            ("token", tokens.access.expose()),
            ("token_type_hint", "access_token"),
        ],
    };
    let answer = post_form(http, endpoint, server, client, form).await?;
    if (200..300).contains(&answer.status) {
        return Ok(true);
    }
    Err(Error::Refused {
        url: shown(endpoint),
        why: format!("HTTP {} to taking the token back", answer.status),
    })
}
