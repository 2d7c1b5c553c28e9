//! Why a server does not start, or stops.

use std::{fmt, io, path::PathBuf};

/// Why a server does not start, or stops.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program has the port.
    #[error("port {port} is in use; stop the program that has it, or choose another with --port")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port}: {source}")]
    Listen {
        /// The name or address that was asked for.
        host: String,
        /// The port that was asked for.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// A setting cannot be used; the text names it, and where it comes from.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("{0}")]
    Settings(Box<figment::Error>),
    /// A variable does not fit its setting.
    #[error("{name} cannot be used: {why}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong with its value.
        why: String,
    },
    /// A rule says who may use something, and nobody can sign in.
    #[error(
        "`{pattern}` is permitted to some users only, and there is no sign-in: call `.auth(..)`, or \
         set `provider` under `[auth]` in farport.toml"
    )]
    PermitWithoutAuth {
        /// What the rule is about.
        pattern: String,
    },
    /// The program was built without sign-in.
    #[error(
        "somebody would have to sign in, and this was built without that: turn on the feature \
         `sign-in` of farport"
    )]
    NoSignIn,
    /// The sign-in for development can be reached from elsewhere.
    #[error(
        "the sign-in for development takes any name, so it is for loopback addresses alone: listen \
         on localhost and leave public_url unset, or choose another provider"
    )]
    DevLoginNotLocal,
    /// A server with sign-in has to know what it is called from outside.
    #[error(
        "the server can be reached from elsewhere, and has to know under which address: set \
         public_url (FARPORT_PUBLIC_URL) to it, as in https://mcp.example.com"
    )]
    NoPublicUrl,
    /// The address from outside cannot be used.
    #[error("public_url {url:?} cannot be used: {why}")]
    PublicUrl {
        /// The setting.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something else about the sign-in cannot be used.
    #[error("sign-in: {0}")]
    Auth(String),
    /// The file that says that the server is ready cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    ReadyFile {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The database cannot be used.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(
        "cannot keep sessions and sign-ins in {}: {source}\n  name another place (FARPORT_STORE or \
         `store` in farport.toml: `sqlite:PATH`), or keep them in memory (`memory`)",
        path.display()
    )]
    Store {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: farport_store::OpenError,
    },
    /// There is no place where this platform's programs keep their state.
    #[error(
        "there is no home folder to keep sessions and sign-ins in; name a place (FARPORT_STORE or \
         `store` in farport.toml: `sqlite:PATH`), or keep them in memory (`memory`)"
    )]
    NoStateFolder,
    /// A Worker with sign-in was given no master key.
    #[error(
        "there is no FARPORT_MASTER_KEY: make one with `openssl rand -base64 32`, and set it with \
         `farport secret put FARPORT_MASTER_KEY` or, for `farport dev`, in .dev.vars"
    )]
    NoMasterKey,
    /// A Worker with sign-in has no Durable Object to keep it in.
    #[error(
        "there is no binding FARPORT_STORE: bind it to the class FarportStore in wrangler.jsonc"
    )]
    NoStoreBinding,
    /// A Durable Object's database cannot be used.
    #[error("the object's database cannot be used: {0}")]
    Object(String),
    /// There is no master key.
    #[error(transparent)]
    MasterKey(#[from] farport_store::KeyError),
    /// The server that was asked with `--health` did not say that it is well.
    #[error("the server at {address} is not well: {why}")]
    NotWell {
        /// Where it was looked for.
        address: String,
        /// What it did instead.
        why: String,
    },
    /// The client on standard input did not open a session.
    #[error("the client on standard input did not open a session: {0}")]
    Stdio(String),
    /// The system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<farport_oauth::provider::InvalidSettings> for Error {
    fn from(error: farport_oauth::provider::InvalidSettings) -> Self {
        Self::Auth(error.to_string())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl From<figment::Error> for Error {
    fn from(error: figment::Error) -> Self {
        Self::Settings(Box::new(error))
    }
}

/// Reads like [`Display`](fmt::Display): it is what a `main` that returns the error shows.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
