//! The writer thread.
//!
//! SQLite has one writer at a time, and most of the cost of a commit is fixed. So one transaction
//! contains all jobs that arrived during the previous commit. A job's result is delivered after its
//! commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, Sender, channel},
    thread::JoinHandle,
};

use rusqlite::Connection;

use crate::error::Failure;

/// Writes to the store failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to the store: {0}")]
pub struct FlushError(pub(super) Failure);

impl Failure {
    pub(super) fn closed() -> Self {
        Self::Other("the store is closed".into())
    }

    pub(super) fn read_only() -> Self {
        Self::Other("the store was opened for reading only".into())
    }

    fn panicked() -> Self {
        Self::Other("a write to the store panicked".into())
    }
}

/// What a write has to survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Durability {
    /// The end of the process, for any reason.
    Process,
    /// A power failure.
    Power,
}

impl Durability {
    fn pragma(self) -> &'static str {
        match self {
            Self::Process => "PRAGMA synchronous = NORMAL",
            Self::Power => "PRAGMA synchronous = FULL",
        }
    }
}

/// Receives the result of a job, once its commit has succeeded or failed.
type Completion = Box<dyn FnOnce(Result<(), Failure>) + Send>;

/// A write.
pub(crate) struct Job {
    durability: Durability,
    /// Writes, if there is a transaction. Returns whether that succeeded.
    run: Box<Run>,
}

type Run = dyn FnOnce(Option<&Connection>) -> (bool, Completion) + Send;

impl Job {
    /// Creates a job that runs `write`, and calls `complete` with the result after the commit.
    ///
    /// Changes of a `write` that fails are rolled back.
    pub(crate) fn new<T: Send + 'static>(
        durability: Durability,
        write: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
        complete: impl FnOnce(Result<T, Failure>) + Send + 'static,
    ) -> Self {
        let run = move |connection: Option<&Connection>| {
            let written = connection.map_or(Err(Failure::closed()), |connection| {
                let written = catch_unwind(AssertUnwindSafe(|| write(connection)));
                written.unwrap_or(Err(Failure::panicked()))
            });
            let succeeded = written.is_ok();
            let complete: Completion = Box::new(move |committed| complete(committed.and(written)));
            (succeeded, complete)
        };
        Self {
            durability,
            run: Box::new(run),
        }
    }
}

enum Message {
    Job(Job),
    Stop,
}

/// The most jobs in one commit, so that the first jobs do not wait too long.
const BATCH: usize = 256;

/// A handle to the writer thread. When it is dropped, the thread finishes the submitted jobs and ends.
pub(crate) struct Writer {
    jobs: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(connection: Connection) -> std::io::Result<Self> {
        let (jobs, incoming) = channel();
        let thread = std::thread::Builder::new()
            .name("farport-store".to_owned())
            .spawn(move || work(&connection, &incoming))?;
        Ok(Self {
            jobs,
            thread: Some(thread),
        })
    }

    /// Submits a job. Jobs run in the order of submission.
    ///
    /// # Errors
    /// When the thread has ended.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Failure> {
        let sent = self.jobs.send(Message::Job(job));
        sent.map_err(|_| Failure::closed())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Fails only if the thread has already ended.
        let _ = self.jobs.send(Message::Stop);
        // A job may drop the last handle, on the writer thread itself.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer thread panicked");
        }
    }
}

fn work(connection: &Connection, incoming: &Receiver<Message>) {
    let mut current = None;
    let mut stopping = false;
    while !stopping {
        let Ok(first) = incoming.recv() else {
            return;
        };
        let mut batch = Vec::new();
        for message in std::iter::once(first).chain(incoming.try_iter()) {
            match message {
                Message::Job(job) => batch.push(job),
                Message::Stop => stopping = true,
            }
            if batch.len() == BATCH || stopping {
                break;
            }
        }
        let wanted = batch.iter().map(|job| job.durability).max();
        if let Some(durability) = wanted {
            commit(connection, &mut current, durability, batch);
        }
    }
}

/// Runs `batch` in one transaction, then delivers the results.
fn commit(
    connection: &Connection,
    current: &mut Option<Durability>,
    durability: Durability,
    batch: Vec<Job>,
) {
    let began = begin(connection, current, durability);
    let within = began.is_ok().then_some(connection);
    let mut completions = Vec::with_capacity(batch.len());
    let mut failed = began;
    for job in batch {
        let within = within.filter(|_| failed.is_ok());
        let (completion, outcome) = within_savepoint(within, job);
        completions.push(completion);
        // A savepoint that cannot be set or released means that the transaction is broken.
        failed = failed.and(outcome);
    }
    let committed = failed.and_then(|()| Ok(connection.execute_batch("COMMIT")?));
    if let Err(failure) = &committed {
        tracing::error!(%failure, "cannot commit to the store");
        // A failed commit leaves its transaction open, unless SQLite rolled it back itself.
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "cannot roll back a transaction of the store");
        }
    }
    for complete in completions {
        complete(committed.clone());
    }
}

fn begin(
    connection: &Connection,
    current: &mut Option<Durability>,
    durability: Durability,
) -> Result<(), Failure> {
    if *current != Some(durability) {
        // Between transactions, because the pragma has no effect within one.
        connection.execute_batch(durability.pragma())?;
        *current = Some(durability);
    }
    Ok(connection.execute_batch("BEGIN IMMEDIATE")?)
}

/// Runs one job in its own savepoint, so that all of its changes apply or none.
fn within_savepoint(
    connection: Option<&Connection>,
    job: Job,
) -> (Completion, Result<(), Failure>) {
    let step = |sql| match connection {
        Some(connection) => match connection.prepare_cached(sql) {
            Ok(mut statement) => statement.execute([]).map(drop).map_err(Failure::from),
            Err(error) => Err(error.into()),
        },
        None => Ok(()),
    };
    let set = step("SAVEPOINT job");
    let (succeeded, completion) = (job.run)(connection.filter(|_| set.is_ok()));
    let undone = if succeeded {
        Ok(())
    } else {
        step("ROLLBACK TO job")
    };
    (
        completion,
        set.and(undone).and_then(|()| step("RELEASE job")),
    )
}
