//! Calls the tools as a client does: through the HTTP service, without a socket.

use farport::testing::Client;
use farport::{Oidc, Server, User};
use my_mcp_server::{Todos, Tools, server};
use serde_json::{Value, json};

fn client() -> Client {
    let sign_in = Oidc::stytch("example.customers.stytch.com", "id", "secret").unwrap();
    Client::new(server(sign_in))
}

/// A user who has granted these scopes to the client.
fn user(name: &str, scopes: &[&str]) -> User {
    let mut user = User::new("https://example.customers.stytch.com", name);
    user.scopes = scopes.iter().map(|scope| (*scope).into()).collect();
    user
}

const ALL: [&str; 2] = ["todos:write", "todos:delete"];

/// Calls a tool and returns the list in its result.
async fn todos(client: &Client, tool: &str, arguments: Value) -> Value {
    let result = client.call_tool(tool, arguments).await.unwrap();
    assert_ne!(result["isError"], true, "{tool}: {result}");
    serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_user_must_sign_in() {
    let refused = client().request("resources/list", json!({})).await;

    let error = refused.unwrap_err().to_string();
    assert!(error.ends_with("Sign in to use this"), "{error}");
}

#[tokio::test]
async fn a_todo_is_created_completed_read_and_deleted() {
    let client = client().signed_in(user("alice", &ALL));
    let list = todos(&client, "create_todo", json!({"text": "buy milk"})).await;
    assert_eq!(
        list,
        json!([{"id": 1, "text": "buy milk", "completed": false}])
    );
    let list = todos(&client, "mark_todo_complete", json!({"todo_id": 1})).await;
    assert_eq!(list[0]["completed"], true);

    let listed = client.request("resources/list", json!({})).await.unwrap();
    assert_eq!(listed["resources"][0]["uri"], "todoapp://todos/1");
    let read = json!({"uri": "todoapp://todos/1"});
    let read = client.request("resources/read", read).await.unwrap();
    let text = read["contents"][0]["text"].as_str().unwrap();
    let todo: Value = serde_json::from_str(text).unwrap();
    assert_eq!(todo, list[0]);

    let list = todos(&client, "delete_todo", json!({"todo_id": 1})).await;
    assert_eq!(list, json!([]));
    let gone = json!({"uri": "todoapp://todos/1"});
    assert!(client.request("resources/read", gone).await.is_err());
    let again = client.call_tool("delete_todo", json!({"todo_id": 1})).await;
    let again = again.unwrap();
    assert_eq!(again["isError"], true);
    assert_eq!(again["content"][0]["text"], "Error: unknown to-do 1");
}

#[tokio::test]
async fn users_see_only_their_own_to_dos() {
    let shared = std::sync::Arc::new(Todos::default());
    let [alice, bob] = ["alice", "bob"].map(|name| {
        let todos = shared.clone();
        let server = Server::new(move |_| Tools::new(todos.clone()));
        let sign_in = Oidc::stytch("example.customers.stytch.com", "id", "secret").unwrap();
        Client::new(server.auth(sign_in)).signed_in(user(name, &ALL))
    });
    todos(&alice, "create_todo", json!({"text": "a secret"})).await;

    let listed = bob.request("resources/list", json!({})).await.unwrap();
    assert_eq!(listed["resources"], json!([]));
    let read = json!({"uri": "todoapp://todos/1"});
    assert!(bob.request("resources/read", read).await.is_err());
    for tool in ["mark_todo_complete", "delete_todo"] {
        let result = bob.call_tool(tool, json!({"todo_id": 1})).await.unwrap();
        assert_eq!(result["isError"], true, "{tool}");
    }
    let listed = alice.request("resources/list", json!({})).await.unwrap();
    assert_eq!(listed["resources"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_tool_requires_its_scope() {
    let client = client().signed_in(user("alice", &["todos:write"]));
    todos(&client, "create_todo", json!({"text": "buy milk"})).await;

    let refused = client.call_tool("delete_todo", json!({"todo_id": 1})).await;
    assert!(refused.is_err(), "{refused:?}");
}
