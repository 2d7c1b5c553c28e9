//! The tools this server offers. Each `#[tool]` method is one: its doc comment is what a
//! client's model reads to decide when to call it, its parameters become a JSON schema. One that
//! takes a `SignedIn` knows who is calling.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use farport::SignedIn;
use rmcp::ServerHandler;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock};
use rmcp::{tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{github::Api, picture};

/// The tools, put together once. farport makes many of these: one for each session, and one for
/// each request of the clients that have no session.
static TOOLS: LazyLock<ToolRouter<Tools>> = LazyLock::new(Tools::tool_router);

/// A server that acts for its users at GitHub.
#[derive(Clone, Debug)]
pub struct Tools {
    github: Api,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Addends {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Prompt {
    /// What the picture is of.
    prompt: String,
    /// In how many steps to draw it.
    #[serde(default = "four")]
    #[schemars(range(min = 4, max = 8))]
    steps: u8,
}

fn four() -> u8 {
    4
}

#[tool_router]
impl Tools {
    /// The tools, ready to be called, with this way to GitHub.
    pub fn new(github: Api) -> Self {
        Self { github }
    }

    /// Adds two numbers.
    #[tool]
    fn add(&self, Parameters(Addends { a, b }): Parameters<Addends>) -> String {
        (a + b).to_string()
    }

    /// Looks up your own GitHub account: everything that GitHub says of it, as JSON.
    #[tool]
    async fn user_info(&self, user: SignedIn) -> Result<String, String> {
        let token = user
            .upstream_token()
            .await
            .map_err(|error| error.to_string())?;
        let account = self.github.user(&token).await?;
        Ok(account.to_string())
    }

    /// Draws a small abstract picture whose shapes and colours follow from the prompt.
    #[tool]
    fn generate_image(
        &self,
        Parameters(Prompt { prompt, steps }): Parameters<Prompt>,
    ) -> Result<CallToolResult, String> {
        if !(4..=8).contains(&steps) {
            return Err("Error: steps goes from 4 to 8".into());
        }
        let png = picture::draw(&prompt, steps).map_err(|error| format!("Error: {error}"))?;
        Ok(CallToolResult::success(vec![
            ContentBlock::image(BASE64.encode(png), "image/png"),
            ContentBlock::text(
                "Drawn by this server from the words alone, without an image model.",
            ),
        ]))
    }
}

#[tool_handler(router = TOOLS, name = "GitHub Demo", version = "1.0.0")]
impl ServerHandler for Tools {}
