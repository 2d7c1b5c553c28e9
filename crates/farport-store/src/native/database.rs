//! An open database: one connection for writes and a few for reads.

use std::{
    fmt,
    future::Future,
    path::{MAIN_SEPARATOR, Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::oneshot;

use super::{
    files,
    inspect::{FileKind, inspect, wal_path},
    owner::Owner,
    schema,
    writer::{Durability, FlushError, Job, Writer},
};
use crate::error::{Failure, OpenError, SqliteError};

/// How long to wait while another process is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The most idle read connections that stay open.
const IDLE_READERS: usize = 4;

/// The most prepared statements that a connection caches.
const CACHED_STATEMENTS: usize = 64;

/// A SQLite database with a server's state. Cheap to clone. It closes when the last clone, and the
/// last store that uses it, is dropped.
///
/// Several processes on one machine can use one file at the same time.
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

/// A weak reference, which does not keep the database open.
#[derive(Clone)]
pub(crate) struct WeakSqlite(Weak<Inner>);

impl WeakSqlite {
    /// Returns the database, unless it is closed.
    pub(crate) fn open(&self) -> Result<Sqlite, Failure> {
        self.0.upgrade().map(Sqlite).ok_or(Failure::closed())
    }
}

struct Inner {
    path: PathBuf,
    /// Dropped first, so that pending writes finish before the readers close.
    access: Access,
    readers: Mutex<Vec<Connection>>,
}

/// What this process may do with the database.
enum Access {
    /// Read and write.
    Full { writer: Writer, owner: Owner },
    /// Read only.
    Read,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sqlite").field(&self.0.path).finish()
    }
}

impl Sqlite {
    /// Opens the database at `path`. Creates the file and its folder if they are missing, and
    /// migrates an older layout.
    ///
    /// Only the owner can access new files (mode 0600) and folders (mode 0700). A file that is not
    /// a farport database stays unchanged, permissions included.
    ///
    /// # Errors
    /// When the file cannot be used. The message says what to do.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        inspect(path)?;
        files::create_folder(path)?;
        files::create_private(path)?;
        let mut connection = connect(path)?;
        schema::prepare(&mut connection)?;
        let owner = Owner::register(path)?;
        let writer = Writer::start(connection).map_err(|source| files::failed(path, source))?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            access: Access::Full { writer, owner },
            readers: Mutex::default(),
        })))
    }

    /// Opens the database at `path` like [`Sqlite::open`], but does not create it.
    ///
    /// # Errors
    /// As for [`Sqlite::open`], and [`OpenError::Missing`].
    pub fn open_existing(path: &Path) -> Result<Self, OpenError> {
        match inspect(path)? {
            FileKind::Database => Self::open(path),
            FileKind::Missing | FileKind::Empty => Err(OpenError::Missing),
        }
    }

    /// Opens the database at `path` for reading only. Creates and changes nothing, neither in the
    /// file nor next to it. Operations that write fail.
    ///
    /// # Errors
    /// When the file is not a farport database, or its layout has another version.
    pub fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        if inspect(path)? != FileKind::Database {
            return Err(OpenError::Missing);
        }
        let connection = connect_read_only(path)?;
        let found = schema::recognize(&connection)?;
        let known = crate::schema::newest();
        if found < known {
            return Err(OpenError::Older { found, known });
        }
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            access: Access::Read,
            readers: Mutex::new(vec![connection]),
        })))
    }

    /// Waits until all writes submitted before this call are on disk.
    ///
    /// # Errors
    /// When a write fails.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let flushed = self.write(Durability::Power, |_| Ok(()));
        flushed.await.map_err(FlushError)
    }

    pub(crate) fn downgrade(&self) -> WeakSqlite {
        WeakSqlite(Arc::downgrade(&self.0))
    }

    /// The path of the database file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The registration of this process as a writer.
    pub(crate) fn owner(&self) -> Result<&Owner, Failure> {
        match &self.0.access {
            Access::Full { owner, .. } => Ok(owner),
            Access::Read => Err(Failure::read_only()),
        }
    }

    /// Submits a write. Writes run in the order of the calls, even if no caller waits for them.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        write: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> PendingWrite<T> {
        self.write_then(durability, write, |_| {})
    }

    /// Submits a write, and runs `then` on its result. `then` runs on the writer thread, before the
    /// caller receives the result and before the next write.
    pub(crate) fn write_then<T: Send + 'static>(
        &self,
        durability: Durability,
        write: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
        then: impl FnOnce(&mut T) + Send + 'static,
    ) -> PendingWrite<T> {
        let (sender, receiver) = oneshot::channel();
        let job = Job::new(durability, write, move |mut written| {
            if let Ok(written) = &mut written {
                then(written);
            }
            // The caller may have stopped waiting.
            let _ = sender.send(written);
        });
        let submitted = self.submit(job);
        PendingWrite(submitted.map(|()| receiver))
    }

    /// Submits a job to the writer thread.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Failure> {
        match &self.0.access {
            Access::Full { writer, .. } => writer.submit(job),
            Access::Read => Err(Failure::read_only()),
        }
    }

    /// Reads on the calling thread. Most reads come from SQLite's page cache, so handing them to
    /// another thread would cost more.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let connection = self.readers().pop();
        let connection = match connection {
            Some(connection) => connection,
            None => {
                let connection = match self.0.access {
                    Access::Full { .. } => connect(&self.0.path),
                    Access::Read => connect_read_only(&self.0.path),
                };
                let connection = connection.map_err(|error| match error {
                    OpenError::Sqlite(SqliteError(failure)) => failure,
                    error => Failure::unreadable(error),
                })?;
                connection.execute_batch("PRAGMA query_only = ON")?;
                connection
            }
        };
        let result = read(&connection);
        let mut readers = self.readers();
        // A connection with an open transaction would read an old snapshot forever.
        if readers.len() < IDLE_READERS && connection.is_autocommit() {
            readers.push(connection);
        }
        result
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        let readers = &self.0.readers;
        readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The future result of a write. The write runs even if this is dropped.
pub(crate) struct PendingWrite<T>(Result<oneshot::Receiver<Result<T, Failure>>, Failure>);

impl<T> Future for PendingWrite<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Ok(receiver) => Pin::new(receiver)
                .poll(cx)
                .map(|result| result.unwrap_or(Err(Failure::closed()))),
            Err(failure) => Poll::Ready(Err(failure.clone())),
        }
    }
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    // SQLite must not create the file: `open` did, with its permissions.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // When two processes open a new file at the same time, one of them gets `SQLITE_BUSY` at once,
    // in spite of the timeout.
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match configure(&connection) {
            Err(OpenError::Sqlite(SqliteError(Failure::Sqlite(error))))
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            configured => return configured.map(|()| connection),
        }
    }
}

/// Opens a connection that cannot write.
fn connect_read_only(path: &Path) -> Result<Connection, OpenError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let wal = std::fs::metadata(wal_path(path));
    let has_wal = wal.is_ok_and(|wal| wal.len() > 0);
    let connection = if has_wal {
        Connection::open_with_flags(path, flags)?
    } else {
        // Without a write-ahead log no process is writing. SQLite would create the log to find that
        // out, unless the file is opened as immutable.
        flags |= OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(format!("file:{}?immutable=1", uri_path(path)?), flags)?
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

/// Encodes a path for a SQLite URI (<https://sqlite.org/uri.html>).
fn uri_path(path: &Path) -> Result<String, OpenError> {
    let path = std::path::absolute(path).map_err(|source| files::failed(path, source))?;
    let mut uri = String::new();
    if MAIN_SEPARATOR == '\\' {
        uri.push('/');
    }
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if MAIN_SEPARATOR == '\\' => uri.push('/'),
            b'/' | b':' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(uri)
}

/// Checks that the file is a farport database, then sets its pragmas.
fn configure(connection: &Connection) -> Result<(), OpenError> {
    // One transaction, so that all reads see one snapshot.
    let snapshot = connection.unchecked_transaction()?;
    schema::recognize(&snapshot)?;
    snapshot.commit()?;
    Ok(connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA foreign_keys = ON;
         PRAGMA synchronous = FULL;
         PRAGMA journal_size_limit = 67108864;",
    )?)
}
