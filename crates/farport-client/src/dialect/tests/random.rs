//! Random interleavings: the machine never panics, answers no request twice and keeps nothing.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::pair::{
    Pair, cancelled, discovered, initialize, initialized, meta, notification, request,
};
use crate::dialect::{Kind, Options};

#[derive(Clone, Debug)]
enum Step {
    Initialize(u8),
    Discover(u8),
    Call {
        id: u8,
        modern: bool,
        token: bool,
    },
    /// Repeats the newest call that was answered with questions.
    Repeat(u8),
    Listen(u8),
    Subscribe(u8, bool),
    Cancel(u8),
    /// Answers a question at the caller.
    AnswerQuestion {
        error: bool,
    },
    CallerNotifies(u8),
    /// Answers the request at the server that is this far back.
    Answer {
        back: u8,
        how: u8,
    },
    /// Refuses the request at the server that is this far back, or fails it.
    Refuse {
        back: u8,
        fails: bool,
    },
    Ask {
        id: u8,
        kind: u8,
        on_call: bool,
    },
    Notify(u8),
    CancelQuestion(u8),
    Advance(u32),
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..6_u8;
    prop_oneof![
        1 => id.clone().prop_map(Step::Initialize),
        1 => id.clone().prop_map(Step::Discover),
        6 => (id.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(id, modern, token)| Step::Call { id, modern, token }),
        4 => id.clone().prop_map(Step::Repeat),
        2 => id.clone().prop_map(Step::Listen),
        2 => (id.clone(), any::<bool>()).prop_map(|(id, on)| Step::Subscribe(id, on)),
        3 => id.clone().prop_map(Step::Cancel),
        3 => any::<bool>().prop_map(|error| Step::AnswerQuestion { error }),
        1 => id.clone().prop_map(Step::CallerNotifies),
        10 => (0..4_u8, 0..8_u8).prop_map(|(back, how)| Step::Answer { back, how }),
        2 => (0..4_u8, any::<bool>()).prop_map(|(back, fails)| Step::Refuse { back, fails }),
        4 => (id.clone(), 0..6_u8, any::<bool>())
            .prop_map(|(id, kind, on_call)| Step::Ask { id, kind, on_call }),
        2 => id.clone().prop_map(Step::Notify),
        1 => id.prop_map(Step::CancelQuestion),
        4 => prop_oneof![Just(20_u32), 0..400_000_u32].prop_map(Step::Advance),
        1 => Just(Step::Lose),
    ]
}

/// The parts of the play that the caller and the server remember.
#[derive(Default)]
struct Memory {
    at_server: Vec<Value>,
    questions: Vec<Value>,
    states: Vec<Value>,
}

fn absorb(pair: &mut Pair, memory: &mut Memory) {
    while let Some(message) = pair.at_server.pop_front() {
        if matches!(message.kind(), Kind::Request(_)) {
            memory
                .at_server
                .push(serde_json::from_str(message.text()).unwrap());
        }
    }
    while !pair.at_caller.is_empty() {
        let message = pair.next_at_caller();
        if message.get("method").is_some() && message.get("id").is_some() {
            memory.questions.push(message);
        } else if message["result"]["resultType"] == "input_required" {
            memory.states.push(message["result"].clone());
        }
    }
}

fn take(pair: &mut Pair, memory: &mut Memory, step: &Step) {
    match step {
        Step::Initialize(id) => {
            let mut message = initialize(super::pair::everything());
            message["id"] = json!(format!("i{id}"));
            send(pair, message);
        }
        Step::Discover(id) => {
            send(
                pair,
                request(&id.to_string(), "server/discover", json!({"_meta": meta()})),
            );
        }
        Step::Call { id, modern, token } => {
            let mut params = json!({"name": "t", "_meta": {}});
            if *modern {
                params["_meta"] = meta();
            }
            if *token {
                params["_meta"]["progressToken"] = json!(id % 2);
            }
            send(pair, request(&id.to_string(), "tools/call", params));
        }
        Step::Repeat(id) => {
            let Some(result) = memory.states.pop() else {
                return;
            };
            let requests = result["inputRequests"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            let answers: serde_json::Map<String, Value> = requests
                .into_iter()
                .filter(|(key, _)| !(id % 3 == 0 && key.ends_with('1')))
                .map(|(key, _)| (key, json!({})))
                .collect();
            let params = json!({
                "name": "t", "_meta": meta(), "inputResponses": answers,
                "requestState": result["requestState"],
            });
            send(pair, request(&id.to_string(), "tools/call", params));
        }
        Step::Listen(id) => {
            let filter = json!({"toolsListChanged": true, "resourceSubscriptions": [format!("x:{}", id % 3)]});
            let params = json!({"_meta": meta(), "notifications": filter});
            send(
                pair,
                request(&id.to_string(), "subscriptions/listen", params),
            );
        }
        Step::Subscribe(id, on) => {
            let method = if *on {
                "resources/subscribe"
            } else {
                "resources/unsubscribe"
            };
            let params = json!({"uri": format!("x:{}", id % 3)});
            send(pair, request(&id.to_string(), method, params));
        }
        Step::Cancel(id) => pair.cancel(&id.to_string()),
        Step::AnswerQuestion { error } => {
            let Some(question) = memory.questions.pop() else {
                return;
            };
            let id = &question["id"];
            pair.caller(match error {
                true => json!({"jsonrpc": "2.0", "id": id, "error": {"code": 1, "message": ""}}),
                false => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
            });
        }
        Step::CallerNotifies(id) => {
            let names = ["initialized", "roots/list_changed", "progress"];
            let name = names[usize::from(*id) % names.len()];
            pair.caller(notification(&format!("notifications/{name}"), json!({})));
        }
        Step::Answer { back, how } => answer(pair, memory, *back, *how),
        Step::Refuse { back, fails } => {
            let at = memory.at_server.len().checked_sub(1 + usize::from(*back));
            let Some(request) = at.map(|at| memory.at_server.remove(at)) else {
                return;
            };
            if *fails {
                pair.server_fails(&request);
            } else {
                pair.server_refuses(&request, -32600);
            }
        }
        Step::Ask { id, kind, on_call } => {
            let (method, params) = match kind {
                0 => ("elicitation/create", json!({"message": "?"})),
                1 => ("elicitation/create", json!({"mode": "url"})),
                2 => ("sampling/createMessage", json!({})),
                3 => ("roots/list", json!({})),
                4 => ("ping", json!({})),
                _ => ("unknown", json!({})),
            };
            let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
            match memory.at_server.last().filter(|_| *on_call).cloned() {
                Some(call) => pair.server_on(&call, message),
                None => pair.server(message),
            }
        }
        Step::Notify(id) => {
            let uri = format!("x:{}", id % 3);
            let message = match id {
                0 => notification("notifications/tools/list_changed", json!({})),
                1 => notification("notifications/resources/updated", json!({"uri": uri})),
                2 => notification("notifications/progress", json!({"progressToken": id % 2})),
                3 => notification("notifications/message", json!({"level": "error"})),
                4 => notification(
                    "notifications/subscriptions/acknowledged",
                    json!({"notifications": {"resourceSubscriptions": [uri]}}),
                ),
                _ => notification("notifications/x", json!({})),
            };
            pair.server(message);
        }
        Step::CancelQuestion(id) => pair.server(cancelled(&json!(id))),
        Step::Advance(by) => pair.advance(Duration::from_millis(u64::from(*by))),
        Step::Lose => {
            memory.at_server.clear();
            pair.lose();
        }
    }
}

/// Sends a request, unless its id is in use.
fn send(pair: &mut Pair, message: Value) {
    if !pair.is_open(&message["id"]) {
        pair.caller(message);
    }
}

fn answer(pair: &mut Pair, memory: &mut Memory, back: u8, how: u8) {
    let Some(at) = memory.at_server.len().checked_sub(1 + usize::from(back)) else {
        return;
    };
    // A late answer is one that comes twice.
    let request = match how {
        7 => memory.at_server[at].clone(),
        _ => memory.at_server.remove(at),
    };
    let capabilities =
        json!({"tools": {"listChanged": true}, "resources": {"subscribe": true}, "logging": {}});
    let questions = json!({
        "a": {"method": "elicitation/create", "params": {}}, "b": {"method": "roots/list"},
    });
    match (request["method"].as_str(), how) {
        (_, 0) => pair.server_error(&request, -32601),
        (_, 1) => pair.server_error(&request, -32000),
        (Some("initialize"), _) => pair.server_result(&request, initialized(capabilities)),
        (Some("server/discover"), _) => pair.server_result(&request, discovered(capabilities)),
        (_, 2 | 3) => pair.server_result(
            &request,
            json!({"resultType": "input_required", "inputRequests": questions, "requestState": "s"}),
        ),
        (_, 4) => pair.server_result(
            &request,
            json!({"resultType": "input_required", "requestState": "s"}),
        ),
        (_, 5) => {
            let error = json!({"code": -32042, "message": "", "data": {"elicitations": [{"mode": "url"}]}});
            pair.server(json!({"jsonrpc": "2.0", "id": request["id"], "error": error}));
        }
        _ => pair.server_result(&request, json!({})),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_interleaving_answers_twice_or_leaves_an_entry(
        steps in prop::collection::vec(step(), 0..80),
        probes in any::<bool>(),
    ) {
        let options = Options {
            probes,
            most_calls: 5,
            most_parked: 2,
            most_questions: 3,
            most_rounds: 3,
            most_bytes: 4_000,
            ..Options::default()
        };
        let mut pair = Pair::new(options);
        let mut memory = Memory::default();
        for step in &steps {
            take(&mut pair, &mut memory, step);
            absorb(&mut pair, &mut memory);
            let held = pair.dialect.held();
            prop_assert!(held.bytes <= 4_000, "{held:?}");
            prop_assert!(held.calls <= 12, "{held:?}");
            prop_assert!(pair.dialect.unanswered() <= held.calls, "{held:?}");
        }
        // The caller takes back all it has asked, the server is lost, and time passes.
        for id in 0..6 {
            pair.cancel(&id.to_string());
        }
        prop_assert_eq!(pair.dialect.unanswered(), pair.unanswered());
        pair.lose();
        pair.advance(Duration::from_secs(300));
        let held = pair.dialect.held();
        prop_assert_eq!(pair.unanswered(), 0);
        prop_assert_eq!((held.calls, held.questions, held.bytes), (0, 0, 0), "{:?}", held);
    }
}
