//! The resources whose changes the user follows, and the stream of 2026-07-28 that reports changes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use farport_client::{Connection, Era, Error};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;

use crate::live::Live;
use crate::state::{State, lock};

/// The most resources that are followed.
pub(crate) const MOST: usize = 256;
/// How long to wait after a server ended the stream of changes.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The resources whose changes the user follows.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    uris: Mutex<BTreeSet<String>>,
    /// Reports that the stream of changes has to be opened again.
    changed: Notify,
}

/// Why a resource is not followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("you can follow at most {MOST} resources")]
    TooMany,
    #[error(transparent)]
    Client(#[from] Error),
}

impl Subscriptions {
    pub(crate) fn all(&self) -> Vec<String> {
        lock(&self.uris).iter().cloned().collect()
    }

    /// Follows a resource, or no longer does.
    pub(crate) async fn set(
        &self,
        connection: &Connection,
        uri: &str,
        on: bool,
    ) -> Result<(), Refused> {
        if on && lock(&self.uris).len() >= MOST {
            return Err(Refused::TooMany);
        }
        if connection.era() != Era::Modern {
            let method = if on {
                "resources/subscribe"
            } else {
                "resources/unsubscribe"
            };
            let call = connection.request(method, &json!({ "uri": uri }))?;
            call.response().await?;
        }
        let changed = {
            let mut uris = lock(&self.uris);
            if on {
                uris.insert(uri.to_owned())
            } else {
                uris.remove(uri)
            }
        };
        if changed {
            self.reopen();
        }
        Ok(())
    }

    /// Follows the resources of an earlier connection.
    pub(crate) async fn adopt(&self, connection: &Connection, uris: Vec<String>) {
        for uri in uris {
            if let Err(error) = self.set(connection, &uri, true).await {
                tracing::debug!(%error, "a resource is no longer followed");
            }
        }
    }

    /// Opens the stream of changes again, with the resources of now.
    pub(crate) fn reopen(&self) {
        self.changed.notify_one();
    }

    /// Keeps the stream of changes open (2026-07-28). The page sees its messages in the timeline.
    pub(crate) async fn listen(&self, state: &State, live: &Arc<Live>, generation: u64) {
        let connection = &live.connection;
        let lists = Lists::of(connection.server().get());
        loop {
            let uris = self.all();
            if !lists.any() && uris.is_empty() {
                self.changed.notified().await;
                continue;
            }
            let filter = json!({ "notifications": {
                "toolsListChanged": lists.tools,
                "resourcesListChanged": lists.resources,
                "promptsListChanged": lists.prompts,
                "resourceSubscriptions": uris,
            } });
            let ended = async {
                let mut call = connection.request("subscriptions/listen", &filter)?;
                while let Some(message) = call.next().await {
                    state.incoming(live, generation, message).await;
                }
                call.response().await
            };
            let ended = tokio::select! {
                ended = ended => ended,
                () = self.changed.notified() => continue,
            };
            match ended {
                Ok(_) => tokio::time::sleep(AGAIN_AFTER).await,
                Err(Error::Stopped) => return,
                Err(error) => {
                    tracing::debug!(%error, "the server does not report changes");
                    self.changed.notified().await;
                }
            }
        }
    }
}

/// The lists whose changes a server reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lists {
    tools: bool,
    resources: bool,
    prompts: bool,
}

impl Lists {
    fn of(server: &str) -> Self {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Server {
            capabilities: Capabilities,
        }
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Capabilities {
            tools: Option<Changes>,
            resources: Option<Changes>,
            prompts: Option<Changes>,
        }
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "camelCase")]
        struct Changes {
            list_changed: bool,
        }
        let server: Server = serde_json::from_str(server).unwrap_or_default();
        let declared = |one: Option<Changes>| one.is_some_and(|one| one.list_changed);
        Self {
            tools: declared(server.capabilities.tools),
            resources: declared(server.capabilities.resources),
            prompts: declared(server.capabilities.prompts),
        }
    }

    fn any(self) -> bool {
        self.tools || self.resources || self.prompts
    }
}

#[cfg(test)]
mod tests {
    use super::Lists;

    #[test]
    fn only_a_declared_change_is_subscribed_to() {
        let tools = r#"{"capabilities":{"tools":{"listChanged":true}}}"#;
        let expected = Lists {
            tools: true,
            ..Lists::default()
        };
        assert_eq!(Lists::of(tools), expected);
        for server in [
            "{}",
            "[]",
            r#"{"capabilities":{"tools":{},"prompts":{"listChanged":false}}}"#,
        ] {
            assert!(!Lists::of(server).any(), "{server}");
        }
    }
}
