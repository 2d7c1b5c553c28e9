//! The claims of a token, from the token itself or from introspection.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    Authenticated, ClientId, Scopes, UnixTime, UserId,
    provider::claims::{self as user_claims, Permissions},
    same_issuer,
};

/// The validated claims of a token.
pub(super) struct TokenClaims {
    claims: Map<String, Value>,
    subject: Arc<str>,
    expires: Option<UnixTime>,
}

/// Why a token is rejected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RejectReason {
    #[error("the authorization server reports that the token is not active")]
    Inactive,
    #[error("the token has another issuer")]
    Issuer,
    #[error("the token is for another audience, or names none")]
    Audience,
    #[error("the token has expired or is not valid yet")]
    Time,
    #[error("the token has no subject")]
    Subject,
    #[error("the token is sender-constrained, which is not supported")]
    Bound,
    #[error("the token is an id token, not an access token")]
    IdToken,
    #[error("the token is not a bearer token")]
    NotBearer,
}

impl TokenClaims {
    /// The claims of a JWT whose signature, issuer, audience and lifetime have been checked.
    pub(super) fn of_jwt(claims: Map<String, Value>) -> Result<Self, RejectReason> {
        // An id token is for the client that signed the user in, not for a resource, even if both
        // have the same audience.
        if ["nonce", "at_hash", "c_hash"]
            .iter()
            .any(|name| claims.contains_key(*name))
        {
            return Err(RejectReason::IdToken);
        }
        let expires = claims.get("exp").and_then(seconds);
        Self::new(claims, expires)
    }

    /// Validates an introspection response (RFC 7662, section 2.2).
    pub(super) fn of_introspection(
        claims: Map<String, Value>,
        issuer: &str,
        audience: &[&str],
        now: UnixTime,
    ) -> Result<Self, RejectReason> {
        if claims.get("active") != Some(&Value::Bool(true)) {
            return Err(RejectReason::Inactive);
        }
        if claims.get("iss").is_some_and(|named| {
            !named
                .as_str()
                .is_some_and(|named| same_issuer(named, issuer))
        }) {
            return Err(RejectReason::Issuer);
        }
        let accepts = |value: &Value| value.as_str().is_some_and(|one| audience.contains(&one));
        let accepted = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(accepts),
            Some(one) => accepts(one),
            // Tokens of a server that reports no audience would be valid everywhere.
            None => false,
        };
        if !accepted {
            return Err(RejectReason::Audience);
        }
        let time = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or(RejectReason::Time),
        };
        let expires = time("exp")?;
        let begins = time("nbf")?;
        if expires.is_some_and(|end| end <= now) || begins.is_some_and(|begin| begin > now) {
            return Err(RejectReason::Time);
        }
        let token_type = claims.get("token_type");
        let bearer = |token_type: &Value| {
            let token_type = token_type.as_str().unwrap_or_default();
            ["bearer", "access_token"]
                .iter()
                .any(|known| token_type.eq_ignore_ascii_case(known))
        };
        if !token_type.is_none_or(bearer) {
            return Err(RejectReason::NotBearer);
        }
        Self::new(claims, expires)
    }

    fn new(claims: Map<String, Value>, expires: Option<UnixTime>) -> Result<Self, RejectReason> {
        if claims.contains_key("cnf") {
            return Err(RejectReason::Bound);
        }
        let subject = user_claims::text(&claims, "sub").ok_or(RejectReason::Subject)?;
        Ok(Self {
            subject: subject.into(),
            expires,
            claims,
        })
    }

    /// The holder of the token.
    pub(super) fn who(self, issuer: &Arc<str>, permissions: &[Permissions]) -> Authenticated {
        let claims = self.claims;
        let mut scopes = Scopes::none();
        for permissions in permissions {
            scopes = scopes.either(&permissions.read(&claims));
        }
        let client =
            user_claims::text(&claims, "client_id").or_else(|| user_claims::text(&claims, "azp"));
        let user = UserId {
            issuer: issuer.clone(),
            subject: self.subject,
        };
        let mut who = Authenticated::new(user, scopes);
        who.name = user_claims::name(&claims);
        who.email = user_claims::verified_email(&claims);
        who.client = client.map(ClientId::from);
        who.expires = self.expires;
        who.claims = user_claims::without_protocol(claims);
        who
    }
}

fn seconds(value: &Value) -> Option<UnixTime> {
    let cut = || {
        let seconds = value.as_f64()?;
        (0.0..9e15).contains(&seconds).then_some(seconds as u64)
    };
    value.as_u64().or_else(cut).map(UnixTime)
}
