//! The search for the server's era.

use std::time::Duration;

use serde_json::json;

use super::pair::{
    Pair, call, discovered, initialize, initialized, meta, meta_with, notification, request,
};
use crate::dialect::Options;

#[test]
fn a_handshake_that_both_refuse_gets_the_first_answer() {
    let mut pair = Pair::new(Options::default());
    pair.caller(initialize(json!({})));
    let sent = pair.next_at_server();
    pair.server_error(&sent, -32603);
    let probe = pair.next_at_server();
    assert_eq!(probe["method"], "server/discover");
    pair.server_error(&probe, -32601);
    let answer = pair.next_at_caller();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!("init"), &json!(-32603))
    );
    pair.quiet();
    pair.empty();

    let mut pair = Pair::new(Options::default());
    pair.caller(request("d", "server/discover", json!({"_meta": meta()})));
    pair.caller(call("c"));
    let probe = pair.next_at_server();
    pair.server_error(&probe, -32601);
    let opens = pair.next_at_server();
    pair.server_error(&opens, -32602);
    let answer = pair.next_at_caller();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!("d"), &json!(-32601))
    );
    let answer = pair.next_at_caller();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!("c"), &json!(-32000))
    );
    pair.quiet();
    pair.empty();
}

#[test]
fn requests_wait_for_the_era_in_their_order() {
    let mut pair = Pair::new(Options::default());
    for id in ["a", "b", "c"] {
        pair.caller(call(id));
    }
    let probe = pair.next_at_server();
    assert_eq!(probe["method"], "server/discover");
    assert!(probe["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"].is_object());
    pair.cancel("b");
    pair.quiet();
    pair.server_result(&probe, discovered(json!({})));
    assert_eq!(pair.next_at_server(), call("a"));
    assert_eq!(pair.next_at_server(), call("c"));
    pair.quiet();
}

#[test]
fn a_silent_server_counts_as_one_of_the_session_era() {
    let mut pair = Pair::new(Options::default());
    pair.caller(request("d", "server/discover", json!({"_meta": meta()})));
    let probe = pair.next_at_server();
    pair.advance(Duration::from_secs(9));
    pair.quiet();
    pair.advance(Duration::from_secs(1));
    let opens = pair.next_at_server();
    assert_eq!(opens["method"], "initialize");
    pair.server_result(&opens, initialized(json!({})));
    assert_eq!(pair.next_at_server()["method"], "notifications/initialized");
    let answer = pair.next_at_caller();
    assert_eq!(answer["result"]["supportedVersions"], json!(["2026-07-28"]));
    // An answer that comes after all is too late.
    pair.server_error(&probe, -32601);
    pair.quiet();
    pair.empty();
}

#[test]
fn a_slow_server_of_the_newest_revision_is_recognized_late() {
    let mut pair = Pair::new(Options::default());
    pair.caller(request("d", "server/discover", json!({"_meta": meta()})));
    let probe = pair.next_at_server();
    pair.advance(Duration::from_secs(10));
    let opens = pair.next_at_server();
    pair.server_result(&probe, discovered(json!({})));
    assert_eq!(pair.next_at_caller()["id"], "d");
    pair.server_error(&opens, -32601);
    assert!(!pair.dialect.translates());
    pair.caller(call("c"));
    assert_eq!(pair.next_at_server(), call("c"));
    pair.quiet();
}

#[test]
fn a_modern_error_shows_a_server_of_the_newest_revision() {
    for code in [-32020, -32021, -32022] {
        let mut pair = Pair::new(Options::default());
        pair.caller(request("d", "server/discover", json!({"_meta": meta()})));
        let probe = pair.next_at_server();
        pair.server_error(&probe, code);
        assert_eq!(pair.next_at_caller()["error"]["code"], code);
        pair.caller(call("c"));
        assert_eq!(pair.next_at_server(), call("c"));
    }
}

#[test]
fn the_handshake_names_the_revision_that_the_caller_knows() {
    let mut pair = Pair::new(Options::default());
    pair.caller(initialize(json!({})));
    let sent = pair.next_at_server();
    pair.server_error(&sent, -32601);
    let probe = pair.next_at_server();
    pair.server_result(&probe, discovered(json!({"tools": {}})));
    let answer = pair.next_at_caller();
    assert_eq!(
        answer["result"],
        json!({
            "protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
            "serverInfo": {"name": "server", "version": "2"}, "instructions": "be kind",
        })
    );
    pair.caller(notification("notifications/initialized", json!({})));
    // The server announces nothing, so there is nothing to listen to.
    pair.quiet();
    pair.empty();
}

#[test]
fn the_session_is_opened_with_what_the_caller_declares() {
    let mut pair = Pair::new(Options::default());
    let declared = json!({"sampling": {}, "x": [1]});
    let params = json!({"_meta": meta_with(declared.clone())});
    pair.caller(request("d", "server/discover", params));
    let probe = pair.next_at_server();
    pair.server_error(&probe, -32601);
    let opens = pair.next_at_server();
    assert_eq!(
        opens["params"],
        json!({
            "protocolVersion": "2025-11-25", "capabilities": declared,
            "clientInfo": {"name": "caller", "version": "1"},
        })
    );
}

#[test]
fn a_caller_can_continue_in_the_session_era() {
    let mut pair = Pair::downgrade();
    pair.caller(initialize(json!({})));
    let answer = pair.next_at_caller();
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    // The server has received it already.
    pair.caller(notification("notifications/initialized", json!({})));
    pair.caller(request("a", "tools/list", json!({})));
    assert_eq!(pair.next_at_server()["id"], "a");
    pair.quiet();

    let mut pair = Pair::new(Options::default());
    pair.caller(request("d", "server/discover", json!({"_meta": meta()})));
    let probe = pair.next_at_server();
    pair.server_result(&probe, discovered(json!({})));
    pair.next_at_caller();
    // The server may know sessions as well.
    pair.caller(initialize(json!({})));
    let opens = pair.next_at_server();
    assert_eq!(opens["method"], "initialize");
    pair.server_error(&opens, -32601);
    let probe = pair.next_at_server();
    assert_eq!(probe["method"], "server/discover");
    pair.server_result(&probe, discovered(json!({})));
    assert_eq!(pair.next_at_caller()["id"], "init");
    assert!(pair.dialect.translates());
    pair.empty();
}

#[test]
fn a_request_without_its_metadata_is_refused() {
    let mut pair = Pair::downgrade();
    let version = "io.modelcontextprotocol/protocolVersion";
    for (meta, code) in [
        (json!({}), -32602),
        (json!({version: "2026-07-28"}), -32602),
        (json!({version: "2030-01-01"}), -32022),
    ] {
        pair.caller(request("a", "tools/list", json!({"_meta": meta})));
        assert_eq!(pair.next_at_caller()["error"]["code"], code, "{meta}");
    }
    for method in ["ping", "logging/setLevel", "resources/subscribe"] {
        pair.caller(request("a", method, json!({"_meta": meta()})));
        assert_eq!(pair.next_at_caller()["error"]["code"], -32601, "{method}");
    }
    pair.quiet();
    pair.empty();
}

/// A machine whose driver notices refusals.
fn without_probe() -> Pair {
    Pair::new(Options {
        probes: false,
        ..Options::default()
    })
}

#[test]
fn a_refused_request_opens_a_session_and_is_sent_again() {
    let mut pair = without_probe();
    for id in ["a", "b", "c"] {
        pair.caller(call(id));
    }
    let [first, second, third] = [(); 3].map(|()| pair.next_at_server());
    assert_eq!(first, call("a"));
    pair.server_refuses(&first, -32600);
    let opens = pair.next_at_server();
    assert_eq!(opens["method"], "initialize");
    // Another one is refused while the session opens, and the last one once it is open.
    pair.server_refuses(&second, -32600);
    pair.quiet();
    pair.server_result(&opens, initialized(json!({})));
    assert_eq!(pair.next_at_server()["method"], "notifications/initialized");
    pair.server_refuses(&third, -32600);
    for id in ["a", "b", "c"] {
        let sent = pair.next_at_server();
        assert_eq!(sent["method"], "tools/call");
        assert!(sent["params"].get("_meta").is_none());
        pair.server_result(&sent, json!({"content": []}));
        assert_eq!(pair.next_at_caller()["id"], id);
    }
    pair.quiet();
    pair.empty();
}

#[test]
fn a_refusal_reaches_the_caller_when_there_is_no_session_either() {
    let mut pair = without_probe();
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    pair.server_refuses(&sent, -32601);
    let opens = pair.next_at_server();
    pair.server_error(&opens, -32600);
    let answer = pair.next_at_caller();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!("a"), &json!(-32601))
    );
    pair.quiet();
    pair.empty();
}

#[test]
fn a_server_that_has_shown_its_era_may_refuse() {
    let mut pair = without_probe();
    pair.caller(request("d", "server/discover", json!({"_meta": meta()})));
    let sent = pair.next_at_server();
    pair.server_result(&sent, discovered(json!({})));
    pair.next_at_caller();
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    pair.server_refuses(&sent, -32601);
    assert_eq!(pair.next_at_caller()["error"]["code"], -32601);

    // These errors exist in the newest revision only.
    let mut pair = without_probe();
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    pair.server_refuses(&sent, -32021);
    assert_eq!(pair.next_at_caller()["error"]["code"], -32021);
    pair.quiet();
    pair.empty();
}

#[test]
fn a_failure_in_transport_shows_no_era() {
    let mut pair = Pair::new(Options::default());
    pair.caller(initialize(json!({})));
    let opens = pair.next_at_server();
    pair.server_fails(&opens);
    assert_eq!(pair.next_at_caller()["error"]["message"], "no route");
    pair.quiet();
    pair.empty();

    let mut pair = without_probe();
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    pair.server_fails(&sent);
    assert_eq!(pair.next_at_caller()["error"]["message"], "no route");
    pair.quiet();
    pair.empty();
}

#[test]
fn a_server_of_an_unknown_revision_is_named() {
    let mut pair = Pair::new(Options::default());
    pair.caller(initialize(json!({})));
    let opens = pair.next_at_server();
    pair.server_error(&opens, -32601);
    let probe = pair.next_at_server();
    pair.server_result(&probe, json!({"supportedVersions": ["2031-01-01"]}));
    let answer = pair.next_at_caller();
    let why = answer["error"]["message"].as_str().unwrap();
    assert!(why.contains("it speaks 2031-01-01"), "{why}");
    pair.empty();
}

#[test]
fn a_request_from_before_the_era_was_known_is_answered_once() {
    // It passes through, and nothing shows an era.
    let early = request("early", "ping", json!({}));
    let begin = || {
        let mut pair = Pair::new(Options::default());
        pair.caller(early.clone());
        assert_eq!(pair.next_at_server(), early);
        pair.caller(call("a"));
        let probe = pair.next_at_server();
        (pair, probe)
    };
    // Answered while the era is searched for.
    let (mut pair, _) = begin();
    pair.server_result(&early, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "early");

    let opened = || {
        let (mut pair, probe) = begin();
        pair.server_error(&probe, -32601);
        let opens = pair.next_at_server();
        pair.server_result(&opens, initialized(json!({})));
        assert!(pair.dialect.translates());
        pair.at_server.clear();
        pair
    };
    // Answered after the translation has started.
    let mut pair = opened();
    pair.server_result(&early, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "early");
    pair.quiet();
    // Cancelled after that: a lost connection does not answer it.
    let mut pair = opened();
    pair.cancel("early");
    assert_eq!(pair.next_at_server()["params"]["requestId"], json!("early"));
    pair.cancel("a");
    pair.lose();
    assert!(pair.at_caller.is_empty());
    pair.empty();
    // Its id stays in use until then.
    let mut pair = opened();
    pair.caller(call("early"));
    let refused = pair.next_at_caller();
    assert!(refused.get("id").is_none(), "{refused}");
}

#[test]
fn a_caller_can_mix_eras_in_front_of_a_server_of_the_newest_revision() {
    let mut pair = Pair::upgrade(json!({}));
    pair.caller(call("a"));
    let sent = pair.next_at_server();
    assert_eq!(sent, call("a"));
    pair.server_on(
        &sent,
        notification("notifications/message", json!({"level": "info"})),
    );
    assert_eq!(pair.next_at_caller()["method"], "notifications/message");
    pair.server_result(&sent, json!({"resultType": "input_required"}));
    assert_eq!(
        pair.next_at_caller()["result"]["resultType"],
        "input_required"
    );
    pair.quiet();
    pair.empty();
}
