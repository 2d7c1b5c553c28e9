//! Calls the tools as a client does: through the HTTP service, without a socket.

use farport::testing::Client;
use farport::{Oidc, User};
use my_mcp_server::server;
use serde_json::json;

fn client() -> Client {
    Client::new(server(
        Oidc::auth0("example.eu.auth0.com", "id", "secret").unwrap(),
    ))
}

/// A user who has granted these scopes to the client.
fn user(name: &str, scopes: &[&str]) -> User {
    let mut user = User::new("https://example.eu.auth0.com/", name);
    user.name = Some(name.to_owned());
    user.email = Some(format!("{name}@example.com"));
    user.scopes = scopes.iter().map(|scope| (*scope).into()).collect();
    user
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
async fn a_tool_requires_its_scope() {
    for (tool, scopes, may) in [
        ("list_todos", &["read:todos"][..], true),
        ("list_todos", &[], false),
        ("list_billing", &["read:todos"], false),
        ("list_billing", &["read:todos", "read:billing"], true),
    ] {
        let client = client().signed_in(user("alice", scopes));
        let called = client.call_tool(tool, json!({})).await;
        match called {
            Ok(result) => {
                assert!(may, "{tool} {scopes:?}: {result}");
                assert_ne!(result["isError"], true);
                assert_ne!(result["content"][0]["text"], "[]");
            }
            Err(error) => assert!(!may, "{tool} {scopes:?}: {error}"),
        }
    }
}
