//! The log of sign-ins: each step, and the exchanges that belong to it.

use std::collections::VecDeque;
use std::fmt;

use farport_client::{ClientSource, SignInStep};
use serde::Serialize;

use crate::exchange::Exchange;

/// The most items of the log.
const MOST: usize = 128;

/// A step of a sign-in, without secrets.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    Challenge {
        error: Option<String>,
        scope: Option<String>,
        resource_metadata: Option<String>,
    },
    Discovered {
        resource: Option<String>,
        issuer: String,
        authorization_endpoint: Option<String>,
        token_endpoint: Option<String>,
        registration_endpoint: Option<String>,
        scopes: Vec<String>,
    },
    Client {
        id: String,
        source: &'static str,
    },
    Authorization {
        url: String,
    },
    Code {
        issuer: Option<String>,
    },
    Token {
        refreshed: bool,
        scopes: Vec<String>,
        expires_in: Option<u64>,
        refreshable: bool,
    },
    Failed {
        error: String,
    },
}

impl Step {
    /// The step that the client reports; `None` for one that this version does not know.
    pub(crate) fn of(step: SignInStep) -> Option<Self> {
        Some(match step {
            SignInStep::Challenge {
                error,
                scope,
                resource_metadata,
                ..
            } => Self::Challenge {
                error,
                scope,
                resource_metadata,
            },
            SignInStep::Discovered {
                resource,
                issuer,
                authorization_endpoint,
                token_endpoint,
                registration_endpoint,
                scopes,
                ..
            } => Self::Discovered {
                resource,
                issuer,
                authorization_endpoint,
                token_endpoint,
                registration_endpoint,
                scopes,
            },
            SignInStep::Client { id, source, .. } => Self::Client {
                id,
                source: match source {
                    ClientSource::Given => "given",
                    ClientSource::MetadataDocument => "metadata_document",
                    ClientSource::Stored => "stored",
                    ClientSource::Registered => "registered",
                    _ => "other",
                },
            },
            SignInStep::Authorization { url, .. } => Self::Authorization { url },
            SignInStep::Code { issuer, .. } => Self::Code { issuer },
            SignInStep::Token {
                refreshed,
                scopes,
                expires_in,
                refreshable,
                ..
            } => Self::Token {
                refreshed,
                scopes,
                expires_in: expires_in.map(|time| time.as_secs()),
                refreshable,
            },
            SignInStep::Failed { error, .. } => Self::Failed { error },
            _ => return None,
        })
    }

    /// Whether the sign-in failed.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// Where a sign-in stands after the step; `None` when it is complete.
    pub(crate) fn stands(&self) -> Option<&'static str> {
        match self {
            Self::Challenge { .. } => Some("challenge"),
            Self::Discovered { .. } => Some("discovered"),
            Self::Client { .. } => Some("client"),
            Self::Authorization { .. } => Some("authorization"),
            Self::Code { .. } => Some("code"),
            Self::Token { .. } | Self::Failed { .. } => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Challenge { error: None, .. } => f.write_str("The server requires a token"),
            Self::Challenge {
                error: Some(error), ..
            } => write!(f, "The server refused the token: {error}"),
            Self::Discovered { issuer, .. } => {
                write!(f, "Found the authorization server {issuer}")
            }
            Self::Client { id, source } => match *source {
                "registered" => write!(f, "Registered the client {id}"),
                "metadata_document" => write!(f, "Identified by the metadata document {id}"),
                _ => write!(f, "Signs in as the client {id}"),
            },
            Self::Authorization { .. } => f.write_str("Opened the sign-in page"),
            Self::Code { .. } => f.write_str("The browser returned"),
            Self::Token {
                refreshed: true, ..
            } => f.write_str("Refreshed the access token"),
            Self::Token { .. } => f.write_str("Received an access token"),
            Self::Failed { error } => write!(f, "The sign-in failed: {error}"),
        }
    }
}

/// An item of the log.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    /// Milliseconds since 1970.
    at: u64,
    #[serde(flatten)]
    content: Content,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content {
    Step(Step),
    Exchange { exchange: Box<Exchange> },
}

/// The newest steps and exchanges of sign-ins.
#[derive(Debug, Default)]
pub(crate) struct Log(VecDeque<Item>);

impl Log {
    pub(crate) fn step(&mut self, at: u64, step: Step) {
        self.push(at, Content::Step(step));
    }

    pub(crate) fn exchange(&mut self, at: u64, exchange: &Exchange) {
        let exchange = Box::new(exchange.clone());
        self.push(at, Content::Exchange { exchange });
    }

    fn push(&mut self, at: u64, content: Content) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Item { at, content });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn items(&self) -> &VecDeque<Item> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_keeps_the_newest() {
        let mut log = Log::default();
        for number in 0..MOST as u64 + 3 {
            log.step(number, Step::Code { issuer: None });
        }
        assert_eq!(log.items().len(), MOST);
        assert_eq!(log.items()[0].at, 3);
    }

    #[test]
    fn an_item_names_its_step() {
        let mut log = Log::default();
        log.step(
            1,
            Step::Token {
                refreshed: true,
                scopes: vec!["read".to_owned()],
                expires_in: Some(60),
                refreshable: true,
            },
        );
        assert_eq!(
            serde_json::to_value(log.items()).unwrap(),
            serde_json::json!([{
                "at": 1, "step": "token", "refreshed": true, "scopes": ["read"],
                "expires_in": 60, "refreshable": true,
            }])
        );
    }
}
