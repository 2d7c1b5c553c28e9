//! Requests of the server that wait for an answer from the page.

use std::collections::BTreeMap;

use farport_client::{Connection, RequestId};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

/// The most requests of a server that wait at one time.
pub(crate) const MOST: usize = 64;

/// An answer of the page: a result, or an error.
#[derive(Debug)]
pub(crate) enum Reply {
    Result(Box<RawValue>),
    Error(Box<RawValue>),
}

/// Where an answer goes.
#[derive(Debug)]
pub(crate) enum Asker {
    /// A request within a session.
    Session(Connection, RequestId),
    /// A round of a call that requires input.
    Round(oneshot::Sender<Reply>),
}

/// A request of the server.
#[derive(Debug, Serialize)]
pub(crate) struct Question {
    /// The number by which the page answers.
    pub(crate) number: u64,
    #[serde(skip)]
    pub(crate) asker: Asker,
    pub(crate) method: String,
    pub(crate) params: Option<Box<RawValue>>,
}

/// The open requests of the server.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    open: BTreeMap<u64, Question>,
    next: u64,
}

impl Questions {
    /// Adds a request, unless too many are open.
    pub(crate) fn add(
        &mut self,
        asker: Asker,
        method: &str,
        params: Option<Box<RawValue>>,
    ) -> Result<(), Asker> {
        self.drop_abandoned();
        if self.open.len() >= MOST {
            return Err(asker);
        }
        self.next += 1;
        let question = Question {
            number: self.next,
            asker,
            method: method.to_owned(),
            params,
        };
        self.open.insert(self.next, question);
        Ok(())
    }

    pub(crate) fn take(&mut self, number: u64) -> Option<Question> {
        self.open.remove(&number)
    }

    /// Drops the request with this id, which the server cancelled.
    pub(crate) fn cancel(&mut self, id: &str) {
        self.open.retain(|_, question| match &question.asker {
            Asker::Session(_, own) => own.to_string() != id,
            Asker::Round(_) => true,
        });
    }

    /// Drops the requests of calls that have ended.
    pub(crate) fn drop_abandoned(&mut self) {
        self.open.retain(|_, question| match &question.asker {
            Asker::Session(..) => true,
            Asker::Round(reply) => !reply.is_closed(),
        });
    }

    /// Takes all out, because dropping one may end a connection.
    pub(crate) fn take_all(&mut self) -> BTreeMap<u64, Question> {
        std::mem::take(&mut self.open)
    }

    pub(crate) fn all(&self) -> Vec<&Question> {
        self.open.values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_questions_are_bounded_and_end_with_their_call() {
        let mut questions = Questions::default();
        let mut waiting = Vec::new();
        for number in 0..MOST + 1 {
            let (reply, answer) = oneshot::channel();
            let added = questions.add(Asker::Round(reply), "elicitation/create", None);
            assert_eq!(added.is_ok(), number < MOST);
            waiting.push(answer);
        }
        assert!(questions.take(8).is_some());
        waiting.truncate(3);
        questions.drop_abandoned();
        assert_eq!(questions.all().len(), 3);
    }
}
