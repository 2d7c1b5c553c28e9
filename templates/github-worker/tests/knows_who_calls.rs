//! Calls the tools as a client does: through the HTTP service, without a socket. A mock server
//! replaces GitHub.

use farport::testing::{CallError, Client, upstream_token};
use farport::{GitHub, User};
use my_mcp_server::{Api, server_with};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn client_with(api: &str) -> Client {
    Client::new(server_with(GitHub::new("id", "secret"), Api::at(api)))
}

/// A client of a server that cannot reach GitHub.
fn client() -> Client {
    client_with("http://github.invalid")
}

fn user(name: &str) -> User {
    let mut user = User::new("https://github.com", name);
    user.name = Some(name.to_owned());
    user.email = Some(format!("{name}@example.com"));
    user.claims.insert("login".into(), name.into());
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
        .signed_in(user("alice"))
        .call_tool("add", json!({"a": 2, "b": 3}))
        .await
        .unwrap();

    assert_eq!(result["content"], json!([{"type": "text", "text": "5"}]));
}

#[tokio::test]
async fn looks_up_the_user_with_the_user_s_own_token() {
    let github = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/user"))
        .and(header("authorization", "Bearer token-of-alice"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"login": "alice", "id": 1})))
        .mount(&github)
        .await;
    let mut alice = user("alice");
    alice.upstream = Some(upstream_token("token-of-alice"));
    let client = client_with(&github.uri()).signed_in(alice);

    let result = client.call_tool("user_info", json!({})).await.unwrap();

    let account = result["content"][0]["text"].as_str().unwrap();
    let account: Value = serde_json::from_str(account).unwrap();
    assert_eq!(account, json!({"login": "alice", "id": 1}));
}

#[tokio::test]
async fn an_error_of_github_is_a_text_for_the_model() {
    // It answers every request with 404.
    let github = MockServer::start().await;
    let mut alice = user("alice");
    alice.upstream = Some(upstream_token("token-of-alice"));
    let client = client_with(&github.uri()).signed_in(alice);

    let result = client.call_tool("user_info", json!({})).await.unwrap();

    assert_eq!(result["isError"], true);
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(text, "Error: GitHub responded with 404 Not Found");
}

#[tokio::test]
async fn an_artist_draws() {
    let client = client().signed_in(user("alice"));
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
async fn only_artists_see_and_call_their_tools() {
    let client = client().signed_in(user("bob"));
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
