//! A server of the chat. The user, or the command line, answers its questions.

use std::collections::BTreeSet;
use std::ops::Deref;

use farport_client::Connection;
use farport_ui::chat::{
    self, BoxFuture, CallUpdate, Offered, Server, TaskServer, ToolCall, Updates,
};
use serde_json::{Value, json};

use crate::mcp::messages;
use crate::mcp::session::Session;

/// A server of the chat.
pub(crate) struct ChatServer {
    name: String,
    session: Session,
    /// Whether its list of tools may change.
    changes: bool,
}

impl ChatServer {
    /// The server of `session`, under a name that is not in `taken`.
    pub(crate) fn new(session: Session, taken: &mut BTreeSet<String>) -> Self {
        let server: Value = serde_json::from_str(session.server().get()).unwrap_or_default();
        let name = unique(server_name(&server), taken);
        let changes = server["capabilities"]["tools"]["listChanged"] == true;
        Self {
            name,
            session,
            changes,
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.session
    }

    async fn send(&self, method: &str, params: &impl serde::Serialize) -> Result<Value, String> {
        let result = messages::request(&self.session, method, params).await;
        let result = result.and_then(|result| messages::value(&result));
        result.map_err(|error| match error.hint() {
            Some(hint) => format!("{error}; hint: {hint}"),
            None => error.to_string(),
        })
    }
}

impl Server for ChatServer {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn tools(&self) -> BoxFuture<'_, Result<Vec<Offered>, String>> {
        Box::pin(chat::list_tools(&self.name, &self.session))
    }

    fn call<'a>(
        &'a self,
        call: ToolCall<'a>,
        updates: Updates<'a>,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let params = chat::call_params(call);
            let result = self.send("tools/call", &params).await;
            if self.changes {
                updates(CallUpdate::ToolsChanged);
            }
            chat::finished(self, result?, updates).await
        })
    }
}

impl TaskServer for ChatServer {
    fn ask<'a>(&'a self, method: &'a str, params: Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move { self.send(method, &params).await })
    }

    fn answer<'a>(&'a self, requests: &'a Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let answers = messages::input(&self.session, requests).await;
            answers.map_err(|error| error.to_string())
        })
    }

    fn cancel(&self, task: &str) {
        let connection = self.session.deref().clone();
        let params = json!({ "taskId": task });
        tokio::spawn(async move {
            if let Ok(call) = connection.request("tasks/cancel", &params) {
                // The command does not wait for it.
                let _ = call.response().await;
            }
        });
    }
}

/// The name that a server gives itself.
fn server_name(server: &Value) -> String {
    let names = [
        &server["serverInfo"]["name"],
        &server["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
    ];
    let name = names.into_iter().find_map(Value::as_str);
    name.filter(|name| !name.is_empty())
        .unwrap_or("server")
        .to_owned()
}

fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut unique = name.clone();
    let mut number = 2;
    while !taken.insert(unique.clone()) {
        unique = format!("{name}-{number}");
        number += 1;
    }
    unique
}
