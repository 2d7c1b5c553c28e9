//! The calculator with sign-in, which knows its user.

use std::sync::LazyLock;

use farport::SignedIn;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, tool, tool_router};
use serde_json::json;

use super::calculator::Calculator;

/// The tools that the calculator does not have.
static TOOLS: LazyLock<ToolRouter<Protected>> = LazyLock::new(Protected::tool_router);

/// A calculator with a tool that returns the user.
#[derive(Clone, Debug)]
pub(super) struct Protected {
    calculator: Calculator,
}

#[tool_router]
impl Protected {
    pub(super) fn new() -> Self {
        Self {
            calculator: Calculator::new(),
        }
    }

    /// Returns the signed-in user, and whether tools can use the user's account at the identity provider.
    #[tool]
    async fn whoami(&self, user: SignedIn) -> String {
        let scopes: Vec<_> = user.scopes.iter().collect();
        let acts = user.upstream_token().await.is_ok();
        let known = json!({
            "issuer": user.issuer,
            "subject": user.subject,
            "name": user.name,
            "email": user.email,
            "scopes": scopes,
            "claims": user.claims,
            "acts_at_provider": acts,
        });
        known.to_string()
    }
}

impl ServerHandler for Protected {
    fn get_info(&self) -> ServerConfig {
        let mut info = self.calculator.get_info();
        info.server_info = Implementation::new("Protected Calculator", "1.0.0");
        info
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut listed = self.calculator.list_tools(request, context).await?;
        listed.tools.extend(TOOLS.list_all());
        Ok(listed)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if TOOLS.has_route(&request.name) {
            TOOLS
                .call(ToolCallContext::new(self, request, context))
                .await
        } else {
            self.calculator.call_tool(request, context).await
        }
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let own = TOOLS.get(name).cloned();
        own.or_else(|| self.calculator.get_tool(name))
    }
}
