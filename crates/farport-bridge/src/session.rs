//! The session era (2024-11-05 to 2025-11-25): `initialize`, a session, and streams to resume.
//!
//! What opened the session is kept, so that one that is gone is opened again without the client
//! noticing: the same `initialize`, its subscriptions and its log level.

mod http;
mod legacy;
mod listen;
mod open;

use std::collections::BTreeMap;
use std::sync::Mutex;

pub(crate) use http::{BOTH, JSON, PROTOCOL_VERSION};

use ::http::HeaderValue;
use url::Url;

/// What is known of the session.
#[derive(Default)]
pub(crate) struct Session {
    state: Mutex<State>,
    /// Held while it is opened again, so that it happens once.
    reopening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    transport: Option<Transport>,
    /// The parameters of `initialize`.
    params: Option<String>,
    id: Option<HeaderValue>,
    version: Option<HeaderValue>,
    /// Counts how often it was opened.
    generation: u64,
    /// Requests that have to be made again in a session opened again, by what they set.
    replay: BTreeMap<String, (String, String)>,
    /// Whether the client has said that it is ready.
    initialized: bool,
}

/// How the server is spoken to.
#[derive(Clone, Debug)]
enum Transport {
    Http,
    /// 2024-11-05: where to post to.
    Sse(Url),
}

/// The most requests that are remembered for a session opened again.
const MOST_REPLAYED: usize = 1000;

impl State {
    /// Remembers, or forgets, what a request sets in a session.
    fn remember(&mut self, method: &str, params: &str) {
        let subject = |params: &str| {
            #[derive(serde::Deserialize, Default)]
            struct Subject {
                #[serde(default)]
                uri: String,
            }
            let subject: Subject = serde_json::from_str(params).unwrap_or_default();
            format!("resource {}", subject.uri)
        };
        match method {
            "logging/setLevel" => {
                self.replay
                    .insert("level".to_owned(), (method.to_owned(), params.to_owned()));
            }
            "resources/subscribe" if self.replay.len() < MOST_REPLAYED => {
                self.replay
                    .insert(subject(params), (method.to_owned(), params.to_owned()));
            }
            "resources/unsubscribe" => {
                self.replay.remove(&subject(params));
            }
            _ => {}
        }
    }
}
