//! Requests from the server that wait for the client's answer.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Deserialize;

use crate::{Outcome, RawJson, ReplyTo, RequestId, Response, Undeliverable};

/// The unanswered requests that a server sent within one session.
///
/// Every call numbers its requests from zero, so on the wire a request is named
/// `<replica>.<call>.<n>`: unique in the session, and telling which replica waits for the answer.
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
    /// The most unanswered requests of one session.
    pub const MOST: usize = 64;

    /// No requests yet; `replica` names this process among those that share the sessions.
    pub fn new(replica: Arc<str>) -> Self {
        Self {
            replica,
            pending: Mutex::default(),
        }
    }

    /// Announces request `local` of call number `call`, and names it.
    ///
    /// # Errors
    /// When the client owes [`Exchange::MOST`] answers already.
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

    /// Hands the client's answer to whoever waits for it. False when nobody does.
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

    /// Hands the client's progress notification to whoever waits for the answer.
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

    /// Forgets request `local` of call number `call`.
    pub fn retract(&self, call: u64, local: i64) {
        self.lock().remove(&(call, local));
    }

    /// Forgets what call number `call` still waits for.
    pub fn forget(&self, call: u64) {
        self.lock().retain(|(owner, _), _| *owner != call);
    }

    /// Tells everybody who waits that no answer will come.
    pub fn close(&self) {
        let pending = std::mem::take(&mut *self.lock());
        let gone = RawJson::from(r#"{"code":-32603,"message":"The session has ended"}"#.to_owned());
        for ((_, local), to) in pending {
            to.reply(local, Outcome::Error(gone.clone()));
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
    struct Seen(Mutex<Vec<String>>);

    impl ReplyTo for Seen {
        fn reply(&self, local: i64, outcome: Outcome) {
            self.0.lock().unwrap().push(format!("{local} {outcome:?}"));
        }
        fn progress(&self, local: i64, params: RawJson) {
            self.0.lock().unwrap().push(format!("{local} {params:?}"));
        }
    }

    fn answer(id: &str) -> Response {
        let outcome = Outcome::Result(RawJson::from("{}".to_owned()));
        Response {
            id: Some(RequestId::String(id.into())),
            outcome,
        }
    }

    #[test]
    fn an_answer_finds_the_one_request_it_answers_once() {
        let exchange = Exchange::new("r1".into());
        let (a, b) = (Arc::new(Seen::default()), Arc::new(Seen::default()));
        let first = exchange.expect(1, 0, a.clone()).unwrap();
        let second = exchange.expect(2, 0, b.clone()).unwrap();
        assert_ne!(first, second);
        let progress = RawJson::from(format!(r#"{{"progressToken":"{second}","progress":1}}"#));
        assert!(exchange.progress(&progress));
        assert!(exchange.resolve(answer(&second)));
        assert!(!exchange.resolve(answer(&second)));
        for id in ["", "0", "r1", "r1.1", "r2.1.0", "r1.1.0.0", "r1.1.1"] {
            assert!(!exchange.resolve(answer(id)), "{id}");
        }
        assert!(a.0.lock().unwrap().is_empty());
        assert_eq!(b.0.lock().unwrap().len(), 2);
        exchange.forget(1);
        assert!(!exchange.resolve(answer(&first)));
    }

    #[test]
    fn a_client_that_never_answers_is_not_asked_for_ever() {
        let exchange = Exchange::new("r".into());
        let seen = Arc::new(Seen::default());
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
