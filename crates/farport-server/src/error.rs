//! Errors that keep a server from starting, or stop it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use farport_core::PlainLines;

use crate::{
    error_kind::ErrorKind,
    host_error::{HostError, STORE_HINT},
};

/// An error that keeps a server from starting, or stops it.
///
/// [`Error::kind`] says what failed. [`Display`](fmt::Display) shows the error without its cause, which
/// [`source`](std::error::Error::source) returns, and without the hint, which [`Error::hint`] returns.
/// [`Debug`](fmt::Debug) shows all three for people, because a `main` that returns the error prints it
/// that way.
///
/// ```
/// use farport::{Error, ErrorKind};
///
/// fn exit_code(error: &Error) -> u8 {
///     match error.kind() {
///         ErrorKind::Listen => 69,
///         ErrorKind::Settings => 78,
///         _ => 1,
///     }
/// }
/// # let _ = exit_code;
/// ```
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Problem>);

/// The details of an [`Error`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The host failed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The settings file cannot be read, or has an invalid value.
    #[error("{}: {why}", place(path, *line))]
    SettingsFile {
        path: PathBuf,
        /// The line of the error, counted from 1.
        line: Option<usize>,
        /// What is wrong, and what to write instead.
        why: String,
    },
    /// An environment variable has an invalid value.
    #[error("invalid value of the variable {name}: {why}")]
    Variable {
        name: &'static str,
        /// What is wrong with the value.
        why: String,
    },
    /// A rule matches no tool, prompt or resource of the server.
    #[error("no {kind} matches the rule for `{pattern}`")]
    RuleMatchesNothing {
        /// The kind of the rule: a tool, a prompt or a resource.
        kind: &'static str,
        /// The name in the rule, or its beginning with `*`.
        pattern: String,
        /// The most similar name that the server lists.
        suggestion: Option<String>,
    },
    /// The server refuses everything without a rule, but has no sign-in.
    #[error("deny_by_default has no effect, because the server has no sign-in")]
    DenyWithoutAuth,
    /// The sign-in cannot be set up, or a rule does not fit it.
    #[error("{text}")]
    SignIn {
        kind: ErrorKind,
        text: String,
        hint: Option<String>,
    },
    /// The platform has no folder for the state of programs.
    #[error("no home folder found to store sessions and sign-ins in")]
    NoStateFolder,
    /// The system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// Returns what failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind()
    }

    /// What to do next, if anything: lower case, without a full stop.
    pub fn hint(&self) -> Option<String> {
        self.0.hint()
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<HostError> for Error {
    fn from(error: HostError) -> Self {
        Problem::from(error).into()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Problem::from(error).into()
    }
}

impl Problem {
    /// A setting of the sign-in is invalid.
    pub(crate) fn sign_in(why: impl fmt::Display) -> Self {
        Self::SignIn {
            kind: ErrorKind::SignIn,
            text: format!("cannot set up sign-in: {why}"),
            hint: None,
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Host(error) => error.kind(),
            Self::SettingsFile { .. } | Self::Variable { .. } => ErrorKind::Settings,
            Self::RuleMatchesNothing { .. } | Self::DenyWithoutAuth => ErrorKind::Rules,
            Self::SignIn { kind, .. } => *kind,
            Self::NoStateFolder => ErrorKind::Store,
            Self::Io(_) => ErrorKind::System,
        }
    }

    /// What to do next, if anything.
    fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Host(error) => return error.hint(),
            Self::RuleMatchesNothing {
                pattern,
                suggestion,
                ..
            } => {
                let meant = suggestion.as_ref();
                let meant = meant.map(|name| format!("did you mean `{name}`? "));
                return Some(format!(
                    "{}fix the name, or call `.allow_unmatched(\"{pattern}\")` for one that appears \
                     later",
                    meant.unwrap_or_default()
                ));
            }
            Self::SignIn { hint, .. } => return hint.clone(),
            Self::DenyWithoutAuth => {
                "call `.auth(..)`, set `provider` under `[auth]` in farport.toml, or remove \
                 deny_by_default"
            }
            Self::NoStateFolder => STORE_HINT,
            Self::SettingsFile { .. } | Self::Variable { .. } | Self::Io(_) => return None,
        };
        Some(fixed.to_owned())
    }
}

impl From<farport_oauth::provider::InvalidSettings> for Error {
    fn from(error: farport_oauth::provider::InvalidSettings) -> Self {
        Problem::sign_in(error).into()
    }
}

fn place(path: &Path, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{}, line {line}", path.display()),
        None => path.display().to_string(),
    }
}

/// Shows the error, its causes and its hint in one text, with control characters escaped for a terminal.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&PlainLines(Whole(self)), f)
    }
}

/// Shows an error, each of its causes after a colon, and its hint on a line below.
struct Whole<'a>(&'a Error);

impl fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        match self.0.hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_appears_once() {
        let source = io::Error::other("permission denied");
        let error = Error::from(HostError::listen("example.com", 80, source));
        assert_eq!(error.to_string(), "cannot listen on example.com:80");
        let shown = "cannot listen on example.com:80: permission denied";
        assert_eq!(format!("{error:?}"), shown);
    }

    #[test]
    fn the_hint_is_on_a_line_below() {
        let source = io::Error::from(io::ErrorKind::AddrInUse);
        let error = Error::from(HostError::listen("example.com", 80, source));
        let text = "cannot listen on port 80: another program uses it";
        assert_eq!(error.to_string(), text);
        let hint = "stop the other program, or set another port with FARPORT_PORT";
        assert_eq!(error.hint().as_deref(), Some(hint));
        assert_eq!(format!("{error:?}"), format!("{text}\n  hint: {hint}"));
    }
}
