//! Permissions: which principals may use which tools, prompts, resources and methods.

mod filter;
mod permitted;
mod rule;

use std::{collections::BTreeSet, sync::Arc};

pub use filter::plain_uri;
pub use permitted::Permitted;
pub use rule::{Permission, anyone, claim, login_in, scope, signed_in, when};

use crate::{Method, Principal, RequestMeta};

/// The permission rules of a server for its tools, prompts, resources and methods.
///
/// On a protected server, every signed-in user may use what no rule matches, unless the policy
/// [denies by default](Policy::deny_by_default).
///
/// ```
/// use farport_core::{Principal, policy::{Kind, Policy, Verdict, anyone, scope}};
///
/// let mut policy = Policy::protected();
/// policy.permit(Kind::Tool, "search", anyone());
/// policy.permit(Kind::Tool, "admin_*", scope("admin"));
///
/// let user = Principal::user("https://id.example", "ann");
/// assert_eq!(policy.of(&Principal::Anonymous, Kind::Tool, "search"), Verdict::Allowed);
/// assert!(matches!(policy.of(&user, Kind::Tool, "admin_reset"), Verdict::Scopes(_)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Policy {
    tools: Vec<(Pattern, Permission)>,
    prompts: Vec<(Pattern, Permission)>,
    resources: Vec<(Pattern, Permission)>,
    methods: Vec<(Pattern, Permission)>,
    /// Whether users must sign in for what no rule matches.
    protected: bool,
    /// Whether to refuse what no rule matches.
    denies: bool,
}

/// The kind of thing that a rule applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A tool, by its name.
    Tool,
    /// A prompt, by its name.
    Prompt,
    /// A resource, a template or a skill, by its URI.
    Resource,
    /// A method that no revision of MCP defines, by its name.
    Method,
}

/// A name, or a prefix followed by `*`.
#[derive(Clone, Debug)]
struct Pattern(Box<str>);

/// The decision about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The caller is permitted.
    Allowed,
    /// The user must sign in and grant these scopes.
    SignIn(BTreeSet<Arc<str>>),
    /// The client needs these scopes, some of which it does not have.
    Scopes(BTreeSet<Arc<str>>),
    /// The caller is not permitted, whatever its scopes.
    Denied,
}

impl Policy {
    /// Creates a policy that permits everything to every caller.
    pub fn open() -> Self {
        Self::default()
    }

    /// Creates a policy that permits everything to every signed-in user.
    pub fn protected() -> Self {
        Self {
            protected: true,
            ..Self::default()
        }
    }

    /// Denies every tool, prompt, resource and custom method that no rule matches.
    pub fn deny_by_default(&mut self) {
        self.denies = true;
    }

    /// Adds a rule for the names that match `pattern`, which may end in `*`. If several rules match,
    /// all of them must permit the caller.
    pub fn permit(&mut self, kind: Kind, pattern: &str, permission: Permission) {
        let rules = match kind {
            Kind::Tool => &mut self.tools,
            Kind::Prompt => &mut self.prompts,
            Kind::Resource => &mut self.resources,
            Kind::Method => &mut self.methods,
        };
        rules.push((Pattern(pattern.into()), permission));
    }

    /// Reports whether anonymous callers may do anything.
    pub fn has_public_parts(&self) -> bool {
        !self.protected || self.all().any(|(_, rule)| rule.is_for_anyone())
    }

    /// Reports whether every authenticated caller may do everything.
    pub fn is_flat(&self) -> bool {
        !self.denies && self.all().next().is_none()
    }

    /// Returns the scopes that rules name.
    pub fn scopes(&self) -> BTreeSet<Arc<str>> {
        self.all().flat_map(|(_, rule)| rule.scopes()).collect()
    }

    fn all(&self) -> impl Iterator<Item = &(Pattern, Permission)> {
        let named = self.tools.iter().chain(&self.prompts);
        named.chain(&self.resources).chain(&self.methods)
    }

    fn rules(&self, kind: Kind) -> &[(Pattern, Permission)] {
        match kind {
            Kind::Tool => &self.tools,
            Kind::Prompt => &self.prompts,
            Kind::Resource => &self.resources,
            Kind::Method => &self.methods,
        }
    }

    /// Checks whether `principal` may send a request.
    ///
    /// The match lists every method by name, so a new method does not compile without a decision.
    pub fn check(
        &self,
        principal: &Principal,
        method: &Method,
        meta: &RequestMeta,
        params: Option<&crate::RawJson>,
    ) -> Verdict {
        if self.is_flat() && (!self.protected || *principal != Principal::Anonymous) {
            return Verdict::Allowed;
        }
        let subject = meta.subject.as_deref();
        match method {
            Method::ToolsCall => self.named(principal, Kind::Tool, subject),
            Method::PromptsGet => self.named(principal, Kind::Prompt, subject),
            Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
                self.named(principal, Kind::Resource, subject)
            }
            Method::ResourcesDirectoryRead | Method::SkillsGet => {
                let uri = filter::text(params, "uri");
                self.named(principal, Kind::Resource, uri.as_deref())
            }
            Method::Complete => match filter::reference(params) {
                Some((kind, name)) => self.named(principal, kind, Some(&name)),
                // The handler might parse the parameters in another way than this policy.
                None => Verdict::Denied,
            },
            Method::SubscriptionsListen => match filter::subscribed(params) {
                Some(uris) => {
                    let uris = uris.iter();
                    let verdicts = uris.map(|uri| self.of(principal, Kind::Resource, uri));
                    Verdict::all(verdicts)
                }
                None => Verdict::Denied,
            },
            // Every client needs these to discover the server. Lists are filtered.
            Method::Initialize
            | Method::Ping
            | Method::Discover
            | Method::SetLevel
            | Method::ToolsList
            | Method::PromptsList
            | Method::ResourcesList
            | Method::ResourceTemplatesList
            | Method::SkillsList => {
                if self.has_public_parts() {
                    Verdict::Allowed
                } else {
                    self.signed_in(principal)
                }
            }
            // A task belongs to its creator, which `TaskOwners` checks.
            Method::TasksGet
            | Method::TasksUpdate
            | Method::TasksCancel
            | Method::TasksResult
            | Method::TasksList => self.signed_in(principal),
            // Notifications, which are not valid as requests.
            Method::Initialized
            | Method::Cancelled
            | Method::Progress
            | Method::RootsListChanged => self.signed_in(principal),
            Method::Other(name) => self.of(principal, Kind::Method, name),
        }
    }

    /// Checks whether `principal` may use the thing of this kind and name.
    pub fn of(&self, principal: &Principal, kind: Kind, name: &str) -> Verdict {
        let fits = |pattern: &Pattern| match kind {
            Kind::Resource => pattern.fits_uri(name),
            Kind::Tool | Kind::Prompt | Kind::Method => pattern.fits(name),
        };
        let rules = self.rules(kind).iter();
        let mut fitting = rules.filter(|(pattern, _)| fits(pattern)).peekable();
        if fitting.peek().is_none() {
            return self.general(principal, kind);
        }
        Verdict::all(fitting.map(|(_, permission)| permission.check(principal)))
    }

    /// Reports whether lists for `principal` contain the thing of this kind and name.
    pub(crate) fn lists(&self, principal: &Principal, kind: Kind, name: &str) -> bool {
        let listed = |(pattern, permission): &(Pattern, Permission)| {
            pattern.fits(name) && permission.is_listed()
        };
        self.of(principal, kind, name) == Verdict::Allowed || self.rules(kind).iter().any(listed)
    }

    fn named(&self, principal: &Principal, kind: Kind, name: Option<&str>) -> Verdict {
        match name {
            Some(name) => self.of(principal, kind, name),
            // The handler reports the missing name.
            None => self.general(principal, kind),
        }
    }

    /// Decides about what no rule matches.
    fn general(&self, principal: &Principal, kind: Kind) -> Verdict {
        match self.signed_in(principal) {
            // A custom method could do what the rules forbid.
            Verdict::Allowed if self.denies || (kind == Kind::Method && self.guards()) => {
                Verdict::Denied
            }
            verdict => verdict,
        }
    }

    /// Reports whether the server is protected and has rules.
    fn guards(&self) -> bool {
        self.protected && !self.is_flat()
    }

    fn signed_in(&self, principal: &Principal) -> Verdict {
        if self.protected && *principal == Principal::Anonymous {
            Verdict::SignIn(BTreeSet::new())
        } else {
            Verdict::Allowed
        }
    }
}

impl Pattern {
    fn fits(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => *self.0 == *name,
        }
    }

    /// Matches a URI in any spelling, because a handler may treat several spellings as the same
    /// resource.
    fn fits_uri(&self, uri: &str) -> bool {
        if self.fits(uri) {
            return true;
        }
        let plain = Self(filter::plain_uri(&self.0).into());
        plain.fits(&filter::plain_uri(uri))
    }
}

impl Verdict {
    /// Combines rules that must all permit the caller.
    fn all(verdicts: impl Iterator<Item = Self>) -> Self {
        verdicts.fold(Self::Allowed, |sum, one| match (sum, one) {
            (Self::Denied, _) | (_, Self::Denied) => Self::Denied,
            (Self::Allowed, other) | (other, Self::Allowed) => other,
            (Self::SignIn(a), Self::SignIn(b) | Self::Scopes(b))
            | (Self::Scopes(a), Self::SignIn(b)) => Self::SignIn(union(a, b)),
            (Self::Scopes(a), Self::Scopes(b)) => Self::Scopes(union(a, b)),
        })
    }

    /// Combines rules of which one must permit the caller. Returns the most permissive verdict.
    fn any(verdicts: impl Iterator<Item = Self>) -> Self {
        let distance = |verdict: &Self| match verdict {
            Self::Allowed => 0,
            Self::Scopes(_) => 1,
            Self::SignIn(_) => 2,
            Self::Denied => 3,
        };
        verdicts.min_by_key(distance).unwrap_or(Self::Denied)
    }
}

fn union(mut a: BTreeSet<Arc<str>>, b: BTreeSet<Arc<str>>) -> BTreeSet<Arc<str>> {
    a.extend(b);
    a
}

#[cfg(test)]
mod tests;
