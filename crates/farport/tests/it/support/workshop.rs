//! A handler with a tool for each way to use its transport.

#![expect(
    deprecated,
    reason = "older revisions have log messages, sampling and roots"
)]

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use farport::StreamControl;
use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler, ServiceError,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientResult,
        ContentBlock, CreateMessageRequest, CreateMessageRequestParams, ElicitRequest,
        ElicitRequestParams, Implementation, InputRequest, InputRequests, InputRequiredResult,
        InputResponses, ListRootsRequest, ListToolsResult, LoggingLevel,
        LoggingMessageNotificationParam, PaginatedRequestParams, ProgressNotificationParam,
        ResourceUpdatedNotificationParam, SamplingMessage, ServerCapabilities, ServerConfig,
        ServerRequest, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
        UnsubscribeRequestParams,
    },
    service::{NotificationContext, PeerRequestOptions, RequestContext, SubscriptionContext},
};
use serde_json::{Value, json};

use super::shop::Shop;

/// The capabilities of a workshop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Tools only: it sends nothing outside of calls.
    Quiet,
    /// Changing tools, resources with subscriptions, and log messages.
    Talkative,
}

pub(crate) const LEVELS: [(&str, LoggingLevel); 8] = [
    ("debug", LoggingLevel::Debug),
    ("info", LoggingLevel::Info),
    ("notice", LoggingLevel::Notice),
    ("warning", LoggingLevel::Warning),
    ("error", LoggingLevel::Error),
    ("critical", LoggingLevel::Critical),
    ("alert", LoggingLevel::Alert),
    ("emergency", LoggingLevel::Emergency),
];

pub(crate) struct Workshop {
    kind: Kind,
    shop: Arc<Shop>,
    /// The peer that the handler keeps for later.
    kept: Mutex<Option<Peer<RoleServer>>>,
}

impl Workshop {
    pub(crate) fn new(kind: Kind, shop: Arc<Shop>) -> Self {
        assert!(!shop.closed.load(Ordering::SeqCst), "a panic on purpose");
        shop.came();
        Self {
            kind,
            shop,
            kept: Mutex::default(),
        }
    }

    fn keep(&self, peer: Peer<RoleServer>) {
        self.shop.peers.lock().unwrap().push(peer.clone());
        *self.kept.lock().unwrap() = Some(peer);
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        self.shop.went();
    }
}

/// Records the end of a call, for any reason.
struct Ends<'a>(&'a Shop, String);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.note(format!("ended {}", self.1));
    }
}

async fn report(context: &RequestContext<RoleServer>, step: usize, message: &str) {
    if let Some(token) = context.meta.get_progress_token() {
        let progress = ProgressNotificationParam::new(token, step as f64).with_message(message);
        // The client may have disconnected.
        let _ = context.peer.notify_progress(progress).await;
    }
}

async fn log(context: &RequestContext<RoleServer>, level: LoggingLevel, text: &str) {
    let message = LoggingMessageNotificationParam::new(level, Value::from(text));
    let _ = context.peer.notify_logging_message(message).await;
}

fn elicitation(message: &str) -> ServerRequest {
    let schema = json!({ "type": "object", "properties": { "answer": { "type": "string" } } });
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema: serde_json::from_value(schema).unwrap(),
    };
    ElicitRequest::new(params).into()
}

/// Sends a request to the client, and describes the response.
async fn ask(peer: &Peer<RoleServer>, question: ServerRequest) -> String {
    described_response(peer.send_request(question).await)
}

fn described_response(answer: Result<ClientResult, ServiceError>) -> String {
    match answer {
        Ok(result) => serde_json::to_string(&result).unwrap(),
        Err(ServiceError::Timeout { .. }) => "timeout".to_owned(),
        Err(error) => format!("refused: {error}"),
    }
}

impl Workshop {
    async fn run(
        &self,
        name: &str,
        arguments: &Value,
        context: &RequestContext<RoleServer>,
    ) -> Result<String, ErrorData> {
        let shop = &*self.shop;
        let text = arguments["text"].as_str().unwrap_or_default().to_owned();
        let count = arguments["count"].as_u64().unwrap_or(1) as usize;
        match name {
            "echo" => Ok(text),
            "client" => {
                let client = context.client_info().map(|client| client.name);
                Ok(format!(
                    "{} {:?}",
                    client.unwrap_or_default(),
                    context.protocol_version()
                ))
            }
            // Reports progress as often as the arguments say.
            "steps" => {
                for step in 1..=count {
                    report(context, step, &format!("{text}-{step}")).await;
                }
                Ok(text)
            }
            // Reports progress, waits at its gate, and reports again.
            "gated" => {
                let _ends = Ends(shop, text.clone());
                report(context, 1, &format!("{text}-1")).await;
                shop.note(format!("began {text}"));
                shop.pass(&text).await;
                report(context, 2, &format!("{text}-2")).await;
                Ok(text)
            }
            // Waits at its gate, or until it is cancelled.
            "wait" => {
                let _ends = Ends(shop, text.clone());
                shop.note(format!("began {text}"));
                tokio::select! {
                    () = context.ct.cancelled() => shop.note(format!("cancelled {text}")),
                    () = shop.pass(&text) => {}
                }
                Ok(text)
            }
            // Passes its token to another task, which sees the cancellation even after
            // the call.
            "watched" => {
                let (token, watcher, name) = (context.ct.clone(), self.shop.clone(), text.clone());
                tokio::spawn(async move {
                    token.cancelled().await;
                    watcher.note(format!("token of {name}"));
                });
                let _ends = Ends(shop, text.clone());
                report(context, 1, &text).await;
                shop.note(format!("began {text}"));
                shop.pass(&text).await;
                Ok(text)
            }
            "log" => {
                for (level, value) in LEVELS {
                    log(context, value, &format!("{text}-{level}")).await;
                }
                Ok(text)
            }
            "ask" => Ok(ask(&context.peer, elicitation(&text)).await),
            // Asks one question after the other, as often as the arguments say.
            "ask_in_turn" => {
                let _ends = Ends(shop, text.clone());
                let mut heard = Vec::new();
                for step in 1..=count {
                    heard.push(ask(&context.peer, elicitation(&format!("{text}-{step}"))).await);
                }
                Ok(heard.join(" "))
            }
            // Asks, and waits at its gate.
            "ask_then_wait" => {
                let _ends = Ends(shop, text.clone());
                let answer = ask(&context.peer, elicitation(&text)).await;
                shop.note(format!("waits {text}"));
                shop.pass(&text).await;
                Ok(answer)
            }
            // Asks three questions at once.
            "ask_together" => {
                let said = vec![SamplingMessage::user_text(&text)];
                let params = CreateMessageRequestParams::new(said, 10);
                let (user, model, roots) = tokio::join!(
                    ask(&context.peer, elicitation(&text)),
                    ask(&context.peer, CreateMessageRequest::new(params).into()),
                    ask(&context.peer, ListRootsRequest::default().into()),
                );
                Ok(format!("{user} {model} {roots}"))
            }
            // Asks, and returns without the answer once its gate opens.
            "ask_or_pass" => {
                let _ends = Ends(shop, text.clone());
                tokio::select! {
                    answer = ask(&context.peer, elicitation(&text)) => Ok(answer),
                    () = shop.pass(&text) => Ok("passed".to_owned()),
                }
            }
            "ask_briefly" => {
                let brief = PeerRequestOptions::with_timeout(Duration::from_millis(50));
                let asked = context
                    .peer
                    .send_request_with_option(elicitation(&text), brief);
                let asked = asked.await.map_err(internal)?;
                let answer = described_response(asked.await_response().await);
                shop.note(format!("{answer} {text}"));
                Ok(answer)
            }
            "sample" => {
                let said = vec![SamplingMessage::user_text(&text)];
                let params = CreateMessageRequestParams::new(said, 10);
                Ok(ask(&context.peer, CreateMessageRequest::new(params).into()).await)
            }
            "roots" => Ok(match context.peer.list_roots().await {
                Ok(roots) => serde_json::to_string(&roots).unwrap(),
                Err(error) => format!("refused: {error}"),
            }),
            // All kinds of messages, each with the text.
            "all" => {
                report(context, 1, &text).await;
                log(context, LoggingLevel::Info, &text).await;
                let answer = ask(&context.peer, elicitation(&text)).await;
                report(context, 2, &text).await;
                Ok(format!("{text} {answer}"))
            }
            // Closes its response, waits at its gate, and returns a result.
            "hang_up" => {
                let control = context.extensions.get::<StreamControl>();
                let Some(control) = control else {
                    return Ok("no way back".to_owned());
                };
                if count > 1 {
                    report(context, 1, &text).await;
                }
                control.close();
                shop.note(format!("hung up {text}"));
                shop.pass(&text).await;
                Ok(text)
            }
            "announce" => {
                let kept = self.kept.lock().unwrap().clone().unwrap();
                for _ in 0..count {
                    kept.notify_tool_list_changed().await.map_err(internal)?;
                }
                Ok(text)
            }
            "touch" => {
                let kept = self.kept.lock().unwrap().clone().unwrap();
                let updated = ResourceUpdatedNotificationParam::new(text.as_str());
                kept.notify_resource_updated(updated)
                    .await
                    .map_err(internal)?;
                Ok(text)
            }
            // Keeps the peer of this call for others.
            "leave" => {
                shop.peers.lock().unwrap().push(context.peer.clone());
                Ok(text)
            }
            "needs_sampling" => Err(ErrorData::missing_required_client_capability(
                ClientCapabilities::builder().enable_sampling().build(),
            )),
            "panic" => panic!("a panic on purpose"),
            // Many large progress reports, after its gate if it has one.
            "flood" => {
                let _ends = Ends(shop, text.clone());
                if let Some(gate) = arguments["gate"].as_str() {
                    shop.pass(gate).await;
                }
                let padding = "x".repeat(64 * 1024);
                for step in 1..=count {
                    report(context, step, &padding).await;
                }
                Ok(text)
            }
            "region" => Ok(arguments["region"].to_string()),
            _ => Err(ErrorData::invalid_params("there is no such tool", None)),
        }
    }
}

/// Returns two questions in two rounds, and keeps the first answer in the state.
fn rounds(responses: Option<InputResponses>, state: Option<String>) -> CallToolResponse {
    let answer = |key: &str| Some(responses.as_ref()?.get(key)?["content"]["answer"].to_string());
    let ask = |key: &str, state: &str| {
        let ServerRequest::ElicitRequest(question) = elicitation(key) else {
            unreachable!()
        };
        let question = InputRequest::Elicitation(question);
        let requests = InputRequests::from([(key.to_owned(), question)]);
        InputRequiredResult::new(Some(requests), Some(state.to_owned())).into()
    };
    match (state, answer("first"), answer("second")) {
        (None, _, _) => ask("first", "round 1"),
        (Some(_), Some(first), _) => ask("second", &first),
        (Some(first), _, Some(second)) => {
            CallToolResult::success(vec![ContentBlock::text(format!("{first} {second}"))]).into()
        }
        (Some(state), None, None) => ask("first", &state),
    }
}

fn internal(error: ServiceError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

fn described(name: &'static str) -> Tool {
    let schema = match name {
        "region" => json!({ "type": "object", "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "count": { "type": "integer", "x-mcp-header": "Count" },
            "sure": { "type": "boolean", "x-mcp-header": "Sure" },
        }}),
        _ => json!({ "type": "object" }),
    };
    let Value::Object(schema) = schema else {
        unreachable!()
    };
    Tool::new(name, "A tool of the workshop", Arc::new(schema))
}

impl ServerHandler for Workshop {
    fn get_info(&self) -> ServerConfig {
        let builder = ServerCapabilities::builder();
        let capabilities = match self.kind {
            Kind::Quiet => builder.enable_tools().build(),
            Kind::Talkative => builder
                .enable_tools()
                .enable_tool_list_changed()
                .enable_resources()
                .enable_resources_subscribe()
                .enable_logging()
                .build(),
        };
        ServerConfig::new(capabilities).with_server_info(Implementation::new("workshop", "1.2.3"))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult {
            tools: vec![described("echo"), described("region")],
            ..Default::default()
        })
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        (name == "region").then(|| described("region"))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        if request.name == "rounds" {
            return Ok(rounds(request.input_responses, request.request_state));
        }
        let said = self.run(&request.name, &arguments, &context).await?;
        Ok(CallToolResult::success(vec![ContentBlock::text(said)]).into())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.shop.note(format!("subscribed {}", request.uri));
        *self.kept.lock().unwrap() = Some(context.peer);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.shop.note(format!("unsubscribed {}", request.uri));
        Ok(())
    }

    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        match self.kind {
            Kind::Quiet => Err(ErrorData::invalid_request("there is no log here", None)),
            Kind::Talkative => Ok(()),
        }
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if self.kind == Kind::Talkative {
            self.keep(context.peer);
        }
        self.shop.note("initialized");
    }

    async fn on_progress(
        &self,
        progress: ProgressNotificationParam,
        _: NotificationContext<RoleServer>,
    ) {
        let token = serde_json::to_string(&progress.progress_token).unwrap();
        self.shop.note(format!("progress {token}"));
    }

    async fn on_roots_list_changed(&self, context: NotificationContext<RoleServer>) {
        let answer = ask(&context.peer, ListRootsRequest::default().into()).await;
        self.shop.note(format!("roots {answer}"));
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let _ends = Ends(&self.shop, "listening".to_owned());
        self.shop.sinks.lock().unwrap().push(context.sink().clone());
        self.shop.note("listening");
        context.cancelled().await;
        Ok(())
    }
}
