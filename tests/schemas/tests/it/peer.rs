//! A client that validates every message in both directions against the schema.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Map, Value, json};

use farport_core::{Era, ProtocolVersion};

use super::schema::Schema;
use super::wire::{Incoming, Wire};

/// The time limit for a message.
const LIMIT: Duration = Duration::from_secs(10);

/// A client that speaks one revision.
pub(super) struct Peer {
    pub(super) revision: ProtocolVersion,
    schema: Schema,
    wire: Wire,
    incoming: Receiver<Incoming>,
    url: String,
    session: Option<String>,
    /// The method of each request, by its id.
    methods: HashMap<String, String>,
    next_id: u64,
    record: Vec<Value>,
    problems: Vec<String>,
    /// The number of messages of the server that matched each definition.
    seen: BTreeMap<String, usize>,
}

impl Peer {
    /// Creates a client of the server at `origin`.
    ///
    /// # Errors
    /// On HTTP+SSE, when the server does not open its stream.
    pub(super) fn open(revision: ProtocolVersion, schema: Schema, origin: &str) -> Result<Self> {
        let (sink, incoming) = mpsc::channel();
        let mut peer = Self {
            revision,
            schema,
            wire: Wire::new(sink),
            incoming,
            url: format!("{origin}/mcp"),
            session: None,
            methods: HashMap::new(),
            next_id: 1,
            record: Vec::new(),
            problems: Vec::new(),
            seen: BTreeMap::new(),
        };
        if revision == ProtocolVersion::V2024_11_05 {
            let stream = format!("{origin}/sse");
            peer.wire.listen(&stream, &[]);
            let Incoming::Endpoint(endpoint) = peer.incoming.recv_timeout(LIMIT)? else {
                bail!("the first event of {stream} is not its endpoint");
            };
            peer.url = if endpoint.starts_with('/') {
                format!("{origin}{endpoint}")
            } else {
                endpoint
            };
        }
        Ok(peer)
    }

    /// Opens the stream for messages outside of calls.
    pub(super) fn open_stream(&self) {
        if !self.is_modern() && self.revision != ProtocolVersion::V2024_11_05 {
            self.wire.listen(&self.url, &self.headers(None));
        }
    }

    /// Sends a request, and returns its result.
    ///
    /// # Errors
    /// When the response is late or an error.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let response = self.exchange(method, params)?;
        match response.get("error") {
            Some(error) => Err(anyhow!("the response to {method} was {error}")),
            None => Ok(response["result"].clone()),
        }
    }

    /// Sends a request that the server has to refuse, and returns the code of the error.
    ///
    /// # Errors
    /// When the server does not refuse it in time.
    pub(super) fn refused(&mut self, method: &str, params: Value) -> Result<i64> {
        let response = self.exchange(method, params)?;
        response["error"]["code"]
            .as_i64()
            .with_context(|| format!("{method} was not refused: {response}"))
    }

    fn exchange(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.send(method, params)?;
        self.wait(method, |message| {
            message.get("method").is_none() && message["id"] == id
        })
    }

    /// Sends a request, and returns its id without waiting for the response.
    ///
    /// # Errors
    /// When the request does not match the schema.
    pub(super) fn send(&mut self, method: &str, params: Value) -> Result<Value> {
        let message = self.request(method, params);
        self.send_checked(&message, Some(method))?;
        Ok(message["id"].clone())
    }

    /// Creates a request with a new id. A modern one describes its client.
    pub(super) fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let mut params = params;
        if self.is_modern() {
            let meta = params
                .as_object_mut()
                .map(|params| params.entry("_meta").or_insert_with(|| json!({})));
            if let Some(Value::Object(meta)) = meta {
                let defaults = modern_meta(self.revision.as_str());
                defaults.into_iter().for_each(|(key, value)| {
                    meta.entry(key).or_insert(value);
                });
            }
        }
        self.methods
            .insert(json!(id).to_string(), method.to_owned());
        if params.as_object().is_some_and(Map::is_empty) {
            return json!({ "jsonrpc": "2.0", "id": id, "method": method });
        }
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// When it does not match the schema.
    pub(super) fn notify(&mut self, method: &str, params: Value) -> Result<()> {
        self.send_checked(
            &json!({ "jsonrpc": "2.0", "method": method, "params": params }),
            Some(method),
        )
    }

    /// Sends a message that matches the schema.
    fn send_checked(&mut self, message: &Value, method: Option<&str>) -> Result<()> {
        let definition = self.schema.definition(message, method)?;
        let faults = self.schema.faults(message, &definition)?;
        ensure!(
            faults.is_empty(),
            "the message of this test does not match: {}",
            faults.join("; ")
        );
        self.post(message);
        Ok(())
    }

    /// Posts `body` unchecked, for messages that the server has to refuse.
    pub(super) fn post(&mut self, body: &Value) {
        self.record.push(json!({ "client": body }));
        self.wire.post(&self.url, &self.headers(Some(body)), body);
    }

    fn is_modern(&self) -> bool {
        self.revision.era() == Era::Modern
    }

    fn headers(&self, body: Option<&Value>) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        if self.revision >= ProtocolVersion::V2025_06_18 {
            add("mcp-protocol-version", self.revision.as_str());
        }
        if let Some(session) = &self.session {
            add("mcp-session-id", session);
        }
        if let Some(body) = body.filter(|_| self.is_modern()) {
            add("mcp-method", body["method"].as_str().unwrap_or_default());
            let params = &body["params"];
            if let Some(name) = params["name"].as_str().or_else(|| params["uri"].as_str()) {
                add("mcp-name", name);
            }
        }
        headers
    }

    /// Waits for a message that `wanted` accepts. Checks each message on the way, and answers requests.
    ///
    /// # Errors
    /// When it does not arrive in time, or a request failed.
    pub(super) fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let incoming = self.incoming.recv_timeout(left);
            match incoming
                .map_err(|_| anyhow!("{what} did not arrive within {} s", LIMIT.as_secs()))?
            {
                Incoming::Message(message) => {
                    self.receive(&message)?;
                    if wanted(&message) {
                        return Ok(message);
                    }
                }
                Incoming::Session(session) => self.session = Some(session),
                Incoming::Endpoint(endpoint) => bail!("a second endpoint: {endpoint}"),
                Incoming::Failed(error) => {
                    return Err(error.context(format!("while waiting for {what}")));
                }
            }
        }
    }

    /// Waits for a notification.
    ///
    /// # Errors
    /// As [`Peer::wait`].
    pub(super) fn wait_for(&mut self, method: &str) -> Result<Value> {
        self.wait(method, |message| message["method"] == method)
    }

    /// Checks a message of the server, and answers it if it is a request.
    fn receive(&mut self, message: &Value) -> Result<()> {
        self.record.push(json!({ "server": message }));
        if let Value::Array(entries) = message {
            let faults = self.schema.check("JSONRPCBatchResponse", message)?;
            self.note("JSONRPCBatchResponse", faults, message);
            return entries.iter().try_for_each(|entry| self.receive(entry));
        }
        let requested = self.methods.get(&message["id"].to_string()).cloned();
        match self.schema.definition(message, requested.as_deref()) {
            Ok(definition) => {
                let faults = self.schema.faults(message, &definition)?;
                self.note(&definition, faults, message);
            }
            Err(error) => self.problems.push(format!("  {error:#}: {message}")),
        }
        let Some(method) = message["method"]
            .as_str()
            .filter(|_| message.get("id").is_some())
        else {
            return Ok(());
        };
        let result = answer(method, &message["params"])?;
        self.send_checked(
            &json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }),
            Some(method),
        )
    }

    fn note(&mut self, definition: &str, faults: Vec<String>, message: &Value) {
        if faults.is_empty() {
            *self.seen.entry(definition.to_owned()).or_default() += 1;
        } else {
            self.problems
                .push(format!("  {}\n    in {message}", faults.join("\n  ")));
        }
    }

    /// Returns the faults, one text for each message.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Returns the number of messages of the server that matched.
    pub(super) fn received(&self) -> usize {
        self.seen.values().sum()
    }

    /// Returns the messages of both sides, one in each line.
    pub(super) fn record(&self) -> String {
        self.record
            .iter()
            .map(|message| format!("{message}\n"))
            .collect()
    }
}

/// The `_meta` of a modern request, which describes its client.
fn modern_meta(revision: &str) -> [(String, Value); 3] {
    let key = |name| format!("io.modelcontextprotocol/{name}");
    [
        (key("protocolVersion"), json!(revision)),
        (
            key("clientInfo"),
            json!({ "name": "farport-schemas", "version": "1.0.0" }),
        ),
        (
            key("clientCapabilities"),
            json!({ "elicitation": { "form": {} }, "sampling": {}, "roots": {} }),
        ),
    ]
}

/// Returns the result of a server's request.
///
/// # Errors
/// When the method is unknown.
pub(super) fn answer(method: &str, params: &Value) -> Result<Value> {
    Ok(match method {
        "ping" => json!({}),
        "roots/list" => {
            json!({ "roots": [{ "uri": "file:///home/ada/project", "name": "project" }] })
        }
        "sampling/createMessage" => json!({
            "role": "assistant",
            "model": "none",
            "content": { "type": "text", "text": "a sampled sentence" },
        }),
        "elicitation/create" => {
            json!({ "action": "accept", "content": filled_in(&params["requestedSchema"]) })
        }
        other => bail!("the server requested {other}"),
    })
}

/// Returns a valid value for each field of a form.
fn filled_in(form: &Value) -> Value {
    let fields = form["properties"].as_object().into_iter().flatten();
    let value = |field: &Value| match field["type"].as_str() {
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(30),
        Some("array") => json!([]),
        _ => field["enum"][0]
            .as_str()
            .or_else(|| field["oneOf"][0]["const"].as_str())
            .unwrap_or("ada")
            .into(),
    };
    Value::Object(
        fields
            .map(|(name, field)| (name.clone(), value(field)))
            .collect(),
    )
}
