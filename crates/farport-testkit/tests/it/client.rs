//! A client that writes down what it hears, and answers what it is asked.

use std::time::Duration;

use farport_testkit::fixture::{Fixture, FixtureState};
use rmcp::{
    ClientHandler, ClientLifecycleMode, ErrorData, RoleClient, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig,
        CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
        ElicitationAction, Implementation, ListRootsResult, LoggingMessageNotificationParam,
        ProgressNotificationParam, ProtocolVersion, ResourceUpdatedNotificationParam, Root,
        SamplingMessage,
    },
    serve_client_with_lifecycle,
    service::{NotificationContext, RequestContext, RunningService},
    transport::IntoTransport,
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

/// What a client has heard outside of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Log(String),
    /// So many percent are done.
    Progress(u8),
    Tools,
    Prompts,
    Resources,
    Updated(String),
}

/// How a client talks to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// With `initialize` and a session.
    Session,
    /// With what a request needs in the request.
    Modern,
}

/// A connected client.
pub(crate) struct Client {
    pub(crate) service: RunningService<RoleClient, Ears>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

/// The client's side of the conversation.
pub(crate) struct Ears {
    capabilities: ClientCapabilities,
    heard: mpsc::UnboundedSender<Heard>,
}

impl Client {
    /// Connects a client that can sample and elicit to a handler that shares `state`.
    pub(crate) async fn connect(state: &FixtureState, era: Era) -> Self {
        let able = ClientCapabilities::builder()
            .enable_elicitation()
            .enable_sampling()
            .build();
        Self::connect_as(state, era, able).await
    }

    /// Connects a client with these capabilities.
    pub(crate) async fn connect_as(
        state: &FixtureState,
        era: Era,
        capabilities: ClientCapabilities,
    ) -> Self {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let server = Fixture::new(state.clone());
        tokio::spawn(async move {
            let running = server.serve(far).await.expect("the handshake");
            running.waiting().await.expect("the server's loop");
        });
        Self::over(near, era, capabilities).await
    }

    /// Connects a client over any transport.
    pub(crate) async fn over<T, E, A>(
        transport: T,
        era: Era,
        capabilities: ClientCapabilities,
    ) -> Self
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let (sender, heard) = mpsc::unbounded_channel();
        let ears = Ears {
            capabilities,
            heard: sender,
        };
        let lifecycle = match era {
            Era::Session => ClientLifecycleMode::Initialize,
            Era::Modern => ClientLifecycleMode::Discover {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            },
        };
        let service = serve_client_with_lifecycle(ears, transport, lifecycle)
            .await
            .expect("the handshake");
        Self { service, heard }
    }

    /// Calls a tool with `arguments`, answering whatever it asks.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> CallToolResult {
        self.try_call(tool, arguments).await.expect("an answer")
    }

    /// The same, where an error of the protocol is possible.
    pub(crate) async fn try_call(
        &self,
        tool: &str,
        arguments: Value,
    ) -> Result<CallToolResult, rmcp::ServiceError> {
        let mut request = CallToolRequestParams::new(tool.to_owned());
        request.arguments = arguments.as_object().cloned();
        self.service.call_tool(request).await
    }

    /// The next thing heard; a failure when nothing comes.
    pub(crate) async fn next(&mut self) -> Heard {
        timeout(Duration::from_secs(10), self.heard.recv())
            .await
            .expect("something to hear within ten seconds")
            .expect("an open channel")
    }

    /// Whether everything heard so far has been looked at.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.heard.try_recv().is_err()
    }

    /// The names of the tools that are listed.
    pub(crate) async fn tools(&self) -> Vec<String> {
        let tools = self.service.list_all_tools().await.expect("the tools");
        tools
            .into_iter()
            .map(|tool| tool.name.into_owned())
            .collect()
    }
}

/// The text of the first piece of content.
pub(crate) fn text(result: &CallToolResult) -> &str {
    &result.content[0].as_text().expect("a text").text
}

impl Ears {
    fn note(&self, heard: Heard) {
        self.heard.send(heard).expect("a test that listens");
    }
}

impl ClientHandler for Ears {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(
            self.capabilities.clone(),
            Implementation::new("test-client", "1"),
        )
    }

    async fn create_message(
        &self,
        request: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let asked = request.messages[0]
            .content
            .first()
            .and_then(|content| content.as_text());
        let asked = &asked.expect("a text").text;
        Ok(CreateMessageResult::new(
            SamplingMessage::assistant_text(format!("You said: {asked}")),
            "test-model".to_owned(),
        ))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let ElicitRequestParams::FormElicitationParams {
            requested_schema, ..
        } = request
        else {
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        let filled: serde_json::Map<_, _> = requested_schema
            .properties
            .keys()
            .map(|field| (field.clone(), json!(format!("my {field}"))))
            .collect();
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(filled.into()))
    }

    async fn on_logging_message(
        &self,
        message: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.note(Heard::Log(
            message.data.as_str().expect("a text").to_owned(),
        ));
    }

    async fn list_roots(
        &self,
        _: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![Root::new("file:///home/ada")]))
    }

    async fn on_progress(
        &self,
        report: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.note(Heard::Progress(report.progress as u8));
    }

    async fn on_resource_updated(
        &self,
        update: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.note(Heard::Updated(update.uri));
    }

    async fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.note(Heard::Resources);
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.note(Heard::Tools);
    }

    async fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.note(Heard::Prompts);
    }
}
