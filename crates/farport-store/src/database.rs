//! An open database: one connection that writes, some that read.

use std::{
    fmt,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::oneshot;

use crate::{
    FlushError, OpenError,
    error::Failure,
    files,
    owner::Owner,
    schema,
    writer::{Job, Writer},
};

pub(crate) use crate::writer::Durability;

/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(10);

/// How many connections that read are kept.
const READERS: usize = 4;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

/// A SQLite database that holds what a server has to remember. Cheap to clone; it closes when the
/// last clone, and the last store in it, is dropped.
///
/// Several processes may use one file at the same time, if they are on one machine.
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

/// Does not keep a database open.
#[derive(Clone)]
pub(crate) struct WeakSqlite(Weak<Inner>);

impl WeakSqlite {
    /// The database, unless it is closed.
    pub(crate) fn open(&self) -> Result<Sqlite, Failure> {
        self.0.upgrade().map(Sqlite).ok_or(Failure::Closed)
    }
}

struct Inner {
    path: PathBuf,
    /// First, so that what is still to be written is written before all else goes.
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    owner: Owner,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sqlite").field(&self.0.path).finish()
    }
}

impl Sqlite {
    /// Opens the database at `path`, or makes it; the folder too, if it is missing. Brings an
    /// older layout up to date.
    ///
    /// Files are made for their owner alone (mode 0600, folders 0700).
    ///
    /// # Errors
    /// When the file cannot be used; the text says what to do.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        files::make_folder(path)?;
        files::make_private(path)?;
        let mut connection = connect(path)?;
        schema::prepare(&mut connection)?;
        let owner = Owner::register(path)?;
        let writer = Writer::start(connection).map_err(|source| files::failed(path, source))?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            writer,
            readers: Mutex::default(),
            owner,
        })))
    }

    /// Ready once everything that was to be written when this was called is written.
    ///
    /// # Errors
    /// When that fails.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let flushed = self.write(Durability::Power, |_| Ok(()));
        flushed.await.map_err(FlushError)
    }

    pub(crate) fn downgrade(&self) -> WeakSqlite {
        WeakSqlite(Arc::downgrade(&self.0))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    pub(crate) fn owner(&self) -> &Owner {
        &self.0.owner
    }

    /// Has something written. The order is that of the calls, whoever waits for the answers.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        write: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Written<T> {
        self.write_then(durability, write, |_| {})
    }

    /// The same, and has `then` look at what came of it, on the writer's thread, before anybody
    /// else is told or anything else is written.
    pub(crate) fn write_then<T: Send + 'static>(
        &self,
        durability: Durability,
        write: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
        then: impl FnOnce(&mut T) + Send + 'static,
    ) -> Written<T> {
        let (sender, receiver) = oneshot::channel();
        let job = Job::new(durability, write, move |mut written| {
            if let Ok(written) = &mut written {
                then(written);
            }
            // Whoever asked may have gone meanwhile.
            let _ = sender.send(written);
        });
        let submitted = self.submit(job);
        Written(submitted.map(|()| receiver))
    }

    /// Has a job done.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Failure> {
        self.0.writer.submit(job)
    }

    /// Reads, on the calling thread: a look into a page cache is not worth a change of threads.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let connection = self.readers().pop();
        let connection = match connection {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.0.path).map_err(|error| match error {
                    OpenError::Sqlite(error) => Failure::from(error),
                    error => Failure::Unreadable(error.to_string()),
                })?;
                connection.execute_batch("PRAGMA query_only = ON")?;
                connection
            }
        };
        let answer = read(&connection);
        let mut readers = self.readers();
        // One that is still within a transaction would read the past for ever.
        if readers.len() < READERS && connection.is_autocommit() {
            readers.push(connection);
        }
        answer
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        let readers = &self.0.readers;
        readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What comes of something that is being written. It is written whether anybody waits or not.
pub(crate) struct Written<T>(Result<oneshot::Receiver<Result<T, Failure>>, Failure>);

impl<T> Future for Written<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Ok(receiver) => Pin::new(receiver)
                .poll(cx)
                .map(|answer| answer.unwrap_or(Err(Failure::Closed))),
            Err(failure) => Poll::Ready(Err(failure.clone())),
        }
    }
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    // The file is there: nobody else than us may make it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // While two processes open a new file at the same time, one of them is told that it is locked,
    // whatever the timeout says.
    let patience = Instant::now() + BUSY;
    loop {
        match settle(&connection) {
            Err(OpenError::Sqlite(error))
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < patience =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            settled => return settled.map(|()| connection),
        }
    }
}

/// Sees whether the file is ours, then has it used as we use it.
fn settle(connection: &Connection) -> Result<(), OpenError> {
    // All that is looked at is of one moment.
    let look = connection.unchecked_transaction()?;
    schema::recognize(&look)?;
    look.commit()?;
    Ok(connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA foreign_keys = ON;
         PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = 67108864;",
    )?)
}
