//! The claims of a provider about a user.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::ProviderError;
use crate::Scopes;

/// The claim with this name, or the value at a JSON pointer (RFC 6901) if the name starts with `/`.
pub(crate) fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let Some(path) = name.strip_prefix('/') else {
        return claims.get(name);
    };
    let mut parts = path.split('/');
    let first = claims.get(&unescape(parts.next()?))?;
    parts.try_fold(first, |value, part| match value {
        Value::Array(values) => values.get(part.parse::<usize>().ok()?),
        value => value.get(unescape(part)),
    })
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

/// The value of a claim, if it is a string that is not empty.
pub(crate) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    find(claims, name)?.as_str().filter(|text| !text.is_empty())
}

/// The display name of the user.
pub(crate) fn name(claims: &Map<String, Value>) -> Option<String> {
    let names = ["name", "preferred_username", "nickname"];
    let found = names.into_iter().find_map(|name| text(claims, name));
    found.map(str::to_owned)
}

/// The user's email address, if the provider has verified it.
pub(crate) fn verified_email(claims: &Map<String, Value>) -> Option<String> {
    let verified = match claims.get("email_verified")? {
        Value::Bool(verified) => *verified,
        // Some providers write a string.
        Value::String(verified) => verified == "true",
        _ => false,
    };
    let email = text(claims, "email").filter(|_| verified)?;
    Some(email.to_owned())
}

/// Removes the claims that only concern the sign-in.
pub(crate) fn without_protocol(mut claims: Map<String, Value>) -> Map<String, Value> {
    for name in [
        "at_hash", "c_hash", "exp", "iat", "jti", "nbf", "nonce", "s_hash",
    ] {
        claims.remove(name);
    }
    claims
}

/// A claim with the scopes that a user may grant.
#[derive(Clone, Debug)]
pub(crate) struct Permissions {
    pub(crate) claim: String,
    /// The scopes that some values stand for. Other values are scopes themselves.
    pub(crate) meaning: BTreeMap<String, Scopes>,
}

impl Permissions {
    pub(crate) fn new(claim: impl Into<String>) -> Self {
        Self {
            claim: claim.into(),
            meaning: BTreeMap::new(),
        }
    }

    /// The top-level claim that contains the permissions.
    pub(crate) fn top(&self) -> String {
        match self.claim.strip_prefix('/') {
            Some(path) => unescape(path.split('/').next().unwrap_or_default()),
            None => self.claim.clone(),
        }
    }

    /// Reads the scopes from an array of strings or a space-separated string. A user without the claim
    /// may grant nothing.
    pub(crate) fn read(&self, claims: &Map<String, Value>) -> Scopes {
        let values: Vec<&str> = match find(claims, &self.claim) {
            Some(Value::String(values)) => values.split_ascii_whitespace().collect(),
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let mut scopes = Scopes::none();
        for value in values {
            if let Some(meaning) = self.meaning.get(value) {
                scopes = scopes.either(meaning);
                continue;
            }
            // A value with a space would become two scopes that the provider did not name.
            match Scopes::parse(value) {
                Ok(scope) if !value.contains(' ') => scopes = scopes.either(&scope),
                _ => tracing::warn!(
                    claim = self.claim,
                    "ignored a permission that is not a scope"
                ),
            }
        }
        scopes
    }
}

/// A claim that a user needs in order to sign in.
#[derive(Clone, Debug)]
pub(crate) struct Required {
    pub(crate) claim: String,
    pub(crate) values: Vec<String>,
}

impl Required {
    pub(crate) fn check(&self, claims: &Map<String, Value>) -> Result<(), ProviderError> {
        let value = text(claims, &self.claim);
        if value.is_some_and(|value| self.values.iter().any(|accepted| accepted == value)) {
            return Ok(());
        }
        Err(ProviderError::NotAllowed(format!(
            "only accounts of {} can sign in",
            self.values.join(", ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            _ => panic!("an object"),
        }
    }

    #[test]
    fn permissions_are_read_from_arrays_and_strings() {
        let claims = claims(json!({
            "permissions": ["todos:read", "todos:write", 7, "with space", "quote\""],
            "scp": "a b",
            "https://example.com/roles": ["admin"],
            "realm_access": {"roles": ["admin", "user"], "a/b": "c"},
            "none": null, "number": 3,
        }));
        for (claim, expect) in [
            ("permissions", "todos:read todos:write"),
            ("scp", "a b"),
            ("https://example.com/roles", "everything:do everything:see"),
            ("/realm_access/roles", "everything:do everything:see user"),
            ("/realm_access/roles/1", "user"),
            ("/realm_access/a~1b", "c"),
            ("/realm_access/roles/7", ""),
            ("/permissions/x", ""),
            ("none", ""),
            ("number", ""),
            ("missing", ""),
            ("/missing/roles", ""),
            ("/", ""),
        ] {
            let mut permissions = Permissions::new(claim);
            let all = Scopes::parse("everything:do everything:see").unwrap();
            permissions.meaning.insert("admin".into(), all);
            let scopes = permissions.read(&claims).to_string();
            assert_eq!(scopes, expect, "{claim}");
        }
    }

    #[test]
    fn an_email_address_counts_only_if_it_is_verified() {
        for (value, expect) in [
            (json!({"email": "a@b.c", "email_verified": true}), true),
            (json!({"email": "a@b.c", "email_verified": "true"}), true),
            (json!({"email": "a@b.c", "email_verified": "false"}), false),
            (json!({"email": "a@b.c", "email_verified": false}), false),
            (json!({"email": "a@b.c", "email_verified": 1}), false),
            (json!({"email": "a@b.c"}), false),
            (json!({"email": "", "email_verified": true}), false),
            (json!({"email": ["a@b.c"], "email_verified": true}), false),
        ] {
            let email = verified_email(&claims(value.clone()));
            assert_eq!(email.is_some(), expect, "{value}");
        }
    }
}
