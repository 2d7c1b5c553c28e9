//! One request to the server, and what the server sends until it answers.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::calls::Expected;
use super::server_message::{RequestId, ServerMessage, raw};
use crate::Error;
use crate::message::{Id, Peek, read_or_default};

/// A JSON-RPC error of the server.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ResponseError {
    /// The code.
    #[serde(default)]
    pub code: i64,
    /// The message.
    #[serde(default)]
    pub message: String,
    /// More about the error.
    #[serde(default)]
    pub data: Option<Box<RawValue>>,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// A request that waits for its response. Dropping it cancels the request.
pub struct Call {
    pub(super) id: Id,
    pub(super) events: mpsc::Receiver<ServerMessage>,
    pub(super) expected: Expected,
    pub(super) failure: oneshot::Receiver<Error>,
    pub(super) work: AbortHandle,
    pub(super) cancel: Option<Box<dyn FnOnce() + Send>>,
    /// Why a call fails whose session ends.
    pub(super) broken: Option<Error>,
    pub(super) outcome: Option<Result<Box<RawValue>, Error>>,
}

impl Call {
    /// The id of the request.
    pub fn id(&self) -> RequestId {
        RequestId(self.id.clone())
    }

    /// Waits for the next message of the server that belongs to this call: progress, log messages, and
    /// in the session era its requests. `None` once the response has arrived.
    pub async fn next(&mut self) -> Option<ServerMessage> {
        if self.outcome.is_none() {
            tokio::select! {
                biased;
                Some(message) = self.events.recv() => return Some(message),
                response = self.expected.response() => {
                    let response = match response {
                        Some(response) => result_of(&response),
                        // The failure of the request says more, if it has one.
                        None => Err(self.failure.try_recv().ok().or(self.broken.take()).unwrap_or(Error::Stopped)),
                    };
                    self.outcome = Some(response);
                }
                Ok(error) = &mut self.failure => self.outcome = Some(Err(error)),
            }
            self.cancel = None;
        }
        self.events.try_recv().ok()
    }

    /// Waits for the response, and discards what the server sends before it.
    ///
    /// # Errors
    /// [`Error::Response`] when the server answers with a JSON-RPC error. Any other error when no
    /// response arrives.
    pub async fn response(mut self) -> Result<Box<RawValue>, Error> {
        while self.next().await.is_some() {}
        self.outcome.take().unwrap_or(Err(Error::Stopped))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // The task of an answered request may still read the rest of its stream.
        let Some(cancel) = self.cancel.take() else {
            return;
        };
        self.work.abort();
        cancel();
    }
}

/// The result of a response; its error as ours.
pub(super) fn result_of(response: &str) -> Result<Box<RawValue>, Error> {
    let peek = Peek::at(response).ok_or(Error::Stopped)?;
    match peek.result.and_then(raw) {
        Some(result) => Ok(result),
        None => Err(Error::Response(
            read_or_default::<Option<ResponseError>>(peek.error).unwrap_or(ResponseError {
                code: 0,
                message: "the error has no code".to_owned(),
                data: None,
            }),
        )),
    }
}
