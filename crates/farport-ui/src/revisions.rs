//! What the server offers in each revision of the protocol, by one short connection in each.

use std::sync::Arc;
use std::time::Duration;

use farport_client::{Connection, ConnectionOptions, Error, NoBrowser};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::live::Refused;
use crate::person::person;
use crate::state::{State, capabilities, client_info};
use crate::target::{Revision, Settings, Target};

/// The longest that one revision may take.
const LIMIT: Duration = Duration::from_secs(30);
/// The most pages and the most tools of a list.
const MOST_PAGES: usize = 50;
const MOST_TOOLS: usize = 2000;

/// The revisions, newest first.
const REVISIONS: [Revision; 5] = [
    Revision::V2026_07_28,
    Revision::V2025_11_25,
    Revision::V2025_06_18,
    Revision::V2025_03_26,
    Revision::V2024_11_05,
];

/// What the server offers in one revision.
#[derive(Serialize)]
pub(crate) struct Offer {
    /// The revision that the client requested.
    requested: Revision,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Offered {
        /// The result of `initialize` or `server/discover`.
        server: Box<RawValue>,
        tools: Vec<Box<RawValue>>,
        /// Why the tools are incomplete.
        problem: Option<String>,
    },
    /// The revision that the server chose instead.
    Other(String),
    /// Why there is no connection.
    Failed(String),
}

/// Connects in each revision and lists the tools. The connection of the page stays open.
pub(crate) async fn revisions(state: &Arc<State>) -> Result<Vec<Offer>, Refused> {
    state.live()?;
    let target = state.target().ok_or(Refused::Closed)?;
    if target.command().is_some() {
        return Err(Refused::Process);
    }
    let offers = REVISIONS.map(|requested| offer(state, &target, requested));
    Ok(join_all(offers).await)
}

async fn offer(state: &Arc<State>, target: &Target, requested: Revision) -> Offer {
    let outcome = match tokio::time::timeout(LIMIT, look(state, target, requested)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Failed(state.masked(&error.with_hint())),
        Err(_) => Outcome::Failed(format!("no answer within {} s", LIMIT.as_secs())),
    };
    Offer { requested, outcome }
}

async fn look(state: &Arc<State>, target: &Target, requested: Revision) -> Result<Outcome, Error> {
    let settings = Settings {
        revision: requested,
        ..target.settings()
    };
    let client = target.clone().with(settings).to_client(None)?;
    // A stored sign-in is used. Nothing opens a browser.
    let user = person(state, Arc::new(NoBrowser));
    let mut options = ConnectionOptions::new(state.store().clone(), user);
    options.era = requested.era();
    options.session_revision = requested.of_session();
    options.client_info = client_info();
    options.capabilities = capabilities();
    // Boxed: the future of a sign-in is large.
    let connection = Box::pin(Connection::open(client, options)).await?;
    let outcome = if json!(requested) == connection.protocol_version() {
        let (tools, problem) = tools(state, &connection).await;
        Outcome::Offered {
            server: connection.server().to_owned(),
            tools,
            problem,
        }
    } else {
        Outcome::Other(connection.protocol_version().to_owned())
    };
    connection.close().await;
    Ok(outcome)
}

async fn tools(state: &State, connection: &Connection) -> (Vec<Box<RawValue>>, Option<String>) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        #[serde(default)]
        tools: Vec<Box<RawValue>>,
        #[serde(default)]
        next_cursor: Option<String>,
    }
    let mut tools = Vec::new();
    if !has_tools(connection.server().get()) {
        return (tools, None);
    }
    let mut params = json!({});
    for _ in 0..MOST_PAGES {
        let listed = match connection.request("tools/list", &params) {
            Ok(call) => call.response().await,
            Err(error) => Err(error),
        };
        let page = match listed {
            Ok(result) => serde_json::from_str::<Page>(result.get()),
            Err(error) => return (tools, Some(state.masked(&error.with_hint()))),
        };
        let page = match page {
            Ok(page) => page,
            Err(error) => return (tools, Some(format!("the list is invalid: {error}"))),
        };
        tools.extend(page.tools);
        if tools.len() > MOST_TOOLS {
            tools.truncate(MOST_TOOLS);
            return (tools, Some(format!("the first {MOST_TOOLS} tools")));
        }
        match page.next_cursor {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => return (tools, None),
        }
    }
    (tools, Some(format!("the first {MOST_PAGES} pages")))
}

fn has_tools(server: &str) -> bool {
    #[derive(Deserialize)]
    struct Server<'a> {
        #[serde(borrow, default)]
        capabilities: std::collections::BTreeMap<String, &'a RawValue>,
    }
    serde_json::from_str::<Server<'_>>(server)
        .is_ok_and(|server| server.capabilities.contains_key("tools"))
}
