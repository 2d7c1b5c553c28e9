//! What goes over the wire.

use farport::{Server, testing::Client};
use serde_json::json;

use crate::calculator::Calculator;

#[tokio::test]
async fn a_modern_call_is_answered_in_place() {
    let client = Client::new(Server::new(|_| Calculator));
    let result = client.call_tool("add", json!({"a": 1, "b": 2})).await.unwrap();
    assert_eq!(result["content"][0]["text"], "3");
    assert_eq!(result["resultType"], "complete");
    let error = client.call_tool("panics", json!({})).await.unwrap_err();
    assert!(error.to_string().contains("-32603"), "{error}");
    client.call_tool("add", json!({"a": 1, "b": 2})).await.unwrap();
}
