//! The search for the server's era, while the caller's requests wait.

mod hello;

use std::time::Instant;

use farport_core::{Era, Plain};

use super::downgrade::Downgrade;
use super::message::{Id, Kind, Message, Outcome, error_code, error_message};
use super::meta::members;
use super::native::{DUPLICATE, LOST, Native, TOO_MANY};
use super::turn::Turn;
use super::upgrade::{Caller, Upgrade};
use super::{Held, INVALID_PARAMS, INVALID_REQUEST, Settled, State, UNAVAILABLE, words};
use crate::members::Members;
use hello::Hello;

/// A request is at the server whose answer shows the server's era.
#[derive(Debug)]
pub(super) struct Opening {
    /// The era that the driver knows the server to be of.
    known: Option<Era>,
    step: Step,
    waiting: Vec<Waiting>,
    bytes: usize,
}

/// A message of the caller that waits.
#[derive(Debug)]
struct Waiting {
    message: Message,
    /// The server's response to it, which did not show the server's era.
    refused: Option<Message>,
}

impl Waiting {
    fn is_request(&self, id: &Id) -> bool {
        self.message.request_id() == Some(id)
    }

    fn len(&self) -> usize {
        let refused = self.refused.as_ref();
        self.message.text().len() + refused.map_or(0, |refused| refused.text().len())
    }
}

#[derive(Debug)]
enum Step {
    /// The `initialize` of a caller of the session era, passed on as it is.
    Initialize { request: Message },
    /// `server/discover`, on behalf of a caller of the session era.
    Discover {
        initialize: Message,
        probe: Id,
        until: Instant,
        /// The server's answer to `initialize`.
        refused: Option<Box<Message>>,
    },
    /// `server/discover`, for a caller of 2026-07-28.
    Probe {
        probe: Id,
        until: Instant,
        hello: Hello,
    },
    /// `initialize`, on behalf of a caller of 2026-07-28.
    Initializing {
        request: Id,
        hello: Hello,
        /// A probe whose answer is late.
        probe: Option<Id>,
    },
}

impl Opening {
    /// Starts with the caller's first request. `None` if the request is refused.
    pub(super) fn start(
        request: Message,
        era: Era,
        known: Option<Era>,
        native: &mut Native,
        turn: &mut Turn<'_>,
    ) -> Option<Self> {
        let mut opening = Self {
            known,
            step: Step::Initialize {
                request: request.clone(),
            },
            waiting: Vec::new(),
            bytes: 0,
        };
        if era == Era::Modern {
            let Some(hello) = Hello::read(&request) else {
                if let Some(id) = request.request_id() {
                    turn.refuse(id, INVALID_PARAMS, words::NO_CAPABILITIES);
                }
                return None;
            };
            opening.step = if known == Some(Era::Session) {
                hello.initialize(None, turn)
            } else {
                hello.probe(&request, turn)
            };
            opening.wait(request, None);
        } else if known == Some(Era::Modern) {
            opening.step = discover(request, None, turn);
        } else {
            let id = request.request_id()?.clone();
            native.on_caller(request, turn);
            if !native.contains(&id) {
                // One too many, so it is refused.
                return None;
            }
        }
        Some(opening)
    }

    /// Opens a session for a request of 2026-07-28 that the server has refused. `None` if the request
    /// does not declare what a session needs.
    pub(super) fn after_refusal(
        request: &Message,
        refused: &Message,
        turn: &mut Turn<'_>,
    ) -> Option<Self> {
        let hello = Hello::read(request)?;
        let mut opening = Self {
            known: None,
            step: hello.initialize(None, turn),
            waiting: Vec::new(),
            bytes: 0,
        };
        opening.wait(request.clone(), Some(refused.clone()));
        Some(opening)
    }

    /// Lets a request that the server has refused wait for the session. Returns whether it waits.
    pub(super) fn wait_refused(
        &mut self,
        request: &Message,
        refused: &Message,
        turn: &Turn<'_>,
    ) -> bool {
        let waits = matches!(self.step, Step::Initializing { .. }) && self.has_room(request, turn);
        if waits {
            self.wait(request.clone(), Some(refused.clone()));
        }
        waits
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match &self.step {
            Step::Discover { until, .. } | Step::Probe { until, .. } => Some(*until),
            Step::Initialize { .. } | Step::Initializing { .. } => None,
        }
    }

    pub(super) fn held(&self) -> Held {
        let waiting = self.waiting.iter();
        let initializes = matches!(self.step, Step::Discover { .. });
        Held {
            calls: waiting
                .filter(|it| it.message.request_id().is_some())
                .count()
                + usize::from(initializes),
            at_server: 1,
            timers: usize::from(self.next_timeout().is_some()),
            bytes: self.bytes,
            ..Held::default()
        }
    }

    pub(super) fn on_caller(
        &mut self,
        message: Message,
        turn: &mut Turn<'_>,
        native: &mut Native,
    ) -> Option<Settled> {
        match message.kind() {
            Kind::Response(_) => native.on_caller(message, turn),
            Kind::Notification => {
                if let Some(id) = message.cancelled_id() {
                    return self.cancel(&id, message, turn, native);
                }
                if self.has_room(&message, turn) {
                    self.wait(message, None);
                }
            }
            Kind::Request(id) => {
                let is_known = self.initialize_id() == Some(id)
                    || self.waiting.iter().any(|it| it.is_request(id));
                if is_known {
                    turn.send_to_caller(Message::error(None, INVALID_REQUEST, DUPLICATE));
                } else if self.has_room(&message, turn) {
                    self.wait(message, None);
                } else {
                    turn.refuse(id, UNAVAILABLE, TOO_MANY);
                }
            }
        }
        None
    }

    pub(super) fn on_server(
        &mut self,
        message: Message,
        turn: &mut Turn<'_>,
        native: &mut Native,
    ) -> Option<Settled> {
        let answers = message.answered_id();
        match &self.step {
            Step::Initialize { request }
                if answers == request.request_id() && answers.is_some() =>
            {
                self.initialize_answered(message, turn, native)
            }
            Step::Discover { probe, .. } if answers == Some(probe) => {
                self.discover_answered(&message, turn)
            }
            Step::Probe { probe, .. } if answers == Some(probe) => {
                self.probe_answered(message, turn)
            }
            Step::Initializing { probe, .. } if answers.is_some() && answers == probe.as_ref() => {
                self.probe_answered_late(message, turn)
            }
            Step::Initializing { request, .. } if answers == Some(request) => {
                self.opened(&message, turn)
            }
            // A request that passed through before.
            _ if native.owns(&message) => {
                native.on_server(message, false, turn);
                None
            }
            // A session that is not open yet has its own pings and log messages.
            Step::Initialize { .. } | Step::Discover { .. } => {
                native.on_server(message, false, turn);
                None
            }
            Step::Probe { .. } | Step::Initializing { .. } => {
                match message.kind() {
                    Kind::Request(id) if message.method() == "ping" => {
                        turn.send_to_server(Message::result(id.clone(), "{}"));
                    }
                    Kind::Request(id) => {
                        turn.refuse_server(id, UNAVAILABLE, "the session is not open yet");
                    }
                    Kind::Notification | Kind::Response(_) => {}
                }
                None
            }
        }
    }

    pub(super) fn on_timeout(&mut self, turn: &mut Turn<'_>) -> Option<Settled> {
        match &self.step {
            Step::Discover { until, .. } if *until <= turn.now => self.not_translatable(turn),
            Step::Probe {
                probe,
                until,
                hello,
            } if *until <= turn.now => {
                let late = Some(probe.clone());
                self.step = hello.clone().initialize(late, turn);
                None
            }
            _ => None,
        }
    }

    /// Fails the requests that wait.
    pub(super) fn on_server_lost(&mut self, turn: &mut Turn<'_>) {
        if let Some(id) = self.initialize_id().cloned()
            && matches!(self.step, Step::Discover { .. })
        {
            turn.refuse(&id, UNAVAILABLE, LOST);
        }
        for waiting in &mut self.waiting {
            waiting.refused = None;
        }
        self.refuse_waiting(LOST, None, turn);
    }

    fn has_room(&self, message: &Message, turn: &Turn<'_>) -> bool {
        self.waiting.len() < turn.options.most_calls
            && self.bytes + message.text().len() <= turn.options.most_bytes
    }

    fn wait(&mut self, message: Message, refused: Option<Message>) {
        let waiting = Waiting { message, refused };
        self.bytes += waiting.len();
        self.waiting.push(waiting);
    }

    /// Takes a request out of those that wait.
    fn take(&mut self, id: &Id) -> Option<Waiting> {
        let at = self.waiting.iter().position(|it| it.is_request(id))?;
        let waiting = self.waiting.remove(at);
        self.bytes -= waiting.len();
        Some(waiting)
    }

    /// Keeps the server's answer to the caller's own `server/discover`.
    fn keep_refusal(&mut self, own: &Id, refused: Message) {
        if let Some(waiting) = self.waiting.iter_mut().find(|it| it.is_request(own)) {
            self.bytes += refused.text().len();
            waiting.refused = Some(refused);
        }
    }

    /// The `initialize` of a caller of the session era.
    fn initialize_id(&self) -> Option<&Id> {
        match &self.step {
            Step::Initialize { request } => request.request_id(),
            Step::Discover { initialize, .. } => initialize.request_id(),
            Step::Probe { .. } | Step::Initializing { .. } => None,
        }
    }

    fn cancel(
        &mut self,
        id: &Id,
        message: Message,
        turn: &mut Turn<'_>,
        native: &mut Native,
    ) -> Option<Settled> {
        if self.take(id).is_some() {
            if let Step::Probe { hello, .. } | Step::Initializing { hello, .. } = &mut self.step
                && hello.own.as_ref() == Some(id)
            {
                hello.own = None;
            }
            return None;
        }
        let cancels_opening = self.initialize_id() == Some(id);
        match &self.step {
            Step::Discover { probe, .. } if cancels_opening => {
                turn.send_to_server(Message::cancelled(probe));
            }
            _ => native.on_caller(message, turn),
        }
        cancels_opening.then(|| self.settled(self.known, State::Undecided))
    }

    fn settled(&mut self, server: Option<Era>, state: State) -> Settled {
        Settled {
            server,
            state,
            waited: self.waiting.drain(..).map(|it| it.message).collect(),
        }
    }

    /// A server of the session era has answered, or one that does not know `initialize`.
    fn initialize_answered(
        &mut self,
        message: Message,
        turn: &mut Turn<'_>,
        native: &mut Native,
    ) -> Option<Settled> {
        if matches!(message.outcome(), Some(Outcome::Result(_))) {
            native.on_server(message, false, turn);
            return Some(self.settled(Some(Era::Session), State::Native));
        }
        if message.is_failed() {
            // The server has not answered, so nothing is known of its era.
            native.on_server(message, false, turn);
            return Some(self.settled(self.known, State::Undecided));
        }
        if let Step::Initialize { request } = &self.step {
            if let Some(id) = request.request_id() {
                native.forget(id);
            }
            self.step = discover(request.clone(), Some(Box::new(message)), turn);
        }
        None
    }

    fn discover_answered(&mut self, message: &Message, turn: &mut Turn<'_>) -> Option<Settled> {
        let Step::Discover { initialize, .. } = &self.step else {
            return None;
        };
        let Some(Outcome::Result(found)) = message.outcome() else {
            return self.not_translatable(turn);
        };
        let asked = members(initialize.params());
        let Some(answer) = words::initialized(found, asked.get("protocolVersion")) else {
            let why = words::unsupported(found);
            if let Some(id) = initialize.request_id() {
                let hint = words::UNSUPPORTED_HINT;
                let message = format!("{why}; hint: {hint}");
                let report = format!("error: {}\nhint: {hint}", Plain(&why));
                let answer = Message::error(Some(id.clone()), UNAVAILABLE, &message);
                let answer = answer.with_report(&report).on_stream(Some(id.clone()));
                turn.send_to_caller(answer);
            }
            return Some(self.settled(turn.options.server, State::Undecided));
        };
        if let Some(id) = initialize.request_id() {
            turn.answer(id, &answer);
        }
        let upgrade = Upgrade::new(Caller::of_initialize(initialize), found, answer);
        Some(self.settled(Some(Era::Modern), State::Upgrade(Box::new(upgrade))))
    }

    /// The server knows neither era, so the caller receives the first answer.
    fn not_translatable(&mut self, turn: &mut Turn<'_>) -> Option<Settled> {
        if let Step::Discover {
            initialize,
            refused,
            ..
        } = &mut self.step
            && let Some(id) = initialize.request_id()
        {
            match refused.take() {
                Some(refused) => turn.send_to_caller(refused.on_stream(Some(id.clone()))),
                None => {
                    turn.refuse(
                        id,
                        UNAVAILABLE,
                        "the server does not support MCP 2026-07-28",
                    );
                }
            }
        }
        Some(self.settled(turn.options.server, State::Undecided))
    }

    fn probe_answered(&mut self, message: Message, turn: &mut Turn<'_>) -> Option<Settled> {
        let Step::Probe { hello, .. } = &self.step else {
            return None;
        };
        let hello = hello.clone();
        let settled = self.probed(message, &hello, turn);
        if settled.is_none() {
            self.step = hello.initialize(None, turn);
        }
        settled
    }

    fn probe_answered_late(&mut self, message: Message, turn: &mut Turn<'_>) -> Option<Settled> {
        let Step::Initializing { hello, probe, .. } = &mut self.step else {
            return None;
        };
        *probe = None;
        let hello = hello.clone();
        self.probed(message, &hello, turn)
    }

    /// The answer to the caller's own request, which probed the server.
    fn probed(&mut self, message: Message, hello: &Hello, turn: &mut Turn<'_>) -> Option<Settled> {
        if shows_modern(&message) {
            return Some(self.modern(message, hello, turn));
        }
        if let Some(own) = &hello.own {
            self.keep_refusal(own, message);
        }
        None
    }

    /// The server is of the caller's own era.
    fn modern(&mut self, message: Message, hello: &Hello, turn: &mut Turn<'_>) -> Settled {
        if let Some(own) = &hello.own
            && self.take(own).is_some()
        {
            turn.send_to_caller(message.on_stream(Some(own.clone())));
        }
        self.settled(Some(Era::Modern), State::Native)
    }

    /// The server has answered the machine's `initialize`.
    fn opened(&mut self, message: &Message, turn: &mut Turn<'_>) -> Option<Settled> {
        match message.outcome() {
            Some(Outcome::Result(result)) => {
                turn.send_to_server(Message::notification("notifications/initialized", None));
                let downgrade = Downgrade::new(result);
                let state = State::Downgrade(Box::new(downgrade));
                Some(self.settled(Some(Era::Session), state))
            }
            _ if message.is_failed() => {
                let why = message.error_text().unwrap_or_default();
                self.refuse_waiting(&why, Some(message), turn);
                Some(self.settled(turn.options.server, State::Undecided))
            }
            other => {
                let why = match other {
                    Some(Outcome::Error(error)) => error_message(error),
                    _ => "no reason given".to_owned(),
                };
                let why = format!("the server refused both server/discover and initialize: {why}");
                self.refuse_waiting(&why, None, turn);
                Some(self.settled(turn.options.server, State::Undecided))
            }
        }
    }

    /// Fails the requests that wait. One that the server has refused gets the server's own answer.
    fn refuse_waiting(&mut self, why: &str, failure: Option<&Message>, turn: &mut Turn<'_>) {
        for Waiting { message, refused } in self.waiting.drain(..) {
            let Some(id) = message.request_id() else {
                continue;
            };
            let answer = refused.unwrap_or_else(|| {
                let answer = Message::error(Some(id.clone()), UNAVAILABLE, why);
                match failure {
                    Some(failure) => answer.of_origin(failure),
                    None => answer,
                }
            });
            turn.send_to_caller(answer.on_stream(Some(id.clone())));
        }
        self.bytes = 0;
    }
}

/// Sends `server/discover` on behalf of a caller of the session era.
fn discover(initialize: Message, refused: Option<Box<Message>>, turn: &mut Turn<'_>) -> Step {
    let params = Caller::of_initialize(&initialize).params(Members::default());
    Step::Discover {
        probe: turn.request("server/discover", &params),
        until: turn.now + turn.options.probe_timeout,
        initialize,
        refused,
    }
}

/// Whether an answer to `server/discover` is that of a server of 2026-07-28.
pub(super) fn shows_modern(message: &Message) -> bool {
    match message.outcome() {
        Some(Outcome::Result(_)) => true,
        Some(Outcome::Error(error)) => matches!(error_code(error), -32022..=-32020),
        None => false,
    }
}
