//! A database within an object of the host's: nobody else has it, and whatever it does is done when
//! the call returns.

use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use crate::{
    OpenError,
    error::Failure,
    schema,
    sql::{Connection, Engine},
};

/// What an answer has to survive. The host lets none out before what it is about is on disk.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// The end of the process.
    Process,
    /// The loss of power.
    Power,
}

/// A SQLite database that holds what a server has to remember. Cheap to clone.
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
    /// The database behind `engine`, with its layout brought up to date. `owner` names this life of
    /// the object: it must be another one each time.
    ///
    /// # Errors
    /// When it cannot be used.
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
