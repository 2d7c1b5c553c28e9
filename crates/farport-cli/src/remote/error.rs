//! Why the arguments that describe a remote server are invalid.

use std::io;
use std::path::PathBuf;

/// Why the arguments that describe a remote server are invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the URL {url} has no scheme")]
    NoScheme { url: String, meant: String },
    /// The header may contain a secret, so the message does not repeat it.
    #[error("invalid header: no colon")]
    Header,
    #[error("cannot read `{}` for {flag}", .path.display())]
    Read {
        flag: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the environment variable `{name}` is not set")]
    Variable { name: String },
    #[error("invalid URL for {flag}: {why}")]
    Url { flag: &'static str, why: String },
    #[error("invalid value for --authorize-param: {value}")]
    AuthorizeParam { value: String },
    #[error("invalid value for {flag}: not a JSON object")]
    Json { flag: &'static str },
    #[error("invalid arguments for `farport connect`: {0}")]
    ConnectArguments(String),
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoScheme { meant, .. } => format!("did you mean {meant}?"),
            Self::Header => "write headers as 'Name: value'".to_owned(),
            Self::Variable { name } => format!(
                "set it (in a client's configuration, under \"env\"), or remove ${{{name}}} from the \
                 arguments"
            ),
            Self::AuthorizeParam { .. } => "write it as NAME=VALUE".to_owned(),
            Self::Json { .. } => "pass JSON, or @FILE for a file that contains it".to_owned(),
            Self::ConnectArguments(_) => "`farport connect --help` lists the options".to_owned(),
            Self::Read { .. } | Self::Url { .. } => return None,
        })
    }
}
