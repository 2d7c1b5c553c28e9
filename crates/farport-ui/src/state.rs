//! The state that the API reads and changes, and that the page mirrors.

mod connect;
mod record;

pub(crate) use connect::{capabilities, client_info};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use farport_client::{Opener, Store};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::broadcast::Receiver;
use tokio::task::AbortHandle;

use crate::chat::{self, page::PageChat};
use crate::events::Events;
use crate::hold::Holds;
use crate::live::{Live, Refused};
use crate::mask::Mask;
use crate::questions::{Asker, Question, Questions};
use crate::server::Settings;
use crate::servers::{SavedServer, SavedServers};
use crate::sign_in::Log;
use crate::target::Target;
use crate::timeline::Timeline;

/// The number of connections that are not the inspector's own, such as those of the chat. They last while
/// that one is replaced.
pub(crate) const BESIDE: u64 = u64::MAX - 1;

/// Where the connection stands.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "name", rename_all = "snake_case")]
enum Phase {
    Idle,
    Connecting {
        /// The page on which the user signs in.
        sign_in: Option<String>,
    },
    Connected {
        /// The result of `initialize` or `server/discover`.
        server: Box<RawValue>,
        /// The revision in use.
        revision: String,
        /// Whether the revision has no sessions.
        modern: bool,
        /// Whether the last request reached the server.
        reachable: bool,
        /// How often the server answered again, or a session was opened again.
        recoveries: u32,
        /// How often `farport dev` replaced the server.
        reloads: u32,
        /// Milliseconds that it took to connect.
        ms: f64,
    },
    Failed {
        /// What failed and why.
        why: String,
        /// What to do next.
        hint: Option<String>,
        /// The step that failed.
        step: String,
        /// The exchange of that step, in the timeline.
        exchange: Option<u64>,
    },
}

struct Inner {
    target: Option<Target>,
    phase: Phase,
    live: Option<Arc<Live>>,
    /// The task that opens a connection.
    opening: Option<AbortHandle>,
    /// Numbers connections, so that an older one changes nothing after a newer one started.
    generation: u64,
    mask: Arc<Mask>,
    timeline: Timeline,
    sign_in: Log,
    questions: Questions,
    roots: Box<RawValue>,
    /// Whether a task waits for the server to answer again.
    probing: bool,
}

/// The state of one inspector.
pub(crate) struct State {
    inner: Mutex<Inner>,
    events: Events,
    store: Store,
    opener: Arc<dyn Opener>,
    /// The file of the saved calls.
    saved_calls: PathBuf,
    chat: PageChat,
    servers: Arc<SavedServers>,
    holds: Holds,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        let Settings {
            target,
            store,
            opener,
            saved_calls,
            servers,
            chat: start,
            ..
        } = settings;
        let mut providers = start.providers;
        for problem in chat::add_kept(&mut providers, &store.api_keys()) {
            tracing::warn!(problem, "a key in the keyring cannot be used");
        }
        let state = Arc::new_cyclic(|state: &Weak<Self>| Self {
            inner: Mutex::new(Inner {
                mask: Arc::new(target.as_ref().map(Mask::of).unwrap_or_default()),
                target,
                phase: Phase::Idle,
                live: None,
                opening: None,
                generation: 0,
                timeline: Timeline::default(),
                sign_in: Log::default(),
                questions: Questions::default(),
                roots: empty_list(),
                probing: false,
            }),
            events: Events::default(),
            store,
            opener,
            saved_calls,
            servers,
            holds: Holds::default(),
            chat: PageChat::new(Weak::clone(state), providers),
        });
        for server in start.servers {
            if let Err(why) = state.chat.add_server(server) {
                state.notice(&why);
            }
        }
        state
    }

    pub(crate) fn chat(&self) -> &PageChat {
        &self.chat
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The servers that the user has configured elsewhere.
    pub(crate) fn servers(&self) -> Vec<SavedServer> {
        (self.servers)()
    }

    pub(crate) fn holds(&self) -> &Holds {
        &self.holds
    }

    pub(crate) fn saved_calls(&self) -> &std::path::Path {
        &self.saved_calls
    }

    pub(crate) fn target(&self) -> Option<Target> {
        lock(&self.inner).target.clone()
    }

    pub(crate) fn mask(&self) -> Arc<Mask> {
        Arc::clone(&lock(&self.inner).mask)
    }

    /// The number of the current connection, which may be closed.
    pub(crate) fn generation(&self) -> u64 {
        lock(&self.inner).generation
    }

    pub(crate) fn masked(&self, text: &str) -> String {
        self.mask().apply(text).into_owned()
    }

    /// The open connection and its number.
    pub(crate) fn live(&self) -> Result<(Arc<Live>, u64), Refused> {
        let inner = lock(&self.inner);
        let live = inner.live.clone().ok_or(Refused::Closed)?;
        Ok((live, inner.generation))
    }

    /// Cancels a request of the page.
    pub(crate) fn cancel(&self, id: u64) -> Result<bool, Refused> {
        Ok(self.live()?.0.cancel(id))
    }

    /// The roots, as the result of `roots/list`.
    pub(crate) fn roots(&self) -> Box<RawValue> {
        let roots = BTreeMap::from([("roots", lock(&self.inner).roots.clone())]);
        serde_json::value::to_raw_value(&roots).unwrap_or_default()
    }

    /// Replaces the roots, and notifies the server.
    pub(crate) async fn set_roots(&self, roots: Box<RawValue>) {
        let live = {
            let mut inner = lock(&self.inner);
            inner.roots = roots;
            self.publish(&inner);
            inner.live.clone()
        };
        if let Some(live) = live {
            let params = json!({});
            let changed = live
                .connection
                .notify("notifications/roots/list_changed", &params);
            if let Err(error) = changed.await {
                tracing::debug!(%error, "the server was not notified of the roots");
            }
        }
    }

    /// Opens a question, unless too many are open.
    pub(crate) fn question(
        &self,
        generation: u64,
        asker: Asker,
        method: &str,
        params: Option<Box<RawValue>>,
    ) -> Result<(), Asker> {
        let mut inner = lock(&self.inner);
        if inner.generation != generation && generation != BESIDE {
            return Err(asker);
        }
        inner.questions.add(asker, method, params)?;
        self.publish(&inner);
        Ok(())
    }

    pub(crate) fn take_question(&self, generation: u64, number: u64) -> Option<Question> {
        let mut inner = lock(&self.inner);
        if inner.generation != generation {
            return None;
        }
        let question = inner.questions.take(number);
        self.publish(&inner);
        question
    }

    pub(crate) fn cancel_question(&self, generation: u64, id: &str) {
        self.change(generation, |inner| inner.questions.cancel(id));
    }

    /// Drops the questions of calls that have ended.
    pub(crate) fn drop_abandoned(&self, generation: u64) {
        let mut inner = lock(&self.inner);
        let before = inner.questions.all().len();
        inner.questions.drop_abandoned();
        let current = inner.generation == generation || generation == BESIDE;
        if current && inner.questions.all().len() != before {
            self.publish(&inner);
        }
    }

    /// Shows a message of the client on the page.
    pub(crate) fn notice(&self, text: &str) {
        let text = self.masked(text);
        self.send(json!({ "type": "notice", "text": text }));
    }

    /// Shows a link to the sign-in page.
    pub(crate) fn sign_in_page(&self, url: &str) {
        let mut inner = lock(&self.inner);
        if let Phase::Connecting { sign_in } = &mut inner.phase {
            *sign_in = Some(url.to_owned());
            self.publish(&inner);
        } else {
            drop(inner);
            self.send(json!({ "type": "sign_in", "url": url }));
        }
    }

    /// The current state and the timeline as events, and the events that follow.
    pub(crate) fn subscribe(&self) -> (String, Receiver<Arc<str>>) {
        let inner = lock(&self.inner);
        let mut first = String::from("{\"type\":\"cleared\"}\n");
        for entry in inner.timeline.iter() {
            first.push_str(&entry.to_event());
            first.push('\n');
        }
        first.push_str(&event(&inner, &self.holds));
        first.push('\n');
        let receiver = self.events.subscribe();
        drop(inner);
        // An event that is in both shows the same.
        first.push_str(&self.chat.snapshot());
        (first, receiver)
    }

    /// Changes the state, unless a newer connection has started.
    fn change(&self, generation: u64, change: impl FnOnce(&mut Inner)) {
        let mut inner = lock(&self.inner);
        if inner.generation == generation {
            change(&mut inner);
            self.publish(&inner);
        }
    }

    /// Sends an event, which is a JSON object.
    pub(crate) fn send_line(&self, event: &str) {
        self.events.send(event);
    }

    /// Sends the state to every page, after a part of it that has its own lock changed.
    pub(crate) fn changed(&self) {
        self.publish(&lock(&self.inner));
    }

    /// Sends the state to every page. The lock keeps events in order.
    fn publish(&self, inner: &Inner) {
        self.events.send(&event(inner, &self.holds));
    }

    fn send(&self, event: serde_json::Value) {
        self.events.send(&event.to_string());
    }
}

/// The state as an event. Header values are not part of it.
fn event(inner: &Inner, holds: &Holds) -> String {
    #[derive(Serialize)]
    struct Event<'a> {
        r#type: &'static str,
        version: &'static str,
        phase: &'a Phase,
        connection: u64,
        target: Option<serde_json::Value>,
        questions: Vec<&'a Question>,
        roots: &'a RawValue,
        subscriptions: Vec<String>,
        hold: crate::hold::Shown,
    }
    let target = inner.target.as_ref().map(|target| {
        json!({
            "url": target.shown(),
            "process": target.command(),
            "headers": target.header_names(),
            "allow_http": target.allows_http(),
            "settings": target.settings(),
        })
    });
    let event = Event {
        r#type: "state",
        version: env!("CARGO_PKG_VERSION"),
        phase: &inner.phase,
        connection: inner.generation,
        target,
        questions: inner.questions.all(),
        roots: &inner.roots,
        subscriptions: inner
            .live
            .as_ref()
            .map(|live| live.subscriptions.all())
            .unwrap_or_default(),
        hold: holds.shown(),
    };
    // Its parts are JSON already.
    serde_json::to_string(&event).unwrap_or_default()
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

fn empty_list() -> Box<RawValue> {
    RawValue::from_string("[]".to_owned()).unwrap_or_default()
}

/// Locks a mutex. No code panics while it holds one.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
