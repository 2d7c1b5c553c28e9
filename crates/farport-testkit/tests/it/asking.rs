//! Questions in the middle of a call.

use farport_testkit::fixture::FixtureState;
use rmcp::{ServiceError, model::ClientCapabilities};
use serde_json::json;

use crate::client::{Client, Era, text};

#[tokio::test]
async fn a_tool_asks_the_same_in_both_eras() {
    let state = FixtureState::new().unwrap();
    for era in [Era::Session, Era::Modern] {
        let client = Client::connect(&state, era).await;
        for (tool, arguments, expect) in [
            (
                "test_sampling",
                json!({ "prompt": "hi" }),
                "LLM response: You said: hi",
            ),
            (
                "test_missing_capability",
                json!({}),
                "LLM response: You said: Say hello.",
            ),
            (
                "test_elicitation",
                json!({ "message": "who?" }),
                r#"User response: action=accept, content={"email":"my email","username":"my username"}"#,
            ),
            ("test_streaming_elicitation", json!({}), "Hello, my name!"),
        ] {
            let result = client.call(tool, arguments).await;
            assert_eq!(text(&result), expect, "{tool}, {era:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_refused_in_the_words_of_its_era() {
    let state = FixtureState::new().unwrap();
    let tools = ["test_missing_capability", "test_streaming_elicitation"];

    let client = Client::connect_as(&state, Era::Session, ClientCapabilities::default()).await;
    for tool in tools {
        let result = client.call(tool, json!({})).await;
        assert_eq!(result.is_error, Some(true), "{tool}");
    }

    let client = Client::connect_as(&state, Era::Modern, ClientCapabilities::default()).await;
    for (tool, missing) in tools.into_iter().zip(["sampling", "elicitation"]) {
        let Err(ServiceError::McpError(error)) = client.try_call(tool, json!({})).await else {
            panic!("{tool} was answered");
        };
        assert_eq!(error.code.0, -32021, "{tool}");
        let data = error.data.unwrap();
        assert!(
            data["requiredCapabilities"][missing].is_object(),
            "{tool}: {data}"
        );
    }
}

#[tokio::test]
async fn three_rounds_carry_what_was_said_in_the_first() {
    let state = FixtureState::new().unwrap();
    let client = Client::connect(&state, Era::Modern).await;
    let result = client
        .call("test_input_required_result_multi_round", json!({}))
        .await;
    assert_eq!(text(&result), "my name likes my color.");
}
