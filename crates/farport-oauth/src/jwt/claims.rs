use serde_json::{Map, Value};

use super::{Expect, JwtError};
use crate::{UnixTime, same_issuer};

/// The claims of a verified token.
#[derive(Clone, Debug)]
pub struct Claims {
    /// `iss`, the issuer.
    pub issuer: String,
    /// `sub`, the subject.
    pub subject: Option<String>,
    /// `aud`, the audiences.
    pub audience: Vec<String>,
    /// `exp`, when the token expires.
    pub expires: UnixTime,
    /// `iat`, when the token was issued.
    pub issued: Option<UnixTime>,
    /// `jti`, the ID of the token.
    pub id: Option<String>,
    /// All claims, including those above.
    pub members: Map<String, Value>,
}

impl Claims {
    /// The value of a claim, if it is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    pub(super) fn read(members: Map<String, Value>) -> Result<Self, JwtError> {
        let issuer = text(&members, "iss")?.ok_or(JwtError::Claim("iss"))?;
        let expires = date(&members, "exp")?.ok_or(JwtError::Claim("exp"))?;
        Ok(Self {
            issuer,
            subject: text(&members, "sub")?,
            audience: audience(&members)?,
            expires,
            issued: date(&members, "iat")?,
            id: text(&members, "jti")?,
            members,
        })
    }

    pub(super) fn check(&self, expect: &Expect<'_>) -> Result<(), JwtError> {
        let Expect { now, leeway, .. } = *expect;
        if !same_issuer(&self.issuer, expect.issuer) {
            return Err(JwtError::Issuer);
        }
        let ours = |audience: &String| expect.audience.contains(&audience.as_str());
        if !self.audience.iter().any(ours) {
            return Err(JwtError::Audience);
        }
        if now >= self.expires.after(leeway) {
            return Err(JwtError::Expired);
        }
        let begins = date(&self.members, "nbf")?;
        for time in [begins, self.issued].into_iter().flatten() {
            if time > now.after(leeway) {
                return Err(JwtError::NotYet);
            }
        }
        Ok(())
    }
}

fn text(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, JwtError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(JwtError::Claim(name)),
    }
}

/// Reads `aud` (RFC 7519, section 4.1.3): one string, or an array of strings.
fn audience(members: &Map<String, Value>) -> Result<Vec<String>, JwtError> {
    let one = |value: &Value| value.as_str().map(str::to_owned);
    let read = match members.get("aud") {
        Some(Value::Array(all)) => all.iter().map(one).collect(),
        Some(value) => one(value).map(|one| vec![one]),
        None => None,
    };
    read.ok_or(JwtError::Claim("aud"))
}

/// Reads a NumericDate (RFC 7519, section 2). Drops fractions of a second.
fn date(members: &Map<String, Value>, name: &'static str) -> Result<Option<UnixTime>, JwtError> {
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    let whole = value.as_u64();
    let cut = || {
        let seconds = value.as_f64()?;
        // The cast saturates, so reject numbers that it would change.
        (0.0..9e15).contains(&seconds).then_some(seconds as u64)
    };
    match whole.or_else(cut) {
        Some(seconds) => Ok(Some(UnixTime(seconds))),
        None => Err(JwtError::Claim(name)),
    }
}
