//! The object of a session.
//!
//! The object's SQLite database has all state of the session. When no client is connected, the platform
//! may drop the object's memory at any time, and the next request resumes the session, as after a restart
//! of any other host. A session of HTTP+SSE ends with its connection and is not stored.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Duration,
};

use farport_core::{MemorySessions, Runtime, SessionId, SessionLimits, SessionStore, Timestamp};
use farport_server::{Error, HostError, Settings};
use farport_store::{Sqlite, SqliteSessions};
use worker::{Env, Request, Response, State, durable::ScheduledTime};

use crate::platform::{
    answer::{Incoming, OPENS, SESSION},
    engine,
    environment::Variables,
    isolate::{Failure, or_failure},
    runtime::WorkerRuntime,
    sign_in,
    sites::{MakeServer, Sites},
};

/// How often the object looks for expired sessions while it has one.
const TIDY_EVERY: Duration = Duration::from_secs(5 * 60);

/// The object of a session, or the one object that serves all stateless requests.
pub struct SessionObject {
    state: State,
    env: Env,
    server: MakeServer,
    sites: Sites,
    /// The stored sessions: one, after it was opened.
    stored: RefCell<Option<Arc<SqliteSessions>>>,
    /// The time of the alarm, if this instance of the object has set one.
    alarm: Cell<Option<Timestamp>>,
}

impl SessionObject {
    /// Creates the object when the platform starts it.
    pub fn new(state: State, env: Env, server: MakeServer) -> Self {
        Self {
            state,
            env,
            server,
            sites: Sites::default(),
            stored: RefCell::new(None),
            alarm: Cell::new(None),
        }
    }

    /// Handles a request that the Worker forwarded.
    pub async fn fetch(&self, request: Request) -> Response {
        or_failure(self.serve(request).await)
    }

    async fn serve(&self, request: Request) -> Result<Response, Failure> {
        let variables = Variables::of(&self.env);
        let incoming = Incoming::read(request)?;
        let header = |name| incoming.headers.get(name)?.to_str().ok();
        let session = header(SESSION).and_then(SessionId::parse);
        let opens = header(OPENS).is_some();
        // Only a request that opens a session creates the database: a request for an unknown session
        // must store nothing.
        let endpoint = farport_http::endpoint(variables.path(&incoming.url));
        let on_disk = endpoint == "/mcp" && (opens || self.is_on_disk());
        let limits = variables.settings(&incoming.url)?.sessions();
        if on_disk {
            self.open(limits)?;
        }
        let sessions = |settings: &Settings| -> Arc<dyn SessionStore> {
            match self.stored() {
                Some(stored) => stored,
                None => Arc::new(MemorySessions::new(settings.sessions())),
            }
        };
        let store = || sign_in::store(&self.env);
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

    /// Whether this or an earlier instance of the object opened a session.
    fn is_on_disk(&self) -> bool {
        self.stored().is_some() || engine::has_layout(&self.state)
    }

    fn open(&self, limits: SessionLimits) -> Result<(), Error> {
        if self.stored().is_none() {
            let database = open(&self.state)?;
            let sessions = Arc::new(SqliteSessions::new(&database, limits));
            self.stored.replace(Some(sessions));
        }
        Ok(())
    }

    fn stored(&self) -> Option<Arc<SqliteSessions>> {
        self.stored.borrow().clone()
    }

    /// Closes an idle session. Without a session, the object deletes its storage.
    ///
    /// # Errors
    /// When the platform fails. It then calls again.
    pub async fn alarm(&self) -> worker::Result<Response> {
        self.alarm.set(None);
        Variables::of(&self.env);
        if self.stored().is_none() && self.is_on_disk() {
            // The limits are the same at every URL.
            let limits = Settings::default().sessions();
            let limits = self.limits().unwrap_or(limits);
            self.open(limits).map_err(|error| error.to_string())?;
        }
        for site in self.sites.all() {
            site.service.tidy().await;
        }
        if let Some(stored) = self.stored() {
            let now = WorkerRuntime.now();
            let closed = stored
                .expire(now)
                .await
                .map_err(|error| error.to_string())?;
            tracing::debug!(closed = closed.len(), "closed idle sessions");
            if stored
                .expires()
                .map_err(|error| error.to_string())?
                .is_none()
            {
                // The object is empty again, as before its first session.
                self.stored.take();
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

    /// Sets the alarm for the time when the session expires.
    async fn set_alarm(&self) -> Result<(), Failure> {
        let Some(stored) = self.stored() else {
            return Ok(());
        };
        let expires = stored
            .expires()
            .map_err(|error| worker::Error::from(error.to_string()))?;
        let now = WorkerRuntime.now();
        // After the session has ended, the object must still delete its storage.
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

/// Opens the database of an object.
pub(crate) fn open(state: &State) -> Result<Sqlite, Error> {
    let mut life = [0; 16];
    WorkerRuntime.random(&mut life);
    let life = SessionId::from_bytes(life).to_string();
    Sqlite::over(engine::engine(state), life)
        .map_err(|error| HostError::Object(error.to_string()).into())
}
