//! A client of either era at a child process that speaks only one of them.

#![cfg(unix)]

use farport_client::Command;
use serde_json::{Value, json};

use crate::support::{Client, SOON};

/// Answers by method. `$line` is a message, and `$id` its id.
const LOOP: &str = r#"
    answer() { echo "{\"jsonrpc\":\"2.0\",\"id\":$1,$2}"; }
    while read -r line; do
        id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
        who=$(printf '%s' "$line" | sed -n 's/.*"who":"\([^"]*\)".*/\1/p')
        serve
    done
"#;

/// Knows sessions alone, and asks within a call.
const SESSIONS: &str = r#"
    serve() {
        case "$line" in
            *'"initialize"'*) answer "$id" '"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"old","version":"1"}}' ;;
            *'"tools/call"'*)
                call=$id
                echo '{"jsonrpc":"2.0","id":"question","method":"elicitation/create","params":{"message":"who?","requestedSchema":{"type":"object","properties":{}}}}' ;;
            *'"question"'*) answer "$call" "\"result\":{\"content\":[],\"said\":\"hello $who\"}" ;;
            *'"id"'*) answer "$id" '"error":{"code":-32601,"message":"Method not found"}' ;;
        esac
    }
"#;

/// Knows 2026-07-28 alone, and asks before the call is done.
const STATELESS: &str = r#"
    serve() {
        case "$line" in
            *'"server/discover"'*) answer "$id" '"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"new","version":"2"}}}' ;;
            *'"inputResponses"'*) answer "$id" "\"result\":{\"resultType\":\"complete\",\"content\":[],\"said\":\"hello $who\"}" ;;
            *'"tools/call"'*) answer "$id" '"result":{"resultType":"input_required","inputRequests":{"name":{"method":"elicitation/create","params":{"message":"who?","requestedSchema":{"type":"object","properties":{}}}}},"requestState":"sealed"}' ;;
            *'"id"'*) answer "$id" '"error":{"code":-32601,"message":"Method not found"}' ;;
        esac
    }
"#;

fn server(script: &str) -> Command {
    Command::new("sh").args(["-c", &format!("{script}{LOOP}")])
}

/// Opens a session, calls the tool, and answers the question that comes as a request.
async fn call_in_session(client: &mut Client) -> Value {
    let opened = client.open().await;
    assert_eq!(
        opened["result"]["protocolVersion"], "2025-11-25",
        "{opened}"
    );
    let params = json!({"name": "greet", "arguments": {}});
    let call = client.begin("tools/call", params).await;
    let question = client.next().await;
    assert_eq!(question["method"], "elicitation/create", "{question}");
    assert_eq!(question["params"]["message"], "who?");
    let result = json!({"action": "accept", "content": {"who": "Ada"}});
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": result});
    client.write(&answer.to_string()).await;
    client.answer(&call).await
}

/// Calls the tool, and calls it again with the answer to the question in its result.
async fn call_alone(client: &mut Client) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    });
    let mut params = json!({"name": "greet", "arguments": {}, "_meta": meta});
    let asked = client.ask("tools/call", params.clone()).await;
    let result = &asked["result"];
    assert_eq!(result["resultType"], "input_required", "{asked}");
    let questions = result["inputRequests"].as_object().unwrap();
    let (name, question) = questions.iter().next().unwrap();
    assert_eq!(question["method"], "elicitation/create", "{asked}");
    assert_eq!(question["params"]["message"], "who?");
    params["inputResponses"] = json!({name: {"action": "accept", "content": {"who": "Ada"}}});
    params["requestState"] = result["requestState"].clone();
    client.ask("tools/call", params).await
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_both_eras_call_and_answer_at_processes_of_either() {
    for (name, script) in [("sessions", SESSIONS), ("stateless", STATELESS)] {
        let mut client = Client::at_process(server(script));
        let answer = call_in_session(&mut client).await;
        assert_eq!(answer["result"]["said"], "hello Ada", "{name}: {answer}");
        client.leave().await;

        let mut client = Client::at_process(server(script));
        let answer = call_alone(&mut client).await;
        assert_eq!(answer["result"]["said"], "hello Ada", "{name}: {answer}");
        client.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_fails_the_calls_of_its_client() {
    let script = "read -r line; echo 'out of cheese' >&2; exit 3";
    let mut client = Client::at_process(Command::new("sh").args(["-c", script]));
    let answer = client.ask("initialize", crate::support::initialize()).await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("out of cheese"), "{answer}");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_is_cancelled_at_the_process() {
    let script = r#"
        serve() {
            case "$line" in
                *'"server/discover"'*) answer "$id" '"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{}}' ;;
                *'notifications/cancelled'*) answer "$call" '"result":{"resultType":"complete"}'; echo '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"cancelled"}}' ;;
                *'"tools/call"'*) call=$id ;;
            esac
        }
    "#;
    let mut client = Client::at_process(server(script));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let discovered = client.ask("server/discover", json!({"_meta": meta})).await;
    assert!(discovered["result"].is_object(), "{discovered}");
    let params = json!({"name": "wait", "arguments": {}, "_meta": meta});
    let call = client.begin("tools/call", params).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": call}});
    client.write(&cancel.to_string()).await;
    let notice = tokio::time::timeout(SOON, client.next()).await.unwrap();
    assert_eq!(notice["params"]["data"], "cancelled", "{notice}");
    client.leave().await;
}
