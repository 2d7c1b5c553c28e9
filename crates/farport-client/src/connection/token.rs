//! The token that a connection presents: what it says, and a new one.

use base64::Engine;
use serde_json::Value;

use super::Connection;
use super::inner::Wire;
use crate::Error;
use crate::auth::Challenge;
use crate::secret::Secret;

/// The longest token that is decoded, in bytes.
const LONGEST: usize = 64 * 1024;

/// What the token of a connection says. Its signature was not verified, and its text is not part of this.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TokenContents {
    /// The header of a JWT.
    pub header: Option<Value>,
    /// The claims of a JWT. `None` for a token that is not a JWT.
    pub claims: Option<Value>,
}

impl TokenContents {
    fn of(token: &Secret) -> Self {
        let text = token.expose();
        let parts: Vec<&str> = if text.len() <= LONGEST {
            text.split('.').collect()
        } else {
            Vec::new()
        };
        let [header, claims, _signature] = parts[..] else {
            return Self::default();
        };
        match (part(header), part(claims)) {
            (Some(header), Some(claims)) => Self {
                header: Some(header),
                claims: Some(claims),
            },
            _ => Self::default(),
        }
    }
}

/// A part of a JWT that is a JSON object.
fn part(text: &str) -> Option<Value> {
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

impl Connection {
    /// Decodes the token that the next request would present, without verifying it. `None` when there is
    /// no sign-in. A token that is about to expire is refreshed first.
    ///
    /// # Errors
    /// When the stored sign-in cannot be read.
    pub async fn token(&self) -> Result<Option<TokenContents>, Error> {
        let Wire::Http { link, .. } = &self.0.wire else {
            return Ok(None);
        };
        let token = link.remote.auth().bearer().await?;
        Ok(token.as_ref().map(TokenContents::of))
    }

    /// Replaces the token by a refresh. Without a refresh token that the authorization server accepts,
    /// the user signs in again.
    ///
    /// # Errors
    /// When there is no sign-in, or neither the refresh nor the sign-in succeeds.
    pub async fn refresh_token(&self) -> Result<(), Error> {
        let missing = || Error::usage("there is no sign-in to refresh");
        let Wire::Http { link, .. } = &self.0.wire else {
            return Err(missing());
        };
        let auth = link.remote.auth();
        let token = auth.bearer().await?.ok_or_else(missing)?;
        auth.unauthorized(&Challenge::default(), Some(&token)).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_jwt_is_decoded_and_another_token_is_not() {
        let encode = |value: Value| {
            base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(value.to_string().as_bytes())
        };
        let header = json!({ "alg": "RS256" });
        let claims = json!({ "sub": "alice", "exp": 1 });
        let token = format!("{}.{}.c2ln", encode(header.clone()), encode(claims.clone()));
        let contents = TokenContents::of(&Secret::new(token));
        assert_eq!(contents.header, Some(header));
        assert_eq!(contents.claims, Some(claims));
        for other in ["opaque", "a.b.c", "..", "W10.W10.x", ""] {
            let contents = TokenContents::of(&Secret::new(other.to_owned()));
            assert_eq!(contents, TokenContents::default(), "{other}");
        }
    }
}
