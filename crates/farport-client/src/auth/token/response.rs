//! The tokens of a token response, as the store keeps them.

use farport_oauth::client::{TokenError, TokenSuccess};
use secrecy::{ExposeSecret, SecretString};

use super::super::requests::Answered;
use super::super::text::is_scope;
use crate::secret::Secret;
use crate::store::Tokens;

/// A response without tokens.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The `error` code; empty when there is none.
    pub(super) code: String,
    pub(super) why: String,
}

/// Reads the tokens of a response that arrived at the time `obtained`, in seconds since 1970. `asked` are the
/// scopes that count as granted when it names none.
pub(super) fn read(
    answered: &Answered,
    asked: &[String],
    obtained: u64,
) -> Result<Tokens, Refusal> {
    let response = TokenSuccess::read(answered.status, answered.text.as_bytes());
    let issued = response.and_then(|response| response.tokens());
    let issued = issued.map_err(|error| Refusal {
        code: error.code().to_owned(),
        why: why(&error, answered.status.as_u16()),
    })?;
    let scopes = issued.scopes.unwrap_or_else(|| asked.to_vec());
    if !scopes.iter().all(|scope| is_scope(scope)) {
        return Err(Refusal {
            code: String::new(),
            why: "its response names a scope that is not printable ASCII".to_owned(),
        });
    }
    let secret = |token: SecretString| Secret::new(token.expose_secret());
    Ok(Tokens {
        access: secret(issued.access),
        refresh: issued.refresh.map(secret),
        id_token: issued.id_token.map(secret),
        expires_at: issued
            .expires_in
            .map(|after| obtained.saturating_add(after)),
        obtained_at: Some(obtained),
        scopes,
    })
}

/// The reason for the user.
fn why(error: &TokenError, status: u16) -> String {
    match error {
        TokenError::OAuth { code, description } => match (description, &**code) {
            (Some(description), "") => description.clone(),
            (Some(description), code) => format!("{description} ({code})"),
            (None, "") => "it gives no reason".to_owned(),
            (None, code) => code.to_owned(),
        },
        TokenError::Status { .. } | TokenError::Unreadable => {
            format!("it returned HTTP {status} without tokens")
        }
        TokenError::NoToken => "its response contains no usable access token".to_owned(),
        TokenError::TokenType(kind) => {
            format!("its tokens have the type {kind}, and farport supports bearer tokens")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn outcome(status: u16, text: &str) -> Result<Tokens, Refusal> {
        read(&Answered::of(status, text), &["asked".to_owned()], NOW)
    }

    #[test]
    fn tokens_are_read_from_json_and_from_a_form() {
        for (text, expires_in, scopes) in [
            (r#"{"access_token":"t"}"#, None, "asked"),
            (
                r#"{"access_token":"t","token_type":"BEARER","expires_in":"60","scope":"a b"}"#,
                Some(60),
                "a b",
            ),
            (
                r#"{"access_token":"t","expires_in":60.5,"scope":["a","b"],"error":null}"#,
                Some(60),
                "a b",
            ),
            (
                "access_token=t&token_type=bearer&expires_in=60&scope=a+b",
                Some(60),
                "a b",
            ),
            ("scope=&access_token=t\n", None, ""),
        ] {
            let tokens = outcome(200, text).unwrap();
            assert_eq!(tokens.access.expose(), "t", "{text}");
            assert_eq!(tokens.scopes.join(" "), scopes, "{text}");
            let expires_at = expires_in.map(|after: u64| NOW + after);
            assert_eq!(tokens.expires_at, expires_at, "{text}");
        }
    }

    #[test]
    fn a_refused_client_is_recognised_in_every_shape() {
        for (status, text, code) in [
            (400, r#"{"error":"invalid_client"}"#, "invalid_client"),
            (200, r#"{"error":"invalid_client"}"#, "invalid_client"),
            (
                401,
                r#"{"error":"unauthorized_client"}"#,
                "unauthorized_client",
            ),
            (
                403,
                r#"{"error":{"code":"invalid_client"}}"#,
                "invalid_client",
            ),
            (
                400,
                "error=invalid_client&error_description=x",
                "invalid_client",
            ),
            (401, "", "invalid_client"),
            (401, "<h1>Unauthorized</h1>", "invalid_client"),
            (401, r#"{"message":"no"}"#, "invalid_client"),
            (400, "<p>invalid_client: unknown</p>", "invalid_client"),
            (403, "<h1>Forbidden</h1>", ""),
            (400, r#"{"error":"invalid_grant"}"#, "invalid_grant"),
            (200, "<h1>Welcome</h1>", ""),
            (200, r#"{"access_token":"a b"}"#, ""),
            (200, r#"{"access_token":"t","scope":"a\u001b"}"#, ""),
            (200, r#"{"access_token":"t","token_type":"mac"}"#, ""),
        ] {
            assert_eq!(outcome(status, text).unwrap_err().code, code, "{text}");
        }
    }
}
