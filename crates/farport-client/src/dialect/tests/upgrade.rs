//! A caller of the session era in front of a server of 2026-07-28.

use std::time::Duration;

use serde_json::{Value, json};

use super::pair::{Pair, cancelled, everything, notification, request};
use crate::dialect::{Id, Message};

/// A call at the server, answered with questions.
fn asked(pair: &mut Pair, questions: Value) -> Value {
    pair.caller(request("call", "tools/call", json!({"name": "t"})));
    let sent = pair.next_at_server();
    pair.server_result(&sent, input_required(questions));
    sent
}

fn input_required(questions: Value) -> Value {
    json!({"resultType": "input_required", "inputRequests": questions, "requestState": "s"})
}

fn elicitation() -> Value {
    json!({"method": "elicitation/create", "params": {"message": "who?"}})
}

#[test]
fn each_request_says_what_the_newest_revision_wants() {
    let mut pair = Pair::upgrade(json!({"roots": {}}));
    pair.caller(request("l", "logging/setLevel", json!({"level": "info"})));
    assert_eq!(pair.next_at_caller()["result"], json!({}));
    let params = json!({"name": "t", "_meta": {"progressToken": 7, "x": 1}});
    pair.caller(request("a", "tools/call", params));
    let message = pair.at_server.front().unwrap().clone();
    let facts = message.header_facts();
    assert_eq!(facts.protocol_version.as_deref(), Some("2026-07-28"));
    assert_eq!(
        (&*facts.method, facts.name.as_deref()),
        ("tools/call", Some("t"))
    );
    let sent = pair.next_at_server();
    assert_eq!(
        sent["params"]["_meta"],
        json!({
            "progressToken": 7, "x": 1,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"roots": {}},
            "io.modelcontextprotocol/clientInfo": {"name": "caller", "version": "1"},
            "io.modelcontextprotocol/logLevel": "info",
        })
    );
    let progress = notification(
        "notifications/progress",
        json!({"progressToken": 7, "progress": 1}),
    );
    pair.server_on(&sent, progress.clone());
    assert_eq!(pair.at_caller[0].stream(), Id::read("\"a\"").as_ref());
    assert_eq!(pair.next_at_caller(), progress);
    pair.server_text(&format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{{"content":[ ],"x":1.0e2}}}}"#,
        sent["id"]
    ));
    assert_eq!(
        pair.at_caller[0].text(),
        r#"{"jsonrpc":"2.0","id":"a","result":{"content":[ ],"x":1.0e2}}"#
    );
    pair.next_at_caller();
    pair.caller(request("p", "ping", json!({})));
    assert_eq!(pair.next_at_caller()["result"], json!({}));
    pair.quiet();
    pair.empty();
}

#[test]
fn the_questions_of_one_round_are_answered_together() {
    let mut pair = Pair::upgrade(everything());
    let sampling = json!({"method": "sampling/createMessage", "params": {}});
    let first = asked(&mut pair, json!({"b": elicitation(), "a": sampling}));
    let (one, two) = (pair.next_at_caller(), pair.next_at_caller());
    pair.caller_result(&two, json!({"n": 2}));
    pair.quiet();
    pair.caller_result(&one, json!({"n": 1}));
    let sent = pair.next_at_server();
    assert_ne!(sent["id"], first["id"]);
    let key = |question: &Value| match question["method"].as_str() {
        Some("elicitation/create") => "b",
        _ => "a",
    };
    let expect = json!({key(&one): {"n": 1}, key(&two): {"n": 2}});
    assert_eq!(sent["params"]["inputResponses"], expect);
    assert_eq!(sent["params"]["requestState"], "s");
    pair.server_result(&sent, json!({"resultType": "complete"}));
    assert_eq!(pair.next_at_caller()["id"], "call");
    pair.quiet();
    pair.empty();
}

#[test]
fn a_question_the_caller_did_not_declare_fails_the_call() {
    for (declared, question) in [
        (json!({}), elicitation()),
        (
            json!({"elicitation": {}}),
            json!({"method": "elicitation/create", "params": {"mode": "url"}}),
        ),
        (json!({}), json!({"method": "roots/list"})),
        (
            json!({"sampling": {}}),
            json!({"method": "sampling/createMessage", "params": {"tools": []}}),
        ),
        (everything(), json!({"method": "ping"})),
        (everything(), json!(7)),
    ] {
        let mut pair = Pair::upgrade(declared);
        asked(&mut pair, json!({"q": question}));
        assert_eq!(pair.next_at_caller()["error"]["code"], -32000);
        pair.quiet();
        pair.empty();
    }
}

#[test]
fn an_elicitation_without_an_answer_counts_as_dismissed() {
    let refused = json!({"code": -1, "message": "no"});
    let mut pair = Pair::upgrade(everything());
    asked(&mut pair, json!({"q": elicitation()}));
    let question = pair.next_at_caller();
    pair.caller(json!({"jsonrpc": "2.0", "id": question["id"], "error": refused}));
    let sent = pair.next_at_server();
    assert_eq!(
        sent["params"]["inputResponses"],
        json!({"q": {"action": "cancel"}})
    );
    pair.server_result(&sent, input_required(json!({"q": elicitation()})));
    let question = pair.next_at_caller();
    pair.advance(Duration::from_secs(300));
    assert_eq!(pair.next_at_caller(), cancelled(&question["id"]));
    let sent = pair.next_at_server();
    assert_eq!(
        sent["params"]["inputResponses"],
        json!({"q": {"action": "cancel"}})
    );
    pair.caller_result(&question, json!({"action": "accept"}));
    pair.quiet();
    pair.server_result(&sent, json!({}));
    pair.next_at_caller();
    pair.empty();
}

#[test]
fn other_questions_without_an_answer_fail_the_call() {
    let mut pair = Pair::upgrade(everything());
    let questions = json!({"a": elicitation(), "q": {"method": "roots/list"}});
    asked(&mut pair, questions.clone());
    pair.next_at_caller();
    pair.next_at_caller();
    pair.advance(Duration::from_secs(300));
    let last: Vec<Value> = (0..3).map(|_| pair.next_at_caller()).collect();
    assert_eq!(last[2]["error"]["code"], -32000, "{last:?}");
    pair.quiet();
    pair.empty();
    asked(&mut pair, questions);
    let (one, two) = (pair.next_at_caller(), pair.next_at_caller());
    let roots = if one["method"] == "roots/list" {
        &one
    } else {
        &two
    };
    pair.caller(
        json!({"jsonrpc": "2.0", "id": roots["id"], "error": {"code": -1, "message": "no"}}),
    );
    let said = pair.next_at_caller()["error"]["message"].clone();
    assert_eq!(said, "the client did not answer roots/list: no");
    assert_eq!(pair.next_at_caller()["method"], "notifications/cancelled");
    pair.quiet();
    pair.empty();
}

#[test]
fn cancelling_a_call_takes_back_its_questions() {
    let mut pair = Pair::upgrade(everything());
    asked(&mut pair, json!({"q": elicitation()}));
    let question = pair.next_at_caller();
    pair.cancel("call");
    assert_eq!(pair.next_at_caller(), cancelled(&question["id"]));
    pair.caller_result(&question, json!({}));
    pair.quiet();
    pair.empty();
    pair.caller(request("b", "tools/call", json!({})));
    let sent = pair.next_at_server();
    pair.cancel("b");
    assert_eq!(pair.next_at_server(), cancelled(&sent["id"]));
    pair.server_result(&sent, json!({}));
    pair.quiet();
    pair.empty();
}

#[test]
fn a_server_without_questions_is_asked_again_after_a_pause() {
    let mut pair = Pair::upgrade(everything());
    pair.caller(request("call", "tools/call", json!({})));
    let mut sent = pair.next_at_server();
    for pause in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
        pair.server_result(
            &sent,
            json!({"resultType": "input_required", "requestState": "s"}),
        );
        pair.advance(Duration::from_millis(pause - 1));
        pair.quiet();
        pair.advance(Duration::from_millis(1));
        sent = pair.next_at_server();
        assert_eq!(sent["params"]["requestState"], "s");
        assert!(sent["params"].get("inputResponses").is_none());
    }
    pair.server_result(&sent, json!({}));
    pair.next_at_caller();
    pair.empty();
}

#[test]
fn questions_without_end_fail_the_call() {
    let mut pair = Pair::upgrade(everything());
    pair.caller(request("call", "tools/call", json!({})));
    for _ in 0..10 {
        let sent = pair.next_at_server();
        pair.server_result(&sent, input_required(json!({"q": elicitation()})));
        let question = pair.next_at_caller();
        pair.caller_result(&question, json!({}));
    }
    let sent = pair.next_at_server();
    pair.server_result(&sent, input_required(json!({"q": elicitation()})));
    assert_eq!(pair.next_at_caller()["error"]["code"], -32000);
    pair.quiet();
    pair.empty();
}

fn acknowledged(id: &Value, resources: Value) -> Value {
    notification(
        "notifications/subscriptions/acknowledged",
        json!({
            "_meta": {"io.modelcontextprotocol/subscriptionId": id},
            "notifications": {"resourceSubscriptions": resources},
        }),
    )
}

#[test]
fn subscriptions_become_one_stream_without_a_gap() {
    let mut pair = Pair::upgrade(json!({}));
    pair.caller(notification("notifications/initialized", json!({})));
    let first = pair.next_at_server();
    assert_eq!(
        first["params"]["notifications"],
        json!({"toolsListChanged": true})
    );
    pair.server(acknowledged(&first["id"], json!([])));
    pair.caller(request("s", "resources/subscribe", json!({"uri": "a:b"})));
    let second = pair.next_at_server();
    assert_eq!(
        second["params"]["notifications"],
        json!({"toolsListChanged": true, "resourceSubscriptions": ["a:b"]})
    );
    // Until then the first stream serves, and the caller has no answer.
    let changed = |id: &Value| {
        let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
        notification("notifications/tools/list_changed", json!({"_meta": meta}))
    };
    pair.server(changed(&first["id"]));
    assert_eq!(
        pair.next_at_caller()["method"],
        "notifications/tools/list_changed"
    );
    pair.server(changed(&second["id"]));
    pair.quiet();
    pair.server(acknowledged(&second["id"], json!(["a:b"])));
    assert_eq!(pair.next_at_caller()["id"], "s");
    assert_eq!(pair.next_at_server(), cancelled(&first["id"]));
    pair.server(notification(
        "notifications/resources/updated",
        json!({"uri": "a:b"}),
    ));
    assert_eq!(pair.next_at_caller()["params"]["uri"], "a:b");
    pair.caller(request("u", "resources/unsubscribe", json!({"uri": "a:b"})));
    assert_eq!(pair.next_at_caller()["id"], "u");
    let third = pair.next_at_server();
    assert_eq!(
        third["params"]["notifications"],
        json!({"toolsListChanged": true})
    );
    pair.quiet();
    assert_eq!(pair.dialect.held().subscriptions, 0);
}

#[test]
fn a_subscription_the_server_does_not_honor_is_refused() {
    let mut pair = Pair::upgrade(json!({}));
    for honors in [true, false] {
        pair.caller(request("s", "resources/subscribe", json!({"uri": "a:b"})));
        let sent = pair.next_at_server();
        if honors {
            pair.server(acknowledged(&sent["id"], json!([])));
        } else {
            pair.server_error(&sent, -32601);
        }
        assert_eq!(pair.next_at_caller()["error"]["code"], -32601);
    }
    pair.caller(request("s", "resources/subscribe", json!({"uri": "a:b"})));
    pair.next_at_server();
    pair.cancel("s");
    pair.quiet();
    assert_eq!(pair.dialect.held().subscriptions, 0);
    assert_eq!(pair.dialect.held().calls, 0);
}

#[test]
fn a_stream_that_ended_is_opened_again_with_growing_waits() {
    let mut pair = Pair::upgrade(json!({}));
    pair.caller(notification("notifications/initialized", json!({})));
    let mut sent = pair.next_at_server();
    pair.server(acknowledged(&sent["id"], json!([])));
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
        pair.server_error(&sent, -32000);
        pair.advance(Duration::from_secs(wait) - Duration::from_millis(1));
        pair.quiet();
        pair.advance(Duration::from_millis(1));
        sent = pair.next_at_server();
        assert_eq!(sent["method"], "subscriptions/listen");
    }
    // A server that does not know the method is not asked again.
    pair.server_error(&sent, -32601);
    pair.advance(Duration::from_secs(3600));
    pair.quiet();
    pair.empty();
}

#[test]
fn a_stream_ends_with_its_cancellation_too() {
    let mut pair = Pair::upgrade(json!({}));
    pair.caller(notification("notifications/initialized", json!({})));
    let sent = pair.next_at_server();
    pair.server(acknowledged(&sent["id"], json!([])));
    pair.server(cancelled(&sent["id"]));
    pair.quiet();
    pair.advance(Duration::from_secs(1));
    assert_eq!(pair.next_at_server()["method"], "subscriptions/listen");
}

#[test]
fn a_server_of_the_newest_revision_cannot_ask_by_itself() {
    let mut pair = Pair::upgrade(everything());
    pair.server(json!({"jsonrpc": "2.0", "id": 1, "method": "roots/list"}));
    assert_eq!(pair.next_at_server()["error"]["code"], -32601);
    pair.server_message(Message::parse(r#"{"jsonrpc":"2.0","id":"x","result":{}}"#).unwrap());
    pair.quiet();
    pair.empty();
}
