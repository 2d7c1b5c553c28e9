//! Client id metadata documents (draft-ietf-oauth-client-id-metadata-document).

use std::time::Duration;

use http::StatusCode;
use serde_json::error::Category;
use url::Url;

use super::register::Metadata;
use crate::{
    AuthorizationServer, Client, ClientId, ClientOrigin, FetchError, OAuthError, Reach, UnixTime,
    caching::Bounds,
    json,
    outgoing::{Answer, Failure, Outgoing},
};

/// The longest document that is read, in bytes.
const MOST_BYTES: usize = 5 * 1024;
/// How long a document is remembered.
const BOUNDS: Bounds = Bounds {
    default: Duration::from_secs(60 * 60),
    least: Duration::ZERO,
    most: Duration::from_secs(7 * 24 * 60 * 60),
};

/// A client that was read from its document. Errors are not remembered.
#[derive(Clone)]
pub(super) struct Cached {
    client: Client,
    until: UnixTime,
}

/// Why a client's metadata document is not used. The text may be told to the user.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The URL is not one that a client may be named by.
    #[error("the client id is not the URL of a metadata document: {0}")]
    Url(&'static str),
    /// The document could not be fetched.
    #[error("the client's metadata document cannot be fetched")]
    Fetch(#[from] FetchError),
    /// The document was answered with this status.
    #[error("the client's metadata document is answered with status {0}, not 200")]
    Status(StatusCode),
    /// The document is not what it has to be.
    #[error("the client's metadata document is not acceptable: {0}")]
    Content(String),
}

impl DocumentError {
    /// Whether it may be another time, without the client doing anything about it.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            Self::Fetch(FetchError::TimedOut | FetchError::Failed(_)) => true,
            Self::Status(status) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Fetch(FetchError::Forbidden(_) | FetchError::TooLong)
            | Self::Url(_)
            | Self::Content(_) => false,
        }
    }
}

impl From<Failure> for DocumentError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fetch(error) => Self::Fetch(error),
            Failure::Status(status) => Self::Status(status),
            Failure::Request(_) => Self::Url("it is not a URL"),
            failure @ Failure::Nonsense { .. } => Self::Content(failure.to_string()),
        }
    }
}

impl AuthorizationServer {
    /// A client whose document was read not long ago.
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
        let answer = Outgoing::get(&url, Reach::Public, MOST_BYTES);
        let answer = answer.send(&*self.world.fetcher).await;
        let answer = answer.and_then(Answer::good).map_err(|failure| {
            tracing::info!(client = %id, error = %failure, "a client's metadata document was not fetched");
            DocumentError::from(failure)
        })?;
        // Nothing is quoted of it: whoever names a URL is not told what stands there, and what a
        // stranger wrote does not stand on our pages.
        let metadata: Metadata = json::shaped(&answer.body).map_err(|error| {
            let text = match error.classify() {
                Category::Data => "a member is missing, stands twice, or is not what it has to be",
                Category::Io | Category::Syntax | Category::Eof => "it is not JSON",
            };
            let (line, column) = (error.line(), error.column());
            DocumentError::Content(format!("{text} (line {line}, column {column})"))
        })?;
        if metadata.client_id.as_deref() != Some(id.as_str()) {
            let text = "its client_id is not the URL it stands at";
            return Err(DocumentError::Content(text.into()));
        }
        let client = self.client_of_document(id, metadata, now)?;
        let until = now.after(BOUNDS.lifetime(&answer.headers));
        if until > now {
            let cached = Cached {
                client: client.clone(),
                until,
            };
            self.documents.insert(id.clone(), cached);
        }
        Ok(client)
    }

    fn client_of_document(
        &self,
        id: &ClientId,
        mut metadata: Metadata,
        now: UnixTime,
    ) -> Result<Client, DocumentError> {
        let content = |error: OAuthError| DocumentError::Content(error.description.into_owned());
        if metadata.client_secret.is_some() || metadata.client_secret_expires_at.is_some() {
            let text = "a public document cannot hold a secret";
            return Err(DocumentError::Content(text.into()));
        }
        // MCP, section "Client ID Metadata Documents".
        if !metadata.is_named() {
            return Err(DocumentError::Content("it lacks client_name".into()));
        }
        // A secret cannot be agreed on with a document, so registration's default is none here.
        let method = metadata
            .token_endpoint_auth_method
            .get_or_insert("none".into());
        if !matches!(method.as_str(), "none" | "private_key_jwt") {
            let text = "its token_endpoint_auth_method is neither none nor private_key_jwt";
            return Err(DocumentError::Content(text.into()));
        }
        // Whoever publishes a document has no registration to say that it refreshes.
        let grants = metadata.grant_types.get_or_insert_default();
        if grants.is_empty() {
            grants.extend(["authorization_code".into(), "refresh_token".into()]);
        }
        let (client, _) = metadata
            .into_client(id.clone(), ClientOrigin::Document, self, now, None)
            .map_err(content)?;
        Ok(client)
    }
}

/// Section 3 of the draft: which URLs may name a client.
fn check_url(id: &str) -> Result<Url, DocumentError> {
    let wrong = |text| Err(DocumentError::Url(text));
    if !id
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
    {
        return wrong("it is not printable ASCII");
    }
    let Ok(url) = Url::parse(id) else {
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
        return wrong("it names a user");
    }
    if path.is_empty() {
        return wrong("it has no path");
    }
    let dots = |segment: &str| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    };
    if path.split('/').any(dots) {
        return wrong("it has dot segments");
    }
    // What a parser mends is not compared as it was written.
    if url.as_str() != id {
        return wrong("it is not in its normal form");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_by_a_plain_https_url_with_a_path() {
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
