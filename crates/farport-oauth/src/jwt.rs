//! Signed tokens (RFC 7519) in the compact form of RFC 7515.
//!
//! Every rule of RFC 8725 that concerns a reader holds here: the algorithms are a list of ours,
//! a key is used with none but its own, and nothing that the header points at is followed.

mod claims;
mod signature;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

pub use claims::Claims;

use crate::{UnixTime, json, jwk::KeySet};

/// The longest token that is read, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// The longest part that may be a header, in bytes of base64.
const LONGEST_HEADER: usize = 4 * 1024;

/// How a token may be signed. All of them need two keys, of which we know the public one; `none`
/// and those with a shared secret are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA, PKCS #1 v1.5, SHA-384.
    Rs384,
    /// RSA, PKCS #1 v1.5, SHA-512.
    Rs512,
    /// RSA, PSS, SHA-256.
    Ps256,
    /// ECDSA on P-256, SHA-256.
    Es256,
}

impl Algorithm {
    /// All that are known here.
    pub const ALL: &'static [Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Es256,
    ];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
        }
    }

    /// The one of this name, which is compared exactly.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }

    pub(crate) fn is_rsa(self) -> bool {
        self != Self::Es256
    }
}

/// What a token has to be.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// How it may be signed.
    pub algorithms: &'a [Algorithm],
    /// What its header may call it (`typ`, RFC 8725 section 3.11), without `application/` and in
    /// whatever case. One that it does not call anything is a `JWT`. Empty: anything.
    pub types: &'a [&'a str],
    /// Who issued it: `iss`, compared byte by byte.
    pub issuer: &'a str,
    /// For whom it is: one of these stands in `aud`.
    pub audience: &'a [&'a str],
    /// The present time.
    pub now: UnixTime,
    /// How far the other's clock may be off.
    pub leeway: Duration,
}

/// Why a token is refused. None of it quotes the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// It is not a compact JWS with a JSON object in it.
    #[error("it is not a signed token: {0}")]
    Malformed(&'static str),
    /// It is signed in a way that is not accepted, or not at all.
    #[error("its algorithm is not one that is accepted")]
    Algorithm,
    /// Its header names extensions that have to be understood. None is known here.
    #[error("its header names critical extensions")]
    Critical,
    /// It is a token for something else.
    #[error("its type is not the one expected")]
    Type,
    /// None of the keys is the one it was signed with. A newer set may have it.
    #[error("there is no key of that kind and name")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("its signature is wrong")]
    Signature,
    /// A claim is missing, or is not of the type it has to be.
    #[error("its claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// It is from somebody else.
    #[error("its issuer is not the one expected")]
    Issuer,
    /// It is for somebody else.
    #[error("its audience is not the one expected")]
    Audience,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come (`nbf`), or it is from the future (`iat`).
    #[error("it is not valid yet")]
    NotYet,
}

/// Checks a token: its form, its signature, then its claims.
///
/// # Errors
/// When it is not what `expect` says, signed with one of `keys`. [`JwtError::UnknownKey`] tells
/// apart that a newer set of keys might do.
pub fn verify(token: &str, keys: &KeySet, expect: &Expect<'_>) -> Result<Claims, JwtError> {
    let parts = Parts::split(token)?;
    let header = Header::read(parts.header)?;
    if !expect.algorithms.contains(&header.algorithm) {
        return Err(JwtError::Algorithm);
    }
    if !expect.types.is_empty() && !expect.types.iter().any(|typ| header.is_called(typ)) {
        return Err(JwtError::Type);
    }
    signature::check(&parts, header.algorithm, header.kid.as_deref(), keys)?;
    let claims = Claims::read(parts.claims()?)?;
    claims.check(expect)?;
    Ok(claims)
}

/// Who a token says issued it, before anything about it has been checked: good for finding the
/// keys to check it with, and for nothing else.
///
/// # Errors
/// When it is not a token, or does not say.
pub fn unverified_issuer(token: &str) -> Result<String, JwtError> {
    match Parts::split(token)?.claims()?.remove("iss") {
        Some(Value::String(issuer)) => Ok(issuer),
        _ => Err(JwtError::Claim("iss")),
    }
}

/// A token, in its three parts.
struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// What was signed: header, dot, payload.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, JwtError> {
        if token.len() > LONGEST {
            return Err(JwtError::Malformed("it is too long"));
        }
        let three = JwtError::Malformed("it has not three parts");
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
    json::object(&text).map_err(|_| JwtError::Malformed("a part is not one JSON object"))
}

/// What is used of a header. Where it points to keys of its own (`jku`, `jwk`, `x5u`, `x5c`), we
/// do not look.
struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
}

impl Header {
    fn read(part: &str) -> Result<Self, JwtError> {
        if part.len() > LONGEST_HEADER {
            return Err(JwtError::Malformed("its header is too long"));
        }
        let mut members = object(part)?;
        if members.contains_key("crit") {
            return Err(JwtError::Critical);
        }
        let mut text = |name: &str| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(JwtError::Malformed(
                "its header has a member of a wrong type",
            )),
        };
        let algorithm = text("alg")?.as_deref().and_then(Algorithm::named);
        Ok(Self {
            algorithm: algorithm.ok_or(JwtError::Algorithm)?,
            kid: text("kid")?,
            typ: text("typ")?,
        })
    }

    /// RFC 7515, section 4.1.9.
    fn is_called(&self, typ: &str) -> bool {
        let called = self.typ.as_deref().unwrap_or("JWT");
        let prefix = "application/";
        let called = match called.split_at_checked(prefix.len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case(prefix) => rest,
            _ => called,
        };
        called.eq_ignore_ascii_case(typ)
    }
}
