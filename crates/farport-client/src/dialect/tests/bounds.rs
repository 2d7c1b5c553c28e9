//! The machine stays within its bounds, and every entry ends.

use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{Pair, again, call, cancelled, everything, meta, request};
use crate::dialect::{Action, Id, Message, Options};

const MANY: usize = 100_000;

/// Sends text on behalf of the caller. The last request that reaches the server by it.
fn send(pair: &mut Pair, text: String) -> Option<Id> {
    let actions = pair
        .dialect
        .on_caller(Message::parse(text).unwrap(), pair.now);
    requested(&actions)
}

fn receive(pair: &mut Pair, text: String) {
    let message = Message::parse(text).unwrap();
    pair.dialect.on_server(message, pair.now);
}

fn requested(actions: &[Action]) -> Option<Id> {
    let ids = actions.iter().filter_map(|action| match action {
        Action::ToServer(message) => message.request_id().cloned(),
        Action::ToCaller(_) => None,
    });
    ids.last()
}

/// Plays calls that are cancelled, left alone, or answered too late. `asks` is what makes the
/// server ask a question in a call.
fn forget(mut pair: Pair, params: &str, asks: fn(&mut Pair, usize, &Id)) {
    for number in 0..MANY {
        let call =
            format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{params}}}"#);
        let cancel = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number}}}}}"#
        );
        let id = send(&mut pair, call).unwrap();
        match number % 4 {
            0 => {}
            // Cancelled while the question is held.
            1 => asks(&mut pair, number, &id),
            // Left alone once the caller is asked.
            2 => {
                asks(&mut pair, number, &id);
                pair.now += Duration::from_millis(20);
                pair.dialect.on_timeout(pair.now);
            }
            // Answered after the cancellation.
            _ => {
                send(&mut pair, cancel.clone());
                let id = id.json();
                receive(
                    &mut pair,
                    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#),
                );
            }
        }
        send(&mut pair, cancel);
        let held = pair.dialect.held();
        assert!(held.calls <= 64 && held.questions <= 64, "{held:?}");
    }
    pair.advance(Duration::from_secs(300));
    pair.at_caller.clear();
    pair.at_server.clear();
    pair.empty();
    assert_eq!(pair.dialect.unanswered(), 0);
}

#[test]
fn cancelled_and_dropped_calls_leave_nothing_if_caller_and_server_are_of_one_era() {
    let options = Options {
        server: Some(farport_core::Era::Modern),
        ..Options::default()
    };
    let params = json!({"name": "t", "_meta": meta()}).to_string();
    forget(Pair::new(options), &params, |_, _, _| {});
}

#[test]
fn cancelled_and_dropped_calls_leave_nothing_in_front_of_a_session() {
    let params = json!({"name": "t", "_meta": meta()}).to_string();
    forget(Pair::downgrade(), &params, |pair, number, _| {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"roots/list"}}"#);
        receive(pair, text);
    });
}

#[test]
fn cancelled_and_dropped_calls_leave_nothing_in_front_of_the_newest_revision() {
    forget(
        Pair::upgrade(everything()),
        r#"{"name":"t"}"#,
        |pair, _, id| {
            let id = id.json();
            let questions = r#"{"q":{"method":"roots/list"}}"#;
            let result =
                format!(r#"{{"resultType":"input_required","inputRequests":{questions}}}"#);
            receive(
                pair,
                format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
            );
        },
    );
}

#[test]
fn calls_over_the_bound_are_refused() {
    let options = Options {
        most_calls: 3,
        ..Options::default()
    };
    let native = Options {
        server: Some(farport_core::Era::Modern),
        ..options.clone()
    };
    let opening = Pair::new(options.clone());
    let down = Pair::downgrade_to(options.clone(), json!({}));
    let up = Pair::upgrade_to(options, json!({}), json!({}));
    for mut pair in [Pair::new(native), opening, down, up] {
        for number in 0..4 {
            pair.caller(call(&number.to_string()));
        }
        let refused = pair.next_at_caller();
        assert_eq!(
            (&refused["id"], &refused["error"]["code"]),
            (&json!("3"), &json!(-32000))
        );
        assert!(pair.at_caller.is_empty());
        assert_eq!(pair.dialect.held().calls, 3);
    }
}

#[test]
fn the_call_that_has_waited_longest_makes_room() {
    let options = Options {
        most_parked: 2,
        ..Options::default()
    };
    let mut pair = Pair::downgrade_to(options, json!({}));
    let mut states = Vec::new();
    for number in 0..3 {
        pair.caller(call(&number.to_string()));
        pair.server(json!({"jsonrpc": "2.0", "id": number, "method": "roots/list"}));
        pair.advance(Duration::from_millis(20));
        states.push(pair.next_at_caller()["result"]["requestState"].clone());
    }
    let calls: Vec<Value> = (0..3).map(|_| pair.next_at_server()).collect();
    assert_eq!(pair.next_at_server(), cancelled(&calls[0]["id"]));
    assert_eq!(pair.next_at_server()["id"], 0);
    pair.quiet();
    pair.caller(again("x", &states[0], json!({})));
    assert_eq!(pair.next_at_caller()["error"]["code"], -32602);
    pair.caller(again("y", &states[2], json!({})));
    assert_eq!(
        pair.next_at_caller()["result"]["resultType"],
        "input_required"
    );
}

#[test]
fn the_call_that_holds_most_fails_first() {
    let options = Options {
        most_bytes: 10_000,
        ..Options::default()
    };
    let big = json!({"message": "x".repeat(6_000)});
    let mut pair = Pair::downgrade_to(options.clone(), json!({}));
    pair.caller(call("small"));
    let small = pair.next_at_server();
    pair.caller(call("big"));
    let large = pair.next_at_server();
    let question = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": big});
    pair.server_on(&large, question(1));
    pair.server_on(&large, question(2));
    let failed = pair.next_at_caller();
    assert_eq!(
        (&failed["id"], &failed["error"]["code"]),
        (&json!("big"), &json!(-32000))
    );
    assert_eq!(pair.next_at_server(), cancelled(&large["id"]));
    pair.server_result(&small, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "small");
    pair.empty();

    let mut pair = Pair::upgrade_to(options, everything(), json!({}));
    pair.caller(request("small", "tools/call", json!({})));
    let small = pair.next_at_server();
    pair.caller(request(
        "big",
        "tools/call",
        json!({"x": "x".repeat(20_000)}),
    ));
    let large = pair.next_at_server();
    assert_eq!(pair.next_at_caller()["id"], "big");
    assert_eq!(pair.next_at_server(), cancelled(&large["id"]));
    pair.server_result(&small, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "small");
    pair.quiet();
    pair.empty();
}

#[test]
fn a_call_has_a_share_of_the_questions() {
    let mut pair = Pair::downgrade();
    pair.caller(call("a"));
    pair.next_at_server();
    for number in 0..40 {
        pair.server(json!({"jsonrpc": "2.0", "id": number, "method": "roots/list"}));
    }
    assert_eq!(pair.at_server.len(), 8);
    pair.advance(Duration::from_millis(20));
    let asked = pair.next_at_caller();
    assert_eq!(
        asked["result"]["inputRequests"].as_object().unwrap().len(),
        32
    );

    let mut pair = Pair::upgrade(everything());
    pair.caller(request("a", "tools/call", json!({})));
    let sent = pair.next_at_server();
    let questions: serde_json::Map<String, Value> = (0..40)
        .map(|number| (number.to_string(), json!({"method": "roots/list"})))
        .collect();
    pair.server_result(
        &sent,
        json!({"resultType": "input_required", "inputRequests": questions}),
    );
    assert_eq!(pair.next_at_caller()["error"]["code"], -32000);
    pair.quiet();
    pair.empty();
}

#[test]
fn questions_and_subscriptions_without_a_call_are_bounded() {
    let options = Options {
        most_subscriptions: 3,
        ..Options::default()
    };
    let mut pair = Pair::downgrade_to(options.clone(), json!({"resources": {"subscribe": true}}));
    for number in 0..10 {
        pair.server(json!({"jsonrpc": "2.0", "id": number, "method": "roots/list"}));
    }
    assert_eq!(
        (pair.at_server.len(), pair.dialect.held().questions),
        (2, 8)
    );
    let listen = |id: &str, resources: Value| {
        let params =
            json!({"_meta": meta(), "notifications": {"resourceSubscriptions": resources}});
        request(id, "subscriptions/listen", params)
    };
    pair.caller(listen("a", json!(["x:1", "x:2", "x:3"])));
    assert_eq!(pair.next_at_caller()["error"]["code"], -32000);
    pair.caller(listen("a", json!(["x:1", "x:2"])));
    assert!(pair.at_caller.is_empty());
    pair.caller(listen("b", json!([])));
    assert_eq!(pair.next_at_caller()["error"]["code"], -32000);

    let mut pair = Pair::upgrade_to(options, json!({}), json!({}));
    for number in 0..4 {
        let params = json!({"uri": format!("x:{number}")});
        pair.caller(request(&number.to_string(), "resources/subscribe", params));
    }
    assert_eq!(pair.next_at_caller()["id"], "3");
    assert!(pair.at_caller.is_empty());
}
