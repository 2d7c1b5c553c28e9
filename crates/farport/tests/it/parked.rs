//! 2026-07-28: calls whose handlers ask the client.

use std::{net::SocketAddr, time::Duration};

use farport::DevLogin;
use serde_json::{Value, json};

use crate::support::{
    browser::token,
    client::{Client, SESSIONS, modern, text, tool},
    era::bearing,
    http::{Ask, Response},
    server::{Running, start, start_with},
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
        server.shop.shrinks_to(0).await;
    }
}

#[tokio::test]
async fn questions_in_a_row_are_rounds_of_one_call() {
    let server = start(Kind::Quiet).await;
    let mut params = json!({ "arguments": { "text": "q", "count": 3 } });
    for round in 1..=3 {
        let message = call(server.address, "ask_in_turn", "q", params).await;
        let message = message.json().await;
        let (questions, state) = asked(&message);
        assert_eq!(questions.as_object().unwrap().len(), 1);
        let key = format!("question-{round}");
        let asks = &questions[&key]["params"]["message"];
        assert_eq!(*asks, format!("q-{round}"));
        // A progress token would be useless: no response carries progress on a question.
        assert_eq!(questions[&key]["params"]["_meta"], Value::Null);
        params =
            json!({ "requestState": state, "inputResponses": { (key): says(&round.to_string()) } });
    }
    let result = call(server.address, "ask_in_turn", "q", params).await;
    let result = result.json().await;
    for round in 1..=3 {
        assert!(
            text(&result).contains(&format!(r#""answer":"{round}""#)),
            "{result}"
        );
    }
}

#[tokio::test]
async fn parallel_questions_are_one_round() {
    let server = start(Kind::Quiet).await;
    let message = call(server.address, "ask_together", "q", json!({})).await;
    let message = message.json().await;
    let (questions, state) = asked(&message);
    let questions = questions.as_object().unwrap();
    assert_eq!(questions.len(), 3, "{message}");
    let mut answers = json!({});
    for (key, question) in questions {
        answers[key] = match question["method"].as_str().unwrap() {
            "elicitation/create" => says("blue"),
            "roots/list" => json!({ "roots": [{ "uri": "file:///home/me" }] }),
            _ => json!({ "role": "assistant", "model": "m",
                "content": { "type": "text", "text": "a poem" } }),
        };
    }
    let result = retry(&server, "ask_together", "q", state, answers).await;
    for heard in ["blue", "file:///home/me", "a poem"] {
        assert!(text(&result).contains(heard), "{result}");
    }
}

#[tokio::test]
async fn a_question_without_a_valid_answer_is_asked_again() {
    let server = start(Kind::Quiet).await;
    let mut message = call(server.address, "ask", "q", json!({}))
        .await
        .json()
        .await;
    for answers in [
        json!({}),
        json!({ "another": says("x") }),
        json!({ "question-1": { "action": "perhaps" } }),
        json!({ "question-1": [] }),
    ] {
        let (_, state) = asked(&message);
        let again = retry(&server, "ask", "q", state, answers).await;
        let ((questions, next), (same, before)) = (asked(&again), asked(&message));
        assert_eq!(questions, same);
        assert_ne!(next, before);
        message = again;
    }
    let (_, state) = asked(&message);
    let result = retry(
        &server,
        "ask",
        "q",
        state,
        json!({ "question-1": says("x") }),
    )
    .await;
    assert!(text(&result).contains('x'));
}

#[tokio::test]
async fn a_client_that_accepts_only_json_is_asked() {
    let server = start(Kind::Quiet).await;
    let message = calling(able(), "ask", "q", json!({}))
        .with("accept", "application/json")
        .to(server.address)
        .await;
    let message = message.json().await;
    let (_, state) = asked(&message);
    let answers = json!({ "question-1": says("blue") });
    let result = retry(&server, "ask", "q", state, answers).await;
    assert!(text(&result).contains("blue"));
}

#[tokio::test]
async fn progress_goes_to_the_request_that_waits() {
    let server = start(Kind::Talkative).await;
    let with_token = |token: &str, more: Value| {
        let mut more = more;
        more["_meta"] = json!({ "progressToken": token });
        calling(able(), "all", "x", more)
    };
    let events = with_token("first", json!({})).to(server.address).await;
    let events = events.events().rest().await;
    let [report, question] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(report.message()["params"]["progressToken"], "first");
    let question = question.message();
    let (_, state) = asked(&question);
    let more = json!({ "requestState": state, "inputResponses": { "question-1": says("y") } });
    let events = with_token("second", more).to(server.address).await;
    let events = events.events().rest().await;
    let [report, result] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(report.message()["params"]["progressToken"], "second");
    assert_eq!(report.message()["params"]["progress"], 2.0);
    assert!(text(&result.message()).contains('y'));
}

#[tokio::test]
async fn a_state_that_was_changed_or_used_is_refused() {
    let server = start(Kind::Quiet).await;
    let message = call(server.address, "ask", "q", json!({}))
        .await
        .json()
        .await;
    let (_, state) = asked(&message);
    let (head, sealed) = state.rsplit_once('.').unwrap();
    let answers = json!({ "question-1": says("blue") });
    for (state, reason) in [
        (format!("{state}-TAMPERED"), "invalid"),
        (format!("{head}.A{sealed}"), "invalid"),
        (format!("{head}."), "invalid"),
        ("farport.".to_owned(), "invalid"),
        (format!("farport.00000000.{sealed}"), "has stopped"),
    ] {
        let refused = retry(&server, "ask", "q", &state, answers.clone()).await;
        assert_eq!(refused["error"]["code"], -32602, "{state}: {refused}");
        let said = refused["error"]["message"].as_str().unwrap();
        assert!(said.contains(reason), "{said}");
    }
    let other = retry(&server, "sample", "q", state, answers.clone()).await;
    let said = other["error"]["message"].as_str().unwrap();
    assert!(said.contains("another request"), "{said}");
    // The call still waits.
    let result = retry(&server, "ask", "q", state, answers.clone()).await;
    assert!(text(&result).contains("blue"));
    let used = retry(&server, "ask", "q", state, answers).await;
    let said = used["error"]["message"].as_str().unwrap();
    assert!(said.contains("no longer waits"), "{said}");
}

#[tokio::test]
async fn another_user_cannot_answer() {
    let server = start_with(Kind::Quiet, |server| server.auth(DevLogin)).await;
    let ann = token(server.address, "ann", &[]).await;
    let bob = token(server.address, "bob", &[]).await;
    let send = async |token: &str, more: Value| {
        let ask = bearing(calling(able(), "ask", "q", more), Some(token));
        ask.to(server.address).await.json().await
    };
    let message = send(&ann, json!({})).await;
    let (_, state) = asked(&message);
    let answers = json!({ "question-1": says("blue") });
    let more = json!({ "requestState": state, "inputResponses": answers });
    let refused = send(&bob, more.clone()).await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    assert!(text(&send(&ann, more).await).contains("blue"));
}

#[tokio::test]
async fn a_lost_connection_cancels_a_resumed_call() {
    let server = start(Kind::Quiet).await;
    let more = json!({ "arguments": { "text": "q", "count": 1, "then": "gate" } });
    let message = call(server.address, "ask_then_wait", "q", more.clone()).await;
    let message = message.json().await;
    let (_, state) = asked(&message);
    let mut params = more;
    params["requestState"] = state.into();
    params["inputResponses"] = json!({ "question-1": says("x") });
    let resumed = calling(able(), "ask_then_wait", "q", params).sent_to(server.address);
    let resumed = tokio::spawn(resumed);
    server.shop.has_seen("waits q").await;
    resumed.abort();
    server.shop.has_seen("ended q").await;
    server.shop.shrinks_to(0).await;
}

#[tokio::test]
async fn a_call_without_an_answer_is_cancelled_in_time() {
    let server = start_with(Kind::Quiet, |server| {
        server.answer_timeout(Duration::from_secs(1))
    })
    .await;
    let message = call(server.address, "ask_in_turn", "q", json!({})).await;
    let message = message.json().await;
    let (_, state) = asked(&message);
    server.shop.has_seen("ended q").await;
    server.shop.shrinks_to(0).await;
    let late = retry(&server, "ask_in_turn", "q", state, json!({})).await;
    let said = late["error"]["message"].as_str().unwrap();
    assert!(said.contains("time to answer is over"), "{said}");
}

#[tokio::test]
async fn a_full_server_cancels_the_oldest_call() {
    let server = start_with(Kind::Quiet, |server| server.max_parked_calls(2)).await;
    let mut states = Vec::new();
    for name in ["a", "b", "c"] {
        let message = call(server.address, "ask_in_turn", name, json!({})).await;
        let message = message.json().await;
        states.push(asked(&message).1.to_owned());
    }
    server.shop.has_seen("ended a").await;
    let answers = json!({ "question-1": says("x") });
    for (index, name) in ["a", "b", "c"].into_iter().enumerate() {
        let message = retry(
            &server,
            "ask_in_turn",
            name,
            &states[index],
            answers.clone(),
        )
        .await;
        match index {
            0 => assert_eq!(message["error"]["code"], -32602, "{message}"),
            _ => assert!(text(&message).contains('x'), "{message}"),
        }
    }
}

#[tokio::test]
async fn a_handler_that_cannot_ask_receives_the_reason() {
    let server = start_with(Kind::Quiet, |server| server.max_parked_calls(0)).await;
    let message = call(server.address, "ask", "q", json!({}))
        .await
        .json()
        .await;
    assert!(text(&message).contains("cannot keep a call"), "{message}");
    let server = start(Kind::Quiet).await;
    for (tool, declared) in [
        ("ask", json!({ "roots": {} })),
        ("sample", json!({ "elicitation": {} })),
        ("roots", json!({ "elicitation": {}, "sampling": {} })),
    ] {
        let ask = calling(declared, tool, "q", json!({}));
        let message = ask.to(server.address).await.json().await;
        assert!(
            text(&message).contains("did not declare"),
            "{tool} {message}"
        );
    }
}

#[tokio::test]
async fn a_parked_handler_still_runs() {
    let server = start(Kind::Quiet).await;
    let message = call(server.address, "ask_or_pass", "q", json!({})).await;
    let message = message.json().await;
    let (_, state) = asked(&message);
    server.shop.open("q");
    server.shop.has_seen("ended q").await;
    // Its result waits for the client.
    let answers = json!({ "question-1": says("late") });
    let result = retry(&server, "ask_or_pass", "q", state, answers).await;
    assert_eq!(text(&result), "passed");
    // A question can time out before the client answers.
    let message = call(server.address, "ask_briefly", "q", json!({})).await;
    let message = message.json().await;
    let (_, state) = asked(&message);
    server.shop.has_seen("timeout q").await;
    let answers = json!({ "question-1": says("late") });
    let result = retry(&server, "ask_briefly", "q", state, answers).await;
    assert_eq!(text(&result), "timeout");
}

#[tokio::test]
async fn a_shutdown_cancels_parked_calls() {
    let server = start(Kind::Quiet).await;
    let message = call(server.address, "ask_in_turn", "q", json!({})).await;
    asked(&message.json().await);
    let shop = server.shop.clone();
    server.stop().await.unwrap().unwrap();
    shop.has_seen("ended q").await;
}

#[tokio::test]
async fn a_handler_with_its_own_input_required_result_works_in_every_revision() {
    let server = start(Kind::Quiet).await;
    let mut more = json!({});
    for (key, answer) in [("first", "1"), ("second", "2")] {
        let message = call(server.address, "rounds", "q", more).await.json().await;
        let (questions, state) = asked(&message);
        assert!(questions[key].is_object(), "{message}");
        assert!(!state.starts_with("farport."));
        more = json!({ "requestState": state, "inputResponses": { (key): says(answer) } });
    }
    let result = call(server.address, "rounds", "q", more).await.json().await;
    assert_eq!(text(&result), r#""1" "2""#);
    for version in SESSIONS {
        let client = Client::open_as(server.address, version, able()).await;
        let mut events = client.stream("rounds", json!({ "text": "q" })).await;
        for (key, answer) in [("first", "1"), ("second", "2")] {
            let asked = events.message().await;
            assert_eq!(asked["method"], "elicitation/create");
            assert_eq!(asked["params"]["message"], key);
            client.answer(&asked["id"], says(answer)).await;
        }
        assert_eq!(text(&events.message().await), r#""1" "2""#, "{version}");
    }
    for declared in [json!({}), json!({ "roots": {} })] {
        let client = Client::open_as(server.address, "2025-06-18", declared).await;
        let refused = client.call("rounds", json!({ "text": "q" })).await;
        let refused = refused.json().await;
        assert_eq!(refused["error"]["code"], -32600, "{refused}");
    }
}
