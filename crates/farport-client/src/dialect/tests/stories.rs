//! The same story in each cell of the era table.

use std::time::Duration;

use farport_core::Era;
use serde_json::{Value, json};

use super::cells::CELLS;
use super::pair::{
    Pair, cancelled, everything, initialize, initialized, meta, notification, request,
};
use crate::dialect::Options;

/// A caller and a server after their handshake.
struct Cell {
    caller: Era,
    server: Era,
    pair: Pair,
}

impl Cell {
    fn open(caller: Era, server: Era) -> Self {
        let pair = match (caller, server) {
            (Era::Session, Era::Session) => {
                let mut pair = Pair::new(Options::default());
                pair.caller(initialize(everything()));
                let opens = pair.next_at_server();
                pair.server_result(
                    &opens,
                    initialized(json!({"resources": {"subscribe": true}})),
                );
                pair.next_at_caller();
                pair
            }
            (Era::Session, _) => Pair::upgrade_to(
                Options::default(),
                everything(),
                json!({"resources": {"subscribe": true}}),
            ),
            (_, Era::Session) => Pair::downgrade(),
            _ => Pair::new(Options {
                server: Some(Era::Modern),
                ..Options::default()
            }),
        };
        Self {
            caller,
            server,
            pair,
        }
    }

    fn name(&self) -> String {
        format!("{:?} in front of {:?}", self.caller, self.server)
    }

    /// The caller sends a request of its era. Returns what arrives at the server.
    fn sends(&mut self, id: &str, method: &str, mut params: Value) -> Value {
        if self.caller == Era::Modern {
            let mut meta = meta();
            if let Some(token) = params["_meta"].get("progressToken") {
                meta["progressToken"] = token.clone();
            }
            params["_meta"] = meta;
        }
        self.pair.caller(request(id, method, params));
        let sent = self.pair.next_at_server();
        let version = &sent["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        let is_modern = version == "2026-07-28";
        assert_eq!(is_modern, self.server == Era::Modern, "{sent}");
        sent
    }
}

#[test]
fn progress_reaches_the_caller_during_its_call() {
    for (caller, server) in CELLS {
        let mut cell = Cell::open(caller, server);
        let params = json!({"name": "t", "_meta": {"progressToken": "p"}});
        let sent = cell.sends("a", "tools/call", params);
        assert_eq!(
            sent["params"]["_meta"]["progressToken"],
            "p",
            "{}",
            cell.name()
        );
        for step in 1..4 {
            let params = json!({"progressToken": "p", "progress": step});
            let progress = notification("notifications/progress", params);
            cell.pair.server_on(&sent, progress.clone());
            assert_eq!(cell.pair.next_at_caller(), progress, "{}", cell.name());
        }
        cell.pair.server_result(&sent, json!({"content": []}));
        assert_eq!(cell.pair.next_at_caller()["id"], "a", "{}", cell.name());
        cell.pair.quiet();
        cell.pair.empty();
    }
}

#[test]
fn a_subscription_begins_reports_changes_and_ends() {
    const URI: &str = "file:///a";
    for (caller, server) in CELLS {
        let mut cell = Cell::open(caller, server);
        let name = cell.name();
        let sent = match caller {
            Era::Session => cell.sends("s", "resources/subscribe", json!({"uri": URI})),
            _ => {
                let filter = json!({"resourceSubscriptions": [URI]});
                cell.sends(
                    "s",
                    "subscriptions/listen",
                    json!({"notifications": filter}),
                )
            }
        };
        // The server accepts.
        if server == Era::Session {
            assert_eq!(sent["method"], "resources/subscribe", "{name}");
            cell.pair.server_result(&sent, json!({}));
        } else {
            assert_eq!(sent["method"], "subscriptions/listen", "{name}");
            let accepted = notification(
                "notifications/subscriptions/acknowledged",
                json!({
                    "_meta": {"io.modelcontextprotocol/subscriptionId": sent["id"]},
                    "notifications": {"resourceSubscriptions": [URI]},
                }),
            );
            cell.pair.server_on(&sent, accepted);
        }
        let accepted = cell.pair.next_at_caller();
        match caller {
            Era::Session => assert_eq!(accepted["id"], "s", "{name}"),
            _ => {
                let method = "notifications/subscriptions/acknowledged";
                assert_eq!(accepted["method"], method, "{name}");
                let resources = &accepted["params"]["notifications"]["resourceSubscriptions"];
                assert_eq!(resources, &json!([URI]), "{name}");
            }
        }
        // The resource changes.
        let changed = notification("notifications/resources/updated", json!({"uri": URI}));
        match server {
            Era::Session => cell.pair.server(changed),
            _ => cell.pair.server_on(&sent, changed),
        }
        let changed = cell.pair.next_at_caller();
        assert_eq!(changed["params"]["uri"], URI, "{name}");
        cell.pair.quiet();
        // The caller is no longer interested.
        match caller {
            Era::Session => {
                let params = json!({"uri": URI});
                cell.pair
                    .caller(request("u", "resources/unsubscribe", params));
            }
            _ => cell.pair.cancel("s"),
        }
        let ends = cell.pair.next_at_server();
        match (caller, server) {
            (_, Era::Session) if caller == server => cell.pair.server_result(&ends, json!({})),
            (_, Era::Session) => assert_eq!(ends["method"], "resources/unsubscribe", "{name}"),
            _ => assert_eq!(ends, cancelled(&sent["id"]), "{name}"),
        }
        if caller == Era::Session {
            assert_eq!(cell.pair.next_at_caller()["id"], "u", "{name}");
        }
        cell.pair.quiet();
        cell.pair.empty();
    }
}

#[test]
fn a_call_cancelled_at_the_server_leaves_nothing() {
    for (caller, server) in CELLS {
        let mut cell = Cell::open(caller, server);
        let sent = cell.sends("a", "tools/call", json!({"name": "t"}));
        cell.pair.cancel("a");
        assert_eq!(cell.pair.next_at_server(), cancelled(&sent["id"]));
        cell.pair.server_result(&sent, json!({"content": []}));
        cell.pair.quiet();
        cell.pair.empty();
    }
}

#[test]
fn a_call_cancelled_while_a_question_is_open_leaves_nothing() {
    let question = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "roots/list"});
    for (caller, server) in CELLS {
        let mut cell = Cell::open(caller, server);
        let name = cell.name();
        let sent = cell.sends("a", "tools/call", json!({"name": "t"}));
        match server {
            Era::Session => cell.pair.server_on(&sent, question(7)),
            _ => {
                let requests = json!({"q": {"method": "roots/list"}});
                let result = json!({
                    "resultType": "input_required", "inputRequests": requests,
                    "requestState": "s",
                });
                cell.pair.server_result(&sent, result);
            }
        }
        match (caller, server) {
            // The question is held, and no request of the caller carries it yet.
            (Era::Modern, Era::Session) => cell.pair.quiet(),
            _ => {
                cell.pair.next_at_caller();
            }
        }
        if (caller, server) != (Era::Modern, Era::Modern) {
            cell.pair.cancel("a");
        }
        cell.pair.advance(Duration::from_secs(300));
        // The server learns of it where it still has the call or the question.
        let learns: Vec<Value> = (0..cell.pair.at_server.len())
            .map(|_| cell.pair.next_at_server())
            .collect();
        let cancels = learns.contains(&cancelled(&sent["id"]));
        assert_eq!(cancels, server == Era::Session, "{name} {learns:?}");
        // Late answers of either side have no effect.
        cell.pair.server_result(&sent, json!({"content": []}));
        cell.pair.at_caller.clear();
        cell.pair.server_result(&sent, json!({"content": []}));
        cell.pair.quiet();
        cell.pair.empty();
    }
}

#[test]
fn a_request_cancelled_while_it_is_held_is_never_sent() {
    for caller in [Era::Session, Era::Modern] {
        let mut pair = Pair::new(Options::default());
        match caller {
            Era::Session => pair.caller(initialize(json!({}))),
            _ => pair.caller(request("init", "server/discover", json!({"_meta": meta()}))),
        }
        let opens = pair.next_at_server();
        // The era of the server is not known yet, so the request waits.
        let params = match caller {
            Era::Session => json!({"name": "t"}),
            _ => json!({"name": "t", "_meta": meta()}),
        };
        pair.caller(request("a", "tools/call", params));
        pair.quiet();
        assert_eq!(pair.dialect.unanswered(), 2);
        pair.cancel("a");
        match caller {
            Era::Session => pair.server_result(&opens, initialized(json!({}))),
            _ => pair.server_result(&opens, super::pair::discovered(json!({}))),
        }
        assert_eq!(pair.next_at_caller()["id"], "init");
        pair.quiet();
        pair.empty();
    }
}

#[test]
fn a_lost_connection_fails_the_call_in_each_cell_and_the_next_one_works() {
    for (caller, server) in CELLS {
        let mut cell = Cell::open(caller, server);
        let name = cell.name();
        cell.sends("a", "tools/call", json!({"name": "t"}));
        cell.pair.lose();
        let failed = cell.pair.next_at_caller();
        assert_eq!(
            (&failed["id"], &failed["error"]["code"]),
            (&json!("a"), &json!(-32000)),
            "{name}"
        );
        cell.pair.quiet();
        cell.pair.empty();
        let opens = match (caller, server) {
            // A new connection needs a new session.
            (Era::Modern, Era::Session) => {
                let params = json!({"name": "t", "_meta": meta()});
                cell.pair.caller(request("b", "tools/call", params));
                let opens = cell.pair.next_at_server();
                assert_eq!(opens["method"], "initialize", "{name}");
                cell.pair.server_result(&opens, initialized(json!({})));
                cell.pair.next_at_server();
                cell.pair.next_at_server()
            }
            _ => cell.sends("b", "tools/call", json!({"name": "t"})),
        };
        cell.pair.server_result(&opens, json!({"content": []}));
        assert_eq!(cell.pair.next_at_caller()["id"], "b", "{name}");
        cell.pair.quiet();
        cell.pair.empty();
    }
}
