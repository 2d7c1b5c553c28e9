//! Calls the tools as a client does: through the HTTP service, without a socket. A mock server
//! replaces Slack.

use farport::testing::{Client, upstream_token};
use farport::{Slack, User};
use my_mcp_server::{Api, server};
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockBuilder, MockServer, ResponseTemplate};

fn client_with(api: &str) -> Client {
    Client::new(server(Slack::new("id", "secret"), Api::at(api).unwrap()))
}

/// A client of a server that cannot reach Slack.
fn client() -> Client {
    client_with("http://slack.invalid")
}

fn user(name: &str) -> User {
    let mut user = User::new("https://slack.com", format!("T1/{name}"));
    user.name = Some(name.to_owned());
    let team = "https://slack.com/team_name".to_owned();
    user.claims.insert(team, "Example".into());
    user.upstream = Some(upstream_token(format!("token-of-{name}")));
    user
}

/// The request that Alice's tool sends to a Slack method.
fn from_alice(verb: &str, called: &str) -> MockBuilder {
    Mock::given(method(verb))
        .and(path(format!("/api/{called}")))
        .and(header("authorization", "Bearer token-of-alice"))
}

fn responds(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
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
async fn returns_the_caller() {
    let client = client().signed_in(user("alice"));
    let result = client.call_tool("whoami", json!({})).await.unwrap();

    assert_eq!(result["content"][0]["text"], "alice of Example");
}

#[tokio::test]
async fn acts_in_slack_with_the_user_s_own_token() {
    let slack = MockServer::start().await;
    let channels = json!({"ok": true, "channels": [{"id": "C1", "name": "general"}],
        "response_metadata": {"next_cursor": ""}});
    let history = json!({"ok": true, "messages": [{"text": "hello"}]});
    let list = from_alice("GET", "conversations.list").respond_with(responds(channels));
    let read = from_alice("GET", "conversations.history")
        .and(query_param("channel", "C1"))
        .and(query_param("limit", "10"))
        .respond_with(responds(history));
    let post = from_alice("POST", "chat.postMessage")
        .and(body_json(json!({"channel": "C1", "text": "good morning"})))
        .respond_with(responds(json!({"ok": true, "ts": "1.2"})));
    for mock in [list, read, post] {
        mock.expect(1).mount(&slack).await;
    }
    let client = client_with(&slack.uri()).signed_in(user("alice"));

    for (tool, arguments, said) in [
        (
            "list_channels",
            json!({}),
            r#"{"channels":[{"id":"C1","name":"general"}],"next_cursor":""}"#,
        ),
        (
            "get_channel_messages",
            json!({"channel_id": "C1"}),
            r#"[{"text":"hello"}]"#,
        ),
        (
            "post_message",
            json!({"channel_id": "C1", "message": "good morning"}),
            r#"Posted as "1.2""#,
        ),
    ] {
        let result = client.call_tool(tool, arguments).await.unwrap();
        assert_eq!(result["content"][0]["text"], said, "{tool}: {result}");
    }
}

#[tokio::test]
async fn an_error_of_slack_is_a_text_for_the_model() {
    let slack = MockServer::start().await;
    let refusal = json!({"ok": false, "error": "not_in_channel"});
    let post = from_alice("POST", "chat.postMessage").respond_with(responds(refusal));
    post.mount(&slack).await;
    let client = client_with(&slack.uri()).signed_in(user("alice"));

    let message = json!({"channel_id": "C1", "message": "good morning"});
    let result = client.call_tool("post_message", message).await.unwrap();
    assert_eq!(result["isError"], true);
    let text = &result["content"][0]["text"];
    assert_eq!(text, "Error: Slack responded with not_in_channel");

    let too_many = json!({"channel_id": "C1", "limit": 101});
    let result = client.call_tool("get_channel_messages", too_many).await;
    assert_eq!(result.unwrap()["isError"], true);
}
