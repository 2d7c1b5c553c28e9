//! Bearer tokens in requests, their holders, and challenges (RFC 6750, RFC 9728).

use std::fmt;

use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::{ClientId, Digest, GrantId, Scopes, StoreError, UnixTime, UserId, keys::GrantKey};

/// The user and the permissions behind a valid token.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The user.
    pub user: UserId,
    /// The display name.
    pub name: Option<String>,
    /// The email address, if the provider has verified it.
    pub email: Option<String>,
    /// Other claims of the provider about the user.
    pub claims: Map<String, Value>,
    /// The scopes of the token.
    pub scopes: Scopes,
    /// The client that the token was issued to.
    pub client: Option<ClientId>,
    /// When the token expires.
    pub expires: Option<UnixTime>,
    /// Access to the provider's tokens of the user, if there are any.
    pub upstream: Option<UpstreamGrant>,
    /// Identifies the token.
    pub(crate) token: Option<Digest>,
    pub(crate) grant: Option<GrantId>,
}

impl Authenticated {
    /// A user with these scopes and no other information.
    pub fn new(user: UserId, scopes: Scopes) -> Self {
        Self {
            user,
            name: None,
            email: None,
            claims: Map::new(),
            scopes,
            client: None,
            expires: None,
            upstream: None,
            token: None,
            grant: None,
        }
    }

    /// A digest that identifies the token, so that the caller does not compute its own. It may depend on
    /// the resource as well. `None` if the token was not validated by this crate.
    pub fn token(&self) -> Option<&Digest> {
        self.token.as_ref()
    }
}

/// A grant with tokens of the identity provider.
#[derive(Clone, Debug)]
pub struct UpstreamGrant {
    pub(crate) id: GrantId,
    pub(crate) key: GrantKey,
}

/// The credentials of a request are not accepted.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// The request has more than one token, a malformed one, or one in the query. Status 400.
    #[error("{0}")]
    Malformed(&'static str),
    /// The token is unknown, expired, revoked, or for another resource. Status 401.
    #[error("the token is not valid for this server")]
    Invalid,
    /// The server is validating too many tokens, in total or from this address. Status 429. The
    /// number is the seconds to wait before a retry.
    #[error("too many tokens are being validated; try again in {0} s")]
    TooMany(u64),
    /// The server cannot validate the token now. Status 503 or 500.
    #[error("cannot validate the token: {0}")]
    Unavailable(String),
}

impl From<StoreError> for BearerError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The token in the `Authorization` header of a request, if there is one.
///
/// # Errors
/// When the request has more than one token, a malformed one, or one in the query, where it would
/// appear in logs.
pub fn bearer_token<'a>(
    headers: &'a HeaderMap,
    query: Option<&str>,
) -> Result<Option<&'a str>, BearerError> {
    let named = |pair: &str| pair.split('=').next() == Some("access_token");
    if query.is_some_and(|query| query.split('&').any(named)) {
        let text = "send the token in the Authorization header, not in the query";
        return Err(BearerError::Malformed(text));
    }
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(BearerError::Malformed(
            "the Authorization header is repeated",
        ));
    }
    let malformed = BearerError::Malformed("the Authorization header is malformed");
    let Ok(value) = value.to_str() else {
        return Err(malformed);
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    let body = token.trim_end_matches('=');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if body.is_empty() || !body.bytes().all(fits) {
        return Err(malformed);
    }
    Ok(Some(token))
}

/// The value of a `WWW-Authenticate` header.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// The URL of the protected resource metadata.
    pub resource_metadata: &'a str,
    /// The required scopes.
    pub scopes: &'a Scopes,
    /// The error code and its description; `None` for a request without credentials.
    pub error: Option<(&'a str, &'a str)>,
}

impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer ")?;
        if let Some((code, description)) = self.error {
            write!(f, "error=\"{code}\", error_description=\"{description}\", ")?;
        }
        if !self.scopes.is_empty() {
            write!(f, "scope=\"{}\", ", self.scopes)?;
        }
        write!(f, "resource_metadata=\"{}\"", self.resource_metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_accepted_only_in_one_authorization_header() {
        let read = |values: &[&str], query: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().expect("a value"));
            }
            let token = bearer_token(&headers, query);
            token.map(|token| token.map(str::to_owned)).ok()
        };
        for (values, query, expect) in [
            (&[][..], None, Some(None)),
            (&["Bearer abc"], None, Some(Some("abc"))),
            (&["bearer abc=="], Some("x=1"), Some(Some("abc=="))),
            (&["BEARER  abc "], None, Some(Some("abc"))),
            (&["Basic abc"], None, Some(None)),
            (&["Bearer"], None, None),
            (&["Bearer "], None, None),
            (&["Bearer a b"], None, None),
            (&["Bearer a,b"], None, None),
            (&["Bearer ="], None, None),
            (&["Bearer a", "Bearer a"], None, None),
            (&["Bearer a", "Basic b"], None, None),
            (&[], Some("access_token=abc"), None),
            (&["Bearer a"], Some("x=1&access_token=abc"), None),
        ] {
            let expect = expect.map(|token| token.map(str::to_owned));
            assert_eq!(read(values, query), expect, "{values:?} {query:?}");
        }
    }

    #[test]
    fn a_challenge_names_the_scopes_and_the_metadata() {
        let scopes = Scopes::parse("b a").expect("scopes");
        let mut challenge = Challenge {
            resource_metadata: "https://h/.well-known/oauth-protected-resource/mcp",
            scopes: &scopes,
            error: None,
        };
        assert_eq!(
            challenge.to_string(),
            "Bearer scope=\"a b\", resource_metadata=\"https://h/.well-known/oauth-protected-resource/mcp\""
        );
        challenge.error = Some(("invalid_token", "It has expired"));
        assert!(
            challenge.to_string().starts_with(
                "Bearer error=\"invalid_token\", error_description=\"It has expired\", "
            )
        );
    }
}
