//! Live sessions: the state of a session in this process.

mod batch;
mod changes;
mod follow;
mod host;
mod initialized;
mod requests;
mod resume;
mod table;

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use farport_core::{
    BoxFuture, Call, EventAccount, EventBudget, EventLog, EventStream, Exchange, Instance, Outbox,
    Reply, RequestId, SessionRecord, StoredStream, StreamLimits, Timestamp,
};
use tokio_util::sync::CancellationToken;

pub(crate) use changes::RecordChange;
pub(crate) use host::{SessionHost, begin};
pub(crate) use table::Sessions;

use initialized::{Initializing, after_initialized};

use crate::{outbox::SessionOutbox, permission::Requested};

/// A live session: its record, its handler, its running calls and its streams.
pub(crate) struct Session {
    pub(crate) record: Arc<SessionRecord>,
    pub(crate) exchange: Exchange,
    instance: OnceLock<Arc<dyn Instance>>,
    /// The session's own stream, for messages outside of calls. Created on first use.
    server_stream: OnceLock<Arc<EventStream>>,
    stream_limits: StreamLimits,
    /// The account for the events of its streams.
    account: EventAccount,
    /// The log that stores its streams, set when the session becomes available.
    log: OnceLock<Arc<dyn EventLog>>,
    next: AtomicU64,
    open: AtomicUsize,
    state: Mutex<State>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    ended: bool,
    /// A short list, so a search is faster than a hash of the id.
    calls: Vec<(RequestId, CancellationToken)>,
    streams: VecDeque<Resumable>,
    /// Set while calls wait for the handler to see `notifications/initialized`.
    initializing: Option<Initializing>,
}

impl State {
    /// Returns the cancellation token of a running call.
    fn call(&self, id: &RequestId) -> Option<&CancellationToken> {
        let mut calls = self.calls.iter();
        calls
            .find(|(other, _)| other == id)
            .map(|(_, cancel)| cancel)
    }

    /// Removes a call that has ended.
    fn take_call(&mut self, id: &RequestId) {
        if let Some(index) = self.calls.iter().position(|(other, _)| other == id) {
            self.calls.swap_remove(index);
        }
    }
}

/// The maximum number of concurrent calls of a session.
const MOST_CALLS: usize = 1024;

/// The reason why a call cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BeginError {
    /// The session has ended.
    Ended,
    /// A call with this id is running.
    SameId,
    /// Too many calls are running.
    TooMany,
}

/// A call's stream that the client may resume.
#[derive(Debug)]
struct Resumable {
    number: u64,
    stream: Arc<EventStream>,
    /// The requests that it responds to.
    requested: Vec<Requested>,
    /// When to delete the stream; set once it has ended.
    until: Option<Timestamp>,
}

/// A running call. The client can cancel it until this is dropped.
#[derive(Debug)]
pub(crate) struct RunningCall {
    session: Arc<Session>,
    id: RequestId,
    /// Fires when the client cancels the call.
    pub(crate) cancel: CancellationToken,
    /// The call's number in its session.
    pub(crate) number: u64,
    initializing: Option<Initializing>,
}

impl RunningCall {
    /// Starts the call at the handler, once that has seen `notifications/initialized`.
    pub(crate) fn start(
        &mut self,
        instance: Arc<dyn Instance>,
        call: Call,
    ) -> BoxFuture<'static, Reply> {
        after_initialized(self.initializing.take(), instance.call(call))
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.session.lock().take_call(&self.id);
        self.session.exchange.forget(self.number);
    }
}

/// The number of a session's own stream. Calls are numbered from 1.
pub(crate) const SERVER_STREAM: u64 = 0;

/// The range of numbers for each process that serves a session. A process that resumes a session numbers
/// its calls, and the events of the session's own stream, from the start of the next range.
const PROCESS_RANGE: u64 = 1 << 40;

impl Session {
    pub(crate) fn new(
        record: SessionRecord,
        replica: Arc<str>,
        stream_limits: StreamLimits,
        budget: &Arc<EventBudget>,
    ) -> Arc<Self> {
        Self::build(Arc::new(record), replica, stream_limits, budget, 0)
    }

    /// Resumes a session that `resumed` processes before this one have served. `stored` is its own
    /// stream in the event log.
    pub(crate) fn resume(
        record: Arc<SessionRecord>,
        replica: Arc<str>,
        stream_limits: StreamLimits,
        budget: &Arc<EventBudget>,
        resumed: u32,
        stored: StoredStream,
    ) -> Arc<Self> {
        let base = u64::from(resumed).saturating_mul(PROCESS_RANGE);
        let server_stream = EventStream::resumed(stream_limits, stored, base);
        let session = Self::build(record, replica, stream_limits, budget, base);
        session.set_server_stream(Arc::new(server_stream));
        session
    }

    fn build(
        record: Arc<SessionRecord>,
        replica: Arc<str>,
        stream_limits: StreamLimits,
        budget: &Arc<EventBudget>,
        base: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            account: budget.account(&record.share),
            record,
            exchange: Exchange::new(replica),
            instance: OnceLock::new(),
            server_stream: OnceLock::new(),
            stream_limits,
            log: OnceLock::new(),
            next: AtomicU64::new(base + SERVER_STREAM + 1),
            open: AtomicUsize::new(0),
            state: Mutex::default(),
        })
    }

    /// Starts a call.
    pub(crate) fn begin(self: &Arc<Self>, id: &RequestId) -> Result<RunningCall, BeginError> {
        let cancel = CancellationToken::new();
        let number = self.number();
        let mut state = self.lock();
        if state.ended {
            return Err(BeginError::Ended);
        }
        if state.call(id).is_some() {
            return Err(BeginError::SameId);
        }
        // Calls continue without a connection, so their number needs a limit.
        if state.calls.len() >= MOST_CALLS {
            return Err(BeginError::TooMany);
        }
        state.calls.push((id.clone(), cancel.clone()));
        let initializing = state.initializing.clone();
        drop(state);
        Ok(RunningCall {
            session: self.clone(),
            id: id.clone(),
            cancel,
            number,
            initializing,
        })
    }

    /// Returns a number that no other call of this session has.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Cancels the call with this id, if it is running.
    pub(crate) fn cancel(&self, id: &RequestId) {
        let cancel = self.lock().call(id).cloned();
        if let Some(cancel) = cancel {
            cancel.cancel();
        }
    }

    /// Returns the session's own stream, for messages outside of calls.
    pub(crate) fn server_stream(&self) -> &Arc<EventStream> {
        if let Some(server_stream) = self.server_stream.get() {
            return server_stream;
        }
        // Locked, so that `store_in` does not run at the same time and miss the new stream.
        let _state = self.lock();
        self.server_stream.get_or_init(|| {
            let stream = Arc::new(EventStream::new(self.stream_limits));
            stream.count_for(&self.account);
            if let Some(log) = self.log.get() {
                stream.store_in(log.clone(), self.record.id, SERVER_STREAM, Vec::new());
            }
            stream
        })
    }

    /// Makes `log` store the session's streams from now on.
    pub(crate) fn store_in(&self, log: Arc<dyn EventLog>) {
        let _state = self.lock();
        if let Some(server_stream) = self.server_stream.get() {
            server_stream.store_in(log.clone(), self.record.id, SERVER_STREAM, Vec::new());
        }
        // The log is set once.
        let _ = self.log.set(log);
    }

    /// Sets the session's own stream. A 2024-11-05 session has only this stream.
    pub(crate) fn set_server_stream(&self, stream: Arc<EventStream>) {
        stream.count_for(&self.account);
        // The stream is set before its first use.
        let _ = self.server_stream.set(stream);
    }

    /// Returns an outbox for the session's own stream.
    pub(crate) fn outbox(self: &Arc<Self>) -> Arc<dyn Outbox> {
        let call = self.number();
        Arc::new(SessionOutbox {
            session: Arc::downgrade(self),
            stream: None,
            call,
        })
    }

    /// Retains a stream, so that a client that loses its connection can resume it. `owed` are the
    /// requests that the stream responds to.
    pub(crate) fn retain(
        &self,
        number: u64,
        stream: Arc<EventStream>,
        owed: Vec<RequestId>,
        requested: Vec<Requested>,
        most: usize,
    ) {
        if let Some(log) = self.log.get() {
            stream.store_in(log.clone(), self.record.id, number, owed);
        }
        self.retain_here(number, stream, requested, most);
    }

    /// Retains a stream in this process only.
    fn retain_here(
        &self,
        number: u64,
        stream: Arc<EventStream>,
        requested: Vec<Requested>,
        most: usize,
    ) {
        stream.count_for(&self.account);
        let mut dropped = Vec::new();
        let mut state = self.lock();
        loop {
            let full = state.streams.len() >= most.max(1);
            let mut streams = state.streams.iter();
            let finished = streams.position(|resumable| resumable.stream.is_finished());
            let oldest = match finished {
                // Above the event limit, streams that have ended go first.
                Some(finished) if full || self.account.is_over() => finished,
                _ if full => 0,
                _ => break,
            };
            dropped.extend(state.streams.remove(oldest));
        }
        state.streams.push_back(Resumable {
            number,
            stream,
            requested,
            until: None,
        });
        drop(state);
        self.forget(dropped);
    }

    fn forget(&self, dropped: impl IntoIterator<Item = Resumable>) {
        for Resumable { number, stream, .. } in dropped {
            stream.stop_storing();
            if let Some(log) = self.log.get() {
                log.forget(self.record.id, number);
            }
        }
    }

    /// Returns the retained stream of this number.
    pub(crate) fn retained(&self, number: u64) -> Option<Arc<EventStream>> {
        let state = self.lock();
        state
            .streams
            .iter()
            .find(|resumable| resumable.number == number)
            .map(|resumable| resumable.stream.clone())
    }

    /// Returns the requests of the retained stream of this number.
    pub(crate) fn requested(&self, number: u64) -> Option<Vec<Requested>> {
        let state = self.lock();
        let mut streams = state.streams.iter();
        let resumable = streams.find(|resumable| resumable.number == number)?;
        Some(resumable.requested.clone())
    }

    /// Deletes streams `retention` after this first saw that they had ended.
    pub(crate) fn tidy(&self, now: Timestamp, retention: std::time::Duration) {
        let mut state = self.lock();
        for resumable in &mut state.streams {
            if resumable.until.is_none() && resumable.stream.is_finished() {
                resumable.until = Some(now.after(retention));
            }
        }
        let over = |resumable: &Resumable| resumable.until.is_some_and(|until| until <= now);
        if !state.streams.iter().any(over) {
            return;
        }
        let (dropped, remaining) = std::mem::take(&mut state.streams)
            .into_iter()
            .partition::<VecDeque<_>, _>(over);
        state.streams = remaining;
        drop(state);
        self.forget(dropped);
    }

    /// Reports whether the client has a stream open or a call is running.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_connected() || !self.lock().calls.is_empty()
    }

    /// Reports whether the client has a stream of this session open.
    pub(crate) fn is_connected(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Returns a guard that counts as an open stream until it is dropped.
    pub(crate) fn connection(self: &Arc<Self>) -> Connection {
        self.open.fetch_add(1, Ordering::Relaxed);
        Connection(Arc::downgrade(self))
    }

    /// Ends the session's calls and streams.
    pub(crate) fn close(&self) {
        // Created if necessary, so that a concurrent request for the stream finds that it has ended.
        // Its log has already deleted it.
        let server_stream = self.server_stream();
        server_stream.stop_storing();
        server_stream.finish(None);
        let ended = State {
            ended: true,
            ..State::default()
        };
        let state = std::mem::replace(&mut *self.lock(), ended);
        for (_, cancel) in &state.calls {
            cancel.cancel();
        }
        for resumable in state.streams {
            resumable.stream.stop_storing();
            resumable.stream.finish(None);
        }
        self.exchange.close();
    }

    /// Ends the session's own stream for its reader, which may resume it in another process.
    pub(crate) fn hang_up(&self) {
        if let Some(server_stream) = self.server_stream.get() {
            server_stream.detach();
        }
    }

    /// Returns the session's handler.
    pub(crate) fn instance(&self) -> Option<&Arc<dyn Instance>> {
        self.instance.get()
    }

    /// Sets the session's handler.
    pub(crate) fn serve_with(&self, instance: Arc<dyn Instance>) -> &Arc<dyn Instance> {
        self.instance.get_or_init(|| instance)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open stream, which keeps its session from expiring.
#[derive(Debug)]
pub(crate) struct Connection(Weak<Session>);

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.0.upgrade() {
            session.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
