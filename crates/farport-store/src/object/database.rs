//! A database in a Durable Object. Only the object can access it, and every call is synchronous.

use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use super::{
    engine::{Connection, Engine},
    schema,
};
use crate::error::{Failure, OpenError};

/// What a write has to survive. The host sends no response before its writes are on disk.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// The end of the process.
    Process,
    /// A power failure.
    Power,
}

/// A SQLite database with a server's state. Cheap to clone.
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

struct Inner {
    connection: Connection,
    owner: String,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sqlite").field(&self.0.owner).finish()
    }
}

impl Sqlite {
    /// Opens the database of `engine` and migrates its layout. `owner` identifies this instance of
    /// the object, and must be different for each instance.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub fn over(engine: impl Engine, owner: String) -> Result<Self, OpenError> {
        let connection = Connection::over(engine);
        schema::prepare(&connection)?;
        Ok(Self(Arc::new(Inner { connection, owner })))
    }

    pub(crate) fn owner(&self) -> &str {
        &self.0.owner
    }

    pub(crate) fn write<T>(
        &self,
        _: Durability,
        write: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Ready<Result<T, Failure>> {
        ready(self.write_now(write))
    }

    pub(crate) fn write_now<T>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.0.connection.transaction(write)
    }

    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        read(&self.0.connection)
    }
}
