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
use serde::Deserialize;
use serde_json::json;

use crate::accounts::Accounts;

/// The tool router, built once. farport creates many `Tools`: one for each session, and one for
/// each request of a client without a session.
static TOOLS: LazyLock<ToolRouter<Tools>> = LazyLock::new(Tools::tool_router);

/// A server whose users decide which of their data a client may see.
#[derive(Clone, Debug)]
pub struct Tools {
    accounts: Accounts,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Addends {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[tool_router]
impl Tools {
    /// Creates the tools, which read from `accounts`.
    pub fn new(accounts: Accounts) -> Self {
        Self { accounts }
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

    /// Lists your to-dos.
    #[tool]
    fn list_todos(&self, user: SignedIn) -> String {
        json!(self.accounts.of(&user).todos).to_string()
    }

    /// Lists your bills.
    #[tool]
    fn list_billing(&self, user: SignedIn) -> String {
        json!(self.accounts.of(&user).bills).to_string()
    }
}

#[tool_handler(router = TOOLS, name = "Auth0 Demo", version = "1.0.0")]
impl ServerHandler for Tools {}
