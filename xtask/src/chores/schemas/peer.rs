//! A client that validates: every message that comes or goes is held against the schema.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Map, Value, json};

use super::Revision;
use super::schema::Schema;
use super::wire::{Incoming, Wire};
use crate::fixture::Fixture;

/// The longest that a message is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// One side of a conversation in one revision.
pub(crate) struct Peer {
    /// The revision that is spoken.
    pub(crate) revision: Revision,
    schema: Schema,
    wire: Wire,
    incoming: Receiver<Incoming>,
    url: String,
    sse_url: String,
    session: Option<String>,
    /// The method of each request that was sent, by its id.
    asked: HashMap<String, String>,
    next_id: u64,
    record: Vec<Value>,
    problems: Vec<String>,
    /// How many messages of the server fitted each definition.
    seen: BTreeMap<String, usize>,
}

impl Peer {
    /// A peer that has said nothing yet.
    ///
    /// # Errors
    /// On HTTP+SSE, when the server does not open its stream.
    pub(crate) fn new(revision: Revision, schema: Schema, server: &Fixture) -> Result<Self> {
        let (sink, incoming) = mpsc::channel();
        let mut peer = Self {
            revision,
            schema,
            wire: Wire::new(sink),
            incoming,
            url: server.url.clone(),
            sse_url: server.sse_url(),
            session: None,
            asked: HashMap::new(),
            next_id: 1,
            record: Vec::new(),
            problems: Vec::new(),
            seen: BTreeMap::new(),
        };
        if revision == Revision::V2024_11_05 {
            peer.wire.listen(&peer.sse_url, &[]);
            let Incoming::Endpoint(endpoint) = peer.incoming.recv_timeout(PATIENCE)? else {
                bail!("the first event of {} is not its endpoint", peer.sse_url);
            };
            let origin = peer.url.trim_end_matches("/mcp");
            peer.url = if endpoint.starts_with('/') {
                format!("{origin}{endpoint}")
            } else {
                endpoint
            };
        }
        Ok(peer)
    }

    /// Opens the stream on which the server speaks by itself.
    pub(crate) fn open_stream(&self) {
        if !self.revision.is_modern() && self.revision != Revision::V2024_11_05 {
            self.wire.listen(&self.url, &self.headers(None));
        }
    }

    /// Sends a request and gives its response.
    ///
    /// # Errors
    /// When there is none in time, or it is an error.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let response = self.ask(method, params)?;
        match response.get("error") {
            Some(error) => Err(anyhow!("{method} was answered with {error}")),
            None => Ok(response["result"].clone()),
        }
    }

    /// Sends a request that has to be refused, and gives the error's code.
    ///
    /// # Errors
    /// When it is not refused in time.
    pub(crate) fn refused(&mut self, method: &str, params: Value) -> Result<i64> {
        let response = self.ask(method, params)?;
        response["error"]["code"]
            .as_i64()
            .with_context(|| format!("{method} was not refused: {response}"))
    }

    fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.send(method, params)?;
        self.wait(method, |message| {
            message.get("method").is_none() && message["id"] == id
        })
    }

    /// Sends a request, and does not wait for its response. Gives its id.
    ///
    /// # Errors
    /// When the request itself does not fit the schema.
    pub(crate) fn send(&mut self, method: &str, params: Value) -> Result<Value> {
        let message = self.request(method, params);
        self.say(&message, Some(method))?;
        Ok(message["id"].clone())
    }

    /// A request with a new id. A modern one names its client.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let mut params = params;
        if self.revision.is_modern() {
            let meta = params
                .as_object_mut()
                .map(|params| params.entry("_meta").or_insert_with(|| json!({})));
            if let Some(Value::Object(meta)) = meta {
                let defaults = modern_meta(self.revision.name());
                defaults.into_iter().for_each(|(key, value)| {
                    meta.entry(key).or_insert(value);
                });
            }
        }
        self.asked.insert(json!(id).to_string(), method.to_owned());
        if params.as_object().is_some_and(Map::is_empty) {
            return json!({ "jsonrpc": "2.0", "id": id, "method": method });
        }
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// When it does not fit the schema.
    pub(crate) fn notify(&mut self, method: &str, params: Value) -> Result<()> {
        self.say(
            &json!({ "jsonrpc": "2.0", "method": method, "params": params }),
            Some(method),
        )
    }

    /// Sends any message as it is, after checking it.
    fn say(&mut self, message: &Value, method: Option<&str>) -> Result<()> {
        let definition = self.schema.definition(message, method)?;
        let faults = self.schema.faults(message, &definition)?;
        ensure!(
            faults.is_empty(),
            "what this test sends does not fit: {}",
            faults.join("; ")
        );
        self.post(message);
        Ok(())
    }

    /// Posts `body` unchecked: for what is meant to be refused.
    pub(crate) fn post(&mut self, body: &Value) {
        self.record.push(json!({ "client": body }));
        self.wire.post(&self.url, &self.headers(Some(body)), body);
    }

    fn headers(&self, body: Option<&Value>) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        if self.revision >= Revision::V2025_06_18 {
            add("mcp-protocol-version", self.revision.name());
        }
        if let Some(session) = &self.session {
            add("mcp-session-id", session);
        }
        if let Some(body) = body.filter(|_| self.revision.is_modern()) {
            add("mcp-method", body["method"].as_str().unwrap_or_default());
            let params = &body["params"];
            if let Some(name) = params["name"].as_str().or_else(|| params["uri"].as_str()) {
                add("mcp-name", name);
            }
        }
        headers
    }

    /// Waits for a message that `wanted` accepts. Checks and answers all other messages.
    ///
    /// # Errors
    /// When it does not come in time, or a request of ours failed.
    pub(crate) fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let incoming = self.incoming.recv_timeout(left);
            match incoming.map_err(|_| anyhow!("waited for {what} for {} s", PATIENCE.as_secs()))? {
                Incoming::Message(message) => {
                    self.hear(&message)?;
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
    pub(crate) fn wait_for(&mut self, method: &str) -> Result<Value> {
        self.wait(method, |message| message["method"] == method)
    }

    /// Checks what the server said, and answers it if it asked something.
    fn hear(&mut self, message: &Value) -> Result<()> {
        self.record.push(json!({ "server": message }));
        if let Value::Array(entries) = message {
            let faults = self.schema.check("JSONRPCBatchResponse", message)?;
            self.note("JSONRPCBatchResponse", faults, message);
            return entries.iter().try_for_each(|entry| self.hear(entry));
        }
        let asked = self.asked.get(&message["id"].to_string()).cloned();
        match self.schema.definition(message, asked.as_deref()) {
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
        self.say(
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

    /// What did not fit, one text a message.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// How many messages of the server fitted.
    pub(crate) fn received(&self) -> usize {
        self.seen.values().sum()
    }

    /// What the server's messages were, for people.
    pub(crate) fn summary(&self) -> String {
        format!("{} messages of {} kinds", self.received(), self.seen.len())
    }

    /// Every message of both sides, one a line.
    pub(crate) fn record(&self) -> String {
        self.record
            .iter()
            .map(|message| format!("{message}\n"))
            .collect()
    }
}

/// What a modern request says of its sender.
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

/// What this client answers to what a server asks.
///
/// # Errors
/// For a method that it does not know.
pub(crate) fn answer(method: &str, params: &Value) -> Result<Value> {
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
        other => bail!("the server asked for {other}"),
    })
}

/// Something that fits each required field of a form.
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
