//! Which scopes to request (MCP, "Scope Selection Strategy").

use std::collections::BTreeSet;

const OFFLINE: &str = "offline_access";
const OPENID: &str = "openid";

/// Where scopes may come from.
pub(super) struct Sources<'a> {
    /// Those of the user.
    pub(super) given: Option<Vec<String>>,
    pub(super) challenge: Vec<String>,
    /// Those of the resource's metadata.
    pub(super) resource: &'a [String],
    /// Those that the client was registered with.
    pub(super) registered: Option<&'a str>,
    /// Those granted before, when the server requires more.
    pub(super) granted: &'a [String],
    /// Those that the authorization server lists. They are never requested for that reason alone.
    pub(super) offered: &'a [String],
    /// Whether a user signs in.
    pub(super) interactive: bool,
    /// Whether an ID token is needed.
    pub(super) openid: bool,
}

/// The scopes to request: the user's; else those of the challenge, of the resource, or of the
/// registration; else none, so that the server grants its default ones (RFC 6749, section 3.3).
///
/// `offline_access` is added to other scopes where the server offers it: without it some servers
/// give no refresh token. It is never requested alone, which OpenID providers refuse.
pub(super) fn to_request(sources: &Sources<'_>) -> Vec<String> {
    let registered = sources.registered.unwrap_or_default();
    let mut scopes = match &sources.given {
        Some(given) => given.clone(),
        None if !sources.challenge.is_empty() => sources.challenge.clone(),
        None if !sources.resource.is_empty() => sources.resource.to_vec(),
        None => registered.split_whitespace().map(str::to_owned).collect(),
    };
    if !sources.granted.is_empty() {
        scopes.extend_from_slice(&sources.challenge);
        scopes.extend_from_slice(sources.granted);
    }
    if sources.openid {
        scopes.push(OPENID.to_owned());
    }
    let offered = sources.offered.iter().any(|scope| scope == OFFLINE);
    if sources.interactive && offered {
        scopes.push(OFFLINE.to_owned());
    }
    let mut seen = BTreeSet::new();
    scopes.retain(|scope| seen.insert(scope.clone()));
    if sources.given.is_none() && scopes.iter().all(|scope| scope == OFFLINE) {
        scopes.clear();
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offline_access_is_added_to_scopes_and_never_requested_alone() {
        let list =
            |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        let all = "openid profile email offline_access";
        for (given, challenge, resource, registered, granted, offered, openid, expect) in [
            (None, "", "", "", "", all, false, ""),
            (None, "", "", "", "", "", false, ""),
            (None, "", "a b", "", "", all, false, "a b offline_access"),
            (None, "", "a b", "", "", "a b", false, "a b"),
            (None, "c", "a b", "", "", all, false, "c offline_access"),
            (None, "", "", "r", "", all, false, "r offline_access"),
            (None, "", "", "offline_access", "", all, false, ""),
            (None, "c", "", "", "a", all, false, "c a offline_access"),
            (None, "", "", "", "offline_access", all, false, ""),
            (None, "", "", "", "", all, true, "openid offline_access"),
            (Some("x"), "c", "a", "", "", all, false, "x offline_access"),
            (
                Some("offline_access"),
                "",
                "",
                "",
                "",
                "",
                false,
                "offline_access",
            ),
        ] {
            let requested = to_request(&Sources {
                given: given.map(list),
                challenge: list(challenge),
                resource: &list(resource),
                registered: Some(registered),
                granted: &list(granted),
                offered: &list(offered),
                interactive: true,
                openid,
            });
            assert_eq!(
                requested.join(" "),
                expect,
                "{challenge} {resource} {registered}"
            );
        }
    }
}
