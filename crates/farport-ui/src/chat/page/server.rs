//! The servers of the page, as the chat uses them: their questions reach the page like those of any other
//! call.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::catalog::Offered;
use super::super::server::{self, BoxFuture, Server, Updates};
use crate::live::{Live, Outcome};
use crate::state::{BESIDE, State, lock};

/// A server with an open connection.
struct Open {
    state: Arc<State>,
    live: Arc<Live>,
    generation: u64,
    name: String,
}

/// Every server that is connected. No two have the same name.
pub(super) fn all(state: &Arc<State>) -> Vec<Arc<dyn Server>> {
    let mut servers: Vec<Arc<dyn Server>> = Vec::new();
    let mut add = |live: Arc<Live>, generation: u64, name: String| {
        servers.push(Arc::new(Open {
            state: Arc::clone(state),
            live,
            generation,
            name,
        }));
    };
    let mut taken = Vec::new();
    if let Ok((live, generation)) = state.live() {
        let name = name_of(&live);
        taken.push(name.clone());
        add(live, generation, name);
    }
    for other in lock(&state.chat().others).iter() {
        if let Some((live, name)) = other.live() {
            let mut unique = name.clone();
            let mut number = 2;
            while taken.contains(&unique) {
                unique = format!("{name}-{number}");
                number += 1;
            }
            taken.push(unique.clone());
            add(live, BESIDE, unique);
        }
    }
    servers
}

/// The name that a server gives itself.
pub(super) fn name_of(live: &Live) -> String {
    let server: Value = serde_json::from_str(live.connection.server().get()).unwrap_or_default();
    let names = [
        &server["serverInfo"]["name"],
        &server["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
    ];
    let name = names
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or_default();
    if name.is_empty() {
        "server".to_owned()
    } else {
        name.chars().take(100).collect()
    }
}

impl Server for Open {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn tools(&self) -> BoxFuture<'_, Result<Vec<Offered>, String>> {
        Box::pin(server::list_tools(&self.name, &self.live.connection))
    }

    fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: Value,
        updates: Updates<'a>,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let params = server::call_params(tool, arguments);
            let params =
                serde_json::value::to_raw_value(&params).map_err(|error| error.to_string())?;
            let rounds = self.state.rounds(
                &self.live,
                self.generation,
                "tools/call",
                Some(&params),
                Some(updates),
            );
            // A call that is stopped leaves its questions behind.
            let _questions = Abandoned(self);
            match rounds.await {
                Outcome::Result(result) => {
                    Ok(serde_json::from_str(result.get()).unwrap_or_else(|_| json!({})))
                }
                Outcome::Error(error) => {
                    let error: Value = serde_json::from_str(error.get()).unwrap_or_default();
                    let message = error["message"].as_str().unwrap_or("no message");
                    Err(format!(
                        "the server answered with an error: {message} ({})",
                        error["code"]
                    ))
                }
                Outcome::Failed(why) => Err(why),
                Outcome::Cancelled(_) => Err("the call was cancelled".to_owned()),
            }
        })
    }
}

/// Drops the questions of a call when it ends.
struct Abandoned<'a>(&'a Open);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.0.state.drop_abandoned(self.0.generation);
    }
}
