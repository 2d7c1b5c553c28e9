//! The server's tools. Each `#[tool]` method is a tool. A client's model reads the doc comment to
//! decide when to call the tool, and farport makes a JSON Schema from the parameters. A tool that
//! takes a `SignedIn` receives the user who calls it.

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

use crate::picture;

/// The tool router, built once. farport creates many `Tools`: one for each session, and one for
/// each request of a client without a session.
static TOOLS: LazyLock<ToolRouter<Tools>> = LazyLock::new(Tools::tool_router);

/// A server that checks its users' permissions.
#[derive(Clone, Debug, Default)]
pub struct Tools;

#[derive(Debug, Deserialize, JsonSchema)]
struct Addends {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Prompt {
    /// The subject of the picture.
    prompt: String,
    /// The number of drawing steps.
    #[serde(default = "four")]
    #[schemars(range(min = 4, max = 8))]
    steps: u8,
}

fn four() -> u8 {
    4
}

#[tool_router]
impl Tools {
    /// Creates the tools.
    pub fn new() -> Self {
        Self
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
        match &user.email {
            Some(email) => format!("{name} <{email}>"),
            None => name.to_owned(),
        }
    }

    /// Draws a small abstract picture. The prompt determines its shapes and colors.
    #[tool]
    fn generate_image(
        &self,
        Parameters(Prompt { prompt, steps }): Parameters<Prompt>,
    ) -> Result<CallToolResult, String> {
        if !(4..=8).contains(&steps) {
            return Err("Error: steps must be from 4 to 8".into());
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

#[tool_handler(router = TOOLS, name = "WorkOS Demo", version = "1.0.0")]
impl ServerHandler for Tools {}
