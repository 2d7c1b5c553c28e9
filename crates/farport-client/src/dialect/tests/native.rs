//! Caller and server of one era: bytes pass through.

use serde_json::json;

use super::pair::{Pair, call, initialize, initialized, meta, notification, request};
use crate::dialect::{Message, Options};

/// A pair of the session era, after the handshake.
fn session() -> Pair {
    let mut pair = Pair::new(Options::default());
    pair.caller(initialize(json!({})));
    let opens = pair.next_at_server();
    pair.server_result(&opens, initialized(json!({})));
    pair.next_at_caller();
    pair
}

#[test]
fn messages_of_one_era_keep_their_bytes() {
    let mut pair = session();
    let texts = [
        r#" {"id":1, "jsonrpc":"2.0","method":"tools/call","params":{"x":1.0e2,"y":[ ]},"more":{}} "#,
        r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed","x":null}"#,
        r#"{"jsonrpc":"2.0","result":{ },"id":"of the server"}"#,
    ];
    for text in texts {
        let now = pair.now;
        let actions = pair.dialect.on_caller(Message::parse(text).unwrap(), now);
        let expect = crate::dialect::Action::ToServer(Message::parse(text).unwrap());
        assert_eq!(actions, [expect]);
    }
    let texts = [
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"},"x":1e3}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"roots/list","y": 1}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"z" : 0.10}}"#,
    ];
    for text in texts {
        let now = pair.now;
        let actions = pair.dialect.on_server(Message::parse(text).unwrap(), now);
        let expect = crate::dialect::Action::ToCaller(Message::parse(text).unwrap());
        assert_eq!(actions, [expect]);
    }
    pair.empty();
}

#[test]
fn a_cancelled_request_is_forgotten_and_its_late_response_dropped() {
    let mut pair = session();
    pair.caller(request("a", "tools/call", json!({})));
    let sent = pair.next_at_server();
    pair.cancel("a");
    assert_eq!(pair.next_at_server()["params"]["requestId"], "a");
    pair.server_result(&sent, json!({}));
    pair.quiet();
    pair.empty();
}

#[test]
fn an_id_in_use_is_refused_without_answering_the_first_request() {
    let mut pair = session();
    pair.caller(request("a", "ping", json!({})));
    let sent = pair.next_at_server();
    pair.caller(request("a", "ping", json!({})));
    let refused = pair.next_at_caller();
    assert!(refused.get("id").is_none() && refused["error"]["code"] == -32600);
    pair.server_result(&sent, json!({}));
    assert_eq!(pair.next_at_caller()["id"], "a");
    pair.empty();
}

#[test]
fn an_error_without_an_id_answers_the_only_request() {
    let mut pair = session();
    pair.caller(request("a", "ping", json!({})));
    pair.next_at_server();
    pair.server(json!({"jsonrpc": "2.0", "error": {"code": -32700, "message": "?"}}));
    let answer = pair.next_at_caller();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!("a"), &json!(-32700))
    );
    pair.empty();
}

#[test]
fn a_server_of_the_newest_revision_can_end_a_subscription() {
    let options = Options {
        server: Some(farport_core::Era::Modern),
        ..Options::default()
    };
    let mut pair = Pair::new(options);
    let params = json!({"_meta": meta(), "notifications": {}});
    pair.caller(request("listen", "subscriptions/listen", params));
    assert_eq!(pair.next_at_server()["id"], "listen");
    pair.server(super::pair::cancelled(&json!("listen")));
    assert_eq!(pair.next_at_caller()["method"], "notifications/cancelled");
    pair.empty();
}

#[test]
fn without_translation_each_message_passes_on() {
    let options = Options {
        translates: false,
        ..Options::default()
    };
    let mut pair = Pair::new(options);
    pair.caller(initialize(json!({})));
    let sent = pair.next_at_server();
    pair.server_error(&sent, -32601);
    assert_eq!(pair.next_at_caller()["error"]["code"], -32601);
    pair.caller(call("a"));
    assert_eq!(pair.next_at_server()["id"], "a");
    pair.caller(notification("notifications/initialized", json!({})));
    assert_eq!(pair.next_at_server()["method"], "notifications/initialized");
    pair.quiet();
}
