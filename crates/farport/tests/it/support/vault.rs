//! A handler with tools that not every caller may use, which returns the caller that it sees.

use std::sync::Arc;

use farport::SignedIn;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams,
        CompleteResult, CompletionInfo, ContentBlock, GetPromptRequestParams, GetPromptResponse,
        GetPromptResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
        ListToolsResult, PaginatedRequestParams, Prompt, PromptMessage, ReadResourceRequestParams,
        ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
        Role, ServerCapabilities, ServerConfig, SubscribeRequestParams, SubscriptionFilter, Tool,
        UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde_json::{Map, json};

use super::shop::Shop;

pub(crate) const TOOLS: [&str; 7] = [
    "whoami", "headers", "public", "write", "both", "shown", "ann's",
];

pub(crate) struct Vault(pub(crate) Arc<Shop>);

impl Vault {
    fn used(&self, kind: &str, name: &str) {
        self.0.note(format!("{kind} {name}"));
    }
}

/// Returns what a tool sees of its caller.
fn caller(context: &RequestContext<RoleServer>) -> String {
    let Some(user) = SignedIn::of(context) else {
        return "anonymous".to_owned();
    };
    let known = json!({
        "issuer": user.issuer, "subject": user.subject, "name": user.name,
        "scopes": user.scopes, "client": user.client,
    });
    known.to_string()
}

/// Returns the names of the headers that a tool sees.
fn headers(context: &RequestContext<RoleServer>) -> String {
    let parts = context.extensions.get::<http::request::Parts>();
    let parts = parts.expect("a handler is given the head of its request");
    let names = parts.headers.keys().map(|name| name.as_str());
    names.collect::<Vec<_>>().join(" ")
}

impl ServerHandler for Vault {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_completions()
            .build();
        ServerConfig::new(capabilities)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let described = |name| Tool::new(name, "A tool of the vault", Arc::new(Map::new()));
        Ok(ListToolsResult {
            tools: TOOLS.map(described).to_vec(),
            ..Default::default()
        })
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.used("tool", &request.name);
        let said = match &*request.name {
            "headers" => headers(&context),
            _ => caller(&context),
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(said)]).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let described = |name| Prompt::new(name, Some("A prompt"), None);
        Ok(ListPromptsResult {
            prompts: ["open", "closed"].map(described).to_vec(),
            ..Default::default()
        })
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.used("prompt", &request.name);
        let said = vec![PromptMessage::new_text(Role::User, "x")];
        Ok(GetPromptResult::new(said).into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let described = |uri| Resource::new(uri, "A note");
        Ok(ListResourcesResult {
            resources: ["note://open/1", "note://closed/1"].map(described).to_vec(),
            ..Default::default()
        })
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let described = |uri| ResourceTemplate::new(uri, "Notes");
        Ok(ListResourceTemplatesResult {
            resource_templates: ["note://open/{id}", "note://closed/{id}"]
                .map(described)
                .to_vec(),
            ..Default::default()
        })
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.used("resource", &request.uri);
        let text = ResourceContents::text("x", request.uri);
        Ok(ReadResourceResult::new(vec![text]).into())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.used("subscribe", &request.uri);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.used("unsubscribe", &request.uri);
        Ok(())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.used("complete", request.r#ref.reference_type());
        let values = CompletionInfo::new(vec!["x".to_owned()]).expect("a value");
        Ok(CompleteResult::new(values))
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.0.note("listening");
        context.cancelled().await;
        Ok(())
    }
}
