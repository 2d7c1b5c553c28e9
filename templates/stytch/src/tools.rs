//! The server's tools. Each `#[tool]` method is a tool. A client's model reads the doc comment to
//! decide when to call the tool, and farport makes a JSON Schema from the parameters. A tool that
//! takes a `SignedIn` receives the user who calls it.

use std::sync::{Arc, LazyLock};

use farport::{SignedIn, User};
use rmcp::ServerHandler;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    Implementation, ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::todos::{Todo, Todos};

/// The prefix of every to-do's URI.
const TODOS: &str = "todoapp://todos/";

/// The tool router, built once. farport creates many `Tools`: one for each session, and one for
/// each request of a client without a session.
static TOOLS: LazyLock<ToolRouter<Tools>> = LazyLock::new(Tools::tool_router);

/// A server that stores its users' to-dos.
#[derive(Clone, Debug)]
pub struct Tools {
    todos: Arc<Todos>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NewTodo {
    /// The text of the to-do.
    text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ById {
    /// The to-do's id.
    todo_id: u64,
}

#[tool_router]
impl Tools {
    /// Creates the tools, which store their data in `todos`.
    pub fn new(todos: Arc<Todos>) -> Self {
        Self { todos }
    }

    /// Creates a to-do and returns your list.
    #[tool]
    fn create_todo(
        &self,
        user: SignedIn,
        Parameters(NewTodo { text }): Parameters<NewTodo>,
    ) -> Result<String, String> {
        self.todos.create(&user, text)?;
        Ok(self.list(&user))
    }

    /// Marks a to-do as complete and returns your list.
    #[tool]
    fn mark_todo_complete(
        &self,
        user: SignedIn,
        Parameters(ById { todo_id }): Parameters<ById>,
    ) -> Result<String, String> {
        self.todos.complete(&user, todo_id)?;
        Ok(self.list(&user))
    }

    /// Deletes a to-do and returns your list.
    #[tool]
    fn delete_todo(
        &self,
        user: SignedIn,
        Parameters(ById { todo_id }): Parameters<ById>,
    ) -> Result<String, String> {
        self.todos.delete(&user, todo_id)?;
        Ok(self.list(&user))
    }

    fn list(&self, user: &User) -> String {
        json!(self.todos.of(user)).to_string()
    }
}

/// Each to-do is a resource as well.
#[tool_handler(router = TOOLS)]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources();
        ServerConfig::new(can.build())
            .with_server_info(Implementation::new("Stytch To-dos", "1.0.0"))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let todo = ResourceTemplate::new("todoapp://todos/{id}", "todo").with_title("A to-do");
        Ok(ListResourceTemplatesResult::with_all_items(vec![todo]))
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let user = signed_in(&context)?;
        let todos = self.todos.of(&user);
        let resource = |todo: &Todo| Resource::new(format!("{TODOS}{}", todo.id), &todo.text);
        let resources = todos.iter().map(resource).collect();
        Ok(ListResourcesResult::with_all_items(resources))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let user = signed_in(&context)?;
        let todos = self.todos.of(&user);
        let id = request
            .uri
            .strip_prefix(TODOS)
            .and_then(|id| id.parse().ok());
        let found = todos.iter().find(|todo| Some(todo.id) == id);
        let Some(todo) = found else {
            return Err(ErrorData::resource_not_found(
                "There is no such to-do",
                None,
            ));
        };
        let contents = ResourceContents::text(json!(todo).to_string(), request.uri)
            .with_mime_type("application/json");
        Ok(ReadResourceResult::new(vec![contents]).into())
    }
}

fn signed_in(context: &RequestContext<RoleServer>) -> Result<SignedIn, ErrorData> {
    let user = SignedIn::of(context);
    user.ok_or_else(|| ErrorData::invalid_request("Sign in to use this", None))
}
