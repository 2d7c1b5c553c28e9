//! The `subscriptions/listen` stream that carries what a session sends its client by itself.
//!
//! When the set of resources changes, a second stream opens with the new set. The first one ends
//! once the server has acknowledged the second, so that no notification is lost between them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::caller::Caller;
use crate::dialect::message::{Id, Message, Origin, Outcome, error_code};
use crate::dialect::meta::Meta;
use crate::dialect::native::LOST;
use crate::dialect::turn::Turn;
use crate::dialect::{Held, METHOD_NOT_FOUND, UNAVAILABLE};
use crate::members::Members;

/// The first wait before a stream that ended is opened again. Each further wait is twice as long.
const RETRY: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// How a stream ends.
#[derive(Clone, Copy)]
enum End<'a> {
    /// The server has closed it.
    Closed,
    /// With an error, as JSON.
    Failed(&'a str, Origin),
}

impl<'a> End<'a> {
    fn error(self) -> Option<&'a str> {
        match self {
            Self::Closed => None,
            Self::Failed(error, _) => Some(error),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Listening {
    /// The lists whose changes the server announces.
    lists: Vec<&'static str>,
    resources: BTreeSet<String>,
    /// The resources among them that the server has accepted.
    accepted: BTreeSet<String>,
    /// The stream that the server has acknowledged.
    current: Option<Id>,
    /// The stream that is to follow it.
    next: Option<Id>,
    /// Subscriptions of the caller that the next stream answers.
    waiting: Vec<(Id, String)>,
    retry: Option<Instant>,
    failures: u32,
    /// The time of the last acknowledgement.
    since: Option<Instant>,
}

impl Listening {
    /// Reads what the server announces from its answer to `server/discover`.
    pub(super) fn new(discovered: &str) -> Self {
        let discovered: Value = serde_json::from_str(discovered).unwrap_or_default();
        let announces = |area: &str| discovered["capabilities"][area]["listChanged"] == true;
        let lists = [
            ("tools", "toolsListChanged"),
            ("prompts", "promptsListChanged"),
            ("resources", "resourcesListChanged"),
        ];
        let announced = lists.into_iter().filter(|(area, _)| announces(area));
        Self {
            lists: announced.map(|(_, name)| name).collect(),
            ..Self::default()
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.retry
    }

    pub(super) fn held(&self) -> Held {
        Held {
            calls: self.waiting.len(),
            at_server: usize::from(self.current.is_some()) + usize::from(self.next.is_some()),
            subscriptions: self.resources.len(),
            timers: usize::from(self.retry.is_some()),
            ..Held::default()
        }
    }

    /// Whether a subscription of this id waits for the server.
    pub(super) fn awaits(&self, id: &Id) -> bool {
        self.waiting.iter().any(|(waiting, _)| waiting == id)
    }

    /// Forgets a subscription that the caller has cancelled before it was answered.
    pub(super) fn cancel(&mut self, id: &Id) -> bool {
        let Some(at) = self.waiting.iter().position(|(waiting, _)| waiting == id) else {
            return false;
        };
        let (_, uri) = self.waiting.swap_remove(at);
        if !self.waiting.iter().any(|(_, other)| *other == uri) && !self.accepted.contains(&uri) {
            self.resources.remove(&uri);
        }
        true
    }

    pub(super) fn subscribe(&mut self, id: Id, uri: String, caller: &Caller, turn: &mut Turn<'_>) {
        let most = turn.options.most_subscriptions;
        if self.resources.len() >= most || self.waiting.len() >= most {
            return turn.refuse(&id, UNAVAILABLE, "too many subscriptions; end some first");
        }
        let is_new = self.resources.insert(uri.clone());
        match (&self.current, &self.next) {
            (Some(_), None) if !is_new => turn.answer(&id, "{}"),
            (_, Some(_)) if !is_new => self.waiting.push((id, uri)),
            _ => self.renew(caller, Some((id, uri)), turn),
        }
    }

    pub(super) fn unsubscribe(&mut self, uri: String, caller: &Caller, turn: &mut Turn<'_>) {
        self.accepted.remove(&uri);
        if self.resources.remove(&uri) {
            self.renew(caller, None, turn);
        }
    }

    /// Opens a stream for what the caller is to hear now.
    pub(super) fn renew(
        &mut self,
        caller: &Caller,
        subscription: Option<(Id, String)>,
        turn: &mut Turn<'_>,
    ) {
        self.waiting.extend(subscription);
        self.retry = None;
        if let Some(next) = self.next.take() {
            turn.send_to_server(Message::cancelled(&next));
        }
        let mut wanted = Members::default();
        for list in &self.lists {
            wanted.set(list, "true");
        }
        if !self.resources.is_empty() {
            let resources = serde_json::json!(self.resources).to_string();
            wanted.set("resourceSubscriptions", resources);
        }
        if wanted.is_empty() {
            if let Some(current) = self.current.take() {
                turn.send_to_server(Message::cancelled(&current));
            }
            return;
        }
        let mut params = Members::default();
        params.set("notifications", wanted.json());
        let params = caller.params(params);
        self.next = Some(turn.request("subscriptions/listen", &params));
    }

    /// Takes a notification of the server, unless it is one for the caller.
    pub(super) fn takes(
        &mut self,
        message: &Message,
        caller: &Caller,
        turn: &mut Turn<'_>,
    ) -> bool {
        let subscription = || {
            let params = crate::dialect::meta::members(message.params());
            let meta = Meta::of(params.get("_meta"));
            message.stream().cloned().or_else(|| meta.subscription())
        };
        match message.method() {
            "notifications/subscriptions/acknowledged" => {
                if subscription().is_none_or(|id| self.next.as_ref() == Some(&id)) {
                    self.acknowledged(message, turn);
                }
                true
            }
            // The next stream carries the same notifications as long as both are open.
            "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed"
            | "notifications/resources/updated" => {
                self.failures = 0;
                self.current.is_some() && self.next.is_some() && subscription() == self.next
            }
            "notifications/cancelled" => {
                // The server ends a stream so, where it cannot close one.
                if let Some(id) = message.cancelled_id() {
                    self.ended(&id, End::Closed, caller, turn);
                }
                true
            }
            _ => false,
        }
    }

    fn acknowledged(&mut self, message: &Message, turn: &mut Turn<'_>) {
        #[derive(Deserialize, Default)]
        struct Acknowledged {
            #[serde(default)]
            notifications: Filter,
        }
        #[derive(Deserialize, Default)]
        struct Filter {
            #[serde(rename = "resourceSubscriptions", default)]
            resources: BTreeSet<String>,
        }
        let Some(next) = self.next.take() else { return };
        self.since = Some(turn.now);
        if let Some(before) = self.current.replace(next) {
            turn.send_to_server(Message::cancelled(&before));
        }
        let honored = message
            .read_params::<Acknowledged>()
            .notifications
            .resources;
        for (id, uri) in self.waiting.drain(..) {
            if honored.contains(&uri) {
                turn.answer(&id, "{}");
                self.accepted.insert(uri);
            } else {
                self.accepted.remove(&uri);
                self.resources.remove(&uri);
                turn.refuse(
                    &id,
                    METHOD_NOT_FOUND,
                    "the server announces no updates of it",
                );
            }
        }
    }

    pub(super) fn on_response(
        &mut self,
        id: &Id,
        message: &Message,
        caller: &Caller,
        turn: &mut Turn<'_>,
    ) {
        let end = match message.outcome() {
            Some(Outcome::Error(error)) => End::Failed(error, message.origin()),
            _ => End::Closed,
        };
        self.ended(id, end, caller, turn);
    }

    /// A stream has ended.
    fn ended(&mut self, id: &Id, end: End<'_>, caller: &Caller, turn: &mut Turn<'_>) {
        let was_current = self.current.as_ref() == Some(id);
        if was_current {
            self.current = None;
        } else if self.next.as_ref() == Some(id) {
            self.next = None;
            self.fail_waiting(end.error(), turn);
        } else {
            return;
        }
        let is_final = match end {
            End::Closed | End::Failed(_, Origin::Transport) => false,
            End::Failed(_, Origin::TransportForGood) => true,
            // A server that does not know the method will not know it later.
            End::Failed(error, Origin::Peer) => !was_current && error_code(error) != UNAVAILABLE,
        };
        if self.current.is_some() || self.next.is_some() || is_final {
            return;
        }
        self.retry_later(turn.now);
        if self.lists.is_empty() && self.resources.is_empty() {
            // Nothing is wanted any more.
            self.renew(caller, None, turn);
        }
    }

    fn fail_waiting(&mut self, error: Option<&str>, turn: &mut Turn<'_>) {
        for (id, uri) in self.waiting.drain(..) {
            if !self.accepted.contains(&uri) {
                self.resources.remove(&uri);
            }
            match error {
                Some(error) => turn.fail(&id, error),
                None => turn.refuse(&id, UNAVAILABLE, LOST),
            }
        }
    }

    pub(super) fn on_timeout(&mut self, caller: &Caller, turn: &mut Turn<'_>) {
        if self.retry.is_some_and(|at| at <= turn.now) {
            self.renew(caller, None, turn);
        }
    }

    pub(super) fn on_server_lost(&mut self, turn: &mut Turn<'_>) {
        let listened = self.current.take().is_some() | self.next.take().is_some();
        self.fail_waiting(None, turn);
        if listened && !(self.lists.is_empty() && self.resources.is_empty()) {
            self.retry_later(turn.now);
        }
    }

    fn retry_later(&mut self, now: Instant) {
        // A stream that has lasted was no failure.
        let lasted = self.since.take().map(|since| now - since);
        if lasted.is_some_and(|lasted| lasted > LONGEST_RETRY) {
            self.failures = 0;
        }
        let wait = RETRY.saturating_mul(1 << self.failures.min(10));
        self.failures += 1;
        self.retry = Some(now + wait.min(LONGEST_RETRY));
    }
}
