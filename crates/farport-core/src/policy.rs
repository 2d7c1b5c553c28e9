//! Who may use what.

mod filter;
mod permitted;
mod rule;

use std::{collections::BTreeSet, sync::Arc};

pub use permitted::Permitted;
pub use rule::{Permission, anyone, claim, login_in, scope, signed_in, when};

use crate::{Method, Principal, RequestMeta};

/// What a server lets whom do: a rule for each tool, prompt and resource that is not simply for
/// everybody who has signed in.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    tools: Vec<(Pattern, Permission)>,
    prompts: Vec<(Pattern, Permission)>,
    resources: Vec<(Pattern, Permission)>,
    /// Whether somebody has to sign in for what no rule is about.
    protected: bool,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tool, by its name.
    Tool,
    /// A prompt, by its name.
    Prompt,
    /// A resource or a template, by its URI.
    Resource,
}

/// A name, or the beginning of one, with `*` for the rest.
#[derive(Clone, Debug)]
struct Pattern(Box<str>);

/// Whether a principal may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// Not without signing in; these scopes would be needed as well.
    SignIn(BTreeSet<Arc<str>>),
    /// Not without these scopes, which are all that it takes.
    Scopes(BTreeSet<Arc<str>>),
    /// No, and no scope would help.
    Denied,
}

impl Policy {
    /// A policy under which everybody may do everything.
    pub fn open() -> Self {
        Self::default()
    }

    /// A policy under which everybody may do everything who has signed in.
    pub fn protected() -> Self {
        Self {
            protected: true,
            ..Self::default()
        }
    }

    /// Adds a rule for what is called `pattern`, which may end in `*`. Where several fit, all
    /// count.
    pub fn permit(&mut self, kind: Kind, pattern: &str, permission: Permission) {
        let rules = match kind {
            Kind::Tool => &mut self.tools,
            Kind::Prompt => &mut self.prompts,
            Kind::Resource => &mut self.resources,
        };
        rules.push((Pattern(pattern.into()), permission));
    }

    /// Whether somebody who has not signed in may do anything at all.
    pub fn has_public_parts(&self) -> bool {
        let mut all = self
            .tools
            .iter()
            .chain(&self.prompts)
            .chain(&self.resources);
        !self.protected || all.any(|(_, permission)| permission.is_for_anyone())
    }

    /// Whether everybody who is let in may do everything.
    pub fn is_flat(&self) -> bool {
        self.tools.is_empty() && self.prompts.is_empty() && self.resources.is_empty()
    }

    /// Every scope that a rule names.
    pub fn scopes(&self) -> BTreeSet<Arc<str>> {
        let all = self
            .tools
            .iter()
            .chain(&self.prompts)
            .chain(&self.resources);
        all.flat_map(|(_, permission)| permission.scopes())
            .collect()
    }

    /// Whether `principal` may send a request.
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
            Method::ResourcesDirectoryRead => {
                let uri = filter::text(params, "uri");
                self.named(principal, Kind::Resource, uri.as_deref())
            }
            Method::Complete => match filter::reference(params) {
                Some((kind, name)) => self.named(principal, kind, Some(&name)),
                // The handler might make something of it that may not be used.
                None => Verdict::Denied,
            },
            Method::SubscriptionsListen => match filter::subscribed(params) {
                Some(uris) => {
                    let uris = uris.iter();
                    Verdict::all(uris.map(|uri| self.of(principal, Kind::Resource, uri)))
                }
                None => Verdict::Denied,
            },
            // What everybody needs who comes to see what there is.
            Method::Initialize
            | Method::Ping
            | Method::Discover
            | Method::SetLevel
            | Method::ToolsList
            | Method::PromptsList
            | Method::ResourcesList
            | Method::ResourceTemplatesList
                if self.has_public_parts() =>
            {
                Verdict::Allowed
            }
            _ => self.general(principal),
        }
    }

    /// Whether `principal` may use the thing of this kind and name.
    pub fn of(&self, principal: &Principal, kind: Kind, name: &str) -> Verdict {
        let rules = match kind {
            Kind::Tool => &self.tools,
            Kind::Prompt => &self.prompts,
            Kind::Resource => &self.resources,
        };
        let fits = |pattern: &Pattern| match kind {
            Kind::Resource => pattern.fits_uri(name),
            Kind::Tool | Kind::Prompt => pattern.fits(name),
        };
        let mut fitting = rules.iter().filter(|(pattern, _)| fits(pattern)).peekable();
        if fitting.peek().is_none() {
            return self.general(principal);
        }
        Verdict::all(fitting.map(|(_, permission)| permission.check(principal)))
    }

    /// Whether `principal` is told that there is such a thing.
    pub(crate) fn lists(&self, principal: &Principal, kind: Kind, name: &str) -> bool {
        let rules = match kind {
            Kind::Tool => &self.tools,
            Kind::Prompt => &self.prompts,
            Kind::Resource => &self.resources,
        };
        let listed = |(pattern, permission): &(Pattern, Permission)| {
            pattern.fits(name) && permission.is_listed()
        };
        self.of(principal, kind, name) == Verdict::Allowed || rules.iter().any(listed)
    }

    fn named(&self, principal: &Principal, kind: Kind, name: Option<&str>) -> Verdict {
        match name {
            Some(name) => self.of(principal, kind, name),
            // The handler will say what is missing, to whoever may know.
            None => self.general(principal),
        }
    }

    fn general(&self, principal: &Principal) -> Verdict {
        match self.protected && *principal == Principal::Anonymous {
            true => Verdict::SignIn(BTreeSet::new()),
            false => Verdict::Allowed,
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

    /// A URI fits in whatever way it is spelled: a handler may well take another spelling for the
    /// same thing.
    fn fits_uri(&self, uri: &str) -> bool {
        if self.fits(uri) {
            return true;
        }
        let plain = Self(filter::plain_uri(&self.0).into());
        plain.fits(&filter::plain_uri(uri))
    }
}

impl Verdict {
    /// All of several rules: whatever one of them forbids is forbidden.
    fn all(verdicts: impl Iterator<Item = Self>) -> Self {
        verdicts.fold(Self::Allowed, |sum, one| match (sum, one) {
            (Self::Denied, _) | (_, Self::Denied) => Self::Denied,
            (Self::Allowed, other) | (other, Self::Allowed) => other,
            (Self::SignIn(a), Self::SignIn(b) | Self::Scopes(b))
            | (Self::Scopes(a), Self::SignIn(b)) => Self::SignIn(union(a, b)),
            (Self::Scopes(a), Self::Scopes(b)) => Self::Scopes(union(a, b)),
        })
    }

    /// One of several rules: the first that is met, or else the one that is nearest to it.
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
