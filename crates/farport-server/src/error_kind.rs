//! What kind of error keeps a server from starting, or stops it.

/// What failed, for programs that handle an [`Error`](crate::Error).
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
