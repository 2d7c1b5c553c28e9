//! Calls the tools as a client does: through the HTTP service, without a socket.

use farport::testing::Client;
use farport::{ApiToken, User};
use my_mcp_server::server;
use serde_json::json;

fn client() -> Client {
    Client::new(server(ApiToken))
}

#[tokio::test]
async fn a_user_must_sign_in() {
    let refused = client().call_tool("add", json!({"a": 2, "b": 3})).await;

    let error = refused.unwrap_err().to_string();
    assert!(error.ends_with("Sign in to use this"), "{error}");
}

#[tokio::test]
async fn adds_two_numbers() {
    let result = client()
        .signed_in(User::new("urn:example", "build-bot"))
        .call_tool("add", json!({"a": 2, "b": 3}))
        .await
        .unwrap();

    assert_eq!(result["content"], json!([{"type": "text", "text": "5"}]));
}
