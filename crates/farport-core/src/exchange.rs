//! Requests from the server that wait for the client's response.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Deserialize;

use crate::{Outcome, RawJson, ReplyTo, RequestId, Response, Undeliverable};

/// The pending requests that a server sent in one session.
///
/// Each call numbers its requests from zero. On the wire, a request has the id
/// `<replica>.<call>.<n>`, which is unique in the session and names the replica that waits for the
/// response.
pub struct Exchange {
    replica: Arc<str>,
    pending: Mutex<HashMap<(u64, i64), Arc<dyn ReplyTo>>>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("pending", &self.lock().len())
            .finish()
    }
}

#[derive(Deserialize)]
struct Token {
    #[serde(rename = "progressToken")]
    token: Box<str>,
}

impl Exchange {
    /// The maximum number of pending requests in one session.
    pub const MOST: usize = 64;

    /// Creates an exchange without requests. `replica` names this process among those that share
    /// the sessions.
    pub fn new(replica: Arc<str>) -> Self {
        Self {
            replica,
            pending: Mutex::default(),
        }
    }

    /// Registers request `local` of call number `call`, and returns its id on the wire. The response
    /// goes to `to`.
    ///
    /// # Errors
    /// [`Undeliverable::TooManyRequests`] if [`Exchange::MOST`] requests are pending.
    pub fn expect(
        &self,
        call: u64,
        local: i64,
        to: Arc<dyn ReplyTo>,
    ) -> Result<String, Undeliverable> {
        let mut pending = self.lock();
        if pending.len() >= Self::MOST {
            return Err(Undeliverable::TooManyRequests);
        }
        pending.insert((call, local), to);
        Ok(format!("{}.{call}.{local}", self.replica))
    }

    /// Passes the client's response to the call that waits for it. Returns false if no call does.
    pub fn resolve(&self, response: Response) -> bool {
        let Some(RequestId::String(id)) = response.id else {
            return false;
        };
        let Some(key) = self.key(&id) else {
            return false;
        };
        let waiting = self.lock().remove(&key);
        let Some(to) = waiting else { return false };
        to.reply(key.1, response.outcome);
        true
    }

    /// Passes the client's progress notification to the call that waits for the response. Returns
    /// false if no call does.
    pub fn progress(&self, params: &RawJson) -> bool {
        let Ok(Token { token }) = params.parse() else {
            return false;
        };
        let Some(key) = self.key(&token) else {
            return false;
        };
        let waiting = self.lock().get(&key).cloned();
        let Some(to) = waiting else { return false };
        to.progress(key.1, params.clone());
        true
    }

    /// Removes request `local` of call number `call`.
    pub fn retract(&self, call: u64, local: i64) {
        self.lock().remove(&(call, local));
    }

    /// Removes all requests of call number `call`.
    pub fn forget(&self, call: u64) {
        self.lock().retain(|(owner, _), _| *owner != call);
    }

    /// Fails all pending requests, because the session has ended.
    pub fn close(&self) {
        let pending = std::mem::take(&mut *self.lock());
        let error =
            RawJson::from(r#"{"code":-32603,"message":"The session has ended"}"#.to_owned());
        for ((_, local), to) in pending {
            to.reply(local, Outcome::Error(error.clone()));
        }
    }

    fn key(&self, id: &str) -> Option<(u64, i64)> {
        let rest = id.strip_prefix(&*self.replica)?.strip_prefix('.')?;
        let (call, local) = rest.split_once('.')?;
        Some((call.parse().ok()?, local.parse().ok()?))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(u64, i64), Arc<dyn ReplyTo>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl ReplyTo for Recorder {
        fn reply(&self, local: i64, outcome: Outcome) {
            self.0.lock().unwrap().push(format!("{local} {outcome:?}"));
        }
        fn progress(&self, local: i64, params: RawJson) {
            self.0.lock().unwrap().push(format!("{local} {params:?}"));
        }
    }

    fn response(id: &str) -> Response {
        let outcome = Outcome::Result(RawJson::from("{}".to_owned()));
        Response {
            id: Some(RequestId::String(id.into())),
            outcome,
        }
    }

    #[test]
    fn a_response_resolves_its_request_once() {
        let exchange = Exchange::new("r1".into());
        let (a, b) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
        let first = exchange.expect(1, 0, a.clone()).unwrap();
        let second = exchange.expect(2, 0, b.clone()).unwrap();
        assert_ne!(first, second);
        let progress = RawJson::from(format!(r#"{{"progressToken":"{second}","progress":1}}"#));
        assert!(exchange.progress(&progress));
        assert!(exchange.resolve(response(&second)));
        assert!(!exchange.resolve(response(&second)));
        for id in ["", "0", "r1", "r1.1", "r2.1.0", "r1.1.0.0", "r1.1.1"] {
            assert!(!exchange.resolve(response(id)), "{id}");
        }
        assert!(a.0.lock().unwrap().is_empty());
        assert_eq!(b.0.lock().unwrap().len(), 2);
        exchange.forget(1);
        assert!(!exchange.resolve(response(&first)));
    }

    #[test]
    fn a_client_that_never_responds_has_a_bounded_number_of_requests() {
        let exchange = Exchange::new("r".into());
        let seen = Arc::new(Recorder::default());
        for local in 0..Exchange::MOST as i64 {
            assert!(exchange.expect(1, local, seen.clone()).is_ok());
        }
        let refused = exchange.expect(1, 999, seen.clone());
        assert_eq!(refused, Err(Undeliverable::TooManyRequests));
        exchange.retract(1, 0);
        assert!(exchange.expect(1, 999, seen.clone()).is_ok());
        exchange.close();
        assert_eq!(seen.0.lock().unwrap().len(), Exchange::MOST);
    }
}
