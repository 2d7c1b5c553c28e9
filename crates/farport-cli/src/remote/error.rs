//! Why the arguments that describe a remote server are invalid.

use std::path::PathBuf;

use crate::file_error::FileError;
use crate::terminal::Plain;

/// Why the arguments that describe a remote server are invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the URL {url} has no scheme")]
    NoScheme { url: String, meant: String },
    /// The header may contain a secret, so the message does not repeat it.
    #[error("invalid header: no colon")]
    Header,
    #[error(transparent)]
    Read(#[from] FileError),
    #[error("the environment variable `{name}` is not set")]
    Variable { name: String },
    #[error("invalid URL for {flag}: {why}")]
    Url { flag: &'static str, why: String },
    #[error("invalid value for --authorize-param: {value}")]
    AuthorizeParam { value: String },
    #[error("invalid value for {flag}: not a JSON object")]
    Json { flag: &'static str },
    #[error("no saved server is named `{}`", Plain(.name))]
    NotSaved {
        name: String,
        similar: Option<String>,
    },
    #[error("several servers are named `{}`", Plain(.name))]
    Ambiguous { name: String, found: Vec<String> },
    #[error("`{}` is an entry of {}, a file of this folder", Plain(.name), Plain(.file.display()))]
    OfProject {
        name: String,
        file: PathBuf,
        found: Vec<String>,
    },
    #[error(
        "the configuration of `{}` does not contain the value of the header {}",
        Plain(.name),
        Plain(.header)
    )]
    MissingHeader { name: String, header: String },
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
            Self::NotSaved { similar, .. } => match similar {
                Some(similar) => format!("did you mean {}?", Plain(similar)),
                None => "write the server's URL, or run `farport inspect` to see the saved servers"
                    .to_owned(),
            },
            Self::Ambiguous { found, .. } => {
                format!("name one of them: {}", Plain(found.join(", ")))
            }
            Self::OfProject { found, .. } => format!(
                "it can start a program and receive environment variables; if you trust the file, write \
                 {}",
                Plain(found.join(" or "))
            ),
            Self::MissingHeader { .. } => {
                "add it with --header, or run `farport inspect` without a name and enter it on the \
                 page"
                    .to_owned()
            }
            Self::Read(_) | Self::Url { .. } => return None,
        })
    }
}
