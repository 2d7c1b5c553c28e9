//! The servers of the page, as the chat uses them: their questions reach the page like those of any other
//! call.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::catalog::Offered;
use super::super::server::{self, BoxFuture, Server, ToolCall, Updates};
use super::super::task::{self, TaskServer};
use crate::live::{Live, Outcome, Refused};
use crate::state::{BESIDE, State, lock};

/// A server with an open connection.
struct Open {
    state: Arc<State>,
    live: Arc<Live>,
    generation: u64,
    name: String,
    /// Tells servers with the same name apart.
    address: String,
}

/// Every server that is connected. No two have the same name.
pub(super) fn all(state: &Arc<State>) -> Vec<Arc<dyn Server>> {
    open(state)
        .into_iter()
        .map(|one| Arc::new(one) as Arc<dyn Server>)
        .collect()
}

fn open(state: &Arc<State>) -> Vec<Open> {
    let mut servers = Vec::new();
    let mut add = |live: Arc<Live>, generation: u64, name: String, address: String| {
        servers.push(Open {
            address,
            state: Arc::clone(state),
            live,
            generation,
            name,
        });
    };
    let mut taken = Vec::new();
    if let Ok((live, generation)) = state.live() {
        let name = name_of(&live);
        taken.push(name.clone());
        let target = state.target();
        let address = target.map(|target| target.shown()).unwrap_or_default();
        add(live, generation, name, address);
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
            add(live, BESIDE, unique, other.address());
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
        call: ToolCall<'a>,
        updates: Updates<'a>,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            // A call that is stopped leaves its questions behind.
            let _questions = Abandoned(self);
            let params = server::call_params(call);
            let result = self.send("tools/call", &params, Some(updates)).await?;
            task::finished(self, result, updates).await
        })
    }
}

impl Open {
    /// Sends a request, and the rounds in which the server requires input.
    async fn send(
        &self,
        method: &str,
        params: &impl Serialize,
        updates: Option<Updates<'_>>,
    ) -> Result<Value, String> {
        let params = serde_json::value::to_raw_value(params).map_err(|error| error.to_string())?;
        let (live, number) = (&self.live, self.generation);
        let rounds = self
            .state
            .rounds(live, number, method, Some(&params), updates);
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
    }
}

impl TaskServer for Open {
    fn ask<'a>(&'a self, method: &'a str, params: Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move { self.send(method, &params, None).await })
    }

    fn answer<'a>(&'a self, requests: &'a Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(self.state.answers(self.generation, requests))
    }

    fn cancel(&self, task: &str) {
        let connection = self.live.connection.clone();
        let params = json!({ "taskId": task });
        tokio::spawn(async move {
            if let Ok(call) = connection.request("tasks/cancel", &params) {
                // The user does not wait for it.
                let _ = call.response().await;
            }
        });
    }
}

/// Sends a request of an app's view to the server with this name and, if one is given, this address. Returns its
/// address with the outcome.
pub(crate) async fn of_view(
    state: &Arc<State>,
    server: &str,
    address: Option<&str>,
    method: &str,
    params: &RawValue,
) -> Result<(String, Outcome), Refused> {
    let is_it =
        |one: &Open| one.name == server && address.is_none_or(|wanted| wanted == one.address);
    let found = open(state).into_iter().find(is_it).ok_or(Refused::Closed)?;
    let (live, number) = (&found.live, found.generation);
    let outcome = state.rounds(live, number, method, Some(params), None).await;
    state.drop_abandoned(number);
    Ok((found.address, outcome))
}

/// Drops the questions of a call when it ends.
struct Abandoned<'a>(&'a Open);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.0.state.drop_abandoned(self.0.generation);
    }
}
