//! Becoming a client: pre-registered, by a client id metadata document, or by dynamic registration
//! (RFC 7591), in this order.

use farport_oauth::client::{
    DEVICE_CODE, RegisteredClient, RegistrationError, RegistrationRequest,
};
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;

use super::assertion::is_key;
use super::requests::Requests;
use super::text::{is_scope, printable};
use super::{ServerMetadata, SignInError, SignInOptions};
use crate::Error;
use crate::http::{Outgoing, Redirects};
use crate::observe::{ClientSource, Purpose, SignInStep};
use crate::secret::Secret;
use crate::store::{Client, ClientAuth};

/// The name that a client without a name registers with.
const NAME: &str = "farport";
/// The longest name of a calling client, in characters.
const LONGEST_NAME: usize = 60;

/// A client that was registered by hand.
#[derive(Clone, Debug, Deserialize)]
pub struct StaticClient {
    client_id: String,
    client_secret: Option<Secret>,
    /// In PEM.
    private_key: Option<Secret>,
    token_endpoint_auth_method: Option<String>,
    scope: Option<String>,
}

impl StaticClient {
    /// Reads the JSON of `--static-oauth-client-info`.
    ///
    /// # Errors
    /// When it is not a JSON object with a `client_id`, or its `private_key` cannot be used. The
    /// message quotes nothing of it.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let parsed: Self = serde_json::from_str(json).map_err(|_| {
            Error::usage_with_hint(
                "--static-oauth-client-info is not a JSON object with a client_id",
                "write it as '{\"client_id\":\"...\"}'",
            )
        })?;
        if parsed.private_key.as_ref().is_some_and(|key| !is_key(key)) {
            return Err(Error::usage_with_hint(
                "invalid private_key in --static-oauth-client-info",
                super::assertion::KEY_HINT,
            ));
        }
        Ok(parsed)
    }

    pub(super) fn client(&self, server: &ServerMetadata, wanted: Option<&str>) -> Client {
        let method = wanted
            .or(self.token_endpoint_auth_method.as_deref())
            .and_then(ClientAuth::parse);
        let (secret, usual) = match &self.private_key {
            Some(key) => (Some(key.clone()), ClientAuth::PrivateKey),
            None => {
                let secret = self.client_secret.clone();
                let usual = choose(server, secret.is_some());
                (secret, usual)
            }
        };
        // A key is never sent, and a secret signs nothing.
        let fits =
            |method: &ClientAuth| (*method == ClientAuth::PrivateKey) == self.private_key.is_some();
        Client {
            id: self.client_id.clone(),
            secret,
            secret_expires_at: None,
            auth: method.filter(fits).unwrap_or(usual),
            redirect_uris: Vec::new(),
            scope: self.scope.clone(),
            registered: false,
            unfinished: false,
        }
    }
}

/// The client authentication to use, of those that the server supports.
fn choose(server: &ServerMetadata, has_secret: bool) -> ClientAuth {
    let supported = server.token_endpoint_auth_methods_supported.as_deref();
    let takes = |method: ClientAuth| {
        supported.is_some_and(|list| list.iter().any(|name| name == method.name()))
    };
    match (has_secret, supported) {
        (false, _) => ClientAuth::None,
        // RFC 8414: without a list, basic is what it supports.
        (true, None) => ClientAuth::Basic,
        (true, Some(_)) if takes(ClientAuth::Basic) => ClientAuth::Basic,
        (true, Some(_)) if takes(ClientAuth::Post) => ClientAuth::Post,
        (true, Some(_)) => ClientAuth::None,
    }
}

/// The client authentication to register for: none where the server supports public clients.
fn choose_to_register(server: &ServerMetadata) -> ClientAuth {
    match server.token_endpoint_auth_methods_supported.as_deref() {
        Some(list) if !list.iter().any(|name| name == "none") => choose(server, true),
        _ => ClientAuth::None,
    }
}

/// The name to register with, for a client that calls itself `caller`.
pub(super) fn client_name(caller: Option<&str>) -> String {
    let caller: String = printable(caller.unwrap_or_default())
        .chars()
        .take(LONGEST_NAME)
        .collect();
    match caller.trim() {
        "" | NAME => NAME.to_owned(),
        caller => format!("{caller} (via {NAME})"),
    }
}

/// What a registration depends on.
pub(super) struct Wanted<'a> {
    pub(super) redirect_uri: Option<&'a Url>,
    pub(super) scope: Option<&'a str>,
    /// What the client is called on consent pages.
    pub(super) name: &'a str,
}

/// The client to sign in as. `before` was registered at this very issuer. It is used again unless its
/// secret has expired, the redirect URI is another one, or the last sign-in with it was not finished:
/// a server that has forgotten a client may only say so on a page.
pub(super) async fn client(
    requests: &Requests<'_>,
    server: &ServerMetadata,
    options: &SignInOptions,
    before: Option<&Client>,
    wanted: &Wanted<'_>,
) -> Result<Client, Error> {
    let client = find_client(requests, server, options, before, wanted).await?;
    if let Some(secret) = &client.secret {
        requests.hide(secret);
    }
    requests.observe(|_| {
        let source = if options.client_info.is_some() {
            ClientSource::Given
        } else if !client.registered {
            ClientSource::MetadataDocument
        } else if before.is_some_and(|before| before.id == client.id) {
            ClientSource::Stored
        } else {
            ClientSource::Registered
        };
        let id = client.id.clone();
        SignInStep::Client { id, source }
    });
    Ok(client)
}

async fn find_client(
    requests: &Requests<'_>,
    server: &ServerMetadata,
    options: &SignInOptions,
    before: Option<&Client>,
    wanted: &Wanted<'_>,
) -> Result<Client, Error> {
    if let Some(client) = &options.client_info {
        return Ok(client.client(server, options.wanted("token_endpoint_auth_method")));
    }
    if let Some(url) = &options.client_metadata_url
        && server.client_id_metadata_document_supported
    {
        return Ok(Client {
            id: url.to_string(),
            secret: None,
            secret_expires_at: None,
            auth: ClientAuth::None,
            redirect_uris: Vec::new(),
            scope: None,
            registered: false,
            unfinished: false,
        });
    }
    if let Some(before) = before
        && before.registered
        && !before.unfinished
        && !before
            .secret_expires_at
            .is_some_and(|at| at != 0 && at <= requests.now())
        && wanted
            .redirect_uri
            .is_none_or(|uri| before.redirect_uris.contains(uri))
    {
        return Ok(before.clone());
    }
    register(requests, server, options, wanted).await
}

async fn register(
    requests: &Requests<'_>,
    server: &ServerMetadata,
    options: &SignInOptions,
    wanted: &Wanted<'_>,
) -> Result<Client, Error> {
    let redirect_uri = wanted.redirect_uri;
    let Some(endpoint) = &server.registration_endpoint else {
        return Err(SignInError::NoClient {
            issuer: server.issuer.clone(),
        }
        .into());
    };
    // There is no key of ours to register.
    let method = options
        .wanted("token_endpoint_auth_method")
        .and_then(ClientAuth::parse)
        .filter(|method| *method != ClientAuth::PrivateKey);
    let method = method.unwrap_or_else(|| choose_to_register(server));
    let grant = match redirect_uri {
        Some(_) => "authorization_code",
        None => DEVICE_CODE,
    };
    let redirect_uris: Vec<_> = redirect_uri.into_iter().map(Url::as_str).collect();
    let body = RegistrationRequest {
        client_name: wanted.name,
        software_version: env!("CARGO_PKG_VERSION"),
        redirect_uris: &redirect_uris,
        grant_types: &[grant, "refresh_token"],
        auth_method: method.name(),
        scope: wanted.scope,
    }
    .body(&options.client_metadata);
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let request = Outgoing {
        method: Method::POST,
        url: endpoint.clone(),
        headers,
        body,
        redirects: Redirects::Never,
        purpose: Purpose::Registration,
        attempt: 1,
    };
    let answered = requests.send(request).await?;
    let failed = |why: String| SignInError::Registration {
        issuer: server.issuer.clone(),
        why: printable(&why),
    };
    let registered = RegisteredClient::read(answered.status, answered.text.as_bytes());
    let registered = registered.map_err(|error| {
        failed(match error {
            RegistrationError::Refused {
                status,
                code,
                description,
            } => {
                let why = format!("{code} {description}");
                format!("HTTP {} {}", status.as_u16(), why.trim())
            }
            RegistrationError::NoClientId => "its response contains no client_id".to_owned(),
            RegistrationError::ClientId => "its client_id is not printable ASCII".to_owned(),
        })
    })?;
    let scopes = registered.scope.as_deref().unwrap_or_default();
    if !scopes.split_whitespace().all(is_scope) {
        return Err(failed("it names a scope that is not printable ASCII".to_owned()).into());
    }
    let secret = registered.client_secret.as_ref();
    let secret = secret.map(|secret| Secret::new(secret.expose_secret()));
    let given = registered
        .token_endpoint_auth_method
        .as_deref()
        .and_then(ClientAuth::parse)
        .filter(|given| match given {
            ClientAuth::None => true,
            ClientAuth::PrivateKey => false,
            ClientAuth::Post | ClientAuth::Basic => secret.is_some(),
        });
    let auth = match (given, secret.is_some()) {
        (Some(given), _) => given,
        (None, true) if method != ClientAuth::None => method,
        (None, has_secret) => choose(server, has_secret),
    };
    Ok(Client {
        id: registered.client_id,
        secret,
        secret_expires_at: registered.client_secret_expires_at,
        auth,
        redirect_uris: redirect_uri.cloned().into_iter().collect(),
        scope: registered.scope,
        registered: true,
        unfinished: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_registers_with_the_name_of_its_caller() {
        for (caller, expect) in [
            (Some("Claude Desktop"), "Claude Desktop (via farport)"),
            (Some("a\u{1b}[31m\r\n\u{202e}b"), "a[31m b (via farport)"),
            (Some("  "), "farport"),
            (Some("farport"), "farport"),
            (Some("größer"), "größer (via farport)"),
            (None, "farport"),
        ] {
            assert_eq!(client_name(caller), expect, "{caller:?}");
        }
        let long = client_name(Some(&"x".repeat(10_000)));
        assert_eq!(long.len(), LONGEST_NAME + " (via farport)".len());
    }
}
