//! A server that keeps every rule but one.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::provider::{Known, metadata, plain_path, query};
use crate::support::{Answer, Seen};

const MODERN: &str = "2026-07-28";
const SESSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// A server that keeps every rule but one.
pub(super) struct Site {
    broken: &'static str,
    /// The revision of each session.
    sessions: Mutex<(u64, BTreeMap<String, String>)>,
}

fn error(status: u16, id: &Value, code: i64, data: &Value) -> Answer {
    let error = json!({ "code": code, "message": "refused", "data": data });
    let mut answer = Answer::json(&json!({ "jsonrpc": "2.0", "id": id, "error": error }));
    answer.0 = status;
    answer
}

impl Site {
    pub(super) fn new(broken: &'static str) -> Self {
        Self {
            broken,
            sessions: Mutex::default(),
        }
    }

    fn breaks(&self, rule: &str) -> bool {
        self.broken == rule
    }

    /// Whether the server knows 2026-07-28 only.
    fn is_alone(&self) -> bool {
        self.breaks("post-only")
    }

    pub(super) fn answer(&self, origin: &str, seen: &Seen) -> Answer {
        let foreign_host = !origin.ends_with(seen.header("host"));
        let foreign_origin = !seen.header("origin").is_empty();
        if foreign_host && !self.breaks("host") || foreign_origin && !self.breaks("origin") {
            return Answer::status(403);
        }
        match &*seen.method {
            "GET" if self.is_alone() => Answer::status(200),
            "GET" => self.get(seen),
            "DELETE" => self.delete(seen),
            "POST" => self.post(seen),
            _ if self.breaks("http-methods") => Answer::status(200),
            _ => Answer::status(405),
        }
    }

    fn get(&self, seen: &Seen) -> Answer {
        match seen.header("accept") {
            "text/event-stream" if self.breaks("get") => {
                Answer::status(200).with("content-type", "text/html")
            }
            "text/event-stream" => Answer::status(405),
            _ if self.breaks("get-accept") => Answer::status(200),
            _ => Answer::status(406),
        }
    }

    fn delete(&self, seen: &Seen) -> Answer {
        if !self.breaks("session-delete") {
            let id = seen.header("mcp-session-id");
            self.sessions.lock().unwrap().1.remove(id);
        }
        Answer::status(204)
    }

    fn post(&self, seen: &Seen) -> Answer {
        let accept = seen.header("accept");
        if !accept.contains("application/json") && !self.breaks("accept") {
            return Answer::status(406);
        }
        if seen.header("content-type") != "application/json" && !self.breaks("content-type") {
            return Answer::status(415);
        }
        if seen.body.contains("[[[[[[[[") {
            return Answer::status(if self.breaks("deep-json") { 500 } else { 400 });
        }
        if seen.body.len() > 4 << 20 && !self.breaks("large-body") {
            return Answer::status(413);
        }
        match serde_json::from_str::<Value>(&seen.body) {
            Ok(Value::Array(all)) => self.batch(seen, &all),
            Ok(message) => self.formed(self.message(seen, &message)),
            Err(_) if self.breaks("parse-error") => Answer::status(200),
            Err(_) => error(400, &Value::Null, -32700, &Value::Null),
        }
    }

    /// The answer in the form that the server uses.
    fn formed(&self, mut answer: Answer) -> Answer {
        if answer.0 != 200 {
            return answer;
        }
        let as_event = format!("data: hello\n\ndata: {}\n\n", answer.2);
        let kind = match self.broken {
            "stream" => {
                answer.2 = as_event;
                "text/event-stream"
            }
            "response-type" => "text/plain",
            _ => return answer,
        };
        answer.1.retain(|(name, _)| *name != "content-type");
        answer.with("content-type", kind)
    }

    fn batch(&self, seen: &Seen, all: &[Value]) -> Answer {
        let session = self
            .sessions
            .lock()
            .unwrap()
            .1
            .get(seen.header("mcp-session-id"))
            .cloned();
        let accepts = match session.as_deref() {
            Some("2025-03-26") => !self.breaks("batch"),
            _ => self.breaks("no-batch"),
        };
        if !accepts {
            return error(400, &Value::Null, -32600, &Value::Null);
        }
        let answers = all.iter().map(|message| self.message(seen, message).2);
        let body = format!("[{}]", answers.collect::<Vec<_>>().join(","));
        Answer(200, vec![("content-type", "application/json".into())], body)
    }

    fn message(&self, seen: &Seen, message: &Value) -> Answer {
        let method = message["method"].as_str().unwrap_or_default();
        let modern = message["params"]["_meta"][VERSION].is_string();
        match (method, modern) {
            ("initialize", _) if self.is_alone() => error(404, &message["id"], -32601, &json!({})),
            ("initialize", _) => self.initialize(message),
            (_, true) => self.modern(seen, message),
            (_, false) => self.session(seen, message),
        }
    }

    fn result(&self, message: &Value, result: &Value) -> Answer {
        let id = if self.breaks("envelope") {
            json!(message["id"].to_string())
        } else {
            message["id"].clone()
        };
        Answer::json(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
    }

    fn initialize(&self, message: &Value) -> Answer {
        let wanted = message["params"]["protocolVersion"].as_str().unwrap();
        let known = SESSIONS.contains(&wanted) || self.breaks("negotiation");
        let version = if known { wanted } else { SESSIONS[0] };
        let mut result = json!({
            "protocolVersion": version,
            "capabilities": { "tools": {}, "prompts": {} },
            "serverInfo": { "name": "site", "version": "1" },
        });
        if self.breaks("initialize") {
            result["serverInfo"] = json!({ "name": "site" });
        }
        let mut sessions = self.sessions.lock().unwrap();
        sessions.0 += 1;
        let number = sessions.0;
        let id = match self.broken {
            "session-id" => format!("a session {number:016x}"),
            "session-id-random" => format!("{number:x}"),
            _ => format!("{number:032x}"),
        };
        sessions.1.insert(id.clone(), version.to_owned());
        self.result(message, &result).with("mcp-session-id", id)
    }

    fn session(&self, seen: &Seen, message: &Value) -> Answer {
        let id = &message["id"];
        let session = seen.header("mcp-session-id");
        if session.is_empty() && !self.breaks("session-required") {
            return error(400, id, -32600, &Value::Null);
        }
        if !session.is_empty() && !self.sessions.lock().unwrap().1.contains_key(session) {
            let status = if self.breaks("session-unknown") {
                400
            } else {
                404
            };
            return error(status, id, -32600, &Value::Null);
        }
        let version = seen.header("mcp-protocol-version");
        let known = version.is_empty() || SESSIONS.contains(&version);
        if !known && !self.breaks("version-header") {
            return error(400, id, -32600, &Value::Null);
        }
        if id.is_null() {
            return if self.breaks("notification") {
                Answer::json(&json!({}))
            } else {
                Answer::status(202)
            };
        }
        match message["method"].as_str().unwrap() {
            "ping" if self.breaks("ping") => self.result(message, &json!({ "pong": true })),
            "ping" => self.result(message, &json!({})),
            _ => self.common(message, 200),
        }
    }

    fn modern(&self, seen: &Seen, message: &Value) -> Answer {
        let (id, params) = (&message["id"], &message["params"]);
        let method = message["method"].as_str().unwrap();
        let version = params["_meta"][VERSION].as_str().unwrap();
        let named = params["name"].as_str().unwrap_or_default();
        let mismatch = seen.header("mcp-protocol-version") != version
            && !self.breaks("header-version")
            || seen.header("mcp-method") != method && !self.breaks("header-method")
            || seen.header("mcp-name") != named && !self.breaks("header-name");
        if mismatch {
            return error(400, id, -32020, &Value::Null);
        }
        if version != MODERN {
            let code = if self.breaks("unsupported-version") {
                -32600
            } else {
                -32022
            };
            return error(
                400,
                id,
                code,
                &json!({ "supported": [MODERN], "requested": version }),
            );
        }
        if !params["_meta"][CAPABILITIES].is_object() && !self.breaks("meta") {
            return error(400, id, -32602, &Value::Null);
        }
        if method != "server/discover" {
            return self.common(message, 404);
        }
        let mut result = json!({
            "supportedVersions": [MODERN],
            "capabilities": { "tools": {}, "prompts": {} },
            "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
        });
        if self.breaks("discover") {
            result["ttlMs"] = Value::Null;
        }
        let answer = self.result(message, &result);
        if self.breaks("no-session") {
            answer.with("mcp-session-id", "0123456789abcdef")
        } else {
            answer
        }
    }

    /// What both eras have. `unknown` is the status for an unknown method.
    fn common(&self, message: &Value, unknown: u16) -> Answer {
        let id = &message["id"];
        let cursor = &message["params"]["cursor"];
        if !cursor.is_null() && !cursor.is_string() && !self.breaks("invalid-params") {
            return error(200, id, -32602, &Value::Null);
        }
        let list = |member: &str, entries: Value| {
            let mut result =
                json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private" });
            if self.breaks("result-type") {
                result["resultType"] = Value::Null;
            }
            if self.breaks("caching") {
                result["cacheScope"] = json!("everyone");
            }
            result[member] = entries;
            self.result(message, &result)
        };
        match message["method"].as_str().unwrap() {
            "tools/list" => list("tools", self.tools()),
            "prompts/list" if !self.breaks("lists") => list("prompts", json!([])),
            "prompts/get" => error(200, id, -32602, &Value::Null),
            "tools/call" => self.call(message),
            _ if self.breaks("unknown-method") => self.result(message, &json!({})),
            _ => error(unknown, id, -32601, &Value::Null),
        }
    }

    fn tools(&self) -> Value {
        let mut tool = json!({
            "name": "add",
            "description": "Adds.",
            "inputSchema": { "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] },
            "outputSchema": { "type": "object", "properties": { "sum": { "type": "integer" } }, "required": ["sum"] },
            "annotations": { "readOnlyHint": true },
        });
        let property = &mut tool["inputSchema"]["properties"]["a"];
        match self.broken {
            "valid-schema" => property["type"] = json!("numeric"),
            "schema-references" => *property = json!({ "$ref": "https://a.example/schema" }),
            "x-mcp-header" => property["x-mcp-header"] = json!(""),
            "required-properties" => tool["inputSchema"]["required"] = json!(["b"]),
            "tool-description" => tool["description"] = json!(" "),
            "input-schema" => tool["inputSchema"] = json!({}),
            "output-schema" => tool["outputSchema"] = json!({ "properties": {} }),
            "annotations" => tool["annotations"]["readOnlyHint"] = json!("yes"),
            _ => {}
        }
        let mut other = tool.clone();
        other["name"] = match self.broken {
            "tool-unique" => json!("add"),
            "tool-name" => json!("add two"),
            _ => json!("add.two"),
        };
        json!([tool, other])
    }

    fn call(&self, message: &Value) -> Answer {
        let mut result =
            json!({ "resultType": "complete", "content": [], "structuredContent": { "sum": 2 } });
        match self.broken {
            "structured-content" => result["structuredContent"] = json!({ "sum": "2" }),
            "call-result" => result["content"] = json!([{ "type": "video" }]),
            _ => {}
        }
        self.result(message, &result)
    }

    /// The same behind a sign-in. `None` for what the provider answers.
    pub(super) fn protected(&self, origin: &str, seen: &Seen, known: &Known) -> Option<Answer> {
        let path = plain_path(seen);
        if path.starts_with("/.well-known/oauth-protected-resource") {
            let resource = match self.broken {
                "resource-metadata" => return Some(Answer::status(404)),
                "resource" => "https://a.example/mcp".to_owned(),
                "resource-exact" => origin.to_owned(),
                _ => format!("{origin}/mcp"),
            };
            let document = json!({ "resource": resource, "authorization_servers": [origin] });
            return Some(Answer::json(&document));
        }
        if path == "/.well-known/oauth-authorization-server" {
            let mut document = metadata(origin);
            match self.broken {
                "server-metadata" => document["token_endpoint"] = Value::Null,
                "issuer" => document["issuer"] = json!(format!("{origin}/")),
                "pkce" => document["code_challenge_methods_supported"] = Value::Null,
                "https" => document["authorization_endpoint"] = json!("http://a.example/authorize"),
                "registration" => document["registration_endpoint"] = Value::Null,
                _ => {}
            }
            return Some(Answer::json(&document));
        }
        if path != "/mcp" {
            return None;
        }
        let token = seen.header("authorization").strip_prefix("Bearer ");
        let valid =
            token.is_some_and(|token| known.tokens.contains(token) || self.breaks("bad-token"));
        let in_query =
            query(seen, "access_token").is_some_and(|token| known.tokens.contains(&token));
        if valid || in_query && self.breaks("query-token") {
            return Some(self.answer(origin, seen));
        }
        let named = format!(
            "Bearer resource_metadata=\"{origin}/.well-known/oauth-protected-resource/mcp\""
        );
        let challenge = match self.broken {
            "challenge" => return Some(Answer::status(401)),
            "challenge-metadata" => "Bearer".to_owned(),
            _ => named,
        };
        Some(Answer::status(401).with("www-authenticate", challenge))
    }
}
