//! What is said of a token, by itself or by its server.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    Authenticated, ClientId, Scopes, UnixTime, UserId,
    provider::claims::{self, Permissions},
};

/// What was said, by whom it could be.
pub(super) struct Checked {
    said: Map<String, Value>,
    subject: Arc<str>,
    expires: Option<UnixTime>,
}

/// Why a token is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the server says that it is not active")]
    Inactive,
    #[error("it is of another issuer")]
    Issuer,
    #[error("it is for another audience, or for none")]
    Audience,
    #[error("it has expired, or its time has not come")]
    Time,
    #[error("it is about nobody")]
    Nobody,
    #[error("it is bound to its holder's key")]
    Bound,
    #[error("it is an id token, and no access token")]
    IdToken,
    #[error("it is no bearer token")]
    NotBearer,
}

impl Checked {
    /// The claims of a JWT whose signature, issuer, audience and time have been checked.
    pub(super) fn token(said: Map<String, Value>) -> Result<Self, Refusal> {
        // An id token tells a client who signed in. It is not meant for a resource, even where
        // both have one audience.
        if ["nonce", "at_hash", "c_hash"]
            .iter()
            .any(|name| said.contains_key(*name))
        {
            return Err(Refusal::IdToken);
        }
        let expires = said.get("exp").and_then(seconds);
        Self::of(said, expires)
    }

    /// An answer of RFC 7662, section 2.2.
    pub(super) fn answer(
        said: Map<String, Value>,
        issuer: &str,
        audience: &[&str],
        now: UnixTime,
    ) -> Result<Self, Refusal> {
        if said.get("active") != Some(&Value::Bool(true)) {
            return Err(Refusal::Inactive);
        }
        if said.get("iss").is_some_and(|said| said != issuer) {
            return Err(Refusal::Issuer);
        }
        let is_ours = |value: &Value| value.as_str().is_some_and(|one| audience.contains(&one));
        let ours = match said.get("aud") {
            Some(Value::Array(all)) => all.iter().any(is_ours),
            Some(one) => is_ours(one),
            // A server that does not say whom its tokens are for cannot be used: they would be
            // good everywhere.
            None => false,
        };
        if !ours {
            return Err(Refusal::Audience);
        }
        let time = |name: &str| match said.get(name) {
            None => Ok(None),
            Some(value) => seconds(value).map(Some).ok_or(Refusal::Time),
        };
        let expires = time("exp")?;
        let begins = time("nbf")?;
        if expires.is_some_and(|end| end <= now) || begins.is_some_and(|begin| begin > now) {
            return Err(Refusal::Time);
        }
        let kind = said.get("token_type");
        let bearer = |kind: &Value| {
            let kind = kind.as_str().unwrap_or_default();
            ["bearer", "access_token"]
                .iter()
                .any(|known| kind.eq_ignore_ascii_case(known))
        };
        if !kind.is_none_or(bearer) {
            return Err(Refusal::NotBearer);
        }
        Self::of(said, expires)
    }

    fn of(said: Map<String, Value>, expires: Option<UnixTime>) -> Result<Self, Refusal> {
        if said.contains_key("cnf") {
            return Err(Refusal::Bound);
        }
        let subject = claims::text(&said, "sub").ok_or(Refusal::Nobody)?;
        Ok(Self {
            subject: subject.into(),
            expires,
            said,
        })
    }

    /// Who brings it.
    pub(super) fn who(self, issuer: &Arc<str>, permissions: &[Permissions]) -> Authenticated {
        let said = self.said;
        let mut scopes = Scopes::none();
        for permissions in permissions {
            scopes = scopes.either(&permissions.read(&said));
        }
        let client = claims::text(&said, "client_id").or_else(|| claims::text(&said, "azp"));
        let user = UserId {
            issuer: issuer.clone(),
            subject: self.subject,
        };
        let mut who = Authenticated::new(user, scopes);
        who.name = claims::name(&said);
        who.email = claims::verified_email(&said);
        who.client = client.map(ClientId::from);
        who.expires = self.expires;
        who.claims = claims::without_protocol(said);
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
