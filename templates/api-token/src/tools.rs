//! The tools this server offers. Each `#[tool]` method is one: its doc comment is what a
//! client's model reads to decide when to call it, its parameters become a JSON schema.

use std::sync::LazyLock;

use rmcp::ServerHandler;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

/// The tools, put together once. farport makes many of these: one for each session, and one for
/// each request of the clients that have no session.
static TOOLS: LazyLock<ToolRouter<Tools>> = LazyLock::new(Tools::tool_router);

/// A server for those who bring a token.
#[derive(Clone, Debug, Default)]
pub struct Tools;

#[derive(Debug, Deserialize, JsonSchema)]
struct Addends {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[tool_router]
impl Tools {
    /// The tools, ready to be called.
    pub fn new() -> Self {
        Self
    }

    /// Adds two numbers.
    #[tool]
    fn add(&self, Parameters(Addends { a, b }): Parameters<Addends>) -> String {
        (a + b).to_string()
    }
}

#[tool_handler(router = TOOLS, name = "API Token Demo", version = "1.0.0")]
impl ServerHandler for Tools {}
