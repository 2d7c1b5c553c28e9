//! The servers of the chat besides the inspector's.

use std::sync::{Arc, Mutex};

use farport_client::{Connection, Era, Error};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::server::name_of;
use super::{MOST_SERVERS, PageChat};
use crate::hold::HoldGate;
use crate::live::Live;
use crate::recorder::Recorder;
use crate::state::{BESIDE, State, capabilities, lock};
use crate::target::Target;

/// A server besides the inspector's.
pub(super) struct Other {
    target: Target,
    phase: Mutex<Phase>,
}

enum Phase {
    Connecting(Option<AbortHandle>),
    Connected { live: Arc<Live>, name: String },
    Failed { why: String, hint: Option<String> },
    Closed,
}

impl Other {
    /// The open connection, and the name that the server gives itself.
    pub(super) fn live(&self) -> Option<(Arc<Live>, String)> {
        match &*lock(&self.phase) {
            Phase::Connected { live, name } => Some((Arc::clone(live), name.clone())),
            _ => None,
        }
    }

    /// The address, without secrets.
    pub(super) fn address(&self) -> String {
        self.target.shown()
    }

    pub(super) fn shown(&self) -> Value {
        let url = self.target.shown();
        match &*lock(&self.phase) {
            Phase::Connecting(_) | Phase::Closed => json!({ "url": url, "phase": "connecting" }),
            Phase::Connected { name, .. } => {
                json!({ "url": url, "phase": "connected", "name": name })
            }
            Phase::Failed { why, hint } => {
                json!({ "url": url, "phase": "failed", "why": why, "hint": hint })
            }
        }
    }

    fn close(&self) {
        match std::mem::replace(&mut *lock(&self.phase), Phase::Closed) {
            Phase::Connecting(Some(opening)) => opening.abort(),
            Phase::Connected { live, .. } => live.close(),
            _ => {}
        }
    }
}

impl PageChat {
    /// Connects to another server.
    pub(crate) fn add_server(&self, target: Target) -> Result<(), String> {
        target.to_client(None).map_err(|error| error.with_hint())?;
        let Some(state) = self.state.upgrade() else {
            return Ok(());
        };
        let url = target.shown();
        let other = Arc::new(Other {
            target,
            phase: Mutex::new(Phase::Connecting(None)),
        });
        {
            let mut others = lock(&self.others);
            // One that failed is tried again.
            others.retain(|one| {
                one.target.shown() != url || !matches!(*lock(&one.phase), Phase::Failed { .. })
            });
            if others.iter().any(|one| one.target.shown() == url) {
                return Err("this server is connected already".to_owned());
            }
            if others.len() >= MOST_SERVERS {
                return Err("there are too many servers".to_owned());
            }
            others.push(Arc::clone(&other));
        }
        let opened = Arc::clone(&other);
        let opening = tokio::spawn(async move { open(state, opened).await });
        if let Phase::Connecting(handle) = &mut *lock(&other.phase) {
            *handle = Some(opening.abort_handle());
        }
        self.servers_changed();
        Ok(())
    }

    /// Disconnects from the server with this address.
    pub(super) fn remove_server(&self, url: &str) {
        let mut removed = Vec::new();
        lock(&self.others).retain(|one| {
            let keep = one.target.shown() != url;
            if !keep {
                removed.push(Arc::clone(one));
            }
            keep
        });
        removed.iter().for_each(|one| one.close());
        self.tools_changed();
        self.servers_changed();
        tokio::spawn(Arc::clone(&self.session).refresh());
    }

    /// Disconnects from every server besides the inspector's.
    pub(crate) fn close(&self) {
        let others = std::mem::take(&mut *lock(&self.others));
        others.iter().for_each(|one| one.close());
    }
}

async fn open(state: Arc<State>, other: Arc<Other>) {
    let recorder = Arc::new(Recorder::new(Arc::downgrade(&state), BESIDE));
    let gate = Arc::new(HoldGate(Arc::downgrade(&state)));
    let opened = async {
        let client = other.target.to_client(Some((recorder as _, gate as _)))?;
        let mut options = state.options(&other.target);
        options.capabilities = capabilities();
        Connection::open(client, options).await
    };
    // Boxed: the future of a sign-in is large.
    let opened: Result<Connection, Error> = Box::pin(opened).await;
    let phase = match opened {
        Ok(connection) => {
            let modern = connection.era() == Era::Modern;
            let live = Arc::new(Live::new(connection));
            let name = name_of(&live);
            state.watch_beside(&live, modern);
            Phase::Connected { live, name }
        }
        Err(error) => Phase::Failed {
            why: state.masked(&error.to_string()),
            hint: error.hint(),
        },
    };
    {
        let mut current = lock(&other.phase);
        if let Phase::Closed = &*current {
            if let Phase::Connected { live, .. } = phase {
                live.close();
            }
            return;
        }
        *current = phase;
    }
    state.chat().tools_changed();
    state.chat().servers_changed();
    tokio::spawn(Arc::clone(&state.chat().session).refresh());
}
