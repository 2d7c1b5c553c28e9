//! What can go wrong, each said in one paragraph to the person who has to do something about it.

use std::path::PathBuf;
use std::time::Duration;

use crate::auth::SignInError;
use crate::spool::Fault;

/// Why the remote server could not be reached, or not be used.
///
/// Shown to a person as it is: what happened, then what to do. No secret is in any of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The options contradict each other, or a value of one cannot be used.
    #[error("{0}")]
    Usage(String),
    /// Nobody answers at the address.
    #[error("{url} cannot be reached: {why}. Check the address, and that the server is running.")]
    Unreachable {
        /// The address, without its query.
        url: String,
        /// What the network said.
        why: String,
    },
    /// The server's certificate is not one to trust.
    #[error("The certificate of {host} is not trusted: {why}. {advice}")]
    Certificate {
        /// The host that showed it.
        host: String,
        /// What is wrong with it.
        why: String,
        /// What to do.
        advice: &'static str,
    },
    /// It took too long.
    #[error(
        "{url} did not answer within {} s. Try again, or give it longer with {flag}.",
        .after.as_secs()
    )]
    TimedOut {
        /// The address, without its query.
        url: String,
        /// How long was waited.
        after: Duration,
        /// The option that sets it.
        flag: &'static str,
    },
    /// The server sends its clients somewhere else, which might be anybody.
    #[error(
        "{from} redirects to {to}, which is another server: nothing was sent there. If that is the \
         right one, use its address."
    )]
    Redirected {
        /// The address that was asked.
        from: String,
        /// Where it points.
        to: String,
    },
    /// An HTTP status that the protocol has no meaning for.
    #[error("{url} answered with HTTP {status}{said}. Is this the address of an MCP server?")]
    Status {
        /// The address, without its query.
        url: String,
        /// The status.
        status: u16,
        /// The start of what came with it, with a colon before it; or nothing.
        said: String,
    },
    /// The answer is no MCP.
    #[error("{url} did not answer as an MCP server does: {why}. Check the address.")]
    NotMcp {
        /// The address, without its query.
        url: String,
        /// What was wrong with it.
        why: String,
    },
    /// A message is larger than is taken.
    #[error("{url} sent a message of more than {} MiB, which is not passed on.", .limit / 1_048_576)]
    TooLarge {
        /// The address, without its query.
        url: String,
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// A large message could not be kept until it was whole.
    #[error(
        "A large message of {url} cannot be kept in a temporary file: {source}. Make room in {}, or \
         name another folder in {}.",
        std::env::temp_dir().display(),
        if cfg!(windows) { "TEMP" } else { "TMPDIR" }
    )]
    Temporary {
        /// The address, without its query.
        url: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection broke before the answer was there.
    #[error("The connection to {url} broke before the answer was there: {why}. Try again.")]
    Broken {
        /// The address, without its query.
        url: String,
        /// What the network said.
        why: String,
    },
    /// The server speaks no revision that the client speaks.
    #[error("{url} speaks no version of MCP that this client speaks: {why}. Update the client.")]
    Version {
        /// The address, without its query.
        url: String,
        /// What the server said.
        why: String,
    },
    /// The server refused the request.
    #[error("{url} refused: {why}")]
    Refused {
        /// The address, without its query.
        url: String,
        /// What the server said.
        why: String,
    },
    /// Signing in did not work.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// A file of the store cannot be used.
    #[error("{} cannot be used: {source}. {advice}", .path.display())]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// The keyring of the operating system cannot be used.
    #[error(
        "The keyring of this system cannot be used: {why}. Start or unlock one (on Linux: GNOME \
         Keyring, KWallet or KeePassXC), or sign in without --keyring: tokens then rest in a file \
         that only you can read."
    )]
    Keyring {
        /// What the system said.
        why: String,
    },
    /// The local client's pipe is broken.
    #[error("The client that started this cannot be reached any more: {0}.")]
    Local(#[source] std::io::Error),
    /// The work was stopped.
    #[error("It was stopped.")]
    Stopped,
}

impl Error {
    /// What it means that a message of `url` could not be taken in.
    pub(crate) fn of_message(url: String, fault: Fault) -> Self {
        match fault {
            Fault::TooLarge(limit) => Self::TooLarge { url, limit },
            Fault::NotText => Self::NotMcp {
                url,
                why: "its answer is not UTF-8".to_owned(),
            },
            Fault::File(source) => Self::Temporary { url, source },
        }
    }
}
