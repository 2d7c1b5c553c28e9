//! An open connection, with how the questions of its server are answered.

use std::ops::Deref;

use farport_client::{Connection, ServerMessage};
use tokio::sync::{Mutex, mpsc};

use super::answers::Answers;

/// An open connection, with how the questions of its server are answered.
pub(crate) struct Session {
    connection: Connection,
    /// How questions are answered.
    pub(crate) answers: Answers,
    /// Seconds to wait for a response; 0 for no limit.
    pub(crate) limit: u64,
    inbox: Mutex<Option<mpsc::Receiver<ServerMessage>>>,
}

impl Session {
    pub(crate) fn new(connection: Connection, answers: Answers, limit: u64) -> Self {
        let inbox = Mutex::new(connection.messages());
        Self {
            connection,
            answers,
            limit,
            inbox,
        }
    }

    /// The next message that belongs to no call. Waits forever when there are no more.
    pub(crate) async fn message(&self) -> ServerMessage {
        let mut inbox = self.inbox.lock().await;
        if let Some(open) = inbox.as_mut() {
            if let Some(message) = open.recv().await {
                return message;
            }
            *inbox = None;
        }
        drop(inbox);
        std::future::pending().await
    }
}

impl Deref for Session {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}
