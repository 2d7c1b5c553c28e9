//! Permissions and their rules.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde_json::Value;

use super::Verdict;
use crate::{Principal, User};

/// A condition that callers must meet. [`scope`], [`claim`], [`login_in`], [`when`], [`signed_in`] and
/// [`anyone`] create permissions; [`Permission::and`] and [`Permission::or`] combine them.
///
/// ```
/// use farport_core::policy::{login_in, scope};
///
/// let permission = scope("notes:write").or(login_in(["octocat"]));
/// assert!(!permission.is_for_anyone());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Permission {
    rule: Rule,
    listed: bool,
}

#[derive(Clone)]
enum Rule {
    Anyone,
    SignedIn,
    Scope(Arc<str>),
    Claim(Arc<str>, Value),
    Login {
        claim: Arc<str>,
        logins: Arc<[String]>,
    },
    When(Arc<dyn Fn(&User) -> bool + Send + Sync>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::SignedIn => f.write_str("signed in"),
            Self::Scope(scope) => write!(f, "scope {scope}"),
            Self::Claim(name, value) => write!(f, "{name} holds {value}"),
            Self::Login { claim, logins } => write!(f, "{claim} is one of {logins:?}"),
            Self::When(_) => f.write_str("a condition"),
            Self::All(rules) => f.debug_tuple("all of").field(rules).finish(),
            Self::Any(rules) => f.debug_tuple("any of").field(rules).finish(),
        }
    }
}

impl From<Rule> for Permission {
    fn from(rule: Rule) -> Self {
        Self {
            rule,
            listed: false,
        }
    }
}

/// Permits every caller, signed in or not.
///
/// ```
/// assert!(farport_core::policy::anyone().is_for_anyone());
/// ```
pub fn anyone() -> Permission {
    Rule::Anyone.into()
}

/// Permits every signed-in user. This is the default for what no rule matches.
///
/// ```
/// assert!(!farport_core::policy::signed_in().is_for_anyone());
/// ```
pub fn signed_in() -> Permission {
    Rule::SignedIn.into()
}

/// Permits clients to which the user granted `scope`. Any other client receives a challenge with the
/// needed scopes, which it can request from the user.
///
/// ```
/// let permission = farport_core::policy::scope("notes:write");
/// # let _ = permission;
/// ```
///
/// # Panics
/// If `scope` is not a valid scope: printable ASCII without space, quotation mark and backslash.
pub fn scope(scope: &str) -> Permission {
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(
        !scope.is_empty() && scope.bytes().all(fits),
        "invalid scope {scope:?}: use printable ASCII without space, quotation mark and backslash"
    );
    Rule::Scope(scope.into()).into()
}

/// Permits users whose claim `name` equals `value`, is a list that contains it, or is a string with it
/// among its words.
///
/// ```
/// let permission = farport_core::policy::claim("groups", "admins");
/// # let _ = permission;
/// ```
pub fn claim(name: &str, value: impl Into<Value>) -> Permission {
    Rule::Claim(name.into(), value.into()).into()
}

/// Permits users with one of these user names at their provider. Ignores case.
///
/// The provider must guarantee that user names are unique, as GitHub, Keycloak and Okta do. A server
/// with any other provider does not start. With such a provider, compare the subject or a verified
/// email address instead, with [`claim`] or [`when`].
///
/// ```
/// let permission = farport_core::policy::login_in(["octocat", "hubot"]);
/// assert!(permission.needs_login());
/// ```
pub fn login_in<S: Into<String>>(logins: impl IntoIterator<Item = S>) -> Permission {
    let logins = logins.into_iter().map(Into::into).collect();
    let claim = "login".into();
    Rule::Login { claim, logins }.into()
}

/// Permits users for whom `condition` returns true.
///
/// ```
/// let permission = farport_core::policy::when(|user| user.email.is_some());
/// # let _ = permission;
/// ```
pub fn when(condition: impl Fn(&User) -> bool + Send + Sync + 'static) -> Permission {
    Rule::When(Arc::new(condition)).into()
}

impl Permission {
    /// Permits callers that both this and `other` permit.
    pub fn and(self, other: Self) -> Self {
        Self {
            rule: Rule::All(vec![self.rule, other.rule]),
            listed: self.listed && other.listed,
        }
    }

    /// Permits callers that this or `other` permits.
    pub fn or(self, other: Self) -> Self {
        Self {
            rule: Rule::Any(vec![self.rule, other.rule]),
            listed: self.listed || other.listed,
        }
    }

    /// Lists the rule's subject to all callers, so they see what they could use after they sign in or
    /// request a scope. By default, only callers that may use it see it.
    pub fn listed(mut self) -> Self {
        self.listed = true;
        self
    }

    /// Reports whether the permission compares user names. See [`login_in`].
    pub fn needs_login(&self) -> bool {
        self.rule.needs_login()
    }

    /// Sets the claim with the user name that [`login_in`] compares. The default is `login`.
    pub fn with_login_claim(mut self, claim: &str) -> Self {
        self.rule.set_login_claim(&claim.into());
        self
    }

    pub(super) fn is_listed(&self) -> bool {
        self.listed
    }

    /// Reports whether the permission needs no sign-in.
    pub fn is_for_anyone(&self) -> bool {
        self.rule.check(&Principal::Anonymous) == Verdict::Allowed
    }

    pub(super) fn check(&self, principal: &Principal) -> Verdict {
        self.rule.check(principal)
    }

    pub(super) fn scopes(&self) -> BTreeSet<Arc<str>> {
        let mut scopes = BTreeSet::new();
        self.rule.collect_scopes(&mut scopes);
        scopes
    }
}

impl Rule {
    fn check(&self, principal: &Principal) -> Verdict {
        let of_user = |holds: &dyn Fn(&User) -> bool| match principal.as_user() {
            None => Verdict::SignIn(BTreeSet::new()),
            Some(user) if holds(user) => Verdict::Allowed,
            Some(_) => Verdict::Denied,
        };
        match self {
            Self::Anyone => Verdict::Allowed,
            Self::SignedIn => of_user(&|_| true),
            Self::Scope(scope) => {
                let needed = || BTreeSet::from([scope.clone()]);
                match principal.as_user() {
                    None => Verdict::SignIn(needed()),
                    Some(user) if user.scopes.contains(scope) => Verdict::Allowed,
                    Some(_) => Verdict::Scopes(needed()),
                }
            }
            Self::Claim(name, value) => of_user(&|user| {
                user.claims
                    .get(&**name)
                    .is_some_and(|held| holds(held, value))
            }),
            Self::Login { claim, logins } => of_user(&|user| {
                let login = user.claim(claim);
                login.is_some_and(|login| {
                    logins.iter().any(|known| known.eq_ignore_ascii_case(login))
                })
            }),
            Self::When(condition) => of_user(&|user| condition(user)),
            Self::All(rules) => {
                let verdict = Verdict::all(rules.iter().map(|rule| rule.check(principal)));
                match verdict {
                    // All scopes of the rule, not only the missing ones.
                    Verdict::Scopes(_) => Verdict::Scopes(self.needed()),
                    Verdict::SignIn(_) => Verdict::SignIn(self.needed()),
                    other => other,
                }
            }
            Self::Any(rules) => Verdict::any(rules.iter().map(|rule| rule.check(principal))),
        }
    }

    fn needs_login(&self) -> bool {
        match self {
            Self::Login { .. } => true,
            Self::All(rules) | Self::Any(rules) => rules.iter().any(Self::needs_login),
            _ => false,
        }
    }

    fn set_login_claim(&mut self, name: &Arc<str>) {
        match self {
            Self::Login { claim, .. } => claim.clone_from(name),
            Self::All(rules) | Self::Any(rules) => {
                rules.iter_mut().for_each(|rule| rule.set_login_claim(name));
            }
            _ => {}
        }
    }

    /// Returns the scopes that all parts of the rule need.
    fn needed(&self) -> BTreeSet<Arc<str>> {
        match self {
            Self::Scope(scope) => BTreeSet::from([scope.clone()]),
            Self::All(rules) => rules.iter().flat_map(Self::needed).collect(),
            _ => BTreeSet::new(),
        }
    }

    fn collect_scopes(&self, into: &mut BTreeSet<Arc<str>>) {
        match self {
            Self::Scope(scope) => {
                into.insert(scope.clone());
            }
            Self::All(rules) | Self::Any(rules) => {
                rules.iter().for_each(|rule| rule.collect_scopes(into));
            }
            _ => {}
        }
    }
}

fn holds(held: &Value, value: &Value) -> bool {
    match (held, value) {
        (Value::Array(all), _) => all.contains(value),
        (Value::String(words), Value::String(word)) => {
            words == word || words.split(' ').any(|one| one == word)
        }
        _ => held == value,
    }
}
