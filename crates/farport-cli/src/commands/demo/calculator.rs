//! The server's tools. Each `#[tool]` method is a tool. A client's model reads the doc comment to
//! decide when to call the tool, and farport makes a JSON Schema from the parameters.

use std::sync::LazyLock;

use rmcp::ServerHandler;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

/// The tool router, built once. farport creates many calculators: one for each session, and one
/// for each request of a client without a session.
static TOOLS: LazyLock<ToolRouter<Calculator>> = LazyLock::new(Calculator::tool_router);

/// A server that calculates.
#[derive(Clone, Debug, Default)]
pub struct Calculator;

#[derive(Debug, Deserialize, JsonSchema)]
struct Addends {
    /// The first number.
    a: f64,
    /// The second number.
    b: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Calculation {
    /// The operation.
    operation: Operation,
    /// The number on the left.
    a: f64,
    /// The number on the right.
    b: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[tool_router]
impl Calculator {
    /// Creates a calculator.
    pub fn new() -> Self {
        Self
    }

    /// Adds two numbers.
    #[tool]
    fn add(&self, Parameters(Addends { a, b }): Parameters<Addends>) -> String {
        (a + b).to_string()
    }

    /// Adds, subtracts, multiplies or divides two numbers.
    #[tool]
    fn calculate(
        &self,
        Parameters(Calculation { operation, a, b }): Parameters<Calculation>,
    ) -> Result<String, String> {
        let result = match operation {
            Operation::Add => a + b,
            Operation::Subtract => a - b,
            Operation::Multiply => a * b,
            // An `Err` reaches the model as a result marked `isError`, so that it can try again.
            Operation::Divide if b == 0.0 => return Err("Error: Cannot divide by zero".into()),
            Operation::Divide => a / b,
        };
        Ok(result.to_string())
    }
}

#[tool_handler(router = TOOLS, name = "Authless Calculator", version = "1.0.0")]
impl ServerHandler for Calculator {}
