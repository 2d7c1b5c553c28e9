//! Rules.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde_json::Value;

use super::Verdict;
use crate::{Principal, User};

/// Who may use something. Made by [`scope`], [`claim`], [`login_in`], [`when`], [`signed_in`] and
/// [`anyone`], and put together with [`Permission::and`] and [`Permission::or`].
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

/// Whoever comes, signed in or not.
pub fn anyone() -> Permission {
    Rule::Anyone.into()
}

/// Whoever has signed in. This is what holds where there is no rule.
pub fn signed_in() -> Permission {
    Rule::SignedIn.into()
}

/// Whoever has let the client do this. A client that has not been is told which scopes it takes,
/// and can ask its user for them.
///
/// # Panics
/// When it is not a scope: printable ASCII without space, quote and backslash.
pub fn scope(scope: &str) -> Permission {
    let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(
        !scope.is_empty() && scope.bytes().all(fits),
        "{scope:?} is not a scope: printable ASCII without space, quote and backslash"
    );
    Rule::Scope(scope.into()).into()
}

/// Whoever has this claim: it is the value, or a list that holds it, or, for text, words of which
/// one is it.
pub fn claim(name: &str, value: impl Into<Value>) -> Permission {
    Rule::Claim(name.into(), value.into()).into()
}

/// Whoever has one of these logins at their provider, in whatever case: what GitHub calls `login`
/// and others `preferred_username`.
pub fn login_in<S: Into<String>>(logins: impl IntoIterator<Item = S>) -> Permission {
    let logins: Vec<String> = logins.into_iter().map(Into::into).collect();
    when(move |user| {
        let login = user.claim("login").or(user.claim("preferred_username"));
        login.is_some_and(|login| logins.iter().any(|known| known.eq_ignore_ascii_case(login)))
    })
}

/// Whoever fits a condition.
pub fn when(condition: impl Fn(&User) -> bool + Send + Sync + 'static) -> Permission {
    Rule::When(Arc::new(condition)).into()
}

impl Permission {
    /// Whoever fits this and `other`.
    pub fn and(self, other: Self) -> Self {
        Self {
            rule: Rule::All(vec![self.rule, other.rule]),
            listed: self.listed && other.listed,
        }
    }

    /// Whoever fits this or `other`.
    pub fn or(self, other: Self) -> Self {
        Self {
            rule: Rule::Any(vec![self.rule, other.rule]),
            listed: self.listed || other.listed,
        }
    }

    /// Lists what the rule is about to those, too, who may not use it, so that they see that
    /// signing in, or asking for a scope, would give them something. Unless this is said, it is
    /// not listed to them.
    pub fn listed(mut self) -> Self {
        self.listed = true;
        self
    }

    pub(super) fn is_listed(&self) -> bool {
        self.listed
    }

    /// Whether nobody has to sign in for this.
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
            Self::When(condition) => of_user(&|user| condition(user)),
            Self::All(rules) => {
                let verdict = Verdict::all(rules.iter().map(|rule| rule.check(principal)));
                match verdict {
                    // All that it takes, of which something is missing.
                    Verdict::Scopes(_) => Verdict::Scopes(self.needed()),
                    Verdict::SignIn(_) => Verdict::SignIn(self.needed()),
                    other => other,
                }
            }
            Self::Any(rules) => Verdict::any(rules.iter().map(|rule| rule.check(principal))),
        }
    }

    /// The scopes that it takes to meet all of a rule.
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
