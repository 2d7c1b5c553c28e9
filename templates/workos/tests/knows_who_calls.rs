//! Calls the tools as a client does: through the HTTP service, without a socket.

use farport::testing::{CallError, Client};
use farport::{Oidc, User};
use my_mcp_server::server;
use serde_json::json;

fn client() -> Client {
    Client::new(server(
        Oidc::workos("example.authkit.app", "id", "secret").unwrap(),
    ))
}

fn user(name: &str, permissions: &[&str]) -> User {
    let mut user = User::new("https://example.authkit.app", name);
    user.name = Some(name.to_owned());
    user.email = Some(format!("{name}@example.com"));
    user.claims.insert("permissions".into(), permissions.into());
    user
}

async fn tools_of(client: &Client) -> Vec<String> {
    let listed = client.request("tools/list", json!({})).await.unwrap();
    let tools = listed["tools"].as_array().unwrap();
    let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
    names.map(str::to_owned).collect()
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
        .signed_in(user("alice", &[]))
        .call_tool("add", json!({"a": 2, "b": 3}))
        .await
        .unwrap();

    assert_eq!(result["content"], json!([{"type": "text", "text": "5"}]));
}

#[tokio::test]
async fn returns_the_caller() {
    let client = client().signed_in(user("alice", &[]));
    let result = client.call_tool("whoami", json!({})).await.unwrap();

    assert_eq!(result["content"][0]["text"], "alice <alice@example.com>");
}

#[tokio::test]
async fn a_user_with_the_permission_draws() {
    let client = client().signed_in(user("alice", &["image_generation"]));
    assert!(
        tools_of(&client)
            .await
            .contains(&"generate_image".to_owned())
    );

    let arguments = json!({"prompt": "a lighthouse"});
    let result = client.call_tool("generate_image", arguments).await.unwrap();
    assert_eq!(result["content"][0]["type"], "image");
    assert_eq!(result["content"][0]["mimeType"], "image/png");
    let png = result["content"][0]["data"].as_str().unwrap();
    assert!(png.starts_with("iVBORw0KGgo"), "{png}");

    let arguments = json!({"prompt": "a lighthouse", "steps": 9});
    let result = client.call_tool("generate_image", arguments).await.unwrap();
    assert_eq!(result["isError"], true);
}

#[tokio::test]
async fn a_caller_without_permission_neither_sees_nor_calls_the_tool() {
    let client = client().signed_in(user("bob", &["something_else"]));
    assert!(
        !tools_of(&client)
            .await
            .contains(&"generate_image".to_owned())
    );

    let refused = client
        .call_tool("generate_image", json!({"prompt": "a lighthouse"}))
        .await;
    assert!(matches!(refused, Err(CallError::Rpc { .. })), "{refused:?}");
}
