//! Records what the client reports: messages and exchanges for the timeline, steps for the sign-in view,
//! and whether the server answers.

use std::collections::HashMap;
use std::sync::{Mutex, Weak};
use std::time::Instant;

use farport_client::{HttpEvent, Observer, Purpose, SignInStep};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::exchange::{self, Exchange, milliseconds};
use crate::sign_in::Step;
use crate::state::{State, lock};
use crate::timeline::{Direction, Kind, Message, Note, Topic};

/// The most requests whose responses are matched, and the most exchanges that are open.
const MOST: usize = 4096;

/// Records one connection.
pub(crate) struct Recorder {
    state: Weak<State>,
    generation: u64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The entries of the exchanges that have not ended.
    open: HashMap<u64, Open>,
    /// The requests without a response, by direction and id.
    waiting: HashMap<(bool, String), (String, Instant)>,
    /// How often `initialize` was sent.
    initialized: usize,
    last: Last,
}

struct Open {
    seq: u64,
    purpose: Purpose,
    has_head: bool,
}

/// Where the connection stands, to name the step that fails.
#[derive(Clone, Debug, Default)]
struct Last {
    /// The method of the last message that was sent.
    method: String,
    purpose: Option<Purpose>,
    /// Whether the last exchange got a response.
    answered: bool,
    /// The last exchange, and the last that failed or was refused.
    seq: Option<u64>,
    failed: Option<u64>,
    step: Option<&'static str>,
}

/// The step at which a connection failed.
pub(crate) struct FailedStep {
    pub(crate) name: String,
    /// The exchange in the timeline.
    pub(crate) exchange: Option<u64>,
}

impl Recorder {
    pub(crate) fn new(state: Weak<State>, generation: u64) -> Self {
        Self {
            state,
            generation,
            seen: Mutex::default(),
        }
    }

    /// The step at which the connection stands.
    pub(crate) fn failed_step(&self) -> FailedStep {
        let last = lock(&self.seen).last.clone();
        let name = match (last.step, last.purpose) {
            (_, Some(Purpose::Token)) => "Token request",
            (Some("code"), _) => "Authorization response",
            (Some("authorization"), _) => "Authorization in the browser",
            (_, Some(Purpose::Registration)) => "Client registration",
            (_, Some(Purpose::Metadata)) => "Metadata of the sign-in",
            (_, Some(_)) if !last.answered => "Reaching the server",
            (Some("challenge" | "discovered" | "client"), _) => "Sign-in",
            _ => "",
        };
        let name = match name {
            "" => match &*last.method {
                "" => "Starting the server".to_owned(),
                "server/discover" => "Discovery (server/discover)".to_owned(),
                "initialize" => "Opening a session (initialize)".to_owned(),
                other => other.to_owned(),
            },
            name => name.to_owned(),
        };
        FailedStep {
            name,
            exchange: last.failed.or(last.seq),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl Observer for Recorder {
    fn http(&self, event: HttpEvent) {
        let (Some(state), Some(number)) = (self.state.upgrade(), exchange::number(&event)) else {
            return;
        };
        let mut seen = lock(&self.seen);
        let mask = state.mask();
        if let HttpEvent::Request { purpose, .. } = &event {
            let Some(begun) = Exchange::start(&event, &mask) else {
                return;
            };
            let Some(seq) = state.exchange(self.generation, begun) else {
                return;
            };
            if seen.open.len() < MOST {
                let open = Open {
                    seq,
                    purpose: *purpose,
                    has_head: false,
                };
                seen.open.insert(number, open);
            }
            seen.last.seq = Some(seq);
            seen.last.purpose = Some(*purpose);
            seen.last.answered = false;
            return;
        }
        let Some(open) = seen.open.get_mut(&number) else {
            return;
        };
        let (seq, purpose) = (open.seq, open.purpose);
        let to_server = matches!(purpose, Purpose::Message | Purpose::Stream);
        let mut reachable = None;
        match &event {
            HttpEvent::Response { status, .. } => {
                open.has_head = true;
                if to_server {
                    reachable = Some(!matches!(status.as_u16(), 502..=504));
                }
                let refused = status.is_client_error() || status.is_server_error();
                seen.last.answered = true;
                if refused {
                    seen.last.failed = Some(seq);
                } else if seen.last.failed != Some(seq) && to_server {
                    seen.last.failed = None;
                }
            }
            HttpEvent::Failed { .. } => {
                if to_server && !open.has_head {
                    reachable = Some(false);
                }
                seen.last.failed = Some(seq);
            }
            HttpEvent::Ended { .. } => {
                seen.open.remove(&number);
            }
            _ => {}
        }
        drop(seen);
        state.update_exchange(self.generation, seq, |exchange| {
            exchange.take(&event, &mask)
        });
        if let Some(reachable) = reachable {
            state.reachable(self.generation, reachable);
        }
    }

    fn sign_in(&self, step: SignInStep) {
        let Some(state) = self.state.upgrade() else {
            return;
        };
        let Some(step) = Step::of(step) else { return };
        if !step.is_failure() {
            lock(&self.seen).last.step = step.stands();
        }
        state.note(
            self.generation,
            Note {
                topic: Topic::SignIn,
                text: step.to_string(),
            },
        );
        state.sign_in_step(self.generation, step);
    }

    fn message(&self, direction: farport_client::Direction, text: &str) {
        let Some(state) = self.state.upgrade() else {
            return;
        };
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
            return;
        };
        let out = direction == farport_client::Direction::Sent;
        let id = envelope.id.map(|id| id.get().to_owned());
        let mut ms = None;
        let mut reopened = false;
        let (kind, method) = match (envelope.method, &id) {
            (Some(method), Some(id)) => {
                let mut seen = lock(&self.seen);
                if out {
                    method.clone_into(&mut seen.last.method);
                    if method == "initialize" {
                        seen.initialized += 1;
                        reopened = seen.initialized > 1;
                    }
                }
                if seen.waiting.len() < MOST {
                    let waiting = (method.clone(), Instant::now());
                    seen.waiting.insert((out, id.clone()), waiting);
                }
                (Kind::Request, method)
            }
            (Some(method), None) => (Kind::Notification, method),
            (None, id) => {
                let id = id.clone().unwrap_or_default();
                let request = lock(&self.seen).waiting.remove(&(!out, id));
                let kind = match envelope.error {
                    Some(_) => Kind::Error,
                    None => Kind::Result,
                };
                match request {
                    Some((method, since)) => {
                        ms = Some(milliseconds(since.elapsed()));
                        (kind, method)
                    }
                    None => (kind, String::new()),
                }
            }
        };
        if reopened {
            state.session_reopened(self.generation);
        }
        state.message(
            self.generation,
            Message {
                direction: if out { Direction::Out } else { Direction::In },
                kind,
                method,
                id,
                ms,
                text: text.to_owned(),
            },
        );
    }

    fn stderr(&self, line: &str) {
        if let Some(state) = self.state.upgrade() {
            let note = Note {
                topic: Topic::Stderr,
                text: line.to_owned(),
            };
            state.note(self.generation, note);
        }
    }
}
