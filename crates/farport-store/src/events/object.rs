//! Events in an object of the host's.

use std::{sync::Arc, time::Duration};

use farport_core::{EventLog, EventStream, KeptStream, SessionId, Stored, Timestamp};

use super::rows;
use crate::{Sqlite, error::Failure, numbers::int};

/// Keeps events in a database.
#[derive(Debug)]
pub(crate) struct SqliteEvents {
    database: Sqlite,
}

impl SqliteEvents {
    pub(crate) fn new(database: &Sqlite) -> Self {
        Self {
            database: database.clone(),
        }
    }

    /// Ends what earlier lives of the object were writing to.
    fn bury(&self) -> Result<(), Failure> {
        let owners = self.database.read(rows::owners)?;
        let dead: Vec<_> = owners
            .into_iter()
            .filter(|owner| owner != self.database.owner())
            .collect();
        if dead.is_empty() {
            return Ok(());
        }
        self.database.write_now(|connection| {
            for owner in &dead {
                for (session, number) in rows::unfinished(connection, owner)? {
                    rows::end(connection, session, number)?;
                }
            }
            Ok(())
        })
    }

    fn look(
        &self,
        session: SessionId,
        number: u64,
        after: u64,
    ) -> Result<Option<KeptStream>, Failure> {
        let look = || {
            self.database
                .read(|connection| rows::look(connection, session, number, after))
        };
        let Some(kept) = look()? else { return Ok(None) };
        match kept.owner {
            Some(owner) if owner != self.database.owner() => {
                self.bury()?;
                Ok(look()?.map(|kept| kept.stream))
            }
            _ => Ok(Some(kept.stream)),
        }
    }
}

impl EventLog for SqliteEvents {
    fn changed(&self, stream: Arc<EventStream>) {
        let Some(unkept) = stream.unkept() else {
            return;
        };
        let owner = self.database.owner();
        let kept = self
            .database
            .write_now(|connection| rows::keep(connection, owner, &unkept));
        if let Err(failure) = kept {
            report(&failure);
        }
        // It is shown to its reader even if it cannot be kept.
        stream.kept(&unkept);
    }

    fn read(&self, session: SessionId, number: u64, after: u64) -> Stored<'_, Option<KeptStream>> {
        let found = self.look(session, number, after);
        Stored::Ready(Some(found.map_err(Into::into)))
    }

    fn forget(&self, session: SessionId, number: u64) {
        let forgotten = self
            .database
            .write_now(|connection| rows::forget(connection, session, number));
        if let Err(failure) = forgotten {
            report(&failure);
        }
    }

    fn tidy(&self, now: Timestamp, retention: Duration) -> Stored<'_, ()> {
        let until = int(now.after(retention).0);
        let swept = self.bury().and_then(|()| {
            self.database
                .write_now(|connection| rows::sweep(connection, int(now.0), until))
        });
        Stored::Ready(Some(swept.map_err(Into::into)))
    }
}

/// Says why something cannot be kept. What belongs to a session that has just ended need not be.
fn report(failure: &Failure) {
    if failure.is_orphan() {
        tracing::debug!("events of a session that has ended");
    } else {
        tracing::error!(%failure, "events cannot be kept");
    }
}
