//! Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document).

use crate::parse_url;
use std::time::Duration;

use http::StatusCode;
use serde_json::error::Category;
use url::Url;

use super::{Clients, Config, register::Metadata};
use crate::{
    Client, ClientId, ClientOrigin, FetchError, OAuthError, Reach, UnixTime,
    caching::Bounds,
    json,
    outgoing::{Failure, Outgoing, Response},
};

/// The largest accepted document, in bytes.
const MOST_BYTES: usize = 5 * 1024;
/// How long a document is cached.
const BOUNDS: Bounds = Bounds {
    default: Duration::from_secs(60 * 60),
    least: Duration::ZERO,
    most: Duration::from_secs(7 * 24 * 60 * 60),
};

/// A client from a cached document. Errors are not cached.
#[derive(Clone)]
pub(super) struct Cached {
    client: Client,
    until: UnixTime,
}

/// A client metadata document cannot be used. The message may be shown to the user.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The URL is not acceptable as a client ID.
    #[error("the client_id is not the URL of a client metadata document: {0}")]
    Url(&'static str),
    /// The server did not receive a response. The message is the same for every cause, so that a
    /// client ID cannot be used to explore the server's network.
    #[error("the client metadata document cannot be fetched; check its URL, and try again later")]
    Fetch(#[from] FetchError),
    /// The response is longer than 5 KiB.
    #[error("the client metadata document is larger than 5 KiB")]
    TooLong,
    /// The response has this status.
    #[error("the client metadata document returns status {0}, not 200")]
    Status(StatusCode),
    /// The document is not valid.
    #[error("the client metadata document is not valid: {0}")]
    Content(String),
}

impl DocumentError {
    /// Whether a later attempt may succeed without a change by the client.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            // A forbidden address looks like one that does not respond.
            Self::Fetch(_) => true,
            Self::Status(status) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::TooLong | Self::Url(_) | Self::Content(_) => false,
        }
    }
}

impl From<Failure> for DocumentError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fetch(FetchError::TooLong) => Self::TooLong,
            Failure::Fetch(error) => Self::Fetch(error),
            Failure::Status(status) => Self::Status(status),
            Failure::Request(_) => Self::Url("it is not a URL"),
            failure @ Failure::Unexpected { .. } => Self::Content(failure.to_string()),
        }
    }
}

impl Clients {
    /// The client from a cached document.
    pub(super) fn known_document(&self, id: &ClientId, now: UnixTime) -> Option<Client> {
        let cached = self.documents.get(id)?;
        (cached.until > now).then_some(cached.client)
    }

    pub(super) async fn client_document(
        &self,
        id: &ClientId,
        now: UnixTime,
    ) -> Result<Client, DocumentError> {
        let url = check_url(id.as_str())?;
        let request = Outgoing::get(&url, Reach::Public, MOST_BYTES);
        let response = request.send(&*self.core.environment.fetcher).await;
        let response = response.and_then(Response::ok).map_err(|failure| {
            tracing::info!(client = %id, error = %failure, "cannot fetch a client metadata document");
            DocumentError::from(failure)
        })?;
        // The error quotes nothing of the document: a client ID must not reveal what is at its URL, and
        // text from untrusted parties must not appear on our pages.
        let metadata: Metadata = json::parse(&response.body).map_err(|error| {
            let text = match error.classify() {
                Category::Data => "a member is missing, repeated, or of the wrong type",
                Category::Io | Category::Syntax | Category::Eof => "it is not JSON",
            };
            let (line, column) = (error.line(), error.column());
            DocumentError::Content(format!("{text} (line {line}, column {column})"))
        })?;
        if metadata.client_id.as_deref() != Some(id.as_str()) {
            let text = "its client_id differs from its URL";
            return Err(DocumentError::Content(text.into()));
        }
        let client = client_of_document(id, metadata, &self.core.config, now)?;
        let until = now.after(BOUNDS.lifetime(&response.headers));
        if until > now {
            let cached = Cached {
                client: client.clone(),
                until,
            };
            self.documents.insert(id.clone(), cached);
        }
        Ok(client)
    }
}

/// The client that a document describes.
fn client_of_document(
    id: &ClientId,
    mut metadata: Metadata,
    config: &Config,
    now: UnixTime,
) -> Result<Client, DocumentError> {
    let content = |error: OAuthError| DocumentError::Content(error.description.into_owned());
    if metadata.client_secret.is_some() || metadata.client_secret_expires_at.is_some() {
        let text = "it contains a client secret, which a public document cannot keep";
        return Err(DocumentError::Content(text.into()));
    }
    // MCP, section "Client ID Metadata Documents".
    if !metadata.is_named() {
        return Err(DocumentError::Content("client_name is missing".into()));
    }
    // A document cannot contain a shared secret, so the default of registration does not apply.
    let method = metadata
        .token_endpoint_auth_method
        .get_or_insert("none".into());
    if !matches!(method.as_str(), "none" | "private_key_jwt") {
        let text = "token_endpoint_auth_method must be none or private_key_jwt";
        return Err(DocumentError::Content(text.into()));
    }
    // Unlike in a registration, refresh tokens are the default.
    let grants = metadata.grant_types.get_or_insert_default();
    if grants.is_empty() {
        grants.extend(["authorization_code".into(), "refresh_token".into()]);
    }
    let (client, _) = metadata
        .into_client(id.clone(), ClientOrigin::Document, config, now, None)
        .map_err(content)?;
    Ok(client)
}

/// Checks the URL of a client metadata document (section 3 of the draft).
fn check_url(id: &str) -> Result<Url, DocumentError> {
    let wrong = |text| Err(DocumentError::Url(text));
    if !id
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    {
        return wrong("it is not printable ASCII");
    }
    let Ok(url) = parse_url(id) else {
        return wrong("it is not a URL");
    };
    if url.scheme() != "https" {
        return wrong("it is not https");
    }
    if id.contains('#') {
        return wrong("it has a fragment");
    }
    if id.contains('?') {
        return wrong("it has a query");
    }
    let Some((authority, path)) = id
        .strip_prefix("https://")
        .and_then(|rest| rest.split_once('/'))
    else {
        return wrong("it has no path");
    };
    if authority.contains('@') {
        return wrong("it contains a user name");
    }
    if path.is_empty() {
        return wrong("it has no path");
    }
    let dots = |segment: &str| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    };
    if path.split('/').any(dots) {
        return wrong("its path contains . or .. segments");
    }
    // A parser would change the URL, and it would no longer equal the client_id.
    if url.as_str() != id {
        return wrong("it is not in normalized form");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_a_plain_https_url_with_a_path() {
        for (id, expect) in [
            ("https://client.example/oauth/client.json", true),
            ("https://client.example:8443/c", true),
            ("https://client.example/c/", true),
            ("http://client.example/c", false),
            ("https://client.example", false),
            ("https://client.example/", false),
            ("https://client.example/c?x=1", false),
            ("https://client.example/c?", false),
            ("https://client.example/c#x", false),
            ("https://client.example/c#", false),
            ("https://user@client.example/c", false),
            ("https://user:pass@client.example/c", false),
            ("https://client.example/a/../c", false),
            ("https://client.example/./c", false),
            ("https://client.example/%2e%2E/c", false),
            ("https://client.example/.%2e/c", false),
            ("https://CLIENT.example/c", false),
            ("https://client.example:443/c", false),
            ("https://client.example\\c", false),
            ("https:client.example/c", false),
            ("https://client.example/c d", false),
        ] {
            assert_eq!(check_url(id).is_ok(), expect, "{id}");
        }
    }
}
