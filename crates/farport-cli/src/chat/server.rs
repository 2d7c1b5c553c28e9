//! A server of the chat. The user, or the command line, answers its questions.

use std::collections::BTreeSet;

use farport_client::Connection;
use farport_ui::chat::{self, BoxFuture, CallUpdate, Offered, Server, Updates};
use serde_json::Value;

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

    async fn run(&self, tool: &str, arguments: Value) -> Result<Value, crate::mcp::Error> {
        let params = chat::call_params(tool, arguments);
        let result = messages::request(&self.session, "tools/call", &params).await?;
        messages::value(&result)
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
        tool: &'a str,
        arguments: Value,
        updates: Updates<'a>,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let result = self.run(tool, arguments).await;
            if self.changes {
                updates(CallUpdate::ToolsChanged);
            }
            result.map_err(|error| match error.hint() {
                Some(hint) => format!("{error}; hint: {hint}"),
                None => error.to_string(),
            })
        })
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
