//! The machine that lets a caller and a server of different protocol eras talk to each other.
//!
//! A [`Dialect`] stands between one caller and one server. It opens no socket, reads no clock and
//! spawns no task: its driver passes it each message of either side with the current time, and
//! carries out the [`Action`]s that it returns, in their order. The driver also calls
//! [`Dialect::on_timeout`] at the time that [`Dialect::next_timeout`] names, and
//! [`Dialect::on_server_lost`] when the connection to the server is lost.
//!
//! | caller | server | the machine |
//! |---|---|---|
//! | session era | session era | passes each message on as it is |
//! | 2026-07-28 | 2026-07-28 | passes each message on as it is |
//! | session era | 2026-07-28 | answers the handshake, gives each request its `_meta`, puts `input_required` questions to the caller, and keeps a `subscriptions/listen` stream |
//! | 2026-07-28 | session era | opens a session, answers `server/discover`, turns the server's questions into `input_required` results, and serves `subscriptions/listen` |
//!
//! The machine finds out which cell applies from the caller's first request and from how the server
//! answers it. Requests that arrive before that wait.
//!
//! ```
//! use std::time::Instant;
//!
//! use farport_client::dialect::{Action, Dialect, Message, Options};
//!
//! let mut dialect = Dialect::new(Options::default());
//! let request = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
//! let request = Message::parse(request).unwrap();
//! let actions = dialect.on_caller(request.clone(), Instant::now());
//! assert_eq!(actions, [Action::ToServer(request)]);
//!
//! // A server of 2026-07-28 does not know `initialize`, so the dialect discovers what it knows.
//! let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"?"}}"#;
//! let error = Message::parse(error).unwrap();
//! let actions = dialect.on_server(error, Instant::now());
//! assert!(matches!(&actions[..], [Action::ToServer(it)] if it.method() == "server/discover"));
//! ```
//!
//! Everything that the machine holds is bounded by its [`Options`]. Where calls compete for room,
//! the call that holds most fails first.

mod bounds;
mod downgrade;
mod message;
mod meta;
mod native;
mod opening;
mod options;
mod table;
mod turn;
mod upgrade;
mod words;

#[cfg(test)]
mod tests;

use std::time::Instant;

use farport_core::{Era, ProtocolVersion};

use downgrade::Downgrade;
pub use message::{HeaderFacts, Id, Kind, Message};
use native::{DUPLICATE, Native};
use opening::Opening;
pub use options::Options;
use turn::Turn;
use upgrade::Upgrade;

/// JSON-RPC, reserved for implementations: the server cannot be reached, or a bound is reached.
const UNAVAILABLE: i64 = -32000;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const UNSUPPORTED_VERSION: i64 = -32022;

/// The longest URI that a caller can subscribe to, in bytes.
const MOST_URI: usize = 8192;

/// The modern revision that the machine speaks.
const REVISION: &str = ProtocolVersion::V2026_07_28.as_str();

/// Something for the driver to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sends a message to the caller. [`Message::stream`] names the caller's request that it
    /// belongs to, where there is one.
    ToCaller(Message),
    /// Sends a message to the server. Over HTTP, a `notifications/cancelled` for a request of
    /// 2026-07-28 means that the driver closes the response stream of that request.
    ToServer(Message),
}

/// What a machine holds at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Requests of the caller that have no answer yet, and calls that wait for the caller.
    pub calls: usize,
    /// Questions of the server that have no answer yet.
    pub questions: usize,
    /// Requests at the server, with those that the machine sent on its own behalf.
    pub at_server: usize,
    /// Subscriptions of the caller.
    pub subscriptions: usize,
    /// Timers.
    pub timers: usize,
    /// Bytes of messages.
    pub bytes: usize,
}

/// Translates between one caller and one server. See the [module's page](self).
#[derive(Debug)]
pub struct Dialect {
    options: Options,
    numbers: u64,
    machine: Machine,
}

impl Dialect {
    /// A machine that has seen no message yet.
    pub fn new(options: Options) -> Self {
        let machine = Machine {
            server: options.server,
            native: Native::default(),
            state: State::Undecided,
        };
        Self {
            options,
            numbers: 0,
            machine,
        }
    }

    /// Takes a message of the caller.
    pub fn on_caller(&mut self, message: Message, now: Instant) -> Vec<Action> {
        self.turn(now, |machine, turn| machine.on_caller(message, turn))
    }

    /// Takes a message of the server.
    ///
    /// [`Message::stream`] names the request on whose response stream the message came. Where a
    /// request failed in transport, the driver passes an error response in place of the server's.
    pub fn on_server(&mut self, message: Message, now: Instant) -> Vec<Action> {
        self.turn(now, |machine, turn| machine.on_server(message, turn))
    }

    /// Takes the response to a request of the caller that the transport has refused in a way that a
    /// server of the session era would: over HTTP, with a status from 400 to 499.
    ///
    /// If the server's era is open, the machine opens a session for the request. Otherwise the caller
    /// receives the response.
    pub fn on_refused(
        &mut self,
        request: &Message,
        response: Message,
        now: Instant,
    ) -> Vec<Action> {
        self.turn(now, |machine, turn| {
            machine.on_refused(request, response, turn);
        })
    }

    /// Notes that the driver has passed the response to a request on, unread. Returns false if the
    /// request has no entry, so that the response must not reach the caller.
    pub fn on_passed(&mut self, id: &Id) -> bool {
        self.machine.native.forget(id)
    }

    /// Handles the timers that have expired.
    pub fn on_timeout(&mut self, now: Instant) -> Vec<Action> {
        self.turn(now, Machine::on_timeout)
    }

    /// Fails each request that waits for the server, because the connection, with its session, is
    /// lost. The next message to the server starts a new connection.
    pub fn on_server_lost(&mut self, now: Instant) -> Vec<Action> {
        self.turn(now, Machine::on_server_lost)
    }

    /// The time at which the machine needs [`Dialect::on_timeout`]; `None` if it needs none.
    pub fn next_timeout(&self) -> Option<Instant> {
        match &self.machine.state {
            State::Undecided | State::Native => None,
            State::Opening(opening) => opening.next_timeout(),
            State::Upgrade(upgrade) => upgrade.next_timeout(),
            State::Downgrade(downgrade) => downgrade.next_timeout(),
        }
    }

    /// Whether the machine translates.
    pub fn translates(&self) -> bool {
        matches!(self.machine.state, State::Upgrade(_) | State::Downgrade(_))
    }

    /// Counts the caller's requests without a response, except for translated subscriptions.
    pub fn unanswered(&self) -> usize {
        let translated = match &self.machine.state {
            State::Undecided | State::Native => 0,
            State::Opening(opening) => opening.held().calls,
            State::Upgrade(upgrade) => upgrade.unanswered(),
            State::Downgrade(downgrade) => downgrade.unanswered(),
        };
        translated + self.machine.native.len()
    }

    /// Counts what the machine holds.
    pub fn held(&self) -> Held {
        let held = match &self.machine.state {
            State::Undecided | State::Native => Held::default(),
            State::Opening(opening) => opening.held(),
            State::Upgrade(upgrade) => upgrade.held(),
            State::Downgrade(downgrade) => downgrade.held(),
        };
        Held {
            calls: held.calls + self.machine.native.len(),
            ..held
        }
    }

    fn turn(
        &mut self,
        now: Instant,
        work: impl FnOnce(&mut Machine, &mut Turn<'_>),
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut turn = Turn::new(now, &self.options, &mut self.numbers, &mut actions);
        work(&mut self.machine, &mut turn);
        actions
    }
}

/// Which cell of the era table applies.
#[derive(Debug)]
enum State {
    /// The caller has not shown its era.
    Undecided,
    /// The server is asked for its era.
    Opening(Box<Opening>),
    /// Caller and server are of one era.
    Native,
    /// A caller of the session era, in front of a server of 2026-07-28.
    Upgrade(Box<Upgrade>),
    /// A caller of 2026-07-28, in front of a server of the session era.
    Downgrade(Box<Downgrade>),
}

/// The end of the search for the server's era: the state that follows, and the caller's messages
/// that have waited.
struct Settled {
    server: Option<Era>,
    state: State,
    waited: Vec<Message>,
}

#[derive(Debug)]
struct Machine {
    server: Option<Era>,
    /// Requests that passed through.
    native: Native,
    state: State,
}

impl Machine {
    fn on_caller(&mut self, message: Message, turn: &mut Turn<'_>) {
        if message
            .request_id()
            .is_some_and(|id| self.native.contains(id))
        {
            return turn.send_to_caller(Message::error(None, INVALID_REQUEST, DUPLICATE));
        }
        let initializes = message.request_id().is_some()
            && message.method() == "initialize"
            && caller_era(&message) == Some(Era::Session);
        let settled = match &mut self.state {
            State::Undecided => return self.first(message, turn),
            // The caller changes its era. The server may know both.
            State::Native if initializes && self.server != Some(Era::Session) => {
                return self.first(message, turn);
            }
            State::Native => return self.native.on_caller(message, turn),
            State::Opening(opening) => opening.on_caller(message, turn, &mut self.native),
            // It is about a request that passed through before.
            State::Upgrade(_) | State::Downgrade(_)
                if message
                    .cancelled_id()
                    .is_some_and(|id| self.native.contains(&id)) =>
            {
                return self.native.on_caller(message, turn);
            }
            // The caller mixes eras, and the server knows this one.
            State::Upgrade(_) if caller_era(&message) == Some(Era::Modern) => {
                return self.native.on_caller(message, turn);
            }
            State::Upgrade(upgrade) => return upgrade.on_caller(message, turn),
            State::Downgrade(downgrade) if initializes => {
                let answer = downgrade.close_for_session(turn);
                if let Some(id) = message.request_id() {
                    turn.answer(id, &answer);
                }
                self.native.swallow_initialized();
                self.state = State::Native;
                return;
            }
            State::Downgrade(downgrade) => return downgrade.on_caller(message, turn),
        };
        self.settle(settled, turn);
    }

    /// Takes a message while the caller's era is open.
    fn first(&mut self, message: Message, turn: &mut Turn<'_>) {
        let Some(era) = caller_era(&message) else {
            // Nothing shows an era: a ping, or a notification.
            return self.native.on_caller(message, turn);
        };
        let is_open = self.server.is_none() && era == Era::Modern && !turn.options.probes;
        if self.server == Some(era) || is_open || !turn.options.translates {
            if !turn.options.translates {
                self.server = self.server.or(Some(era));
            }
            self.state = State::Native;
            return self.native.on_caller(message, turn);
        }
        let known = match era {
            // A server that has shown to be of 2026-07-28 may know sessions as well.
            Era::Session => turn.options.server,
            _ => self.server,
        };
        let opening = Opening::start(message, era, known, &mut self.native, turn);
        if let Some(opening) = opening {
            self.state = State::Opening(Box::new(opening));
        }
    }

    fn on_server(&mut self, message: Message, turn: &mut Turn<'_>) {
        let settled = match &mut self.state {
            State::Undecided | State::Native => {
                if self.native.is_discovered(&message) {
                    self.server = self.server.or(Some(Era::Modern));
                }
                let modern = self.server == Some(Era::Modern);
                return self.native.on_server(message, modern, turn);
            }
            // It belongs to a request that passed through before.
            State::Upgrade(_) | State::Downgrade(_) if self.native.owns(&message) => {
                let modern = self.server == Some(Era::Modern);
                return self.native.on_server(message, modern, turn);
            }
            State::Opening(opening) => opening.on_server(message, turn, &mut self.native),
            State::Upgrade(upgrade) => return upgrade.on_server(message, turn),
            State::Downgrade(downgrade) => return downgrade.on_server(message, turn),
        };
        self.settle(settled, turn);
    }

    fn on_refused(&mut self, request: &Message, response: Message, turn: &mut Turn<'_>) {
        let passed_through = request
            .request_id()
            .is_some_and(|id| self.native.contains(id));
        if !passed_through
            || !turn.options.translates
            || opening::shows_modern(&response)
            || caller_era(request) != Some(Era::Modern)
        {
            return self.on_server(response, turn);
        }
        let waits = match &mut self.state {
            State::Undecided | State::Native if self.server.is_none() => {
                let opening = Opening::after_refusal(request, &response, turn);
                opening.is_some_and(|opening| {
                    self.state = State::Opening(Box::new(opening));
                    true
                })
            }
            State::Opening(opening) => opening.wait_refused(request, &response, turn),
            State::Downgrade(_) => true,
            State::Undecided | State::Native | State::Upgrade(_) => false,
        };
        if !waits {
            return self.on_server(response, turn);
        }
        if let Some(id) = request.request_id() {
            self.native.forget(id);
        }
        if let State::Downgrade(downgrade) = &mut self.state {
            downgrade.on_caller(request.clone(), turn);
        }
    }

    fn on_timeout(&mut self, turn: &mut Turn<'_>) {
        let settled = match &mut self.state {
            State::Undecided | State::Native => return,
            State::Opening(opening) => opening.on_timeout(turn),
            State::Upgrade(upgrade) => return upgrade.on_timeout(turn),
            State::Downgrade(downgrade) => return downgrade.on_timeout(turn),
        };
        self.settle(settled, turn);
    }

    fn on_server_lost(&mut self, turn: &mut Turn<'_>) {
        self.native.on_server_lost(turn);
        match &mut self.state {
            State::Undecided | State::Native => {}
            State::Opening(opening) => {
                opening.on_server_lost(turn);
                self.state = State::Undecided;
            }
            State::Upgrade(upgrade) => upgrade.on_server_lost(turn),
            State::Downgrade(downgrade) => {
                downgrade.on_server_lost(turn);
                // The next request opens a session again.
                self.state = State::Undecided;
            }
        }
    }

    /// Takes the state that follows, then the messages that have waited for it.
    fn settle(&mut self, settled: Option<Settled>, turn: &mut Turn<'_>) {
        let Some(settled) = settled else { return };
        self.server = settled.server;
        self.state = settled.state;
        for message in settled.waited {
            self.on_caller(message, turn);
        }
    }
}

/// The era that a message shows its caller to be of.
fn caller_era(message: &Message) -> Option<Era> {
    message.request_id()?;
    if message.header_facts().protocol_version.is_some() {
        return Some(Era::Modern);
    }
    (message.method() == "initialize").then_some(Era::Session)
}
