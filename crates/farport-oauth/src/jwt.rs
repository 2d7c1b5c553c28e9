//! Signed JWTs (RFC 7519) in the compact serialization (RFC 7515).
//!
//! This follows RFC 8725: only listed algorithms are accepted, a key is used only with its own
//! algorithm, and URLs and keys in the header are ignored.

mod claims;
mod signature;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

pub use crate::algorithm::Algorithm;
pub use claims::Claims;

use crate::{UnixTime, json, jwk::KeySet};

/// The longest accepted token, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// The longest accepted header, in bytes of base64.
const LONGEST_HEADER: usize = 4 * 1024;

/// The requirements for a token.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// The accepted algorithms.
    pub algorithms: &'a [Algorithm],
    /// The accepted values of `typ` (RFC 8725, section 3.11), without `application/` and
    /// case-insensitive. A missing `typ` counts as `JWT`. Empty: any value.
    pub types: &'a [&'a str],
    /// The expected `iss`; see [`same_issuer`](crate::same_issuer).
    pub issuer: &'a str,
    /// The accepted audiences: `aud` has to contain one of them.
    pub audience: &'a [&'a str],
    /// The present time.
    pub now: UnixTime,
    /// How far the issuer's clock may be off.
    pub leeway: Duration,
}

/// A token is rejected. The messages quote nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// The token is not a compact JWS with a JSON object.
    #[error("not a signed JWT: {0}")]
    Malformed(&'static str),
    /// The token is not signed, or with an algorithm that is not accepted.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// The header names critical extensions. None is supported.
    #[error("the header names critical extensions, which are not supported")]
    Critical,
    /// The token has another type.
    #[error("the type is not the expected one")]
    Type,
    /// The signing key is not in the set. A newer set may contain it.
    #[error("no key matches the key ID and algorithm")]
    UnknownKey,
    /// The signature does not match the key.
    #[error("the signature is not valid")]
    Signature,
    /// A claim is missing or has a wrong type.
    #[error("the claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// The token has another issuer.
    #[error("the issuer is not the expected one")]
    Issuer,
    /// The token has another audience.
    #[error("the audience is not the expected one")]
    Audience,
    /// The token has expired.
    #[error("the token has expired")]
    Expired,
    /// The token is not valid yet (`nbf`), or was issued in the future (`iat`).
    #[error("the token is not valid yet")]
    NotYet,
}

/// Verifies a token: its form, its signature, then its claims.
///
/// # Errors
/// When the token does not meet `expect`, or none of `keys` signed it. After
/// [`JwtError::UnknownKey`], a newer key set may succeed.
pub fn verify(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<Claims, JwtError> {
    let parts = Parts::split(token)?;
    let header = Header::read(parts.header)?;
    if !expect.algorithms.contains(&header.algorithm) {
        return Err(JwtError::Algorithm);
    }
    if !expect.types.is_empty() && !expect.types.iter().any(|typ| header.has_type(typ)) {
        return Err(JwtError::Type);
    }
    signature::check(&parts, header.algorithm, header.kid.as_deref(), keys)?;
    let claims = Claims::read(parts.claims()?)?;
    claims.check(expect)?;
    Ok(claims)
}

/// The `iss` of a token that has not been verified. Use it only to find the keys for verification.
///
/// # Errors
/// When the text is not a token, or has no `iss`.
pub fn unverified_issuer(token: &str) -> Result<String, JwtError> {
    match Parts::split(token)?.claims()?.remove("iss") {
        Some(Value::String(issuer)) => Ok(issuer),
        _ => Err(JwtError::Claim("iss")),
    }
}

/// The three parts of a token.
struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// The signed text: header, dot, payload.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, JwtError> {
        if token.len() > LONGEST {
            return Err(JwtError::Malformed("the token is too long"));
        }
        let three = JwtError::Malformed("the token does not have three parts");
        let (signed, signature) = token.rsplit_once('.').ok_or(three)?;
        let (header, payload) = signed.split_once('.').ok_or(three)?;
        if payload.contains('.') {
            return Err(three);
        }
        Ok(Self {
            header,
            payload,
            signature,
            signed,
        })
    }

    fn claims(&self) -> Result<serde_json::Map<String, Value>, JwtError> {
        object(self.payload)
    }
}

fn object(part: &str) -> Result<serde_json::Map<String, Value>, JwtError> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(part);
    let text = text.map_err(|_| JwtError::Malformed("a part is not base64url"))?;
    json::object(&text)
        .map_err(|_| JwtError::Malformed("a part is not a JSON object without duplicate members"))
}

/// The header of a token. Keys in the header (`jku`, `jwk`, `x5u`, `x5c`) are ignored.
struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
}

impl Header {
    fn read(part: &str) -> Result<Self, JwtError> {
        if part.len() > LONGEST_HEADER {
            return Err(JwtError::Malformed("the header is too long"));
        }
        let mut members = object(part)?;
        if members.contains_key("crit") {
            return Err(JwtError::Critical);
        }
        let mut text = |name: &str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(JwtError::Malformed(
                "a member of the header has a wrong type",
            )),
        };
        let algorithm = text("alg")?.as_deref().and_then(Algorithm::named);
        Ok(Self {
            algorithm: algorithm.ok_or(JwtError::Algorithm)?,
            kid: text("kid")?,
            typ: text("typ")?,
        })
    }

    /// Compares `typ` (RFC 7515, section 4.1.9).
    fn has_type(&self, typ: &str) -> bool {
        let called = self.typ.as_deref().unwrap_or("JWT");
        let prefix = "application/";
        let called = match called.split_at_checked(prefix.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(prefix) => rest,
            _ => called,
        };
        called.eq_ignore_ascii_case(typ)
    }
}
