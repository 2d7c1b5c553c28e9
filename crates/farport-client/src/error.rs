//! Errors: what failed and why, and a hint about what to do next.

use std::path::PathBuf;
use std::time::Duration;

use crate::auth::SignInError;
use crate::connection::ResponseError;
use crate::spool::Fault;
use crate::store::Keyring;

/// Why the remote server cannot be reached or used.
///
/// The text says what failed and why: lower case, without a full stop, and with its cause, so no error
/// has a `source()`. [`Error::hint`] says what to do next. Neither contains a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option or an argument is invalid, or two options contradict each other.
    #[error("{why}")]
    Usage {
        /// What is invalid.
        why: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// No server answers at the URL.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// The URL, without its query.
        url: String,
        /// The network's error.
        why: String,
    },
    /// The URL says http where the server speaks https, or the other way round.
    #[error("cannot use {url}: the server speaks {speaks} on this port")]
    WrongScheme {
        /// The URL, without its query.
        url: String,
        /// The scheme that the server speaks.
        speaks: &'static str,
        /// The URL to use.
        instead: String,
    },
    /// The server's certificate is not trusted.
    #[error("the certificate of {host} is not trusted: {why}")]
    Certificate {
        /// The host that sent it.
        host: String,
        /// What is wrong with it.
        why: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// A file with certificates is invalid.
    #[error("cannot use {}, the file in {variable}: {why}", .path.display())]
    CertificateFile {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// This machine trusts no certificate authority.
    #[error("cannot use https on this machine: {why}")]
    NoAuthorities {
        /// The TLS library's error.
        why: String,
    },
    /// A server answered an https request without TLS.
    #[error("{url} answered without encryption, although its URL says https")]
    Plaintext {
        /// The URL, without its query.
        url: String,
    },
    /// The proxy from the environment did not connect to the server.
    #[error("cannot reach {url} through the proxy {proxy} (from {variable}): {why}")]
    Proxy {
        /// The URL, without its query.
        url: String,
        /// The proxy, without its password.
        proxy: String,
        /// The variable that names the proxy.
        variable: &'static str,
        /// The error of the proxy or the network.
        why: String,
    },
    /// A public MCP server named a URL in a private network.
    #[error(
        "farport did not connect to {url}: a public MCP server named this URL, which is in a private \
         network or on this machine"
    )]
    PrivateNetwork {
        /// The URL, without its query.
        url: String,
    },
    /// The server did not answer in time.
    #[error("{url} did not answer within {} s", .after.as_secs())]
    TimedOut {
        /// The URL, without its query.
        url: String,
        /// The time limit.
        after: Duration,
        /// The option that sets the limit.
        flag: &'static str,
    },
    /// The server redirects to another server.
    #[error("{from} redirects to another server, {to}; farport sent nothing there")]
    Redirected {
        /// The URL of the request.
        from: String,
        /// The target of the redirect.
        to: String,
    },
    /// The server redirects to itself in a way that farport does not follow.
    #[error("farport did not follow the redirect from {from} to {to}: {why}")]
    NotRedirected {
        /// The URL of the request.
        from: String,
        /// The target of the redirect.
        to: String,
        /// Why farport does not follow it.
        why: &'static str,
    },
    /// An HTTP status that MCP gives no meaning.
    #[error("{url} answered with HTTP {status}{said}")]
    Status {
        /// The URL, without its query.
        url: String,
        /// The status.
        status: u16,
        /// The start of the body, after a colon; empty for an empty body.
        said: String,
        /// How long the server asks to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The response is not MCP.
    #[error("{url} did not answer like an MCP server: {why}")]
    NotMcp {
        /// The URL, without its query, or the name of the program.
        url: String,
        /// What is wrong with the response.
        why: String,
    },
    /// The server accepted a request and sent no response.
    #[error("{url} accepted the request but sent no response: {why}")]
    NoResponse {
        /// The URL, without its query.
        url: String,
        /// Where the response was expected.
        why: String,
    },
    /// A message is larger than the limit.
    #[error("{url} sent a message of more than {} MiB, which farport drops", .limit / 1_048_576)]
    TooLarge {
        /// The URL, without its query.
        url: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A large message cannot be stored until it is complete.
    #[error(
        "cannot store a large message from {url} in {}: {why}",
        std::env::temp_dir().display()
    )]
    Temporary {
        /// The URL, without its query.
        url: String,
        /// The system's error.
        why: std::io::Error,
    },
    /// The connection broke before the response was complete.
    #[error("the connection to {url} broke before the response was complete: {why}")]
    Broken {
        /// The URL, without its query, or the name of the program.
        url: String,
        /// What ended the connection.
        why: String,
    },
    /// Server and client have no protocol version in common.
    #[error("{url} speaks no version of MCP that this client speaks: {why}")]
    Version {
        /// The URL, without its query, or the name of the program.
        url: String,
        /// The server's versions.
        why: String,
    },
    /// The server refused the request.
    #[error("{url} refused the request: {why}")]
    Refused {
        /// The URL, without its query, or the name of the program.
        url: String,
        /// The server's reason.
        why: String,
    },
    /// Signing in failed.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// A file of the store cannot be read or written.
    #[error("cannot use {}: {why}", .path.display())]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        why: std::io::Error,
        /// What to do about it.
        hint: &'static str,
    },
    /// The keyring of the operating system is not available.
    #[error("cannot use the keyring of this system: {why}")]
    Keyring {
        /// The keyring's error.
        why: String,
    },
    /// The server answered with a JSON-RPC error.
    #[error("the server answered with an error: {0}")]
    Response(ResponseError),
    /// The program of a server does not start.
    #[error("cannot start {program}: {why}")]
    Process {
        /// The program.
        program: String,
        /// The system's error.
        why: String,
    },
    /// The local client's pipe is broken.
    #[error("lost the local client: {0}")]
    Local(std::io::Error),
    /// The connection was closed or the program interrupted.
    #[error("interrupted")]
    Stopped,
}

impl Error {
    /// What the user can do next, if anything: one or two clauses, lower case, without a full stop.
    /// Names the options of the `farport` command and the environment variables that help.
    pub fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Usage { hint, .. } => return hint.clone(),
            Self::SignIn(error) => return error.hint(),
            Self::Status {
                status,
                retry_after,
                ..
            } => return Some(crate::http::status_hint(*status, *retry_after)),
            Self::WrongScheme { instead, .. } => return Some(format!("use {instead}")),
            Self::CertificateFile { variable, .. } => {
                return Some(format!("correct {variable}, or unset it"));
            }
            Self::Proxy { variable, .. } => {
                return Some(format!(
                    "check {variable}, or list the host in NO_PROXY to reach it without the proxy"
                ));
            }
            Self::TimedOut { flag, .. } => {
                return Some(format!("try again, or raise the limit with {flag}"));
            }
            Self::Keyring { .. } => {
                return Some(format!(
                    "{}, or sign in without --keyring to store the tokens in a file that only you can read",
                    Keyring::HINT
                ));
            }
            Self::NotRedirected { to, .. } => return Some(format!("use the URL {to}")),
            Self::Certificate { hint, .. } | Self::Store { hint, .. } => *hint,
            Self::Unreachable { .. } => "check the URL, and that the server is running",
            Self::NoAuthorities { .. } => {
                "install the system's certificates (on Linux, the package ca-certificates), or name a \
                 file with certificates (PEM) in SSL_CERT_FILE"
            }
            Self::Plaintext { .. } => {
                "if the server speaks http on this port, use an http:// URL (to other machines, with \
                 --allow-http); otherwise, correct the port"
            }
            Self::PrivateNetwork { .. } => "report this to the server's operator",
            Self::Redirected { .. } => "if that is the right server, use its URL",
            Self::NotMcp { url, .. } if url.starts_with("http") => "check the URL",
            Self::NotMcp { .. } => "check that the program is an MCP server for stdio",
            Self::NoResponse { .. } => {
                "try again; if it happens again, report it to the server's operator"
            }
            Self::Temporary { .. } if std::env::consts::OS == "windows" => {
                "free some space there, or name another folder in TEMP"
            }
            Self::Temporary { .. } => "free some space there, or name another folder in TMPDIR",
            Self::Broken { .. } => "try again",
            Self::Version { .. } => "update the client",
            Self::Process { .. } => "check that the program is installed and its name is correct",
            Self::TooLarge { .. }
            | Self::Refused { .. }
            | Self::Response(_)
            | Self::Local(_)
            | Self::Stopped => return None,
        };
        Some(fixed.to_owned())
    }

    /// The error and its hint, on one line, for a place that shows one text, such as the message of a
    /// JSON-RPC error.
    pub fn with_hint(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{self}; hint: {hint}"),
            None => self.to_string(),
        }
    }

    /// An invalid option or argument.
    pub(crate) fn usage(why: impl Into<String>) -> Self {
        Self::Usage {
            why: why.into(),
            hint: None,
        }
    }

    /// An invalid option or argument, and what to write instead.
    pub(crate) fn usage_with_hint(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            why: why.into(),
            hint: Some(hint.into()),
        }
    }

    /// The error for a message of `url` that was not read.
    pub(crate) fn of_message(url: String, fault: Fault) -> Self {
        match fault {
            Fault::TooLarge(limit) => Self::TooLarge { url, limit },
            Fault::NotText => Self::NotMcp {
                url,
                why: "its response is not UTF-8 text".to_owned(),
            },
            Fault::File(why) => Self::Temporary { url, why },
        }
    }
}
