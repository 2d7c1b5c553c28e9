//! A caller of 2026-07-28 in front of a server of the session era.

use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{
    Pair, again, call, cancelled, everything, meta, meta_with, notification, request,
};
use crate::dialect::{Id, Options};

const GATHER: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(300);

fn question(id: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": {"message": "who?"}})
}

/// The result that asks the caller.
fn required(pair: &mut Pair) -> Value {
    let message = pair.next_at_caller();
    assert_eq!(
        message["result"]["resultType"], "input_required",
        "{message}"
    );
    message["result"].clone()
}

/// The keys of the questions of a result.
fn keys(result: &Value) -> Vec<String> {
    result["inputRequests"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

/// A call that waits for the caller, and the `input_required` result that the caller received.
fn parked(pair: &mut Pair) -> (Value, Value) {
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    pair.server(question(json!(7)));
    pair.advance(GATHER);
    let result = required(pair);
    (sent, result)
}

#[test]
fn requests_and_results_change_only_what_they_must() {
    let mut pair = Pair::downgrade();
    let mut meta = meta();
    meta["progressToken"] = json!("p");
    meta["traceparent"] = json!("t");
    pair.caller(request(
        "a",
        "tools/list",
        json!({"cursor": "", "_meta": meta}),
    ));
    let sent = pair.next_at_server();
    assert_ne!(sent["id"], "a");
    let kept = json!({"progressToken": "p", "traceparent": "t"});
    assert_eq!(sent["params"], json!({"cursor": "", "_meta": kept}));
    pair.server_text(&format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{{"tools":[ ],"x":1.0e2}}}}"#,
        sent["id"]
    ));
    assert_eq!(
        pair.at_caller[0].text(),
        concat!(
            r#"{"jsonrpc":"2.0","id":"a","result":{"tools":[ ],"x":1.0e2,"resultType":"complete","#,
            r#""ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":"#,
            r#"{"name":"server","version":"1"}}}}"#
        )
    );
    pair.next_at_caller();
    let params = json!({"uri": "a:b", "_meta": super::pair::meta()});
    pair.caller(request("r", "resources/read", params));
    let sent = pair.next_at_server();
    pair.server_error(&sent, -32002);
    let error = pair.next_at_caller()["error"].clone();
    assert_eq!(
        (&error["code"], &error["data"]),
        (&json!(-32602), &json!({"uri": "a:b"}))
    );
    pair.caller(request(
        "d",
        "server/discover",
        json!({"_meta": super::pair::meta()}),
    ));
    let found = pair.next_at_caller()["result"].clone();
    assert_eq!(found["instructions"], "be kind");
    assert_eq!(found["cacheScope"], "private");
    pair.quiet();
    pair.empty();
}

#[test]
fn questions_that_come_together_are_asked_together() {
    let mut pair = Pair::downgrade();
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    pair.server(question(json!(1)));
    pair.server(question(json!("1")));
    pair.advance(GATHER);
    let result = required(&mut pair);
    let keys = keys(&result);
    assert_eq!(keys.len(), 2);
    // What the caller leaves out is asked again.
    let answer = json!({"action": "accept"});
    pair.caller(again(
        "b",
        &result["requestState"],
        json!({&keys[0]: answer}),
    ));
    assert_eq!(
        pair.next_at_server(),
        json!({"jsonrpc": "2.0", "id": 1, "result": answer})
    );
    let left = required(&mut pair);
    assert_eq!(left["inputRequests"].as_object().unwrap().len(), 1);
    assert_ne!(left["requestState"], result["requestState"]);
    pair.caller(again("c", &left["requestState"], json!({&keys[1]: answer})));
    assert_eq!(pair.next_at_server()["id"], "1");
    pair.server_result(&sent, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "c");
    pair.quiet();
    pair.empty();
}

#[test]
fn an_answer_before_the_question_is_asked_ends_the_call() {
    let mut pair = Pair::downgrade();
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    pair.server_on(&sent, question(json!(7)));
    pair.server_result(&sent, json!({}));
    assert_eq!(pair.next_at_caller()["result"]["resultType"], "complete");
    assert_eq!(pair.next_at_server()["error"]["code"], -32000);
    pair.quiet();
    pair.empty();
}

#[test]
fn an_answer_that_comes_while_the_caller_is_away_is_kept() {
    let mut pair = Pair::downgrade();
    let (sent, result) = parked(&mut pair);
    pair.server_result(&sent, json!({"done": true}));
    pair.quiet();
    pair.caller(again("b", &result["requestState"], json!({})));
    let answer = pair.next_at_caller();
    assert_eq!(
        (&answer["id"], &answer["result"]["done"]),
        (&json!("b"), &json!(true))
    );
    pair.next_at_server();
    pair.quiet();
    pair.empty();
}

#[test]
fn a_state_is_good_for_its_own_request_and_once() {
    let mut pair = Pair::downgrade();
    let (_, result) = parked(&mut pair);
    let state = &result["requestState"];
    let mut other = again("b", state, json!({}));
    other["params"]["name"] = json!("other");
    pair.caller(other);
    assert_eq!(pair.next_at_caller()["error"]["code"], -32602);
    pair.caller(again("b", &json!("forged"), json!({})));
    assert_eq!(pair.next_at_caller()["error"]["code"], -32602);
    let key = &keys(&result)[0];
    pair.caller(again("b", state, json!({key: {"action": "cancel"}})));
    assert_eq!(pair.next_at_server()["id"], 7);
    pair.caller(again("c", state, json!({})));
    assert_eq!(pair.next_at_caller()["error"]["code"], -32602);
    pair.quiet();
}

#[test]
fn a_caller_that_does_not_come_back_cancels_the_call() {
    let mut pair = Pair::downgrade();
    let (sent, result) = parked(&mut pair);
    pair.advance(PATIENCE - Duration::from_millis(1));
    pair.quiet();
    pair.advance(Duration::from_millis(1));
    assert_eq!(pair.next_at_server(), cancelled(&sent["id"]));
    let refused = pair.next_at_server();
    assert_eq!(
        (&refused["id"], &refused["error"]["code"]),
        (&json!(7), &json!(-32000))
    );
    pair.empty();
    pair.caller(again("b", &result["requestState"], json!({})));
    assert_eq!(pair.next_at_caller()["error"]["code"], -32602);
    pair.server_result(&sent, json!({}));
    pair.quiet();
}

#[test]
fn cancelling_a_call_cancels_it_at_the_server() {
    let mut pair = Pair::downgrade();
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    pair.server(question(json!(7)));
    // Before the question is put to the caller.
    pair.cancel("a");
    assert_eq!(pair.next_at_server(), cancelled(&sent["id"]));
    assert_eq!(pair.next_at_server()["id"], 7);
    pair.server_result(&sent, json!({}));
    pair.quiet();
    pair.empty();
    // After the caller has come back.
    let (sent, result) = parked(&mut pair);
    let key = &keys(&result)[0];
    pair.caller(again("b", &result["requestState"], json!({key: {}})));
    assert_eq!(pair.next_at_server()["id"], 7);
    pair.cancel("b");
    assert_eq!(pair.next_at_server(), cancelled(&sent["id"]));
    pair.quiet();
    pair.empty();
}

#[test]
fn a_question_the_server_takes_back_is_not_asked() {
    let mut pair = Pair::downgrade();
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    pair.server(question(json!(7)));
    pair.server(cancelled(&json!(7)));
    pair.advance(GATHER);
    pair.quiet();
    pair.server_result(&sent, json!({}));
    pair.next_at_caller();
    let (sent, result) = parked(&mut pair);
    pair.server(cancelled(&json!(7)));
    let key = &keys(&result)[0];
    pair.caller(again("b", &result["requestState"], json!({key: {}})));
    pair.quiet();
    pair.server_result(&sent, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "b");
    pair.empty();
}

#[test]
fn a_question_goes_to_a_call_that_can_carry_it() {
    let mut pair = Pair::downgrade();
    // A list cannot, a call without the capability neither.
    pair.caller(call("able"));
    let able = pair.next_at_server();
    pair.caller(request("list", "tools/list", json!({"_meta": meta()})));
    let list = pair.next_at_server();
    let params = json!({"name": "t", "_meta": meta_with(json!({}))});
    pair.caller(request("unable", "tools/call", params));
    let unable = pair.next_at_server();
    pair.server(question(json!(1)));
    pair.server_on(&list, question(json!(2)));
    pair.server_on(&unable, question(json!(3)));
    assert_eq!(pair.next_at_server()["error"]["code"], -32601);
    pair.advance(GATHER);
    let asked = pair.next_at_caller();
    assert_eq!(asked["id"], "able");
    assert_eq!(keys(&asked["result"]).len(), 2);
    pair.quiet();
    assert_eq!(able["method"], "tools/call");
}

#[test]
fn a_question_moves_on_when_its_likely_call_has_ended() {
    let mut pair = Pair::downgrade();
    pair.caller(call("a"));
    pair.next_at_server();
    pair.caller(call("b"));
    let newest = pair.next_at_server();
    pair.server(question(json!(7)));
    pair.server_result(&newest, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "b");
    pair.advance(GATHER);
    assert_eq!(pair.next_at_caller()["id"], "a");
    pair.quiet();
}

#[test]
fn a_question_outside_of_calls_waits_for_the_next_one() {
    let mut pair = Pair::downgrade();
    pair.server(json!({"jsonrpc": "2.0", "id": 7, "method": "roots/list"}));
    pair.caller(call("a"));
    let result = required(&mut pair);
    let key = &keys(&result)[0];
    assert_eq!(
        result["inputRequests"][key],
        json!({"method": "roots/list"})
    );
    // The call starts once the server has its answer.
    pair.quiet();
    pair.caller(again(
        "b",
        &result["requestState"],
        json!({key: {"roots": []}}),
    ));
    assert_eq!(pair.next_at_server()["result"], json!({"roots": []}));
    let sent = pair.next_at_server();
    assert_eq!(sent["params"], json!({"name": "t", "arguments": {}}));
    pair.server_result(&sent, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "b");
    pair.empty();
    pair.server(question(json!(8)));
    pair.advance(Duration::from_secs(60));
    assert_eq!(pair.next_at_server()["error"]["code"], -32000);
    pair.empty();
}

#[test]
fn an_error_that_names_urls_asks_for_them_and_runs_the_call_again() {
    let mut pair = Pair::downgrade();
    let visit =
        json!({"mode": "url", "message": "go", "url": "https://a.example/", "elicitationId": "e"});
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    let error = json!({"code": -32042, "message": "visit", "data": {"elicitations": [visit]}});
    pair.server(json!({"jsonrpc": "2.0", "id": sent["id"], "error": error}));
    let result = required(&mut pair);
    let key = &keys(&result)[0];
    assert_eq!(result["inputRequests"][key]["params"], visit);
    pair.caller(again(
        "b",
        &result["requestState"],
        json!({key: {"action": "accept"}}),
    ));
    let sent = pair.next_at_server();
    assert_eq!(sent["method"], "tools/call");
    pair.server_result(&sent, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "b");
    pair.empty();
    // A caller that visits no URLs gets the error.
    let params = json!({"name": "t", "_meta": meta_with(json!({"elicitation": {}}))});
    pair.caller(request("c", "tools/call", params));
    let sent = pair.next_at_server();
    pair.server(json!({"jsonrpc": "2.0", "id": sent["id"], "error": error}));
    assert_eq!(pair.next_at_caller()["error"], error);
    pair.empty();
}

#[test]
fn progress_follows_the_caller_from_request_to_request() {
    let mut pair = Pair::downgrade();
    let with_token = |mut message: Value, token: Value| {
        message["params"]["_meta"]["progressToken"] = token;
        message
    };
    let progress = |token: Value| {
        notification(
            "notifications/progress",
            json!({"progressToken": token, "progress": 1}),
        )
    };
    pair.caller(with_token(call("a"), json!(1)));
    let sent = pair.next_at_server();
    assert_eq!(sent["params"]["_meta"]["progressToken"], 1);
    pair.server(progress(json!(1)));
    assert_eq!(pair.at_caller[0].stream(), Id::read("\"a\"").as_ref());
    assert_eq!(pair.next_at_caller(), progress(json!(1)));
    pair.server(question(json!(7)));
    pair.advance(GATHER);
    let result = required(&mut pair);
    // Nothing carries it while the caller is away.
    pair.server(progress(json!(1)));
    pair.quiet();
    let key = &keys(&result)[0];
    let repeated = again("b", &result["requestState"], json!({key: {}}));
    pair.caller(with_token(repeated, json!("two")));
    pair.next_at_server();
    pair.server(progress(json!(1)));
    assert_eq!(pair.next_at_caller(), progress(json!("two")));
    pair.server_result(&sent, json!({}));
    pair.next_at_caller();
    pair.server(progress(json!(1)));
    pair.quiet();
    pair.empty();
}

#[test]
fn logs_go_to_the_calls_that_want_them() {
    let mut pair = Pair::downgrade();
    let log =
        |level: &str| notification("notifications/message", json!({"level": level, "data": 1}));
    let leveled = |id: &str, level: &str| {
        let mut message = call(id);
        message["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!(level);
        message
    };
    pair.caller(leveled("a", "warning"));
    let level = pair.next_at_server();
    assert_eq!(
        (&level["method"], &level["params"]),
        (&json!("logging/setLevel"), &json!({"level": "warning"}))
    );
    let a = pair.next_at_server();
    pair.server(log("info"));
    pair.quiet();
    pair.server(log("error"));
    assert_eq!(pair.at_caller[0].stream(), Id::read("\"a\"").as_ref());
    assert_eq!(pair.next_at_caller(), log("error"));
    pair.caller(leveled("b", "debug"));
    assert_eq!(pair.next_at_server()["params"], json!({"level": "debug"}));
    let b = pair.next_at_server();
    pair.server_on(&a, log("info"));
    pair.quiet();
    pair.server_on(&b, log("info"));
    assert_eq!(pair.next_at_caller(), log("info"));
    // The session's level is low enough now.
    pair.caller(leveled("c", "error"));
    assert_eq!(pair.next_at_server()["method"], "tools/call");
    pair.quiet();
}

#[test]
fn subscriptions_become_subscriptions_of_the_session() {
    let mut pair = Pair::downgrade();
    let filter = json!({
        "toolsListChanged": true, "promptsListChanged": true,
        "resourceSubscriptions": ["a:b", "a:c"],
    });
    let listen = |id: &str, filter: &Value| {
        request(
            id,
            "subscriptions/listen",
            json!({"_meta": meta(), "notifications": filter}),
        )
    };
    pair.caller(listen("l", &filter));
    let (b, c) = (pair.next_at_server(), pair.next_at_server());
    assert_eq!(
        (&b["method"], &b["params"]),
        (&json!("resources/subscribe"), &json!({"uri": "a:b"}))
    );
    let updated = notification(
        "notifications/resources/updated",
        json!({"uri": "a:b/x", "y": 1}),
    );
    pair.server_result(&b, json!({}));
    pair.server(updated.clone());
    // The acknowledgement comes first.
    pair.quiet();
    pair.server_error(&c, -32602);
    let first = pair.next_at_caller();
    let id = json!({"io.modelcontextprotocol/subscriptionId": "l"});
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(
        first["params"],
        json!({
            "_meta": id,
            // The server announces no changes of prompts, and refused one resource.
            "notifications": {"toolsListChanged": true, "resourceSubscriptions": ["a:b"]},
        })
    );
    assert_eq!(
        pair.next_at_caller()["params"],
        json!({"uri": "a:b/x", "y": 1, "_meta": id})
    );
    // A second one shares the resource.
    pair.caller(listen("m", &json!({"resourceSubscriptions": ["a:b"]})));
    assert_eq!(
        pair.next_at_caller()["params"]["notifications"],
        json!({"resourceSubscriptions": ["a:b"]})
    );
    pair.server(notification("notifications/tools/list_changed", json!({})));
    assert_eq!(pair.next_at_caller()["params"]["_meta"], id);
    pair.server(notification(
        "notifications/prompts/list_changed",
        json!({}),
    ));
    pair.quiet();
    pair.server(updated);
    assert_eq!(pair.at_caller.len(), 2);
    pair.at_caller.clear();
    pair.cancel("l");
    pair.quiet();
    pair.cancel("m");
    let left = pair.next_at_server();
    assert_eq!(
        (&left["method"], &left["params"]),
        (&json!("resources/unsubscribe"), &json!({"uri": "a:b"}))
    );
    pair.server_result(&left, json!({}));
    pair.quiet();
    pair.empty();
}

#[test]
fn a_subscription_cancelled_before_the_server_answers_leaves_nothing() {
    let mut pair = Pair::downgrade();
    let params = json!({"_meta": meta(), "notifications": {"resourceSubscriptions": ["a:b"]}});
    pair.caller(request("l", "subscriptions/listen", params));
    let sent = pair.next_at_server();
    pair.cancel("l");
    assert_eq!(pair.next_at_server(), cancelled(&sent["id"]));
    assert_eq!(pair.next_at_server()["method"], "resources/unsubscribe");
    pair.server_result(&sent, json!({}));
    pair.quiet();
    pair.empty();
}

#[test]
fn a_server_without_subscriptions_is_not_asked_for_them() {
    let mut pair = Pair::downgrade_to(Options::default(), json!({"resources": {}}));
    let params = json!({"_meta": meta(), "notifications": {"resourceSubscriptions": ["a:b"]}});
    pair.caller(request("l", "subscriptions/listen", params));
    assert_eq!(pair.next_at_caller()["params"]["notifications"], json!({}));
    pair.quiet();
}

#[test]
fn the_server_gets_its_pings_answered_and_no_other_requests() {
    let mut pair = Pair::downgrade();
    pair.server(json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    assert_eq!(
        pair.next_at_server(),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}})
    );
    pair.server(json!({"jsonrpc": "2.0", "id": 2, "method": "tasks/list"}));
    assert_eq!(pair.next_at_server()["error"]["code"], -32601);
    for method in ["elicitation/complete", "tasks/status", "cancelled"] {
        pair.server(notification(&format!("notifications/{method}"), json!({})));
    }
    pair.quiet();
    pair.server(notification("notifications/x", json!({})));
    assert_eq!(pair.next_at_caller()["method"], "notifications/x");
    pair.empty();
    assert!(everything().is_object());
}
