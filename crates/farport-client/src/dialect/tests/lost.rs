//! The connection to the server is lost, at each step.

use std::time::Duration;

use farport_core::Era;
use serde_json::{Value, json};

use super::pair::{
    Pair, again, call, everything, initialize, initialized, meta, notification, request,
};
use crate::dialect::Options;

/// The ids that were answered with the error of a lost connection.
fn failed(pair: &mut Pair) -> Vec<String> {
    let mut ids = Vec::new();
    while !pair.at_caller.is_empty() {
        let message = pair.next_at_caller();
        if message.get("method").is_none() {
            assert_eq!(message["error"]["code"], -32000, "{message}");
            ids.push(message["id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

/// A story up to a step, and the requests that fail if the connection is lost there.
type Step = (&'static str, fn() -> Pair, &'static [&'static str]);

const STEPS: &[Step] = &[
    ("nothing was sent", || Pair::new(Options::default()), &[]),
    (
        "initialize is at the server",
        || {
            let mut pair = Pair::new(Options::default());
            pair.caller(initialize(json!({})));
            pair.caller(request("a", "ping", json!({})));
            pair
        },
        &["init", "a"],
    ),
    (
        "the server is asked for 2026-07-28",
        || {
            let mut pair = Pair::new(Options::default());
            pair.caller(initialize(json!({})));
            let sent = pair.next_at_server();
            pair.server_error(&sent, -32601);
            pair
        },
        &["init"],
    ),
    (
        "the probe is at the server",
        || {
            let mut pair = Pair::new(Options::default());
            pair.caller(call("a"));
            pair.caller(call("b"));
            pair
        },
        &["a", "b"],
    ),
    (
        "a session opens",
        || {
            let mut pair = Pair::new(Options::default());
            pair.caller(request("d", "server/discover", json!({"_meta": meta()})));
            let sent = pair.next_at_server();
            pair.server_error(&sent, -32601);
            pair
        },
        &["d"],
    ),
    (
        "a native call",
        || {
            let options = Options {
                server: Some(Era::Modern),
                ..Options::default()
            };
            let mut pair = Pair::new(options);
            pair.caller(call("a"));
            pair
        },
        &["a"],
    ),
    (
        "an upgraded call",
        || {
            let mut pair = Pair::upgrade(json!({}));
            pair.caller(request("a", "tools/call", json!({})));
            pair
        },
        &["a"],
    ),
    (
        "an upgraded subscription",
        || {
            // The server announces no other changes, so no stream is opened again.
            let offered = json!({"resources": {"subscribe": true}});
            let mut pair = Pair::upgrade_to(Options::default(), json!({}), offered);
            pair.caller(request("s", "resources/subscribe", json!({"uri": "a:b"})));
            pair
        },
        &["s"],
    ),
    (
        "a downgraded call",
        || {
            let mut pair = Pair::downgrade();
            pair.caller(call("a"));
            pair
        },
        &["a"],
    ),
    (
        "a downgraded call that is about to ask",
        || {
            let mut pair = Pair::downgrade();
            pair.caller(call("a"));
            pair.server(json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"}));
            pair
        },
        &["a"],
    ),
    (
        "a downgraded subscription",
        || {
            let mut pair = Pair::downgrade();
            let filter = json!({"resourceSubscriptions": ["a:b"], "toolsListChanged": true});
            let params = json!({"_meta": meta(), "notifications": filter});
            pair.caller(request("l", "subscriptions/listen", params));
            pair
        },
        &["l"],
    ),
    (
        "a question without a call",
        || {
            let mut pair = Pair::downgrade();
            pair.server(json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"}));
            pair
        },
        &[],
    ),
];

#[test]
fn each_request_fails_once_wherever_the_connection_is_lost() {
    for (name, story, expect) in STEPS {
        let mut pair = story();
        pair.lose();
        assert_eq!(failed(&mut pair), *expect, "{name}");
        assert_eq!(pair.unanswered(), 0, "{name}");
        pair.quiet();
        // A second loss changes nothing.
        pair.lose();
        pair.quiet();
        pair.empty();
    }
}

#[test]
fn a_new_connection_serves_the_next_request() {
    for (name, story, _) in STEPS {
        let mut pair = story();
        pair.lose();
        failed(&mut pair);
        let answers = |pair: &mut Pair| {
            for _ in 0..5 {
                if pair
                    .at_caller
                    .iter()
                    .any(|it| it.text().contains("\"next\""))
                {
                    return true;
                }
                let Some(message) = pair.at_server.pop_front() else {
                    return false;
                };
                let message: Value = serde_json::from_str(message.text()).unwrap();
                match message["method"].as_str() {
                    Some("server/discover") => pair.server_error(&message, -32601),
                    Some("initialize") => pair.server_result(&message, initialized(json!({}))),
                    Some(method) if method.starts_with("notifications/") => {}
                    _ => pair.server_result(&message, json!({})),
                }
            }
            false
        };
        pair.caller(call("next"));
        assert!(answers(&mut pair), "{name}");
    }
}

#[test]
fn a_call_that_waits_for_the_caller_survives_with_a_server_of_the_newest_revision() {
    let mut pair = Pair::upgrade(everything());
    pair.caller(request("a", "tools/call", json!({})));
    let sent = pair.next_at_server();
    let questions = json!({"q": {"method": "roots/list"}});
    let result =
        json!({"resultType": "input_required", "inputRequests": questions, "requestState": "s"});
    pair.server_result(&sent, result);
    let question = pair.next_at_caller();
    pair.lose();
    pair.quiet();
    pair.caller_result(&question, json!({"roots": []}));
    let sent = pair.next_at_server();
    assert_eq!(sent["params"]["requestState"], "s");
    pair.server_result(&sent, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "a");
    pair.empty();
}

#[test]
fn a_call_that_waits_for_the_caller_is_lost_with_its_session() {
    let mut pair = Pair::downgrade();
    pair.caller(call("a"));
    pair.next_at_server();
    pair.server(json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"}));
    pair.advance(Duration::from_millis(20));
    let state = pair.next_at_caller()["result"]["requestState"].clone();
    pair.lose();
    pair.quiet();
    pair.empty();
    pair.caller(again("b", &state, json!({})));
    let opens = pair.next_at_server();
    assert_eq!(opens["method"], "initialize");
    pair.server_result(&opens, initialized(json!({})));
    assert_eq!(pair.next_at_caller()["error"]["code"], -32602);
}

#[test]
fn a_lost_stream_is_opened_again() {
    let mut pair = Pair::upgrade(json!({}));
    pair.caller(notification("notifications/initialized", json!({})));
    pair.lose();
    pair.quiet();
    pair.advance(Duration::from_secs(1));
    assert_eq!(pair.next_at_server()["method"], "subscriptions/listen");
}
