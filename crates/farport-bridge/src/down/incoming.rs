//! What the server says unasked: questions in the middle of calls, and changes.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::PREFIX;
use super::call::Asked;
use crate::Error;
use crate::bridge::{Bridge, lock};
use crate::members::Members;
use crate::message::{self, Id, Kind, Peek};

/// What a subscription of the client is to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    tools_list_changed: bool,
    prompts_list_changed: bool,
    resources_list_changed: bool,
    resource_subscriptions: Vec<String>,
}

impl Bridge {
    /// Answers a subscription, which goes on until the client cancels it.
    pub(super) async fn down_listen(
        self: &Arc<Self>,
        id: &Id,
        params: &Members<'_>,
    ) -> Result<(), Error> {
        struct Listening(Arc<Bridge>, Id);
        impl Drop for Listening {
            fn drop(&mut self) {
                let filter = lock(&self.0.down.state).listening.remove(&self.1);
                let bridge = Arc::clone(&self.0);
                if bridge.stop.is_cancelled() {
                    return;
                }
                tokio::spawn(async move {
                    for uri in filter.unwrap_or_default().resource_subscriptions {
                        let params = serde_json::json!({"uri": uri}).to_string();
                        if let Err(error) = bridge.ours("resources/unsubscribe", &params).await {
                            tracing::debug!(%error, "a subscription stays");
                        }
                    }
                });
            }
        }

        let raw = params.get("notifications").unwrap_or("{}");
        let filter: Filter = serde_json::from_str(raw).unwrap_or_default();
        lock(&self.down.state)
            .listening
            .insert(id.clone(), filter.clone());
        let _listening = Listening(Arc::clone(self), id.clone());
        for uri in &filter.resource_subscriptions {
            self.ours(
                "resources/subscribe",
                &serde_json::json!({"uri": uri}).to_string(),
            )
            .await?;
        }
        let acknowledgement = format!(
            r#"{{"_meta":{{"{PREFIX}subscriptionId":{}}},"notifications":{raw}}}"#,
            id.json()
        );
        let method = "notifications/subscriptions/acknowledged";
        self.write(&message::notification(method, &acknowledgement))
            .await;
        // It ends when the client cancels it.
        std::future::pending().await
    }

    /// Takes what a server of the session era sends besides answers. `from` is the call on whose
    /// stream it came.
    pub(crate) async fn down_incoming(
        self: &Arc<Self>,
        text: &str,
        peek: &Peek<'_>,
        from: Option<&Id>,
    ) {
        let params = peek.params.map_or("{}", RawValue::get);
        if let Kind::Request(id) = &peek.kind {
            let reply = match &*peek.method {
                "ping" => Some(message::result(id, "{}")),
                "elicitation/create" | "sampling/createMessage" | "roots/list" => {
                    let asked = Asked {
                        id: id.clone(),
                        method: peek.method.clone().into_owned(),
                        params: params.to_owned(),
                    };
                    let state = lock(&self.down.state);
                    let call = state
                        .calls
                        .iter()
                        .find(|(call, _)| Some(call) == from)
                        .or(state.calls.last());
                    let taken = call.is_some_and(|(_, call)| call.send(asked).is_ok());
                    (!taken).then(|| message::error(Some(id), -32000, "No call is going on"))
                }
                _ => Some(message::error(Some(id), -32601, "Method not found")),
            };
            if let Some(reply) = reply {
                let bridge = Arc::clone(self);
                tokio::spawn(async move {
                    if let Err(error) = bridge.session_request(None, &reply).await {
                        tracing::debug!(%error, "the server did not take an answer");
                    }
                });
            }
            return;
        }
        let wanted: fn(&Filter) -> bool = match &*peek.method {
            "notifications/tools/list_changed" => |filter| filter.tools_list_changed,
            "notifications/prompts/list_changed" => |filter| filter.prompts_list_changed,
            "notifications/resources/list_changed" => |filter| filter.resources_list_changed,
            "notifications/resources/updated" => |filter| !filter.resource_subscriptions.is_empty(),
            "notifications/cancelled" => return,
            _ => return self.write(text).await,
        };
        let uri = Members::of(peek.params)
            .get("uri")
            .and_then(|uri| serde_json::from_str::<String>(uri).ok());
        let listeners: Vec<Id> = lock(&self.down.state)
            .listening
            .iter()
            .filter(|(_, filter)| {
                wanted(filter)
                    && uri
                        .as_ref()
                        .is_none_or(|uri| filter.resource_subscriptions.contains(uri))
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in listeners {
            let mut told = Members::of(peek.params);
            told.set(
                "_meta",
                format!(r#"{{"{PREFIX}subscriptionId":{}}}"#, id.json()),
            );
            self.write(&message::notification(&peek.method, &told.json()))
                .await;
        }
    }
}
