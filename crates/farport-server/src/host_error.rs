//! Errors of hosts.

use std::{error::Error as StdError, io, path::PathBuf};

use crate::error_kind::ErrorKind;

/// An error of a host, from which it creates an [`Error`](crate::Error).
///
/// The fields are for the text of the error. A caller receives the text, the [`ErrorKind`] and the hint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
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
    /// The URL of the proxy for outgoing requests is invalid.
    #[error("cannot use outgoing_proxy: {why}")]
    OutgoingProxy {
        /// What is wrong with the URL.
        why: &'static str,
    },
    /// The settings require sign-in, but the program was built without it.
    #[error("the settings require sign-in, but this program was built without it")]
    NoSignIn,
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
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The master key is missing or invalid.
    #[error(transparent)]
    MasterKey(Box<dyn StdError + Send + Sync>),
    /// A Worker with sign-in has no master key.
    #[error("FARPORT_MASTER_KEY is not set")]
    NoMasterKey,
    /// A Worker with sign-in has no Durable Object for its store.
    #[error("the binding FARPORT_STORE is missing")]
    NoStoreBinding,
    /// The server cannot use the database of a Durable Object.
    #[error("cannot use the database of the Durable Object: {0}")]
    Object(String),
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
}

impl HostError {
    /// Creates the error for a socket that cannot listen on `host` and `port`.
    pub fn listen(host: &str, port: u16, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            return Self::PortInUse { port };
        }
        let host = host.to_owned();
        Self::Listen { host, port, source }
    }

    /// Creates the error for keys that cannot be used.
    pub fn master_key(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::MasterKey(Box::new(source))
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::PortInUse { .. } | Self::Listen { .. } => ErrorKind::Listen,
            Self::Setting { .. } | Self::OutgoingProxy { .. } => ErrorKind::Settings,
            Self::NoSignIn => ErrorKind::SignIn,
            Self::Store { .. }
            | Self::MasterKey(_)
            | Self::NoMasterKey
            | Self::NoStoreBinding
            | Self::Object(_) => ErrorKind::Store,
            Self::Unhealthy { .. } => ErrorKind::Health,
            Self::Stdio(_) => ErrorKind::Stdio,
            Self::ReadyFile { .. } => ErrorKind::System,
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Setting { name, .. } => {
                return Some(format!(
                    "change it where you set it: `{name}` in farport.toml, {}, or code",
                    variable(name)
                ));
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
            Self::NoSignIn => "enable the feature `sign-in` of farport",
            Self::NoMasterKey => {
                "create a key with `openssl rand -base64 32`, and set it with `farport secret put \
                 FARPORT_MASTER_KEY`, or in .dev.vars for `farport dev`"
            }
            Self::NoStoreBinding => "bind it to the class FarportStore in wrangler.jsonc",
            Self::Listen { .. }
            | Self::ReadyFile { .. }
            | Self::Object(_)
            | Self::Unhealthy { .. }
            | Self::Stdio(_) => return None,
        };
        Some(fixed.to_owned())
    }
}

/// Where to store sessions and sign-ins.
pub(crate) const STORE_HINT: &str = "set another path with `store` in farport.toml or FARPORT_STORE, as \
    sqlite:PATH, or set `memory`";

fn variable(setting: &str) -> String {
    format!("FARPORT_{}", setting.to_ascii_uppercase())
}
