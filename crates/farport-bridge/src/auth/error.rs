//! Why signing in did not work, for the person who tried.

use std::time::Duration;

/// Why there is no token for the server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The server's description of its sign-in cannot be used.
    #[error(
        "The sign-in of {server} is not set up in a way that can be trusted: {why}. Nothing was \
         sent; tell whoever runs the server."
    )]
    Metadata {
        /// The MCP server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// The answer to the sign-in came from another authorization server than was asked.
    #[error(
        "The sign-in was answered in the name of {got}, and {expected} was asked. It was dropped, \
         because somebody may be mixing up two sign-ins on purpose. Try again; if it happens again, \
         tell whoever runs the server."
    )]
    Issuer {
        /// Who was asked.
        expected: String,
        /// Who answered.
        got: String,
    },
    /// The user, or the authorization server, said no.
    #[error("The sign-in at {issuer} was refused: {why}. Start it again with `farport login`.")]
    Refused {
        /// The authorization server.
        issuer: String,
        /// Its error and description.
        why: String,
    },
    /// The token endpoint did not give a token.
    #[error("{issuer} gave no token: {why}. Sign in again with `farport login`.")]
    Token {
        /// The authorization server.
        issuer: String,
        /// The `error` code of the answer, where there is one.
        code: String,
        /// What it said.
        why: String,
    },
    /// There is no way to become a client of the authorization server.
    #[error(
        "{issuer} lets no client register itself. Ask whoever runs it for a client id, and give it \
         with --static-oauth-client-info '{{\"client_id\":\"...\"}}'."
    )]
    NoClient {
        /// The authorization server.
        issuer: String,
    },
    /// Registering as a client failed.
    #[error(
        "{issuer} did not register this client: {why}. A client id of your own is given with \
         --static-oauth-client-info."
    )]
    Registration {
        /// The authorization server.
        issuer: String,
        /// What it said.
        why: String,
    },
    /// Nobody came back from the browser.
    #[error(
        "Nobody finished the sign-in within {} s. Start it again with `farport login`, or give it \
         longer with --auth-timeout.", .0.as_secs()
    )]
    TimedOut(Duration),
    /// No port for the browser to come back to.
    #[error(
        "Port {port} of this machine, which the browser is to come back to, cannot be had: {why}. \
         Free it, or name another one after the URL."
    )]
    Port {
        /// The port.
        port: u16,
        /// What the system said.
        why: String,
    },
    /// The server goes on refusing what it was given.
    #[error(
        "{server} still refuses after signing in: {why}. The account may lack the permission; sign \
         in with another one after `farport logout`."
    )]
    StillRefused {
        /// The MCP server.
        server: String,
        /// What it said.
        why: String,
    },
    /// The server refused a credential that came from the command line.
    #[error(
        "{server} refused the Authorization header that it was given with --header or \
         --header-file. Check the credential."
    )]
    HeaderRefused {
        /// The MCP server.
        server: String,
    },
    /// Too many sign-ins in a short time.
    #[error(
        "{server} asked for {count} sign-ins within {} s, which is no longer a person signing in. \
         Stopped; try again later, and tell whoever runs the server if it happens again.",
        .within.as_secs()
    )]
    TooMany {
        /// The MCP server.
        server: String,
        /// How many.
        count: usize,
        /// In how long.
        within: Duration,
    },
    /// The authorization server cannot do what was asked for.
    #[error("{issuer} does not offer {what}. {advice}")]
    NotOffered {
        /// The authorization server.
        issuer: String,
        /// What is missing.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// The options for signing in contradict each other.
    #[error("{0}")]
    Options(String),
    /// No sign-in is wanted here, and none is stored.
    #[error("{server} asks for a sign-in. Run `farport login {server}` first.")]
    NotSignedIn {
        /// The MCP server.
        server: String,
    },
}
