//! Errors that keep a server from starting, or stop it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use farport_core::PlainLines;

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

/// What failed, for programs that handle an [`Error`].
///
/// ```
/// # use rmcp::ServerHandler;
/// # struct Greeter;
/// # impl ServerHandler for Greeter {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = farport::Server::new(|_| Greeter).port(0).allow_hosts(["a b"]);
/// let error = server.bind().await.unwrap_err();
/// assert_eq!(error.kind(), farport::ErrorKind::Settings);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The server cannot listen on its address.
    Listen,
    /// A setting is invalid.
    Settings,
    /// A rule of the builder is invalid.
    Rules,
    /// The sign-in cannot be set up.
    SignIn,
    /// The store of sessions and sign-ins cannot be opened.
    Store,
    /// The checked server is not up.
    Health,
    /// The client on standard input and output failed.
    Stdio,
    /// The system failed.
    System,
}

/// What keeps a server from starting, in detail. Hosts create an [`Error`] from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Another program listens on the port.
    #[error("cannot listen on port {port}: another program uses it")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The server cannot listen on the address.
    #[error("cannot listen on {host}:{port}")]
    Listen {
        /// The name or address in the settings.
        host: String,
        /// The port in the settings.
        port: u16,
        /// The system's error.
        source: io::Error,
    },
    /// The settings file cannot be read, or has an invalid value.
    #[error("{}: {why}", place(path, *line))]
    SettingsFile {
        /// Its path.
        path: PathBuf,
        /// The line of the error, counted from 1.
        line: Option<usize>,
        /// What is wrong, and what to write instead.
        why: String,
    },
    /// A setting has the right type, but an invalid value.
    #[error("`{name}` cannot be {value:?}: {why}")]
    Setting {
        /// Its name in `farport.toml`.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong, and what to write instead.
        why: String,
    },
    /// An environment variable has an invalid value.
    #[error("invalid value of the variable {name}: {why}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with the value.
        why: String,
    },
    /// The URL of the proxy for outgoing requests is invalid.
    #[error("cannot use outgoing_proxy: {why}")]
    OutgoingProxy {
        /// What is wrong with the URL.
        why: &'static str,
    },
    /// A rule requires a signed-in user, but the server has no sign-in.
    #[error("`{pattern}` is permitted to some users only, but the server has no sign-in")]
    PermitWithoutAuth {
        /// The pattern of the rule.
        pattern: String,
    },
    /// A rule compares user names, but the provider does not guarantee that they are unique.
    #[error(
        "cannot use login_in for `{pattern}`: {provider} does not guarantee that a user name belongs to \
         one user"
    )]
    LoginNotUnique {
        /// The pattern of the rule.
        pattern: String,
        /// The name of the provider.
        provider: String,
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
    /// The settings require sign-in, but the program was built without it.
    #[error("the settings require sign-in, but this program was built without it")]
    NoSignIn,
    /// The sign-in for development is reachable from other machines.
    #[error(
        "dev-login accepts any name, so only this machine may reach it, but {open} lets others in"
    )]
    DevLoginNotLocal {
        /// The setting that lets others in.
        open: &'static str,
    },
    /// A server with sign-in does not know its public URL.
    #[error("other machines can reach the server, so sign-in needs its public URL")]
    NoPublicUrl,
    /// The public URL is invalid.
    #[error("invalid public_url {url:?}: {why}")]
    PublicUrl {
        /// The setting.
        url: String,
        /// What is wrong with the URL.
        why: String,
    },
    /// Another setting of the sign-in is invalid.
    #[error("cannot set up sign-in: {0}")]
    Auth(String),
    /// The server cannot write the file that reports that it is ready.
    #[error("cannot write {}", path.display())]
    ReadyFile {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The server cannot open its database.
    #[error("cannot store sessions and sign-ins in {}", path.display())]
    Store {
        /// Its path.
        path: PathBuf,
        /// Why the database cannot be opened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The platform has no folder for the state of programs.
    #[error("no home folder found to store sessions and sign-ins in")]
    NoStateFolder,
    /// A Worker with sign-in has no master key.
    #[error("FARPORT_MASTER_KEY is not set")]
    NoMasterKey,
    /// A Worker with sign-in has no Durable Object for its store.
    #[error("the binding FARPORT_STORE is missing")]
    NoStoreBinding,
    /// The server cannot use the database of a Durable Object.
    #[error("cannot use the database of the Durable Object: {0}")]
    Object(String),
    /// The master key is missing or invalid.
    #[error(transparent)]
    MasterKey(Box<dyn std::error::Error + Send + Sync>),
    /// The server that `--health` checks did not report that it is up.
    #[error("health check of {address} failed: {why}")]
    Unhealthy {
        /// The address of the server.
        address: String,
        /// What happened instead.
        why: String,
    },
    /// The client on standard input and output did not open a session.
    #[error("the client on standard input did not open a session: {0}")]
    Stdio(String),
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

    /// Returns the details.
    pub fn problem(&self) -> &Problem {
        &self.0
    }

    /// Returns the details.
    pub fn into_problem(self) -> Problem {
        *self.0
    }
}

impl<P: Into<Problem>> From<P> for Error {
    fn from(problem: P) -> Self {
        Self(Box::new(problem.into()))
    }
}

impl Problem {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::PortInUse { .. } | Self::Listen { .. } => ErrorKind::Listen,
            Self::SettingsFile { .. }
            | Self::Setting { .. }
            | Self::Variable { .. }
            | Self::OutgoingProxy { .. }
            | Self::PublicUrl { .. } => ErrorKind::Settings,
            Self::PermitWithoutAuth { .. }
            | Self::LoginNotUnique { .. }
            | Self::RuleMatchesNothing { .. }
            | Self::DenyWithoutAuth => ErrorKind::Rules,
            Self::NoSignIn | Self::DevLoginNotLocal { .. } | Self::NoPublicUrl | Self::Auth(_) => {
                ErrorKind::SignIn
            }
            Self::Store { .. }
            | Self::NoStateFolder
            | Self::NoMasterKey
            | Self::NoStoreBinding
            | Self::Object(_)
            | Self::MasterKey(_) => ErrorKind::Store,
            Self::Unhealthy { .. } => ErrorKind::Health,
            Self::Stdio(_) => ErrorKind::Stdio,
            Self::ReadyFile { .. } | Self::Io(_) => ErrorKind::System,
        }
    }

    /// What to do next, if anything.
    fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Setting { name, .. } => {
                return Some(format!(
                    "change it where you set it: `{name}` in farport.toml, {}, or code",
                    variable(name)
                ));
            }
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
            Self::DevLoginNotLocal { open } => {
                return Some(format!("remove {open}, or choose another sign-in provider"));
            }
            Self::Store { source, .. } => {
                let cause = source.downcast_ref::<farport_store::OpenError>();
                let cause = cause.and_then(farport_store::OpenError::hint);
                cause.unwrap_or(STORE_HINT)
            }
            Self::MasterKey(cause) => {
                let cause = cause.downcast_ref::<farport_store::KeyError>();
                return cause
                    .and_then(farport_store::KeyError::hint)
                    .map(str::to_owned);
            }
            Self::PortInUse { .. } => {
                "stop the other program, or set another port with FARPORT_PORT"
            }
            Self::OutgoingProxy { .. } => {
                "set it to the URL of an HTTP proxy, such as http://proxy.example:3128"
            }
            Self::PermitWithoutAuth { .. } => {
                "call `.auth(..)`, or set `provider` under `[auth]` in farport.toml"
            }
            Self::LoginNotUnique { .. } => {
                "compare the subject, `claim(\"sub\", ...)`, or a verified email address, `when(|user| \
                 user.email.as_deref() == Some(...))`"
            }
            Self::DenyWithoutAuth => {
                "call `.auth(..)`, set `provider` under `[auth]` in farport.toml, or remove \
                 deny_by_default"
            }
            Self::NoSignIn => "enable the feature `sign-in` of farport",
            Self::NoPublicUrl => {
                "set public_url (FARPORT_PUBLIC_URL) to the URL that clients use, such as \
                 https://mcp.example.com"
            }
            Self::NoStateFolder => STORE_HINT,
            Self::NoMasterKey => {
                "create a key with `openssl rand -base64 32`, and set it with `farport secret put \
                 FARPORT_MASTER_KEY`, or in .dev.vars for `farport dev`"
            }
            Self::NoStoreBinding => "bind it to the class FarportStore in wrangler.jsonc",
            Self::Listen { .. }
            | Self::SettingsFile { .. }
            | Self::Variable { .. }
            | Self::PublicUrl { .. }
            | Self::Auth(_)
            | Self::ReadyFile { .. }
            | Self::Object(_)
            | Self::Unhealthy { .. }
            | Self::Stdio(_)
            | Self::Io(_) => return None,
        };
        Some(fixed.to_owned())
    }
}

/// Where to store sessions and sign-ins.
const STORE_HINT: &str = "set another path with `store` in farport.toml or FARPORT_STORE, as \
    sqlite:PATH, or set `memory`";

impl From<farport_store::KeyError> for Problem {
    fn from(error: farport_store::KeyError) -> Self {
        Self::MasterKey(Box::new(error))
    }
}

impl From<farport_oauth::provider::InvalidSettings> for Problem {
    fn from(error: farport_oauth::provider::InvalidSettings) -> Self {
        Self::Auth(error.to_string())
    }
}

fn place(path: &Path, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{}, line {line}", path.display()),
        None => path.display().to_string(),
    }
}

fn variable(setting: &str) -> String {
    format!("FARPORT_{}", setting.to_ascii_uppercase())
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
        let error = Error::from(Problem::Listen {
            host: "example.com".to_owned(),
            port: 80,
            source: io::Error::other("permission denied"),
        });
        assert_eq!(error.to_string(), "cannot listen on example.com:80");
        let shown = "cannot listen on example.com:80: permission denied";
        assert_eq!(format!("{error:?}"), shown);
    }

    #[test]
    fn the_hint_is_on_a_line_below() {
        let error = Error::from(Problem::PortInUse { port: 80 });
        let text = "cannot listen on port 80: another program uses it";
        assert_eq!(error.to_string(), text);
        let hint = "stop the other program, or set another port with FARPORT_PORT";
        assert_eq!(error.hint().as_deref(), Some(hint));
        assert_eq!(format!("{error:?}"), format!("{text}\n  hint: {hint}"));
    }
}
