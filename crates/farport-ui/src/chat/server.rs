//! The MCP servers of a chat.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use farport_client::{Connection, Error, ServerMessage};
use serde::Serialize;
use serde_json::{Value, json};

use super::catalog::Offered;
use super::conversation::Progress;

/// JSON-RPC: the method is not supported.
const METHOD_NOT_FOUND: i64 = -32601;

/// A future of an object-safe trait.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What happens while a call runs.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallUpdate {
    /// The request was sent, with this id.
    Sent(String),
    /// The server reports progress.
    Progress(Progress),
    /// The server logs something.
    Log(String),
    /// The server's list of tools changed.
    ToolsChanged,
}

impl CallUpdate {
    /// What a notification of the server means for a call.
    pub(crate) fn of(method: &str, params: Option<&str>) -> Option<Self> {
        let params: Value = params
            .and_then(|params| serde_json::from_str(params).ok())
            .unwrap_or_default();
        match method {
            "notifications/progress" => Some(Self::Progress(Progress {
                progress: params["progress"].as_f64().unwrap_or(0.0),
                total: params["total"].as_f64(),
                message: params["message"].as_str().map(ToOwned::to_owned),
            })),
            "notifications/message" => {
                let level = params["level"].as_str().unwrap_or("info");
                Some(Self::Log(match &params["data"] {
                    Value::String(text) => format!("{level}: {text}"),
                    data => format!("{level}: {data}"),
                }))
            }
            "notifications/tools/list_changed" => Some(Self::ToolsChanged),
            _ => None,
        }
    }
}

/// Receives what happens while a call runs.
pub type Updates<'a> = &'a (dyn Fn(CallUpdate) + Send + Sync);

/// An MCP server whose tools a chat uses.
pub trait Server: Send + Sync {
    /// The name, which prefixes the tools if there are several servers.
    fn name(&self) -> String;

    /// Lists the tools.
    fn tools(&self) -> BoxFuture<'_, Result<Vec<Offered>, String>>;

    /// Calls a tool. Dropping the future cancels the call.
    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Value,
        updates: Updates<'a>,
    ) -> BoxFuture<'a, Result<Value, String>>;
}

/// A server over a connection that nothing else uses. Its requests are refused.
pub struct ConnectedServer {
    name: String,
    connection: Connection,
}

impl ConnectedServer {
    /// The server at the other end of `connection`.
    pub fn new(name: String, connection: Connection) -> Self {
        Self { name, connection }
    }

    async fn run(
        &self,
        tool: &str,
        arguments: Value,
        updates: Updates<'_>,
    ) -> Result<Value, Error> {
        let params = params(tool, arguments);
        let mut call = self.connection.request("tools/call", &params)?;
        updates(CallUpdate::Sent(call.id().to_string()));
        while let Some(message) = call.next().await {
            match message {
                ServerMessage::Request { id, .. } => {
                    let why = "this client does not support the method";
                    self.connection.refuse(&id, METHOD_NOT_FOUND, why).await?;
                }
                ServerMessage::Notification { method, params, .. } => {
                    let params = params.as_deref().map(serde_json::value::RawValue::get);
                    if let Some(update) = CallUpdate::of(&method, params) {
                        updates(update);
                    }
                }
                _ => {}
            }
        }
        let result = call.response().await?;
        Ok(serde_json::from_str(result.get()).unwrap_or_default())
    }
}

/// The parameters of a call. The name comes first, as the timeline shows it.
#[derive(Serialize)]
pub(crate) struct CallParams<'a> {
    name: &'a str,
    arguments: Value,
    _meta: Value,
}

/// The parameters of a call, with a token so that the server reports progress. Calls that run at the same
/// time need different ones.
pub(crate) fn params(tool: &str, arguments: Value) -> CallParams<'_> {
    static CALLS: AtomicU64 = AtomicU64::new(1);
    let token = format!("chat-{}", CALLS.fetch_add(1, Ordering::Relaxed));
    CallParams {
        name: tool,
        arguments,
        _meta: json!({ "progressToken": token }),
    }
}

impl Server for ConnectedServer {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn tools(&self) -> BoxFuture<'_, Result<Vec<Offered>, String>> {
        Box::pin(list(&self.name, &self.connection))
    }

    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Value,
        updates: Updates<'a>,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let result = self
                .run(tool, arguments, updates)
                .await
                .map_err(|error| error.with_hint())?;
            match result["resultType"].as_str() {
                Some("input_required") => Err(
                    "the server requires input from a user, which this client does not provide"
                        .to_owned(),
                ),
                _ => Ok(result),
            }
        })
    }
}

/// Lists the tools of a server that its model may call.
pub(crate) async fn list(name: &str, connection: &Connection) -> Result<Vec<Offered>, String> {
    let tools = match connection.list_tools().await {
        Ok(tools) => tools,
        // A server without tools need not know the method.
        Err(Error::Response(error)) if error.code == METHOD_NOT_FOUND => Vec::new(),
        Err(error) => return Err(error.with_hint()),
    };
    Ok(tools
        .iter()
        .filter_map(|tool| offered(name, tool))
        .collect())
}

fn offered(server: &str, tool: &farport_client::Tool) -> Option<Offered> {
    let json: Value = serde_json::from_str(tool.json.get()).unwrap_or_default();
    // A tool that only the view of an MCP App calls is not for the model.
    let visibility = json["_meta"]["ui"]["visibility"].as_array();
    if visibility.is_some_and(|all| !all.iter().any(|one| one == "model")) {
        return None;
    }
    let description = tool.description.clone().or_else(|| tool.title.clone());
    Some(Offered {
        server: server.to_owned(),
        tool: tool.name.clone(),
        description: description.unwrap_or_default(),
        schema: json["inputSchema"].clone(),
        annotations: json["annotations"].clone(),
    })
}
