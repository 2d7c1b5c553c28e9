//! Token responses (RFC 6749, sections 5.1 and 5.2), in JSON or form-encoded.

use http::StatusCode;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::json;

/// The error codes of an authorization server that does not accept the client.
const CLIENT_ERRORS: [&str; 2] = ["invalid_client", "unauthorized_client"];

/// Whether an error code means that the authorization server does not accept the client.
pub fn is_client_error(code: &str) -> bool {
    CLIENT_ERRORS.contains(&code)
}

/// A successful token response.
pub struct TokenSuccess {
    members: Map<String, Value>,
}

/// Omits the members, which contain secrets.
impl std::fmt::Debug for TokenSuccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSuccess(..)")
    }
}

/// The tokens of a response.
#[derive(Debug)]
pub struct IssuedTokens {
    /// The access token. Printable ASCII without spaces.
    pub access: SecretString,
    /// The refresh token.
    pub refresh: Option<SecretString>,
    /// The id token.
    pub id_token: Option<SecretString>,
    /// The lifetime of the access token, in seconds.
    pub expires_in: Option<u64>,
    /// The granted scopes; `None` if they are the requested ones. Not validated.
    pub scopes: Option<Vec<String>>,
}

/// A token endpoint issued no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The server returned an OAuth error.
    #[error("{code}")]
    OAuth {
        /// The error code; empty if there is none.
        code: String,
        /// The description.
        description: Option<String>,
    },
    /// The server returned an error status without an OAuth error.
    #[error("the server returned {status}")]
    Status {
        /// The status.
        status: StatusCode,
        /// The error code that the status or the body implies; empty if there is none.
        code: &'static str,
    },
    /// The response is neither JSON nor form-encoded.
    #[error("the response is not a token response")]
    Unreadable,
    /// The response has no usable access token.
    #[error("the token endpoint returned no usable access token")]
    NoToken,
    /// The token has another type than `Bearer`.
    #[error("the token endpoint returned a token that is not a bearer token")]
    TokenType(String),
}

impl TokenError {
    /// The error code; empty if there is none.
    pub fn code(&self) -> &str {
        match self {
            Self::OAuth { code, .. } => code,
            Self::Status { code, .. } => code,
            Self::Unreadable | Self::NoToken | Self::TokenType(_) => "",
        }
    }
}

impl TokenSuccess {
    /// Reads a response.
    ///
    /// Some servers send an error with status 200, or as an object with a code, or write a form in spite of
    /// `Accept`. Slack marks an error with `"ok": false`.
    ///
    /// # Errors
    /// When the response contains an error or cannot be read.
    pub fn read(status: StatusCode, body: &[u8]) -> Result<Self, TokenError> {
        let Some(members) = members(body) else {
            return Err(if status.is_success() {
                TokenError::Unreadable
            } else {
                without_members(status, body)
            });
        };
        let error = members.get("error").filter(|error| !error.is_null());
        let failed = members.get("ok") == Some(&Value::Bool(false));
        if error.is_some() || failed {
            let description = members.get("error_description").and_then(Value::as_str);
            return Err(oauth_error(error.unwrap_or(&Value::Null), description));
        }
        if !status.is_success() {
            return Err(without_members(status, b""));
        }
        Ok(Self { members })
    }

    /// The members of the response.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The tokens at the top level of the response.
    ///
    /// # Errors
    /// When there is no usable access token, or it is not a bearer token.
    pub fn tokens(&self) -> Result<IssuedTokens, TokenError> {
        IssuedTokens::read(&self.members, &["bearer"])
    }
}

impl IssuedTokens {
    /// Reads the tokens in `members`. `types` are the accepted token types, compared case-insensitively; a
    /// missing type is accepted.
    ///
    /// # Errors
    /// When there is no usable access token, or it has another type.
    pub fn read(members: &Map<String, Value>, types: &[&str]) -> Result<Self, TokenError> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let token = |name: &str| text(name).filter(|token| !token.is_empty());
        if let Some(kind) = text("token_type")
            && !types
                .iter()
                .any(|accepted| kind.eq_ignore_ascii_case(accepted))
        {
            return Err(TokenError::TokenType(kind.to_owned()));
        }
        let access = token("access_token");
        let access = access.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        let scopes = match members.get("scope") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.split_whitespace().map(str::to_owned).collect()),
            Some(Value::Array(list)) => {
                let scopes = list.iter().filter_map(Value::as_str);
                Some(scopes.map(str::to_owned).collect())
            }
            Some(_) => Some(Vec::new()),
        };
        Ok(Self {
            access: access.ok_or(TokenError::NoToken)?.into(),
            refresh: token("refresh_token").map(SecretString::from),
            id_token: token("id_token").map(SecretString::from),
            expires_in: members.get("expires_in").and_then(seconds),
            scopes,
        })
    }
}

/// The members of a JSON object, or of a form with a token or an error.
fn members(body: &[u8]) -> Option<Map<String, Value>> {
    if let Ok(members) = json::object(body) {
        return Some(members);
    }
    let pairs = form_urlencoded::parse(body.trim_ascii());
    let members: Map<_, _> = pairs
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    ["access_token", "error"]
        .iter()
        .any(|name| members.contains_key(*name))
        .then_some(members)
}

/// An error as a code, or as an object with a code, which some gateways write.
fn oauth_error(error: &Value, description: Option<&str>) -> TokenError {
    let inner = |name: &str| error.get(name).and_then(Value::as_str);
    let code = error
        .as_str()
        .or_else(|| inner("error"))
        .or_else(|| inner("code"))
        .or_else(|| inner("type"))
        .unwrap_or_default();
    let description = description.or_else(|| inner("message"));
    TokenError::OAuth {
        code: code.to_owned(),
        description: description.map(str::to_owned),
    }
}

/// The error for a response without an OAuth error. RFC 6749, section 5.2, uses 401 only for a client that
/// failed to authenticate. An error page may contain the code in its text.
fn without_members(status: StatusCode, body: &[u8]) -> TokenError {
    let text = String::from_utf8_lossy(body);
    let named = CLIENT_ERRORS
        .into_iter()
        .find(|code| status.is_client_error() && text.contains(code));
    let code = match (named, status) {
        (Some(code), _) => code,
        (None, StatusCode::UNAUTHORIZED) => "invalid_client",
        (None, _) => "",
    };
    TokenError::Status { status, code }
}

/// Seconds as a number, or as the string that some servers send.
pub(super) fn seconds(value: &Value) -> Option<u64> {
    let number: f64 = value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and seconds are whole"
    )]
    (number >= 0.0).then_some(number as u64)
}
