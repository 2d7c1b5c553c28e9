//! Why a request on the command line failed, with its exit code.

use super::arguments::ArgumentError;
use super::findings::number;

/// Why a command that sends a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The words on the command line are not what the command takes.
    #[error("{0}")]
    Usage(String),
    /// The tool's arguments do not fit.
    #[error(transparent)]
    Argument(ArgumentError),
    /// A list of the server has no such entry.
    #[error("the server has no {kind} `{name}`")]
    NoSuch {
        /// What was looked for: a tool or a prompt.
        kind: &'static str,
        /// The name.
        name: String,
        /// A name that the server has and that is nearly the same.
        near: Option<String>,
    },
    /// The tool reports an error. Its text has been printed.
    #[error("the tool `{0}` reported an error")]
    Tool(String),
    /// Some of several calls failed.
    #[error("{failed} of {calls} calls failed; the first: {first}")]
    Calls {
        /// Calls that failed.
        failed: usize,
        /// Calls in all.
        calls: usize,
        /// Why the first one failed.
        first: String,
    },
    /// The server breaks rules. They have been printed.
    #[error("the server breaks rules: {}, {}", number(*.errors, "error"), number(*.warnings, "warning"))]
    Findings {
        /// Findings with the severity `error`.
        errors: usize,
        /// Findings with the severity `warning`.
        warnings: usize,
    },
    /// There is no such rule or area.
    #[error("there is no rule and no area `{0}`")]
    NoSuchRule(String),
    /// The file of saved calls has no such call.
    #[error("no saved call `{name}` in `{}`", super::saved_calls::PLACE)]
    NoSavedCall {
        /// The name.
        name: String,
        /// A name in the file that is nearly the same.
        near: Option<String>,
    },
    /// The server asks for what is not on the command line.
    #[error("the server asks: {message}; {why}")]
    Unanswered {
        /// The question.
        message: String,
        /// What is missing.
        why: String,
    },
    /// The server requires input again and again.
    #[error("the server required input more than {0} times")]
    Rounds(usize),
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// No response arrived in time.
    #[error("the server sent no response within {0} s")]
    TimedOut(u64),
    /// An option or the URL is invalid.
    #[error(transparent)]
    Remote(#[from] crate::remote::Error),
    /// The connection or the request failed.
    #[error(transparent)]
    Client(#[from] farport_client::Error),
    /// The server sent JSON that is not what the specification requires.
    #[error("the server's result is not valid")]
    Result(#[source] serde_json::Error),
    /// The result holds data that does not decode.
    #[error("the data in the result is not valid base64")]
    Base64(#[source] base64::DecodeError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] crate::file_error::FileError),
    /// Text that should be a JSON object is none.
    #[error("{what} is not a JSON object")]
    Json {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Error {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        use farport_client::Error as Client;
        match self {
            Self::Usage(_)
            | Self::Argument(_)
            | Self::Json { .. }
            | Self::Remote(_)
            | Self::NoSuchRule(_)
            | Self::NoSavedCall { .. }
            | Self::Unanswered { .. } => 2,
            Self::Client(error) => match error {
                Client::Usage { .. } => 2,
                Client::SignIn(_) => 3,
                Client::Unreachable { .. }
                | Client::WrongScheme { .. }
                | Client::Certificate { .. }
                | Client::NoAuthorities { .. }
                | Client::Plaintext { .. }
                | Client::Proxy { .. }
                | Client::TimedOut { .. }
                | Client::Redirected { .. }
                | Client::NotRedirected { .. }
                | Client::Status { .. }
                | Client::Broken { .. }
                | Client::Process { .. } => 4,
                Client::Response(error) if error.code == INVALID_PARAMS => 5,
                Client::NotMcp { .. }
                | Client::NoResponse { .. }
                | Client::TooLarge { .. }
                | Client::Version { .. } => 6,
                _ => 1,
            },
            Self::TimedOut(_) => 4,
            Self::NoSuch { .. } | Self::Tool(_) | Self::Calls { .. } => 5,
            Self::Result(_) | Self::Base64(_) | Self::Findings { .. } | Self::Rounds(_) => 6,
            Self::File(_) => 1,
            Self::Interrupted => 130,
        }
    }

    /// Whether the server does not know the method.
    pub(crate) fn is_unknown_method(&self) -> bool {
        matches!(self, Self::Client(farport_client::Error::Response(error)) if error.code == METHOD_NOT_FOUND)
    }

    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Argument(error) => error.hint.clone(),
            Self::Remote(error) => error.hint(),
            Self::NoSuch {
                near: Some(near), ..
            }
            | Self::NoSavedCall {
                near: Some(near), ..
            } => Some(format!("did you mean `{near}`?")),
            Self::NoSuchRule(_) => Some("`farport doctor --rules` lists them".to_owned()),
            Self::NoSuch { kind, .. } => Some(format!("`farport {kind}s URL` lists them")),
            Self::Unanswered { .. } => {
                Some("answer with --answer NAME=VALUE, or --decline".to_owned())
            }
            Self::TimedOut(_) => Some("raise the limit with --timeout".to_owned()),
            Self::Client(error) => error.hint(),
            _ => None,
        }
    }
}

/// The JSON-RPC code of a request whose parameters are invalid, such as the name of a tool.
const INVALID_PARAMS: i64 = -32602;

/// The JSON-RPC code of a method that the server does not know.
const METHOD_NOT_FOUND: i64 = -32601;
