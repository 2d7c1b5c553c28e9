//! Why a sign-in failed, for the user who tried.

use std::time::Duration;

use crate::Error;
use farport_oauth::client::is_client_error;

/// Why there is no token for the server.
///
/// The text says what failed and why; [`SignInError::hint`] says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The server's OAuth metadata is invalid.
    #[error("cannot sign in to {server}: {why}")]
    Metadata {
        /// The MCP server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// The answer to the sign-in came from another authorization server.
    #[error("the answer to the sign-in at {expected} came from {got}, so farport dropped it")]
    Issuer {
        /// The issuer of this sign-in.
        expected: String,
        /// The issuer in the answer.
        got: String,
    },
    /// The user or the authorization server refused.
    #[error("{issuer} refused the sign-in: {why}")]
    Refused {
        /// The authorization server.
        issuer: String,
        /// Its `error` code.
        code: String,
        /// Its error and description.
        why: String,
    },
    /// The token endpoint issued no token.
    #[error("{issuer} issued no token: {why}")]
    Token {
        /// The authorization server.
        issuer: String,
        /// The `error` code of the response; empty when there is none.
        code: String,
        /// The server's reason.
        why: String,
    },
    /// The server is overloaded or failing, and was after several attempts.
    #[error("{url} is temporarily unavailable ({why})")]
    Unavailable {
        /// The endpoint.
        url: String,
        /// Its response.
        why: String,
        /// How long it asked clients to wait.
        wait: Option<Duration>,
    },
    /// The authorization server has no registration endpoint.
    #[error("{issuer} does not support client registration")]
    NoClient {
        /// The authorization server.
        issuer: String,
    },
    /// Registering as a client failed.
    #[error("{issuer} did not register this client: {why}")]
    Registration {
        /// The authorization server.
        issuer: String,
        /// The server's reason.
        why: String,
    },
    /// The user did not finish in time.
    #[error("the sign-in was not finished within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The port of the redirect URI is not available.
    #[error("cannot listen on port {port} for the browser's answer: {why}")]
    Port {
        /// The port.
        port: u16,
        /// The system's error.
        why: String,
    },
    /// The server refuses every token.
    #[error("{server} still refuses access after signing in: {why}")]
    StillRefused {
        /// The MCP server.
        server: String,
        /// The server's reason.
        why: String,
    },
    /// The server refused a credential from the command line.
    #[error("{server} refused the Authorization header of --header or --header-file")]
    HeaderRefused {
        /// The MCP server.
        server: String,
    },
    /// Too many sign-ins in a short time.
    #[error("{server} requested {count} sign-ins within {} s, so farport stopped", .within.as_secs())]
    TooMany {
        /// The MCP server.
        server: String,
        /// How many.
        count: usize,
        /// In how long.
        within: Duration,
    },
    /// The authorization server does not support the flow.
    #[error("{issuer} does not offer {what}")]
    NotOffered {
        /// The authorization server.
        issuer: String,
        /// What is missing.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// An option for signing in is invalid, or two contradict each other.
    #[error("{why}")]
    Options {
        /// What is invalid.
        why: String,
        /// What to write instead.
        hint: Option<&'static str>,
    },
    /// The server requires a sign-in, none is stored, and this command starts none.
    #[error("{server} requires a sign-in")]
    NotSignedIn {
        /// The MCP server.
        server: String,
    },
}

impl SignInError {
    /// What the user can do next, if anything. See [`Error::hint`].
    pub fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Unavailable { wait, .. } => return Some(later(*wait)),
            Self::NotSignedIn { server } => return Some(format!("run `farport login {server}`")),
            Self::Options { hint, .. } => return hint.map(str::to_owned),
            Self::Refused { code, .. } | Self::Token { code, .. } => hint_for(code),
            Self::NotOffered { hint, .. } => *hint,
            Self::Metadata { .. } => "report this to the server's operator; farport sent no secret",
            Self::Issuer { .. } => {
                "try again; if it happens again, report it to the server's operator: an attacker may \
                 have mixed up two sign-ins"
            }
            Self::NoClient { .. } => {
                "ask its operator for a client id, and pass it with --static-oauth-client-info \
                 '{\"client_id\":\"...\"}'"
            }
            Self::Registration { .. } => {
                "if you have a client id, pass it with --static-oauth-client-info"
            }
            Self::TimedOut(_) => {
                "start it again with `farport login`, or allow more time with --auth-timeout"
            }
            Self::Port { .. } => "free the port, or pass another one after the URL",
            Self::StillRefused { .. } => {
                "the account may lack the permission: run `farport logout`, then sign in with another \
                 account"
            }
            Self::HeaderRefused { .. } => "check the credential in the header",
            Self::TooMany { .. } => {
                "try again later; if it happens again, report it to the server's operator"
            }
        };
        Some(fixed.to_owned())
    }

    /// An invalid option.
    pub(super) fn options(why: impl Into<String>) -> Self {
        Self::Options {
            why: why.into(),
            hint: None,
        }
    }
}

/// What to do about an error code of the authorization server.
fn hint_for(code: &str) -> &'static str {
    match code {
        code if is_client_error(code) => {
            "it does not accept the client: check the client id and secret in \
             --static-oauth-client-info; without that option, report it to the server's operator"
        }
        "invalid_scope" => {
            "request other scopes with --static-oauth-client-metadata '{\"scope\":\"...\"}'"
        }
        "invalid_target" => {
            "name the resource with --resource, or omit it with --disable-resource-parameter"
        }
        _ => "start it again with `farport login`",
    }
}

/// When to try again.
fn later(wait: Option<Duration>) -> String {
    let when = match wait.map(|wait| wait.as_secs()) {
        None | Some(0) => "in a minute".to_owned(),
        Some(seconds) => format!("in {seconds} s"),
    };
    format!("try again {when}; a stored sign-in stays valid")
}

impl Error {
    /// Whether the authorization server does not accept the client.
    pub(super) fn is_refused_client(&self) -> bool {
        match self {
            Self::SignIn(SignInError::Token { code, .. } | SignInError::Refused { code, .. }) => {
                is_client_error(code)
            }
            _ => false,
        }
    }
}
