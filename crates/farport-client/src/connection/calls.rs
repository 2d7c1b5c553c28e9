//! The requests that wait for a response from the server.
//!
//! Each request is registered for as long as its [`Awaited`] guard lives. When the task that waits is
//! dropped or cancelled, the guard removes the entry.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::server_message::ServerMessage;
use crate::message::Id;

/// The most requests of the caller that wait at a time.
const MOST_PENDING: usize = 1024;

/// The most messages of the server that wait for the caller of one request.
const MOST_EVENTS: usize = 256;

/// What is known of a request of the caller when it arrives.
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// Whether the request names a revision of the modern era.
    pub(crate) modern: bool,
    /// The progress token.
    pub(crate) token: Option<Id>,
}

/// A request of the caller that waits for its response.
struct Pending {
    serial: u64,
    request: Request,
    cancel: CancellationToken,
    /// Signals progress, which restarts the time limits.
    progress: Arc<Notify>,
    /// Whether the response can come on the session's own stream.
    on_stream: bool,
    /// The generation of the session that accepted the request and answers on its own stream.
    accepted_by: Option<u64>,
    /// Whether the connection reads the response before the caller does ([`Calls::capture`]).
    captured: bool,
}

/// A request of the connection itself.
struct Own {
    serial: u64,
    response: oneshot::Sender<String>,
    /// For a request whose caller also receives what the server sends during the call.
    call: Option<Call>,
}

/// What is known of a call.
struct Call {
    events: mpsc::Sender<ServerMessage>,
    token: Option<Id>,
    progress: Arc<Notify>,
    /// The generation of the session that accepted the request and answers on its own stream.
    accepted_by: Option<u64>,
}

#[derive(Default)]
struct Table {
    serial: u64,
    pending: HashMap<Id, Pending>,
    own: HashMap<Id, Own>,
}

impl Table {
    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A request of the caller whose response goes to the caller.
    fn pending(&self, id: &Id) -> Option<&Pending> {
        self.pending.get(id).filter(|pending| !pending.captured)
    }

    fn pending_mut(&mut self, id: &Id) -> Option<&mut Pending> {
        self.pending.get_mut(id).filter(|pending| !pending.captured)
    }
}

/// Where a response goes.
pub(crate) enum Recipient {
    /// To a part of the connection, which has it now.
    Own,
    /// To the caller.
    Caller(Request),
    /// No request waits for it.
    None,
}

/// The requests that wait for a response.
#[derive(Default)]
pub(crate) struct Calls {
    table: Mutex<Table>,
    /// Signals that an entry was removed.
    removed: Notify,
}

/// Too many requests of the caller wait already.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Calls {
    /// Registers a request of the caller.
    pub(crate) fn register(self: &Arc<Self>, id: Id, request: Request) -> Result<Awaited, TooMany> {
        let mut table = self.lock();
        if table.pending.len() >= MOST_PENDING {
            return Err(TooMany);
        }
        let cancel = CancellationToken::new();
        let pending = Pending {
            serial: table.next_serial(),
            request,
            cancel: cancel.clone(),
            progress: Arc::default(),
            on_stream: false,
            accepted_by: None,
            captured: false,
        };
        let serial = pending.serial;
        table.pending.insert(id.clone(), pending);
        drop(table);
        Ok(Awaited {
            calls: Arc::clone(self),
            id,
            serial,
            cancel,
        })
    }

    /// Registers a request of the connection itself.
    pub(crate) fn expect(self: &Arc<Self>, id: &Id) -> Expected {
        self.expect_with(id, None)
    }

    /// Registers a call, and returns what the server sends during it.
    pub(crate) fn call(
        self: &Arc<Self>,
        id: &Id,
        token: Option<Id>,
    ) -> Result<(Expected, mpsc::Receiver<ServerMessage>), TooMany> {
        if self.lock().own.len() >= MOST_PENDING {
            return Err(TooMany);
        }
        let (events, receiver) = mpsc::channel(MOST_EVENTS);
        let call = Call {
            events,
            token,
            progress: Arc::default(),
            accepted_by: None,
        };
        Ok((self.expect_with(id, Some(call)), receiver))
    }

    fn expect_with(self: &Arc<Self>, id: &Id, call: Option<Call>) -> Expected {
        let (sender, response) = oneshot::channel();
        let mut table = self.lock();
        let own = Own {
            serial: table.next_serial(),
            response: sender,
            call,
        };
        let serial = own.serial;
        table.own.insert(id.clone(), own);
        drop(table);
        Expected {
            calls: Arc::clone(self),
            id: id.clone(),
            serial,
            response,
        }
    }

    /// Receives the response to a request of the caller before the caller does. The caller can still
    /// cancel the request.
    pub(crate) fn capture(self: &Arc<Self>, id: &Id) -> Captured {
        let response = self.expect(id);
        if let Some(pending) = self.lock().pending.get_mut(id) {
            pending.captured = true;
        }
        Captured { response }
    }

    /// Cancels a request of the caller. Returns what was known of it; `None` when none waits.
    pub(crate) fn cancel(&self, id: &Id) -> Option<Request> {
        let pending = self.lock().pending.remove(id)?;
        pending.cancel.cancel();
        self.removed.notify_waiters();
        Some(pending.request)
    }

    /// Takes a request of the caller out of those that wait. Returns whether it was one of them, and
    /// so whether the caller is still to be answered.
    pub(crate) fn take(&self, id: &Id) -> bool {
        let taken = self.lock().pending.remove(id).is_some();
        self.removed.notify_waiters();
        taken
    }

    /// Takes the request that `response` answers. A request of the connection receives it here.
    pub(crate) fn respond(&self, id: &Id, response: &str) -> Recipient {
        let recipient = {
            let mut table = self.lock();
            if let Some(own) = table.own.remove(id) {
                // The task that waited may have been dropped.
                let _ = own.response.send(response.to_owned());
                Recipient::Own
            } else if table.pending(id).is_some() {
                let pending = table.pending.remove(id);
                pending.map_or(Recipient::None, |one| Recipient::Caller(one.request))
            } else {
                Recipient::None
            }
        };
        self.removed.notify_waiters();
        recipient
    }

    /// Whether a request waits for its response.
    pub(crate) fn is_pending(&self, id: &Id) -> bool {
        let table = self.lock();
        table.own.contains_key(id) || table.pending(id).is_some()
    }

    /// Whether a response to `id` can go to the caller without being in memory.
    pub(crate) fn passes_through(&self, id: &Id) -> bool {
        let table = self.lock();
        !table.own.contains_key(id)
            && table
                .pending(id)
                .is_none_or(|pending| pending.request.method != "tools/list")
    }

    /// Waits until the request no longer waits for a response.
    pub(crate) async fn answered(&self, id: &Id) {
        loop {
            let mut removed = pin!(self.removed.notified());
            removed.as_mut().enable();
            if !self.is_pending(id) {
                return;
            }
            removed.await;
        }
    }

    /// The call that receives a message of the server: the one on whose stream it came, or the one
    /// whose progress it is about. Also returns whether it came on the call's own stream.
    pub(crate) fn receiver(
        &self,
        from: Option<&Id>,
        token: Option<&Id>,
    ) -> Option<(mpsc::Sender<ServerMessage>, bool)> {
        let table = self.lock();
        if let Some(call) = from.and_then(|id| table.own.get(id)?.call.as_ref()) {
            return Some((call.events.clone(), true));
        }
        let token = token?;
        let mut calls = table.own.values().filter_map(|own| own.call.as_ref());
        let call = calls.find(|call| call.token.as_ref() == Some(token))?;
        Some((call.events.clone(), false))
    }

    /// What signals the progress of a request of the caller.
    pub(crate) fn progress_of(&self, id: &Id) -> Option<Arc<Notify>> {
        let table = self.lock();
        if let Some(own) = table.own.get(id) {
            return Some(Arc::clone(&own.call.as_ref()?.progress));
        }
        Some(Arc::clone(&table.pending(id)?.progress))
    }

    /// Signals progress of the requests that have this progress token.
    pub(crate) fn note_progress(&self, token: &Id) {
        let table = self.lock();
        for pending in table.pending.values() {
            if pending.request.token.as_ref() == Some(token) {
                pending.progress.notify_one();
            }
        }
        for call in table.own.values().filter_map(|own| own.call.as_ref()) {
            if call.token.as_ref() == Some(token) {
                call.progress.notify_one();
            }
        }
    }

    /// Notes that the response to a request of the caller can come on the session's own stream.
    pub(crate) fn expect_on_stream(&self, id: &Id) {
        if let Some(pending) = self.lock().pending_mut(id) {
            pending.on_stream = true;
        }
    }

    /// Notes that the session of `generation` accepted a request of the caller, and answers on its
    /// own stream.
    pub(crate) fn accepted(&self, id: &Id, generation: u64) {
        let mut table = self.lock();
        if let Some(call) = table.own.get_mut(id).and_then(|own| own.call.as_mut()) {
            call.accepted_by = Some(generation);
        } else if let Some(pending) = table.pending_mut(id) {
            pending.on_stream = true;
            pending.accepted_by = Some(generation);
        }
    }

    /// The request that waits for a response on the session's own stream, if there is exactly one.
    pub(crate) fn only_accepted(&self) -> Option<Id> {
        let table = self.lock();
        let mut accepted = table
            .pending
            .iter()
            .filter(|(_, pending)| pending.on_stream && !pending.captured)
            .map(|(id, _)| id);
        let mut own = table.own.keys();
        match (accepted.next(), accepted.next(), own.next(), own.next()) {
            (Some(id), None, None, _) | (None, _, Some(id), None) => Some(id.clone()),
            _ => None,
        }
    }

    /// Takes the requests of the caller that the session of `generation` accepted, and fails those of
    /// the connection.
    pub(crate) fn fail_accepted(&self, generation: u64) -> Vec<Id> {
        let failed = {
            let mut table = self.lock();
            // Dropping the sender fails the request.
            table.own.retain(|_, own| {
                let call = own.call.as_ref();
                call.is_some_and(|call| call.accepted_by != Some(generation))
            });
            table
                .pending
                .extract_if(|_, pending| pending.accepted_by == Some(generation))
                .map(|(id, _)| id)
                .collect()
        };
        self.removed.notify_waiters();
        failed
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request of the caller. Dropping it removes the entry.
pub(crate) struct Awaited {
    calls: Arc<Calls>,
    id: Id,
    serial: u64,
    cancel: CancellationToken,
}

impl Awaited {
    /// The id of the request.
    pub(crate) fn id(&self) -> &Id {
        &self.id
    }

    /// Waits until the caller cancels the request.
    pub(crate) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut table = self.calls.lock();
        // The caller may have used the id again.
        let is_this = |pending: &Pending| pending.serial == self.serial;
        if table.pending.get(&self.id).is_some_and(is_this) {
            table.pending.remove(&self.id);
            drop(table);
            self.calls.removed.notify_waiters();
        }
    }
}

/// A request of the connection itself. Dropping it removes the entry.
pub(crate) struct Expected {
    calls: Arc<Calls>,
    id: Id,
    serial: u64,
    response: oneshot::Receiver<String>,
}

impl Expected {
    /// The response, if it has arrived.
    pub(crate) fn received(mut self) -> Option<String> {
        self.response.try_recv().ok()
    }

    /// Waits for the response. `None` when the session that was to answer has ended.
    pub(crate) async fn response(&mut self) -> Option<String> {
        (&mut self.response).await.ok()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        let mut table = self.calls.lock();
        let is_this = |own: &Own| own.serial == self.serial;
        if table.own.get(&self.id).is_some_and(is_this) {
            table.own.remove(&self.id);
            drop(table);
            self.calls.removed.notify_waiters();
        }
    }
}

/// The response to a request of the caller, received before the caller has it. Dropping it gives the
/// request back to the caller.
pub(crate) struct Captured {
    response: Expected,
}

impl Captured {
    /// The response, if it has arrived.
    pub(crate) fn received(&mut self) -> Option<String> {
        self.response.response.try_recv().ok()
    }

    /// Waits for the response. `None` when the session that was to answer has ended.
    pub(crate) async fn response(&mut self) -> Option<String> {
        self.response.response().await
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        let mut table = self.response.calls.lock();
        if let Some(pending) = table.pending.get_mut(&self.response.id) {
            pending.captured = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    fn calls() -> Arc<Calls> {
        Arc::default()
    }

    fn request() -> Request {
        Request {
            method: "tools/call".to_owned(),
            modern: false,
            token: None,
        }
    }

    fn entries(calls: &Calls) -> usize {
        let table = calls.lock();
        table.pending.len() + table.own.len()
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_and_cancelled_calls_leave_no_entry() {
        let calls = calls();
        for number in 0..100_000 {
            let id = Id::ours("call", number);
            match number % 4 {
                0 => drop(calls.register(id, request()).unwrap()),
                1 => {
                    let awaited = calls.register(id.clone(), request()).unwrap();
                    assert!(calls.cancel(&id).is_some());
                    awaited.cancelled().await;
                }
                2 => drop(calls.expect(&id)),
                _ => {
                    let _awaited = calls.register(id.clone(), request()).unwrap();
                    let work = async {
                        let mut captured = calls.capture(&id);
                        captured.response().await
                    };
                    assert!(timeout(Duration::from_nanos(1), work).await.is_err());
                }
            }
        }
        assert_eq!(entries(&calls), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_captured_request_can_be_cancelled() {
        let calls = calls();
        let id = Id::ours("call", 1);
        let awaited = calls.register(id.clone(), request()).unwrap();
        let captured = calls.capture(&id);
        assert!(calls.cancel(&id).is_some());
        timeout(Duration::from_secs(1), awaited.cancelled())
            .await
            .unwrap();
        drop(captured);
        assert!(!calls.take(&id), "the caller is not answered any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_captured_response_does_not_reach_the_caller() {
        let calls = calls();
        let id = Id::ours("call", 1);
        let _awaited = calls.register(id.clone(), request()).unwrap();
        let mut captured = calls.capture(&id);
        assert!(matches!(calls.respond(&id, "first"), Recipient::Own));
        assert!(!calls.is_pending(&id), "its response has come");
        assert!(matches!(calls.respond(&id, "again"), Recipient::None));
        assert_eq!(captured.received().as_deref(), Some("first"));
        drop(captured);
        assert!(matches!(calls.respond(&id, "x"), Recipient::Caller(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_response_ends_with_the_request_and_not_later() {
        let calls = calls();
        let first = calls.register(Id::ours("call", 1), request()).unwrap();
        let second = calls.register(Id::ours("call", 2), request()).unwrap();
        let (one, two) = (first.id().clone(), second.id().clone());
        let started = Instant::now();
        let answers = async {
            sleep(Duration::from_millis(1)).await;
            calls.take(first.id());
            sleep(Duration::from_millis(1)).await;
            drop(second);
        };
        let both = async { tokio::join!(calls.answered(&one), calls.answered(&two)) };
        tokio::join!(both, answers);
        assert_eq!(started.elapsed(), Duration::from_millis(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_guard_leaves_a_later_request_with_its_id_alone() {
        let calls = calls();
        let id = Id::ours("call", 1);
        let first = calls.register(id.clone(), request()).unwrap();
        let _second = calls.register(id.clone(), request()).unwrap();
        drop(first);
        assert!(calls.is_pending(&id));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_ends_fails_what_it_accepted() {
        let calls = calls();
        let ids: Vec<Id> = (0..2).map(|number| Id::ours("call", number)).collect();
        let _all: Vec<_> = ids
            .iter()
            .map(|id| calls.register(id.clone(), request()).unwrap())
            .collect();
        calls.accepted(&ids[0], 7);
        let mut own = calls.expect(&Id::ours("own", 1));
        assert_eq!(calls.fail_accepted(7), [ids[0].clone()]);
        assert_eq!(own.response().await, None);
        assert!(calls.is_pending(&ids[1]));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_bounded() {
        let calls = calls();
        let all: Vec<_> = (0..2000)
            .map(|number| calls.register(Id::ours("call", number), request()))
            .collect();
        assert_eq!(all.iter().filter(|one| one.is_ok()).count(), MOST_PENDING);
    }
}
