//! 2026-07-28: calls whose handlers ask the client.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{
    client::{modern, text, tool},
    http::{Ask, Response},
    server::{Running, start},
    workshop::Kind,
};

/// A client that accepts all questions.
fn able() -> Value {
    json!({ "elicitation": {}, "sampling": {}, "roots": {} })
}

/// Calls a tool as a client with these capabilities, with more members in the parameters.
fn calling(capabilities: Value, name: &str, text: &str, more: Value) -> Ask {
    let mut params = tool(name, json!({ "text": text }));
    if let Value::Object(more) = more {
        params.as_object_mut().unwrap().extend(more);
    }
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    modern(1, "tools/call", params)
}

async fn call(address: SocketAddr, name: &str, text: &str, more: Value) -> Response {
    calling(able(), name, text, more).to(address).await
}

/// Returns the questions of an `input_required` response, and the state to bring back.
fn asked(message: &Value) -> (&Value, &str) {
    let result = &message["result"];
    assert_eq!(result["resultType"], "input_required", "{message}");
    let state = result["requestState"].as_str().unwrap();
    (&result["inputRequests"], state)
}

fn says(answer: &str) -> Value {
    json!({ "action": "accept", "content": { "answer": answer } })
}

/// Sends the request again, with the answers.
async fn retry(server: &Running, name: &str, text: &str, state: &str, answers: Value) -> Value {
    let more = json!({ "requestState": state, "inputResponses": answers });
    call(server.address, name, text, more).await.json().await
}

#[tokio::test]
async fn a_handler_that_asks_receives_the_answer() {
    for kind in [Kind::Quiet, Kind::Talkative] {
        let server = start(kind).await;
        for (tool, question, answer, hears) in [
            ("ask", "elicitation/create", says("blue"), "blue"),
            (
                "ask",
                "elicitation/create",
                json!({ "action": "decline" }),
                "decline",
            ),
            (
                "sample",
                "sampling/createMessage",
                json!({ "role": "assistant", "model": "m", "stopReason": "endTurn",
                    "content": { "type": "text", "text": "a poem" } }),
                "a poem",
            ),
            (
                "roots",
                "roots/list",
                json!({ "roots": [{ "uri": "file:///home/me" }] }),
                "file:///home/me",
            ),
        ] {
            let first = call(server.address, tool, "what?", json!({})).await;
            assert_eq!(first.status, 200);
            let first = first.json().await;
            let (questions, state) = asked(&first);
            assert_eq!(questions["question-1"]["method"], question, "{tool}");
            let answers = json!({ "question-1": answer });
            let result = retry(&server, tool, "what?", state, answers).await;
            assert_eq!(result["result"]["resultType"], "complete", "{result}");
            assert!(text(&result).contains(hears), "{tool} {result}");
        }
        server
            .shop
            .shrinks_to(match kind {
                Kind::Quiet | Kind::Talkative => 0,
            })
            .await;
    }
}
