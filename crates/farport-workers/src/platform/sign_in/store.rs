//! The OAuth store: one object, and a client for the others.
//!
//! The object itself serves the pages and endpoints of a sign-in. Other objects and the Worker send it
//! single operations. It runs each operation in one turn of its event loop, so no other comes between.

use std::{cell::OnceCell, sync::Arc, time::Duration};

use farport_core::{MemorySessions, Runtime, SessionStore};
use farport_oauth::{
    BoxFuture, Operation, RemoteStore, Store, StoreError, StoreTransport, UnixTime,
};
use farport_server::{Error, HostError, Settings};
use farport_store::SqliteOAuth;
use js_sys::Uint8Array;
use web_sys::RequestInit;
use worker::{
    Env, ObjectNamespace, Request, Response, State, Stub, durable::ScheduledTime, send::SendFuture,
};

use crate::platform::{
    answer::{Incoming, OPERATION},
    environment::Variables,
    isolate::{Failure, or_failure},
    runtime::WorkerRuntime,
    session,
    sites::{MakeServer, Sites},
};

/// The binding of the store's class.
const STORE: &str = "FARPORT_STORE";

/// The name of the object.
const NAME: &str = "store";

/// How often expired records are removed.
const PURGE_EVERY: Duration = Duration::from_secs(60 * 60);

/// Returns the object, or `None` if the Worker does not bind its class.
pub(crate) fn stub(env: &Env) -> Result<Option<Stub>, worker::Error> {
    match env.durable_object(STORE) {
        Ok(namespace) => Ok(Some(namespace.get_by_name(NAME)?)),
        Err(_) => Ok(None),
    }
}

/// Returns the store, as the Worker and other objects use it.
pub(crate) fn store(env: &Env) -> Result<Arc<dyn Store>, Error> {
    let namespace = env.durable_object(STORE);
    let namespace = namespace.map_err(|_| HostError::NoStoreBinding)?;
    Ok(Arc::new(RemoteStore::new(ToObject(namespace))))
}

struct ToObject(ObjectNamespace);

impl ToObject {
    async fn ask(&self, operation: &[u8]) -> worker::Result<Vec<u8>> {
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&Uint8Array::from(operation));
        // No host has this name: the request goes to the object, not to the network.
        let request = web_sys::Request::new_with_str_and_init("https://store.invalid/", &init)?;
        request.headers().set(OPERATION, "1")?;
        let stub = self.0.get_by_name(NAME)?;
        let mut answer = stub.fetch_with_request(request.into()).await?;
        match answer.status_code() {
            200 => answer.bytes().await,
            _ => Err(answer.text().await?.into()),
        }
    }
}

impl StoreTransport for ToObject {
    fn send(&self, operation: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, StoreError>> {
        Box::pin(SendFuture::new(async move {
            let answered = self.ask(&operation).await;
            answered.map_err(|error| StoreError(error.to_string()))
        }))
    }
}

/// The object of the store.
pub struct StoreObject {
    state: State,
    env: Env,
    server: MakeServer,
    sites: Sites,
    store: OnceCell<Arc<SqliteOAuth>>,
    /// Set once the alarm that removes expired records is scheduled.
    purges: OnceCell<()>,
}

impl StoreObject {
    /// Creates the object when the platform starts it.
    pub fn new(state: State, env: Env, server: MakeServer) -> Self {
        Self {
            state,
            env,
            server,
            sites: Sites::default(),
            store: OnceCell::new(),
            purges: OnceCell::new(),
        }
    }

    /// Handles a request of a sign-in, or runs an operation on the store.
    pub async fn fetch(&self, request: Request) -> Response {
        or_failure(self.serve(request).await)
    }

    async fn serve(&self, request: Request) -> Result<Response, Failure> {
        let variables = Variables::of(&self.env);
        let mut incoming = Incoming::read(request)?;
        let store = self.store()?;
        self.schedule_purges().await?;
        if incoming.headers.contains_key(OPERATION) {
            let message = incoming.request.bytes().await?;
            return Ok(match Operation::perform(&message, &*store).await {
                Ok(answer) => Response::from_bytes(answer)?,
                Err(error) => Response::error(error.to_string(), 500)?,
            });
        }
        let sessions = |settings: &Settings| -> Arc<dyn SessionStore> {
            Arc::new(MemorySessions::new(settings.sessions()))
        };
        let store = || -> Result<Arc<dyn Store>, Error> { Ok(self.store()?) };
        let site = self
            .sites
            .at(&incoming.url, &variables, self.server, sessions, &store)?;
        Ok(incoming
            .answered_by(&site.service, None, site.body_bytes, None)
            .await?)
    }

    fn store(&self) -> Result<Arc<SqliteOAuth>, Error> {
        if let Some(store) = self.store.get() {
            return Ok(store.clone());
        }
        let database = session::open(&self.state)?;
        let opened = || Arc::new(SqliteOAuth::new(&database));
        Ok(self.store.get_or_init(opened).clone())
    }

    async fn schedule_purges(&self) -> worker::Result<()> {
        if self.purges.set(()).is_err() {
            return Ok(());
        }
        let storage = self.state.storage();
        if storage.get_alarm().await?.is_none() {
            storage.set_alarm(ScheduledTime::from(PURGE_EVERY)).await?;
        }
        Ok(())
    }

    /// Removes expired records.
    ///
    /// # Errors
    /// When the platform fails. It then calls again.
    pub async fn alarm(&self) -> worker::Result<Response> {
        Variables::of(&self.env);
        let now = UnixTime(WorkerRuntime.now().0 / 1000);
        let store = self.store().map_err(|error| error.to_string())?;
        let removed = store.purge(now).await.map_err(|error| error.to_string())?;
        tracing::debug!(removed, "removed expired OAuth records");
        let storage = self.state.storage();
        storage.set_alarm(ScheduledTime::from(PURGE_EVERY)).await?;
        Response::empty()
    }
}
