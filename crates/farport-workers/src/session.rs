//! The object of a session.
//!
//! All that a session is rests in the object's SQLite; when nobody is connected, the platform may let
//! the object's memory go at any time, and the next request takes the session up again, as it would
//! after a restart anywhere else. A session of HTTP+SSE ends with its connection and rests nowhere.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Duration,
};

use farport::{Error, Settings};
use farport_core::{MemorySessions, Runtime, SessionId, SessionLimits, SessionStore, Timestamp};
use farport_store::{Sqlite, SqliteSessions};
use worker::{Env, Request, Response, State, durable::ScheduledTime};

use crate::{
    answer::{Incoming, OPENS, SESSION},
    engine,
    environment::Variables,
    isolate::{Failure, or_failure},
    runtime::WorkerRuntime,
    sites::{MakeServer, Sites},
    store,
};

/// How often to look for what has ended, while a session is there.
const TIDY_EVERY: Duration = Duration::from_secs(5 * 60);

/// A session, or what serves all requests that have none.
pub struct SessionObject {
    state: State,
    env: Env,
    server: MakeServer,
    sites: Sites,
    /// The sessions on disk: one, once it was opened.
    kept: RefCell<Option<Arc<SqliteSessions>>>,
    /// When the alarm goes off, as far as this life of the object has set it.
    alarm: Cell<Option<Timestamp>>,
}

impl SessionObject {
    /// The object that the platform has started.
    pub fn new(state: State, env: Env, server: MakeServer) -> Self {
        Self {
            state,
            env,
            server,
            sites: Sites::default(),
            kept: RefCell::new(None),
            alarm: Cell::new(None),
        }
    }

    /// Answers a request that the Worker has sent on.
    pub async fn fetch(&self, request: Request) -> Response {
        or_failure(self.serve(request).await)
    }

    async fn serve(&self, request: Request) -> Result<Response, Failure> {
        let variables = Variables::of(&self.env);
        let incoming = Incoming::read(request)?;
        let header = |name| incoming.headers.get(name)?.to_str().ok();
        let session = header(SESSION).and_then(SessionId::parse);
        let opens = header(OPENS).is_some();
        // Only a session that is opened is written down: to ask for one that is not there must
        // leave nothing behind.
        let on_disk = incoming.url.path() == "/mcp" && (opens || self.is_on_disk());
        let limits = variables.settings(&incoming.url)?.sessions();
        if on_disk {
            self.open(limits)?;
        }
        let sessions = |settings: &Settings| -> Arc<dyn SessionStore> {
            match self.kept() {
                Some(kept) => kept,
                None => Arc::new(MemorySessions::new(settings.sessions())),
            }
        };
        let store = || store::distant(&self.env);
        let site = self
            .sites
            .at(&incoming.url, &variables, self.server, sessions, &store)?;
        let may_open = session.filter(|_| opens);
        let answered = incoming
            .answered_by(&site.service, None, site.body_bytes, may_open)
            .await?;
        self.set_alarm().await?;
        Ok(answered)
    }

    /// Whether a session was opened here in this or an earlier life of the object.
    fn is_on_disk(&self) -> bool {
        self.kept().is_some() || engine::has_layout(&self.state)
    }

    fn open(&self, limits: SessionLimits) -> Result<(), Error> {
        if self.kept().is_none() {
            let database = open(&self.state)?;
            let sessions = Arc::new(SqliteSessions::new(&database, limits));
            self.kept.replace(Some(sessions));
        }
        Ok(())
    }

    fn kept(&self) -> Option<Arc<SqliteSessions>> {
        self.kept.borrow().clone()
    }

    /// Ends what has been idle for too long. Where no session is left, nothing is.
    ///
    /// # Errors
    /// When the platform fails; it calls again then.
    pub async fn alarm(&self) -> worker::Result<Response> {
        self.alarm.set(None);
        Variables::of(&self.env);
        if self.kept().is_none() && self.is_on_disk() {
            // The limits are those of its settings, whichever address it is reached at.
            let limits = Settings::default().sessions();
            let limits = self.limits().unwrap_or(limits);
            self.open(limits).map_err(|error| error.to_string())?;
        }
        for site in self.sites.all() {
            site.service.tidy().await;
        }
        if let Some(kept) = self.kept() {
            let now = WorkerRuntime.now();
            let gone = kept.expire(now).await.map_err(|error| error.to_string())?;
            tracing::debug!(gone = gone.len(), "tidied");
            if kept.expires().map_err(|error| error.to_string())?.is_none() {
                // From here on it is as if nobody had ever opened one.
                self.kept.take();
                self.sites.clear();
                self.state.storage().delete_all().await?;
                return Response::empty();
            }
        }
        self.set_alarm().await.map_err(|error| error.to_string())?;
        Response::empty()
    }

    fn limits(&self) -> Option<SessionLimits> {
        let settings = Variables::of(&self.env).any_settings();
        settings.ok().map(|settings| settings.sessions())
    }

    /// Has the platform call when there is something to end.
    async fn set_alarm(&self) -> Result<(), Failure> {
        let Some(kept) = self.kept() else {
            return Ok(());
        };
        let expires = kept
            .expires()
            .map_err(|error| worker::Error::from(error.to_string()))?;
        let now = WorkerRuntime.now();
        // A session that has just ended leaves an object to be emptied.
        let due = expires.unwrap_or(now).min(now.after(TIDY_EVERY));
        if self
            .alarm
            .get()
            .is_some_and(|set| set > now && (set <= due || expires.is_some()))
        {
            return Ok(());
        }
        let wait = due.since(now).max(Duration::from_secs(1));
        self.state
            .storage()
            .set_alarm(ScheduledTime::from(wait))
            .await?;
        self.alarm.set(Some(due));
        Ok(())
    }
}

/// The database of an object.
pub(crate) fn open(state: &State) -> Result<Sqlite, Error> {
    let mut life = [0; 16];
    WorkerRuntime.random(&mut life);
    let life = SessionId::from_bytes(life).to_string();
    Sqlite::over(engine::engine(state), life).map_err(|error| Error::Object(error.to_string()))
}
