//! The one thread that writes.
//!
//! SQLite has one writer at a time, and what a commit costs is mostly its own: so whatever has
//! come in by the time the last commit was done goes into the next one together. Nobody is
//! answered before their commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, Sender, channel},
    thread::JoinHandle,
};

use rusqlite::Connection;

use crate::error::Failure;

/// What a commit has to withstand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Durability {
    /// The end of the process, however it comes.
    Process,
    /// The end of the machine's power.
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

/// Told once it is clear whether what was written is there to stay.
type Answer = Box<dyn FnOnce(Result<(), Failure>) + Send>;

/// Something to write.
pub(crate) struct Job {
    durability: Durability,
    /// Writes, where there is a transaction to write in. Says whether that went well.
    run: Box<Run>,
}

type Run = dyn FnOnce(Option<&Connection>) -> (bool, Answer) + Send;

impl Job {
    /// Writes by `write`, and tells `answer` what came of it once that is committed.
    ///
    /// What `write` has written is undone when it fails.
    pub(crate) fn new<T: Send + 'static>(
        durability: Durability,
        write: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
        answer: impl FnOnce(Result<T, Failure>) + Send + 'static,
    ) -> Self {
        let run = move |connection: Option<&Connection>| {
            let written = connection.map_or(Err(Failure::Closed), |connection| {
                let written = catch_unwind(AssertUnwindSafe(|| write(connection)));
                written.unwrap_or(Err(Failure::Panicked))
            });
            let went_well = written.is_ok();
            let tell: Answer = Box::new(move |committed| answer(committed.and(written)));
            (went_well, tell)
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

/// The most jobs of one commit: who comes first should not wait for all the others.
const BATCH: usize = 256;

/// The way to the thread. It ends when this is dropped, after what was given to it before.
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

    /// Has a job done. Jobs are done in the order in which they come.
    ///
    /// # Errors
    /// When the thread has ended.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Failure> {
        let sent = self.jobs.send(Message::Job(job));
        sent.map_err(|_| Failure::Closed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A thread that has ended need not be told to.
        let _ = self.jobs.send(Message::Stop);
        // The last to let go may be a job itself.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the store's thread panicked");
        }
    }
}

fn work(connection: &Connection, incoming: &Receiver<Message>) {
    let mut present = None;
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
            commit(connection, &mut present, durability, batch);
        }
    }
}

/// Does `batch` in one transaction, then answers.
fn commit(
    connection: &Connection,
    present: &mut Option<Durability>,
    durability: Durability,
    batch: Vec<Job>,
) {
    let began = begin(connection, present, durability);
    let within = began.is_ok().then_some(connection);
    let mut answers = Vec::with_capacity(batch.len());
    let mut failed = began;
    for job in batch {
        let within = within.filter(|_| failed.is_ok());
        let (answer, outcome) = within_savepoint(within, job);
        answers.push(answer);
        // A savepoint that cannot be set or left means that the transaction is broken.
        failed = failed.and(outcome);
    }
    let committed = failed.and_then(|()| Ok(connection.execute_batch("COMMIT")?));
    if let Err(failure) = &committed {
        tracing::error!(%failure, "the store could not commit");
        // A commit that failed leaves its transaction open, unless SQLite has ended it itself.
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the store could not roll back");
        }
    }
    for answer in answers {
        answer(committed.clone());
    }
}

fn begin(
    connection: &Connection,
    present: &mut Option<Durability>,
    durability: Durability,
) -> Result<(), Failure> {
    if *present != Some(durability) {
        // Between two transactions; within one it would not take effect.
        connection.execute_batch(durability.pragma())?;
        *present = Some(durability);
    }
    Ok(connection.execute_batch("BEGIN IMMEDIATE")?)
}

/// Does one job so that it is all there or not at all.
fn within_savepoint(connection: Option<&Connection>, job: Job) -> (Answer, Result<(), Failure>) {
    let step = |sql| match connection {
        Some(connection) => match connection.prepare_cached(sql) {
            Ok(mut statement) => statement.execute([]).map(drop).map_err(Failure::from),
            Err(error) => Err(error.into()),
        },
        None => Ok(()),
    };
    let set = step("SAVEPOINT job");
    let (went_well, answer) = (job.run)(connection.filter(|_| set.is_ok()));
    let undone = match went_well {
        true => Ok(()),
        false => step("ROLLBACK TO job"),
    };
    (answer, set.and(undone).and_then(|()| step("RELEASE job")))
}
