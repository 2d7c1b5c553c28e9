//! A caller and a server of either era that play their part by themselves.

use farport_core::Era;
use serde_json::{Value, json};

use super::pair::{Pair, everything, initialize, meta, notification, request};
use crate::dialect::Options;

/// A question of the server, and the caller's answer.
pub(super) struct Question {
    pub(super) method: &'static str,
    pub(super) params: Value,
    pub(super) answer: Value,
}

/// Each kind of question.
pub(super) fn questions() -> Vec<Question> {
    vec![
        Question {
            method: "elicitation/create",
            params: json!({"message": "who?", "requestedSchema": {"type": "object", "properties": {}}}),
            answer: json!({"action": "accept", "content": {"name": "Ada"}}),
        },
        Question {
            method: "elicitation/create",
            params: json!({"mode": "url", "message": "go", "url": "https://example.com/", "elicitationId": "e1"}),
            answer: json!({"action": "decline"}),
        },
        Question {
            method: "sampling/createMessage",
            params: json!({"messages": [], "maxTokens": 1, "x-unknown": [1.50]}),
            answer: json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "hi"}}),
        },
        Question {
            method: "roots/list",
            params: json!({}),
            answer: json!({"roots": [{"uri": "file:///a"}]}),
        },
    ]
}

/// What happened in a play.
#[derive(Debug, Default)]
pub(super) struct Play {
    /// The questions that the caller was asked, with their parameters.
    pub(super) asked: Vec<(String, Value)>,
    /// The result of the call.
    pub(super) result: Value,
}

/// Plays one call, with one question for each of `rounds`, between a caller and a server.
pub(super) fn play(caller: Era, server: Era, rounds: &[Question]) -> (Pair, Play) {
    let mut pair = Pair::new(Options::default());
    let mut play = Play::default();
    let mut server = Server {
        era: server,
        rounds: rounds
            .iter()
            .map(|it| (it.method.to_owned(), it.params.clone()))
            .collect(),
        call: Value::Null,
        answers: Vec::new(),
    };
    let answers = |method: &str, params: &Value| {
        let url = |params: &Value| params["mode"] == "url";
        let question = rounds
            .iter()
            .find(|it| it.method == method && url(&it.params) == url(params));
        question.unwrap().answer.clone()
    };
    match caller {
        Era::Session => pair.caller(initialize(everything())),
        Era::Modern => {
            pair.caller(request("init", "server/discover", json!({"_meta": meta()})));
        }
    }
    let mut number = 0;
    // A deadline for the play, in messages.
    for _ in 0..200 {
        while let Some(message) = pair.at_server.pop_front() {
            let message = serde_json::from_str(message.text()).unwrap();
            server.take(&mut pair, &message);
        }
        let Some(message) = pair.at_caller.pop_front() else {
            pair.advance(std::time::Duration::from_millis(20));
            continue;
        };
        let message: Value = serde_json::from_str(message.text()).unwrap();
        if let Some(method) = message["method"].as_str() {
            assert!(caller == Era::Session, "{message}");
            play.asked
                .push((method.to_owned(), message["params"].clone()));
            let answer = answers(method, &message["params"]);
            pair.caller_result(&message, answer);
        } else if message["id"] == "init" {
            assert!(message["result"].is_object(), "{message}");
            if caller == Era::Session {
                pair.caller(notification("notifications/initialized", json!({})));
            }
            let mut params = json!({"name": "t", "arguments": {"a": 1}});
            if caller == Era::Modern {
                params["_meta"] = meta();
            }
            pair.caller(request("call-0", "tools/call", params));
        } else if message["result"]["resultType"] == "input_required" {
            assert!(caller == Era::Modern, "{message}");
            let mut given = json!({});
            for (key, question) in message["result"]["inputRequests"].as_object().unwrap() {
                let method = question["method"].as_str().unwrap();
                play.asked
                    .push((method.to_owned(), question["params"].clone()));
                given[key] = answers(method, &question["params"]);
            }
            number += 1;
            let params = json!({
                "name": "t", "arguments": {"a": 1}, "_meta": meta(),
                "inputResponses": given, "requestState": message["result"]["requestState"],
            });
            pair.caller(request(&format!("call-{number}"), "tools/call", params));
        } else {
            assert!(message["result"].is_object(), "{message}");
            play.result = message["result"].clone();
            return (pair, play);
        }
    }
    panic!("the play does not end");
}

struct Server {
    era: Era,
    /// The questions that are still to be asked.
    rounds: Vec<(String, Value)>,
    /// The call that is being answered, in a session.
    call: Value,
    answers: Vec<Value>,
}

impl Server {
    fn take(&mut self, pair: &mut Pair, message: &Value) {
        let version = &message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        let is_modern = version == "2026-07-28";
        match (self.era, message["method"].as_str()) {
            (Era::Session, Some("initialize")) => {
                let result = super::pair::initialized(json!({"tools": {}}));
                pair.server_result(message, result);
            }
            (Era::Session, Some("tools/call")) => {
                let params = &message["params"];
                assert!(
                    params.get("inputResponses").is_none() && params.get("requestState").is_none()
                );
                self.call = message.clone();
                self.ask(pair);
            }
            (Era::Session, None) => {
                self.answers.push(message["result"].clone());
                self.ask(pair);
            }
            (Era::Modern, Some("server/discover")) if is_modern => {
                pair.server_result(message, super::pair::discovered(json!({"tools": {}})));
            }
            (Era::Modern, Some("tools/call")) if is_modern => {
                let params = &message["params"];
                assert_eq!(params["arguments"], json!({"a": 1}));
                if let Some(answer) = params["inputResponses"].get("q") {
                    assert_eq!(params["requestState"], "sealed");
                    self.answers.push(answer.clone());
                }
                let result = if self.rounds.is_empty() {
                    json!({"resultType": "complete", "content": [], "answers": self.answers})
                } else {
                    let (method, params) = self.rounds.remove(0);
                    let requests = json!({"q": {"method": method, "params": params}});
                    json!({"resultType": "input_required", "inputRequests": requests, "requestState": "sealed"})
                };
                pair.server_result(message, result);
            }
            (_, Some(method)) if message.get("id").is_some() => {
                assert!(
                    matches!(method, "initialize" | "server/discover"),
                    "{message}"
                );
                pair.server_error(message, -32601);
            }
            _ => {}
        }
    }

    fn ask(&mut self, pair: &mut Pair) {
        if self.rounds.is_empty() {
            let result = json!({"content": [], "answers": self.answers});
            let call = self.call.clone();
            return pair.server_result(&call, result);
        }
        let (method, params) = self.rounds.remove(0);
        // The ids of servers are their own.
        let id = 1 + self.answers.len();
        pair.server(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }
}
