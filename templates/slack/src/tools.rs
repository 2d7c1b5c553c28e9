//! The server's tools. Each `#[tool]` method is a tool. A client's model reads the doc comment to
//! decide when to call the tool, and farport makes a JSON Schema from the parameters. A tool that
//! takes a `SignedIn` receives the user who calls it.

use std::sync::LazyLock;

use farport::SignedIn;
use rmcp::ServerHandler;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{tool, tool_handler, tool_router};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use crate::slack::Api;

/// The tool router, built once. farport creates many `Tools`: one for each session, and one for
/// each request of a client without a session.
static TOOLS: LazyLock<ToolRouter<Tools>> = LazyLock::new(Tools::tool_router);

/// A server that acts for its users in Slack.
#[derive(Clone, Debug)]
pub struct Tools {
    slack: Api,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Addends {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Page {
    /// The cursor of the previous page, to read the next one.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Channel {
    /// The channel's id, such as C0123456789.
    channel_id: String,
    /// The number of messages, newest first.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    limit: u8,
}

fn ten() -> u8 {
    10
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Message {
    /// The id of the channel to post to, such as C0123456789.
    channel_id: String,
    /// The text of the message.
    message: String,
}

/// The user's own token for Slack. The error is a text for the model.
async fn token(user: &SignedIn) -> Result<SecretString, String> {
    user.upstream_token()
        .await
        .map_err(|error| format!("Error: {error}"))
}

#[tool_router]
impl Tools {
    /// Creates the tools, which call Slack through `slack`.
    pub fn new(slack: Api) -> Self {
        Self { slack }
    }

    /// Adds two numbers.
    #[tool]
    fn add(&self, Parameters(Addends { a, b }): Parameters<Addends>) -> String {
        (a + b).to_string()
    }

    /// Returns your name.
    #[tool]
    fn whoami(&self, user: SignedIn) -> String {
        let name = user.name.as_deref().unwrap_or(&user.subject);
        match user.claim("https://slack.com/team_name") {
            Some(team) => format!("{name} of {team}"),
            None => name.to_owned(),
        }
    }

    /// Lists the public channels of your workspace, with their ids.
    #[tool]
    async fn list_channels(
        &self,
        user: SignedIn,
        Parameters(Page { cursor }): Parameters<Page>,
    ) -> Result<String, String> {
        let token = token(&user).await?;
        let mut query = vec![("exclude_archived", "true"), ("limit", "200")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = self.slack.get(&token, "conversations.list", &query);
        let answer = answer.await?;
        Ok(json!({
            "channels": answer["channels"],
            "next_cursor": answer["response_metadata"]["next_cursor"],
        })
        .to_string())
    }

    /// Reads the newest messages of a channel.
    #[tool]
    async fn get_channel_messages(
        &self,
        user: SignedIn,
        Parameters(Channel { channel_id, limit }): Parameters<Channel>,
    ) -> Result<String, String> {
        if !(1..=100).contains(&limit) {
            return Err("Error: limit must be from 1 to 100".into());
        }
        let token = token(&user).await?;
        let limit = limit.to_string();
        let query = [("channel", channel_id.as_str()), ("limit", limit.as_str())];
        let answer = self.slack.get(&token, "conversations.history", &query);
        Ok(answer.await?["messages"].to_string())
    }

    /// Posts a message to a channel, as you.
    #[tool]
    async fn post_message(
        &self,
        user: SignedIn,
        Parameters(Message {
            channel_id,
            message,
        }): Parameters<Message>,
    ) -> Result<String, String> {
        let token = token(&user).await?;
        let body = json!({"channel": channel_id, "text": message});
        let answer = self.slack.post(&token, "chat.postMessage", &body);
        Ok(format!("Posted as {}", answer.await?["ts"]))
    }
}

#[tool_handler(router = TOOLS, name = "Slack Demo", version = "1.0.0")]
impl ServerHandler for Tools {}
