//! The MCP servers of a chat.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use farport_client::{Connection, Error};
use serde::Serialize;
use serde_json::{Value, json};

use super::catalog::Offered;
use super::conversation::Progress;
use super::task;

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

/// A call of a tool.
#[derive(Debug)]
pub struct ToolCall<'a> {
    /// The name of the tool.
    pub tool: &'a str,
    /// The arguments.
    pub arguments: Value,
    /// Whether the tool only runs as a task (2025-11-25).
    pub as_task: bool,
}

/// An MCP server whose tools a chat uses.
pub trait Server: Send + Sync {
    /// The name, which prefixes the tools if there are several servers.
    fn name(&self) -> String;

    /// Lists the tools.
    fn tools(&self) -> BoxFuture<'_, Result<Vec<Offered>, String>>;

    /// Calls a tool. Dropping the future cancels the call.
    fn call<'a>(
        &'a self,
        call: ToolCall<'a>,
        updates: Updates<'a>,
    ) -> BoxFuture<'a, Result<Value, String>>;
}

/// The parameters of a call. The name comes first, as the timeline shows it.
#[derive(Debug, Serialize)]
pub struct CallParams<'a> {
    name: &'a str,
    arguments: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<Value>,
    _meta: Value,
}

/// The parameters of a call, with a token so that the server reports progress. Calls that run at the same
/// time need different ones.
pub fn call_params(call: ToolCall<'_>) -> CallParams<'_> {
    static CALLS: AtomicU64 = AtomicU64::new(1);
    let token = format!("chat-{}", CALLS.fetch_add(1, Ordering::Relaxed));
    CallParams {
        name: call.tool,
        arguments: call.arguments,
        task: call.as_task.then(task::requested),
        _meta: json!({ "progressToken": token }),
    }
}

/// Lists the tools of a server that a model may call.
///
/// # Errors
/// When the server does not answer with a list; the text says why.
pub async fn list_tools(name: &str, connection: &Connection) -> Result<Vec<Offered>, String> {
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
    let meta = &json["_meta"];
    let view = [&meta["ui"]["resourceUri"], &meta["ui/resourceUri"]];
    let description = tool.description.clone().or_else(|| tool.title.clone());
    Some(Offered {
        server: server.to_owned(),
        tool: tool.name.clone(),
        description: description.unwrap_or_default(),
        schema: json["inputSchema"].clone(),
        annotations: json["annotations"].clone(),
        as_task: json["execution"]["taskSupport"] == "required",
        has_view: view.iter().any(|uri| uri.is_string()),
    })
}
