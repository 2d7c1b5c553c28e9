//! The session era: what a process holds of a session beside its record.

mod batch;
mod follow;
mod remember;
mod requests;
mod revival;
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
    EventLog, EventStream, Exchange, Instance, KeptStream, Outbox, RequestId, SessionRecord,
    StreamLimits, Timestamp,
};
use tokio_util::sync::CancellationToken;

pub(crate) use remember::Remember;
pub(crate) use table::Sessions;

use crate::outbox::SessionOutbox;

/// A session as this process knows it: its record, the handler that serves it, and, while
/// something is going on, its calls and streams.
pub(crate) struct Session {
    pub(crate) record: Arc<SessionRecord>,
    pub(crate) exchange: Exchange,
    instance: OnceLock<Arc<dyn Instance>>,
    /// What the server says unasked. Made when it first does, or when somebody first listens.
    unasked: OnceLock<Arc<EventStream>>,
    stream_limits: StreamLimits,
    /// Where its streams are kept, from when it can be found on.
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
    /// Few at a time, so that looking through them is quicker than hashing an id.
    calls: Vec<(RequestId, CancellationToken)>,
    streams: VecDeque<Resumable>,
}

impl State {
    /// What cancels the call with this id, if it is going on.
    fn call(&self, id: &RequestId) -> Option<&CancellationToken> {
        let mut calls = self.calls.iter();
        calls
            .find(|(other, _)| other == id)
            .map(|(_, cancel)| cancel)
    }

    /// The call with this id is over.
    fn take_call(&mut self, id: &RequestId) {
        if let Some(place) = self.calls.iter().position(|(other, _)| other == id) {
            self.calls.swap_remove(place);
        }
    }
}

/// The most calls of one session that go on at a time.
const MOST_CALLS: usize = 1024;

/// Why a call cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotBegun {
    /// The session has ended.
    Ended,
    /// A call with this id is going on.
    SameId,
    /// Too many calls are going on.
    TooMany,
}

/// A call's stream that a client may come back to.
#[derive(Debug)]
struct Resumable {
    number: u64,
    stream: Arc<EventStream>,
    /// When it goes; set once it has finished.
    until: Option<Timestamp>,
}

/// A call that is going on. It can be cancelled until this is dropped.
#[derive(Debug)]
pub(crate) struct Ongoing {
    session: Arc<Session>,
    id: RequestId,
    /// Fires when the client cancels the call.
    pub(crate) cancel: CancellationToken,
    /// The call's number in its session.
    pub(crate) number: u64,
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.session.lock().take_call(&self.id);
        self.session.exchange.forget(self.number);
    }
}

/// The number of a session's own stream; its calls count from 1.
pub(crate) const UNASKED: u64 = 0;

/// A process that takes a session up counts its calls, and the events of its own stream, from
/// the number of processes before it times this: so no number comes twice.
const LIFE: u64 = 1 << 40;

impl Session {
    pub(crate) fn new(
        record: SessionRecord,
        replica: Arc<str>,
        stream_limits: StreamLimits,
    ) -> Arc<Self> {
        Self::living(Arc::new(record), replica, stream_limits, 0)
    }

    /// A session whose record was there before, and was served by `lives` processes before this
    /// one. `said` is what there is of its own stream.
    pub(crate) fn revive(
        record: Arc<SessionRecord>,
        replica: Arc<str>,
        stream_limits: StreamLimits,
        lives: u32,
        said: KeptStream,
    ) -> Arc<Self> {
        let base = u64::from(lives).saturating_mul(LIFE);
        let unasked = EventStream::resumed(stream_limits, said, base);
        let session = Self::living(record, replica, stream_limits, base);
        session.speak_on(Arc::new(unasked));
        session
    }

    fn living(
        record: Arc<SessionRecord>,
        replica: Arc<str>,
        stream_limits: StreamLimits,
        base: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            record,
            exchange: Exchange::new(replica),
            instance: OnceLock::new(),
            unasked: OnceLock::new(),
            stream_limits,
            log: OnceLock::new(),
            next: AtomicU64::new(base + UNASKED + 1),
            open: AtomicUsize::new(0),
            state: Mutex::default(),
        })
    }

    /// Begins a call.
    pub(crate) fn begin(self: &Arc<Self>, id: &RequestId) -> Result<Ongoing, NotBegun> {
        let cancel = CancellationToken::new();
        let number = self.number();
        let mut state = self.lock();
        if state.ended {
            return Err(NotBegun::Ended);
        }
        if state.call(id).is_some() {
            return Err(NotBegun::SameId);
        }
        // A client can leave its calls alone, and they go on.
        if state.calls.len() >= MOST_CALLS {
            return Err(NotBegun::TooMany);
        }
        state.calls.push((id.clone(), cancel.clone()));
        drop(state);
        Ok(Ongoing {
            session: self.clone(),
            id: id.clone(),
            cancel,
            number,
        })
    }

    /// A number that no call of this session has.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Cancels the call with this id, if it is going on.
    pub(crate) fn cancel(&self, id: &RequestId) {
        let cancel = self.lock().call(id).cloned();
        if let Some(cancel) = cancel {
            cancel.cancel();
        }
    }

    /// The stream of what the server says unasked.
    pub(crate) fn unasked(&self) -> &Arc<EventStream> {
        if let Some(unasked) = self.unasked.get() {
            return unasked;
        }
        // Not while the session is given its log, or neither would see the other.
        let _state = self.lock();
        self.unasked.get_or_init(|| {
            let stream = Arc::new(EventStream::new(self.stream_limits));
            if let Some(log) = self.log.get() {
                stream.keep_in(log.clone(), self.record.id, UNASKED, Vec::new());
            }
            stream
        })
    }

    /// Has `log` keep the session's streams from now on.
    pub(crate) fn keep_in(&self, log: Arc<dyn EventLog>) {
        let _state = self.lock();
        if let Some(unasked) = self.unasked.get() {
            unasked.keep_in(log.clone(), self.record.id, UNASKED, Vec::new());
        }
        // A session is given its log once.
        let _ = self.log.set(log);
    }

    /// Says unasked things on `stream`, which is where a 2024-11-05 session says everything.
    pub(crate) fn speak_on(&self, stream: Arc<EventStream>) {
        // A session is given its stream before it says anything.
        let _ = self.unasked.set(stream);
    }

    /// An outbox onto the session's own stream.
    pub(crate) fn outbox(self: &Arc<Self>) -> Arc<dyn Outbox> {
        let call = self.number();
        Arc::new(SessionOutbox {
            session: Arc::downgrade(self),
            stream: None,
            call,
        })
    }

    /// Keeps a stream that owes answers to the requests `owed`, for a client that loses its
    /// connection.
    pub(crate) fn keep(
        &self,
        number: u64,
        stream: Arc<EventStream>,
        owed: Vec<RequestId>,
        most: usize,
    ) {
        if let Some(log) = self.log.get() {
            stream.keep_in(log.clone(), self.record.id, number, owed);
        }
        self.place(number, stream, most);
    }

    /// Keeps a stream in this process.
    fn place(&self, number: u64, stream: Arc<EventStream>, most: usize) {
        let mut gone = Vec::new();
        let mut state = self.lock();
        while state.streams.len() >= most.max(1) {
            let finished = state
                .streams
                .iter()
                .position(|kept| kept.stream.is_finished());
            gone.extend(state.streams.remove(finished.unwrap_or(0)));
        }
        state.streams.push_back(Resumable {
            number,
            stream,
            until: None,
        });
        drop(state);
        self.forget(gone);
    }

    fn forget(&self, gone: impl IntoIterator<Item = Resumable>) {
        for Resumable { number, stream, .. } in gone {
            stream.let_go();
            if let Some(log) = self.log.get() {
                log.forget(self.record.id, number);
            }
        }
    }

    /// The kept stream of this number.
    pub(crate) fn kept(&self, number: u64) -> Option<Arc<EventStream>> {
        let state = self.lock();
        state
            .streams
            .iter()
            .find(|kept| kept.number == number)
            .map(|kept| kept.stream.clone())
    }

    /// Lets finished streams go `retention` after they were first seen to be.
    pub(crate) fn tidy(&self, now: Timestamp, retention: std::time::Duration) {
        let mut state = self.lock();
        for kept in &mut state.streams {
            if kept.until.is_none() && kept.stream.is_finished() {
                kept.until = Some(now.after(retention));
            }
        }
        let over = |kept: &Resumable| kept.until.is_some_and(|until| until <= now);
        if !state.streams.iter().any(over) {
            return;
        }
        let (gone, stay) = std::mem::take(&mut state.streams)
            .into_iter()
            .partition::<VecDeque<_>, _>(over);
        state.streams = stay;
        drop(state);
        self.forget(gone);
    }

    /// Whether somebody is connected, or a call is going on.
    pub(crate) fn is_busy(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0 || !self.lock().calls.is_empty()
    }

    /// Counts as a connection until it is dropped.
    pub(crate) fn connection(self: &Arc<Self>) -> Connection {
        self.open.fetch_add(1, Ordering::Relaxed);
        Connection(Arc::downgrade(self))
    }

    /// Ends everything that is going on.
    pub(crate) fn close(&self) {
        // Made if need be, so that whoever is about to listen finds it ended. Its log has let go
        // of it already.
        let unasked = self.unasked();
        unasked.let_go();
        unasked.finish(None);
        let ended = State {
            ended: true,
            ..State::default()
        };
        let state = std::mem::replace(&mut *self.lock(), ended);
        for (_, cancel) in &state.calls {
            cancel.cancel();
        }
        for kept in state.streams {
            kept.stream.let_go();
            kept.stream.finish(None);
        }
        self.exchange.close();
    }

    /// Sends listeners away, who may come back to another process.
    pub(crate) fn hang_up(&self) {
        if let Some(unasked) = self.unasked.get() {
            unasked.detach();
        }
    }

    /// The handler that serves the session.
    pub(crate) fn instance(&self) -> Option<&Arc<dyn Instance>> {
        self.instance.get()
    }

    /// Gives the session its handler.
    pub(crate) fn serve_with(&self, instance: Arc<dyn Instance>) -> &Arc<dyn Instance> {
        self.instance.get_or_init(|| instance)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that keeps its session from expiring.
#[derive(Debug)]
pub(crate) struct Connection(Weak<Session>);

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(session) = self.0.upgrade() {
            session.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
