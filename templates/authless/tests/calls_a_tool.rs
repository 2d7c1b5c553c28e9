//! Calls the tools as a client does: through the HTTP service, without a socket.

use farport::Server;
use farport::testing::Client;
use my_mcp_server::Calculator;
use serde_json::json;

fn client() -> Client {
    Client::new(Server::new(|_| Calculator::new()))
}

#[tokio::test]
async fn adds_two_numbers() {
    let result = client()
        .call_tool("add", json!({"a": 2, "b": 3}))
        .await
        .unwrap();

    assert_eq!(result["content"], json!([{"type": "text", "text": "5"}]));
}

#[tokio::test]
async fn division_by_zero_is_a_text_for_the_model() {
    let arguments = json!({"operation": "divide", "a": 1, "b": 0});
    let result = client().call_tool("calculate", arguments).await.unwrap();

    assert_eq!(result["isError"], true);
    assert_eq!(result["content"][0]["text"], "Error: Cannot divide by zero");
}
