//! Becoming a client: pre-registered, by a client id metadata document, or by dynamic registration
//! (RFC 7591), in this order.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::assertion::is_key;
use super::token::printable;
use super::{ServerMetadata, SignInError, SignInOptions};
use crate::Error;
use crate::http::{Http, Outgoing, Redirects};
use crate::secret::Secret;
use crate::store::{Client, ClientAuth, now};

/// The most that an answer may have, in bytes.
const LARGEST: usize = 256 * 1024;

/// A client that somebody registered by hand.
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
    /// When it is no JSON object with a `client_id`, or its `private_key` cannot be used; the message
    /// holds nothing of it.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let parsed: Self = serde_json::from_str(json).map_err(|_| {
            Error::Usage(
                "--static-oauth-client-info is not a JSON object with a client_id.".to_owned(),
            )
        })?;
        if parsed.private_key.as_ref().is_some_and(|key| !is_key(key)) {
            return Err(Error::Usage(
                "The private_key of --static-oauth-client-info is not one in PEM (PKCS #8) for \
                 ES256, ES384, EdDSA or RS256."
                    .to_owned(),
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
        }
    }
}

/// How to prove who we are, of what the server supports.
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

/// What to register for: no secret where the server can do without.
fn choose_to_register(server: &ServerMetadata) -> ClientAuth {
    match server.token_endpoint_auth_methods_supported.as_deref() {
        Some(list) if !list.iter().any(|name| name == "none") => choose(server, true),
        _ => ClientAuth::None,
    }
}

/// The client to sign in as. `before` is one that was registered at this very issuer.
pub(super) async fn client(
    http: &Http,
    server: &ServerMetadata,
    options: &SignInOptions,
    before: Option<&Client>,
    redirect_uri: Option<&Url>,
    scope: Option<&str>,
) -> Result<Client, Error> {
    let wanted = options.wanted("token_endpoint_auth_method");
    if let Some(client) = &options.client_info {
        return Ok(client.client(server, wanted));
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
        });
    }
    if let Some(before) = before
        && before.registered
        && !before
            .secret_expires_at
            .is_some_and(|at| at != 0 && at <= now())
        && redirect_uri.is_none_or(|uri| before.redirect_uris.contains(uri))
    {
        return Ok(before.clone());
    }
    register(http, server, options, redirect_uri, scope).await
}

#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: Option<Secret>,
    client_secret_expires_at: Option<u64>,
    token_endpoint_auth_method: Option<String>,
    scope: Option<String>,
}

async fn register(
    http: &Http,
    server: &ServerMetadata,
    options: &SignInOptions,
    redirect_uri: Option<&Url>,
    scope: Option<&str>,
) -> Result<Client, Error> {
    let Some(endpoint) = &server.registration_endpoint else {
        return Err(SignInError::NoClient {
            issuer: server.issuer.clone(),
        }
        .into());
    };
    // There is no key of ours to register.
    let wanted = options
        .wanted("token_endpoint_auth_method")
        .and_then(ClientAuth::parse)
        .filter(|method| *method != ClientAuth::PrivateKey);
    let method = wanted.unwrap_or_else(|| choose_to_register(server));
    let mut grants = vec!["authorization_code", "refresh_token"];
    if redirect_uri.is_none() {
        grants = vec![
            "urn:ietf:params:oauth:grant-type:device_code",
            "refresh_token",
        ];
    }
    let mut metadata = Map::new();
    metadata.insert("client_name".into(), json!("farport"));
    metadata.insert(
        "redirect_uris".into(),
        json!(redirect_uri.into_iter().collect::<Vec<_>>()),
    );
    metadata.insert("grant_types".into(), json!(grants));
    metadata.insert("response_types".into(), json!(["code"]));
    metadata.insert("token_endpoint_auth_method".into(), json!(method.name()));
    metadata.insert("application_type".into(), json!("native"));
    metadata.insert("software_version".into(), json!(env!("CARGO_PKG_VERSION")));
    if let Some(scope) = scope {
        metadata.insert("scope".into(), json!(scope));
    }
    for (name, value) in &options.client_metadata {
        metadata.insert(name.clone(), value.clone());
    }
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
        body: Bytes::from(Value::Object(metadata).to_string()),
        redirects: Redirects::Never,
    };
    let mut response = http.send(request).await?;
    let status = response.status();
    let text = response.text(LARGEST).await?;
    let failed = |why: String| SignInError::Registration {
        issuer: server.issuer.clone(),
        why: printable(&why),
    };
    if !status.is_success() {
        #[derive(Deserialize, Default)]
        struct Fault {
            #[serde(default)]
            error: String,
            #[serde(default)]
            error_description: String,
        }
        let fault: Fault = serde_json::from_str(&text).unwrap_or_default();
        let why = format!("{} {}", fault.error, fault.error_description);
        return Err(failed(format!("HTTP {} {}", status.as_u16(), why.trim())).into());
    }
    let registered: Registered = serde_json::from_str(&text)
        .map_err(|_| failed("its answer has no client_id in it".to_owned()))?;
    let given = registered
        .token_endpoint_auth_method
        .as_deref()
        .and_then(ClientAuth::parse)
        .filter(|given| match given {
            ClientAuth::None => true,
            ClientAuth::PrivateKey => false,
            ClientAuth::Post | ClientAuth::Basic => registered.client_secret.is_some(),
        });
    let auth = match (given, registered.client_secret.is_some()) {
        (Some(given), _) => given,
        (None, true) if method != ClientAuth::None => method,
        (None, has_secret) => choose(server, has_secret),
    };
    Ok(Client {
        id: registered.client_id,
        secret: registered.client_secret,
        secret_expires_at: registered.client_secret_expires_at,
        auth,
        redirect_uris: redirect_uri.cloned().into_iter().collect(),
        scope: registered.scope,
        registered: true,
    })
}
