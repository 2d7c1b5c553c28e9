//! The state that the clones of a connection share.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use farport_core::Era;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::call::Call;
use super::calls::Request;
use super::child::Child;
use super::hub::{Hub, Sink};
use super::link::{Link, lock};
use super::modern::{CAPABILITIES_KEY, INFO_KEY, Modern, Outcome, REVISION, VERSION_KEY};
use super::server_message::ServerMessage;
use super::session::Session;
use crate::Error;
use crate::members::Members;
use crate::message::{self, Id, Kind, Peek};
use crate::spool::Filed;

/// The most messages of the server that wait to be received.
const MOST_MESSAGES: usize = 256;

/// How long the end of a session waits for the notifications that cancel its calls.
const CANCELLATIONS: Duration = Duration::from_secs(1);

/// How messages reach the server.
pub(super) enum Wire {
    Http {
        link: Arc<Link>,
        session: Arc<Session>,
        modern: Arc<Modern>,
    },
    Child(Arc<Child>),
}

/// What the server said when the connection was opened.
pub(super) struct Server {
    pub(super) era: Era,
    pub(super) version: String,
    pub(super) result: Box<RawValue>,
}

pub(super) struct Inner {
    pub(super) wire: Wire,
    pub(super) stop: CancellationToken,
    /// JSON of the client's capabilities.
    pub(super) capabilities: String,
    /// JSON of the client's name and version.
    pub(super) client_info: String,
    server: OnceLock<Server>,
    inbox: mpsc::Sender<ServerMessage>,
    messages: Mutex<Option<mpsc::Receiver<ServerMessage>>>,
    /// How many notifications that cancel a call are on their way.
    cancellations: watch::Sender<usize>,
    weak: Weak<Self>,
}

impl Inner {
    pub(super) fn new(
        wire: Wire,
        stop: CancellationToken,
        capabilities: String,
        client_info: String,
        weak: Weak<Self>,
    ) -> Self {
        let (inbox, messages) = mpsc::channel(MOST_MESSAGES);
        Self {
            wire,
            stop,
            capabilities,
            client_info,
            server: OnceLock::new(),
            inbox,
            messages: Mutex::new(Some(messages)),
            cancellations: watch::Sender::new(0),
            weak,
        }
    }

    /// What the server said of itself. Only set connections reach a user.
    pub(super) fn server(&self) -> &Server {
        static NONE: OnceLock<Server> = OnceLock::new();
        self.server.get().unwrap_or_else(|| {
            NONE.get_or_init(|| Server {
                era: Era::Session,
                version: String::new(),
                result: RawValue::NULL.to_owned(),
            })
        })
    }

    pub(super) fn opened(&self, server: Server) {
        // A connection is opened once.
        let _ = self.server.set(server);
    }

    pub(super) fn take_messages(&self) -> Option<mpsc::Receiver<ServerMessage>> {
        lock(&self.messages).take()
    }

    pub(super) fn hub(&self) -> &Hub {
        match &self.wire {
            Wire::Http { link, .. } => &link.hub,
            Wire::Child(child) => &child.hub,
        }
    }

    fn new_id(&self, name: &str) -> Id {
        match &self.wire {
            Wire::Http { link, .. } => link.our_id(name),
            Wire::Child(child) => child.our_id(name),
        }
    }

    /// Sends a request in the era of the connection. `params` is an object.
    pub(super) fn request(&self, method: &str, params: &str) -> Result<Call, Error> {
        self.request_in(self.server().era, method, params)
    }

    /// Sends a request in an era.
    pub(super) fn request_in(&self, era: Era, method: &str, params: &str) -> Result<Call, Error> {
        let id = self.new_id("call");
        let params = match era {
            Era::Modern => self.with_meta(params),
            _ => params.to_owned(),
        };
        let text = message::request(&id, method, &params);
        let token = progress_token(&params);
        let (expected, events) = self
            .hub()
            .calls
            .call(&id, token)
            .map_err(|_| Error::usage("too many requests are waiting for a response"))?;
        let (failed, failure) = oneshot::channel();
        let work = self.work(era, id.clone(), text);
        let stop = self.stop.clone();
        let work = tokio::spawn(async move {
            let result = tokio::select! {
                result = work => result,
                () = stop.cancelled() => Err(Error::Stopped),
            };
            if let Err(error) = result {
                // The caller may have dropped the call.
                let _ = failed.send(error);
            }
        });
        Ok(Call {
            cancel: Some(self.cancel(era, &id)),
            id,
            events,
            expected,
            failure,
            work: work.abort_handle(),
            broken: Some(Error::Broken {
                url: self.hub().peer().to_owned(),
                why: "the session ended".to_owned(),
            }),
            outcome: None,
        })
    }

    /// Sends a request and delivers its response.
    fn work(&self, era: Era, id: Id, text: String) -> BoxFuture<'static, Result<(), Error>> {
        match &self.wire {
            Wire::Http {
                link,
                session,
                modern,
            } => {
                let (link, session, modern) =
                    (Arc::clone(link), Arc::clone(session), Arc::clone(modern));
                Box::pin(async move {
                    let Some(peek) = Peek::at(&text) else {
                        return Err(Error::Stopped);
                    };
                    if era != Era::Modern {
                        session.request(Some(&id), &text).await?;
                        session.remember(&peek.method, peek.params);
                        return Ok(());
                    }
                    let outcome = match &*peek.method {
                        "subscriptions/listen" => modern.listen(&id, &text, &peek).await?,
                        _ => modern.request(&id, &text, &peek).await?,
                    };
                    match outcome {
                        Outcome::Delivered => Ok(()),
                        Outcome::Failed(answer) => link.deliver(&answer, Some(&id)).await,
                        Outcome::Refused { response, said } => {
                            link.refusal(Some(&id), &response, &said).await
                        }
                    }
                })
            }
            Wire::Child(child) => {
                let child = Arc::clone(child);
                Box::pin(async move { child.exchange(&id, text).await })
            }
        }
    }

    /// What cancels a request at the server. In the modern era over HTTP, disconnecting does.
    fn cancel(&self, era: Era, id: &Id) -> Box<dyn FnOnce() + Send> {
        let disconnects = era == Era::Modern && matches!(self.wire, Wire::Http { .. });
        let (weak, id) = (self.weak.clone(), id.clone());
        Box::new(move || {
            let (Some(inner), Ok(runtime)) =
                (weak.upgrade(), tokio::runtime::Handle::try_current())
            else {
                return;
            };
            if disconnects || inner.stop.is_cancelled() {
                return;
            }
            let params = format!(r#"{{"requestId":{}}}"#, id.json());
            let text = message::notification("notifications/cancelled", &params);
            inner.cancellations.send_modify(|count| *count += 1);
            runtime.spawn(async move {
                if let Err(error) = inner.send(text).await {
                    tracing::debug!(%error, "a cancellation did not reach the server");
                }
                inner.cancellations.send_modify(|count| *count -= 1);
            });
        })
    }

    pub(super) async fn notify(&self, method: &str, params: &str) -> Result<(), Error> {
        let over_http = matches!(self.wire, Wire::Http { .. });
        if self.server().era == Era::Modern && over_http {
            return Ok(());
        }
        self.send(message::notification(method, params)).await
    }

    pub(super) async fn respond(&self, response: &str) -> Result<(), Error> {
        self.send(response.to_owned()).await
    }

    /// Sends a message that has no response.
    async fn send(&self, text: String) -> Result<(), Error> {
        match &self.wire {
            Wire::Http { session, .. } => session.request(None, &text).await,
            Wire::Child(child) => child.send(text).await,
        }
    }

    /// Waits for the end of the connection, and returns why a process ended.
    pub(super) async fn ended(&self) -> Option<Error> {
        match &self.wire {
            Wire::Http { .. } => {
                self.stop.cancelled().await;
                None
            }
            Wire::Child(child) => tokio::select! {
                biased;
                () = self.stop.cancelled() => None,
                error = child.broken() => Some(error),
            },
        }
    }

    pub(super) async fn close(&self) {
        let mut cancellations = self.cancellations.subscribe();
        let sent = cancellations.wait_for(|count| *count == 0);
        // A server that takes too long learns from the end of the session.
        let _ = tokio::time::timeout(CANCELLATIONS, sent).await;
        match &self.wire {
            Wire::Http { session, .. } => session.close().await,
            Wire::Child(child) => child.close().await,
        }
        self.stop.cancel();
    }

    /// The parameters with the `_meta` that a request of the modern era carries.
    fn with_meta(&self, params: &str) -> String {
        let mut params = Members::read(params).unwrap_or_default();
        let given = params.get("_meta").unwrap_or("{}").to_owned();
        let mut meta = Members::read(&given).unwrap_or_default();
        for (name, value) in [
            (VERSION_KEY, format!("\"{REVISION}\"")),
            (CAPABILITIES_KEY, self.capabilities.clone()),
            (INFO_KEY, self.client_info.clone()),
        ] {
            if meta.get(name).is_none() {
                meta.set(name, value);
            }
        }
        params.set("_meta", meta.json());
        params.json()
    }

    /// Answers what every client answers. Returns whether it did.
    fn answers(&self, peek: &Peek<'_>) -> bool {
        let Kind::Request(id) = &peek.kind else {
            return false;
        };
        if peek.method != "ping" {
            return false;
        }
        self.spawn_respond(message::result(id, "{}"));
        true
    }

    fn refuse(&self, id: &Id, code: i64, why: &str) {
        self.spawn_respond(message::error(Some(id), code, why));
    }

    fn spawn_respond(&self, text: String) {
        let weak = self.weak.clone();
        tokio::spawn(async move {
            let Some(inner) = weak.upgrade() else { return };
            if let Err(error) = inner.send(text).await {
                tracing::debug!(%error, "a response did not reach the server");
            }
        });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Sink for Inner {
    fn message<'a>(
        self: Arc<Self>,
        _: &'a str,
        peek: &'a Peek<'_>,
        from: Option<&'a Id>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if self.answers(peek) {
                return;
            }
            let Some(message) = ServerMessage::new(peek) else {
                return;
            };
            let token = (peek.method == "notifications/progress")
                .then(|| message::progress_token(peek))
                .flatten();
            let receiver = self.hub().calls.receiver(from, token.as_ref());
            let unsent = match receiver {
                // Only this call's stream waits for its caller.
                Some((events, true)) => events.send(message).await.is_err(),
                Some((events, false)) => events.try_send(message).is_err(),
                None => self.inbox.try_send(message).is_err(),
            };
            if !unsent {
                return;
            }
            match &peek.kind {
                Kind::Request(id) => self.refuse(id, -32601, "Method not found"),
                _ => tracing::debug!(method = %peek.method, "a notification was dropped"),
            }
        })
    }

    fn response<'a>(
        self: Arc<Self>,
        id: &'a Id,
        _: &'a str,
        _: &'a Peek<'_>,
        _: Request,
    ) -> BoxFuture<'a, ()> {
        // Every request of this connection is its own.
        Box::pin(async move { tracing::debug!(id = id.json(), "an unexpected response") })
    }

    fn takes_files(&self) -> bool {
        false
    }

    fn file(self: Arc<Self>, _: Filed, _: Option<Id>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }

    fn failure<'a>(self: Arc<Self>, _: &'a Id, _: &'a Error) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }

    fn report(&self, error: &Error) {
        tracing::warn!(%error, "the connection");
    }
}

/// The progress token that parameters name.
fn progress_token(params: &str) -> Option<Id> {
    #[derive(Deserialize, Default)]
    struct Params<'a> {
        #[serde(borrow, rename = "_meta", default)]
        meta: Option<Meta<'a>>,
    }
    #[derive(Deserialize, Default)]
    struct Meta<'a> {
        #[serde(borrow, rename = "progressToken", default)]
        token: Option<&'a RawValue>,
    }
    let params: Params<'_> = message::read_or_default(Some(params));
    params.meta?.token.and_then(Id::of)
}
