//! A caller and a server that a test plays itself.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::dialect::{Action, Dialect, Held, Id, Kind, Message, Options};

/// A machine, and what has arrived at either end of it.
pub(super) struct Pair {
    pub(super) dialect: Dialect,
    pub(super) now: Instant,
    pub(super) at_caller: VecDeque<Message>,
    pub(super) at_server: VecDeque<Message>,
    /// The caller's requests that have no response yet.
    open: HashSet<Id>,
}

impl Pair {
    pub(super) fn new(options: Options) -> Self {
        Self {
            dialect: Dialect::new(options),
            now: Instant::now(),
            at_caller: VecDeque::new(),
            at_server: VecDeque::new(),
            open: HashSet::new(),
        }
    }

    /// A machine that translates for a caller of the session era. The handshake is over.
    pub(super) fn upgrade(capabilities: Value) -> Self {
        Self::upgrade_to(
            Options::default(),
            capabilities,
            json!({"tools": {"listChanged": true}, "resources": {"subscribe": true}}),
        )
    }

    pub(super) fn upgrade_to(options: Options, capabilities: Value, server: Value) -> Self {
        let mut pair = Self::new(options);
        pair.caller(initialize(capabilities));
        let request = pair.next_at_server();
        assert_eq!(request["method"], "initialize");
        pair.server(json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "method not found"}}));
        let request = pair.next_at_server();
        assert_eq!(request["method"], "server/discover");
        pair.server_result(&request, discovered(server));
        assert_eq!(pair.next_at_caller()["id"], "init");
        pair
    }

    /// A machine that translates for a caller of 2026-07-28. The handshake is over.
    pub(super) fn downgrade() -> Self {
        Self::downgrade_to(
            Options::default(),
            json!({
                "tools": {"listChanged": true}, "logging": {},
                "resources": {"subscribe": true},
            }),
        )
    }

    pub(super) fn downgrade_to(options: Options, server: Value) -> Self {
        let mut pair = Self::new(options);
        pair.caller(request(
            "discover",
            "server/discover",
            json!({"_meta": meta()}),
        ));
        let probe = pair.next_at_server();
        pair.server(json!({"jsonrpc": "2.0", "id": probe["id"], "error": {"code": -32601, "message": "method not found"}}));
        let opens = pair.next_at_server();
        assert_eq!(opens["method"], "initialize");
        pair.server_result(&opens, initialized(server));
        assert_eq!(pair.next_at_server()["method"], "notifications/initialized");
        assert_eq!(pair.next_at_caller()["id"], "discover");
        pair
    }

    /// The caller sends a message.
    pub(super) fn caller(&mut self, message: Value) {
        let message = read(&message);
        if let Kind::Request(id) = message.kind() {
            self.open.insert(id.clone());
        }
        let actions = self.dialect.on_caller(message, self.now);
        self.carry_out(actions);
    }

    /// The server sends a message.
    pub(super) fn server(&mut self, message: Value) {
        self.server_text(&message.to_string());
    }

    pub(super) fn server_text(&mut self, text: &str) {
        let message = Message::parse(text.to_owned()).unwrap();
        self.server_message(message);
    }

    pub(super) fn server_message(&mut self, message: Message) {
        let actions = self.dialect.on_server(message, self.now);
        self.carry_out(actions);
    }

    /// The server sends a message on the response stream of a request.
    pub(super) fn server_on(&mut self, request: &Value, message: Value) {
        let stream = Id::read(&request["id"].to_string());
        self.server_message(read(&message).on_stream(stream));
    }

    /// The server answers a request.
    pub(super) fn server_result(&mut self, request: &Value, result: Value) {
        self.server(json!({"jsonrpc": "2.0", "id": request["id"], "result": result}));
    }

    pub(super) fn server_error(&mut self, request: &Value, code: i64) {
        let error = json!({"code": code, "message": "refused"});
        self.server(json!({"jsonrpc": "2.0", "id": request["id"], "error": error}));
    }

    /// The transport refuses a request in a way that a server of the session era would.
    pub(super) fn server_refuses(&mut self, request: &Value, code: i64) {
        let error = json!({"code": code, "message": "refused"});
        let answer = read(&json!({"jsonrpc": "2.0", "id": request["id"], "error": error}));
        let actions = self.dialect.on_refused(&read(request), answer, self.now);
        self.carry_out(actions);
    }

    /// A request fails in transport.
    pub(super) fn server_fails(&mut self, request: &Value) {
        let id = Id::read(&request["id"].to_string()).unwrap();
        self.server_message(Message::failed(id, "no route"));
    }

    /// The caller answers a request of the server.
    pub(super) fn caller_result(&mut self, request: &Value, result: Value) {
        self.caller(json!({"jsonrpc": "2.0", "id": request["id"], "result": result}));
    }

    /// Cancels a request of the caller.
    pub(super) fn cancel(&mut self, id: &str) {
        self.open.remove(&Id::read(&json!(id).to_string()).unwrap());
        self.caller(cancelled(&json!(id)));
    }

    /// Moves the clock, and runs each timer at its time.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.dialect.next_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            let actions = self.dialect.on_timeout(self.now);
            self.carry_out(actions);
            let next = self.dialect.next_timeout();
            assert_ne!(next, Some(at), "the timer is still due");
        }
        self.now = end;
    }

    /// Loses the connection to the server, with what is on its way there.
    pub(super) fn lose(&mut self) {
        self.at_server.clear();
        let actions = self.dialect.on_server_lost(self.now);
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::ToCaller(message) => {
                    // What the machine writes reads as what it says it is.
                    let read = Message::parse(message.text().to_owned()).unwrap();
                    assert_eq!(read.kind(), message.kind());
                    if let Kind::Response(Some(id)) = message.kind() {
                        let was_open = self.open.remove(id);
                        assert!(
                            was_open,
                            "answered twice, or never asked: {}",
                            message.text()
                        );
                    }
                    self.at_caller.push_back(message);
                }
                Action::ToServer(message) => {
                    assert!(Message::parse(message.text().to_owned()).is_some());
                    self.at_server.push_back(message);
                }
            }
        }
    }

    /// The next message that has arrived at the server.
    pub(super) fn next_at_server(&mut self) -> Value {
        let message = self.at_server.pop_front().expect("a message at the server");
        serde_json::from_str(message.text()).unwrap()
    }

    /// The next message that has arrived at the caller.
    pub(super) fn next_at_caller(&mut self) -> Value {
        let message = self.at_caller.pop_front().expect("a message at the caller");
        serde_json::from_str(message.text()).unwrap()
    }

    /// Checks that nothing else has arrived anywhere.
    pub(super) fn quiet(&self) {
        let texts = |queue: &VecDeque<Message>| -> Vec<String> {
            queue
                .iter()
                .map(|message| message.text().to_owned())
                .collect()
        };
        assert_eq!(
            texts(&self.at_caller),
            Vec::<String>::new(),
            "at the caller"
        );
        assert_eq!(
            texts(&self.at_server),
            Vec::<String>::new(),
            "at the server"
        );
    }

    /// Whether a request of this id has no response yet.
    pub(super) fn is_open(&self, id: &Value) -> bool {
        Id::read(&id.to_string()).is_some_and(|id| self.open.contains(&id))
    }

    /// The number of the caller's requests without a response.
    pub(super) fn unanswered(&self) -> usize {
        self.open.len()
    }

    /// Checks that the machine holds nothing.
    pub(super) fn empty(&self) {
        assert_eq!(self.dialect.held(), Held::default());
        assert_eq!(self.dialect.next_timeout(), None);
    }
}

pub(super) fn read(message: &Value) -> Message {
    Message::parse(message.to_string()).unwrap_or_else(|| panic!("no message: {message}"))
}

pub(super) fn request(id: &str, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

pub(super) fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

pub(super) fn cancelled(id: &Value) -> Value {
    notification("notifications/cancelled", json!({"requestId": id}))
}

pub(super) fn initialize(capabilities: Value) -> Value {
    request(
        "init",
        "initialize",
        json!({
            "protocolVersion": "2025-06-18", "capabilities": capabilities,
            "clientInfo": {"name": "caller", "version": "1"},
        }),
    )
}

/// The `_meta` of a caller that can be asked everything.
pub(super) fn meta() -> Value {
    meta_with(everything())
}

pub(super) fn meta_with(capabilities: Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
        "io.modelcontextprotocol/clientInfo": {"name": "caller", "version": "1"},
    })
}

pub(super) fn everything() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}})
}

/// A `tools/call` of 2026-07-28.
pub(super) fn call(id: &str) -> Value {
    request(
        id,
        "tools/call",
        json!({"name": "t", "arguments": {}, "_meta": meta()}),
    )
}

/// The call again, with the answers to a result that required input.
pub(super) fn again(id: &str, state: &Value, answers: Value) -> Value {
    request(
        id,
        "tools/call",
        json!({
            "name": "t", "arguments": {}, "_meta": meta(),
            "inputResponses": answers, "requestState": state,
        }),
    )
}

pub(super) fn discovered(capabilities: Value) -> Value {
    json!({
        "resultType": "complete", "supportedVersions": ["2026-07-28"],
        "capabilities": capabilities, "ttlMs": 0, "cacheScope": "private",
        "instructions": "be kind",
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "server", "version": "2"}},
    })
}

pub(super) fn initialized(capabilities: Value) -> Value {
    json!({
        "protocolVersion": "2025-11-25", "capabilities": capabilities,
        "serverInfo": {"name": "server", "version": "1"}, "instructions": "be kind",
    })
}
