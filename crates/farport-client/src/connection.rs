//! A connection to one MCP server: streamable HTTP in both eras, HTTP+SSE, or a child process.

mod call;
pub(crate) mod calls;
pub(crate) mod child;
pub(crate) mod exchange;
pub(crate) mod hub;
mod inner;
pub(crate) mod link;
pub(crate) mod modern;
mod open;
pub(crate) mod remote;
mod server_message;
pub(crate) mod session;
mod token;
mod tools;

use std::borrow::Cow;
use std::sync::Arc;

use farport_core::Era;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

pub use call::{Call, ResponseError};
pub use child::Command;
pub use server_message::{RequestId, ServerMessage};
pub use token::TokenContents;
pub use tools::{Tool, ToolResult};

use crate::Error;
use crate::options::Options;
use crate::store::Store;
use crate::user::User;
use inner::Inner;

/// The server that a connection is opened to.
///
/// ```
/// use farport_client::{Command, Options, Target};
///
/// # fn example() -> Result<(), farport_client::Error> {
/// let remote = Target::from(Options::new("https://mcp.example.com/mcp", false)?);
/// let local = Target::from(Command::new("npx").args(["-y", "some-mcp-server"]));
/// # let _ = (remote, local);
/// # Ok(())
/// # }
/// # example().unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Target {
    /// A server at a URL.
    Http(Box<Options>),
    /// A program that speaks MCP over its standard input and output.
    Process(Command),
}

impl From<Options> for Target {
    fn from(options: Options) -> Self {
        Self::Http(Box::new(options))
    }
}

impl From<Command> for Target {
    fn from(command: Command) -> Self {
        Self::Process(command)
    }
}

/// Which era of the protocol a connection uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EraChoice {
    /// The newest one that the server knows.
    #[default]
    Auto,
    /// Sessions that `initialize` opens (2024-11-05 to 2025-11-25).
    Session,
    /// Requests that stand alone (2026-07-28).
    Modern,
}

/// How a connection presents itself to the server.
///
/// ```
/// use farport_client::{ConnectionOptions, EraChoice, NoBrowser, Store, User};
///
/// let user = User::new(|text: &str| eprintln!("{text}"), NoBrowser);
/// let mut options = ConnectionOptions::new(Store::at("sign-ins"), user);
/// options.era = EraChoice::Session;
/// options.client_info = serde_json::json!({"name": "my-client", "version": "1.0.0"});
/// options.capabilities = serde_json::json!({"elicitation": {}});
/// ```
#[derive(Clone)]
pub struct ConnectionOptions {
    /// Where sign-ins are stored.
    pub store: Store,
    /// The user who signs in.
    pub user: User,
    /// The era. Default: the newest one that the server knows.
    pub era: EraChoice,
    /// The revision that `initialize` requests in the session era. Default: 2025-11-25. The server may
    /// choose another one: see [`Connection::protocol_version`].
    pub session_revision: Option<String>,
    /// The name and version of this client.
    pub client_info: Value,
    /// The client's capabilities. Default: none.
    pub capabilities: Value,
}

impl ConnectionOptions {
    /// A client named farport without capabilities.
    pub fn new(store: Store, user: User) -> Self {
        Self {
            store,
            user,
            era: EraChoice::default(),
            session_revision: None,
            client_info: serde_json::json!({
                "name": "farport",
                "version": env!("CARGO_PKG_VERSION"),
            }),
            capabilities: serde_json::json!({}),
        }
    }
}

/// A connection to one MCP server. Clones share it. Dropping the last clone ends it without closing the
/// session at the server; [`Connection::close`] does both.
///
/// ```no_run
/// use farport_client::{Connection, ServerMessage};
///
/// # async fn example(connection: Connection) -> Result<(), farport_client::Error> {
/// // What the server sends outside of calls.
/// let mut messages = connection.messages().expect("it was not taken before");
/// tokio::spawn(async move {
///     while let Some(message) = messages.recv().await {
///         println!("{}", message.method());
///     }
/// });
/// // A call, with the messages that belong to it.
/// let params = serde_json::json!({"name": "slow", "_meta": {"progressToken": 1}});
/// let mut call = connection.request("tools/call", &params)?;
/// while let Some(message) = call.next().await {
///     if let ServerMessage::Request { id, .. } = &message {
///         connection.refuse(id, -32601, "not supported").await?;
///     }
/// }
/// println!("{}", call.response().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

impl Connection {
    /// Connects to a server, and signs in where the server requires it.
    ///
    /// # Errors
    /// When the options contradict each other, the server cannot be reached, the sign-in fails, or the
    /// server speaks no revision of the chosen era.
    pub async fn open(
        target: impl Into<Target>,
        options: ConnectionOptions,
    ) -> Result<Self, Error> {
        open::open(target.into(), options).await.map(Self)
    }

    /// The era that the connection uses.
    pub fn era(&self) -> Era {
        self.0.server().era
    }

    /// The revision that the connection uses, such as `2025-11-25`.
    pub fn protocol_version(&self) -> &str {
        &self.0.server().version
    }

    /// The result of `initialize` or `server/discover`.
    pub fn server(&self) -> &RawValue {
        &self.0.server().result
    }

    /// Receives the server's requests and notifications that belong to no call. Returns `None` when
    /// they have been taken before. Up to 256 messages wait; later notifications are dropped and later
    /// requests are refused.
    pub fn messages(&self) -> Option<mpsc::Receiver<ServerMessage>> {
        self.0.take_messages()
    }

    /// Sends a request. `params` serializes as an object.
    ///
    /// # Errors
    /// When `params` is no object, or too many requests wait already.
    pub fn request(&self, method: &str, params: &impl Serialize) -> Result<Call, Error> {
        self.0.request(method, &object(params)?)
    }

    /// Sends a notification. In the modern era there is none that a client sends, and this does nothing.
    ///
    /// # Errors
    /// When `params` is no object, or the server cannot be reached or refuses the notification.
    pub async fn notify(&self, method: &str, params: &impl Serialize) -> Result<(), Error> {
        self.0.notify(method, &object(params)?).await
    }

    /// Responds to a request of the server with a result.
    ///
    /// # Errors
    /// When `result` cannot be serialized, or the server cannot be reached or refuses the response.
    pub async fn respond(&self, id: &RequestId, result: &impl Serialize) -> Result<(), Error> {
        let result = json(result)?;
        self.0
            .respond(&crate::message::result(&id.0, &result))
            .await
    }

    /// Responds to a request of the server with an error.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses the response.
    pub async fn refuse(&self, id: &RequestId, code: i64, message: &str) -> Result<(), Error> {
        let text = crate::message::error(Some(&id.0), code, message);
        self.0.respond(&text).await
    }

    /// Waits until the connection has ended. Returns the error with which the process of a server ended,
    /// and `None` after [`Connection::close`].
    pub async fn ended(&self) -> Option<Error> {
        self.0.ended().await
    }

    /// A text without the secrets that the client has sent: tokens, and headers whose names say that they are
    /// secret. Each is replaced by `***`. Borrowed when the text has none, or the connection has no observer.
    pub fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.0.hub().watch() {
            Some(watch) => watch.masked(text),
            None => Cow::Borrowed(text),
        }
    }

    /// Closes the session at the server, and ends the connection.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::usage(format!("cannot write the value as JSON: {error}")))
}

fn object(params: &impl Serialize) -> Result<String, Error> {
    let params = json(params)?;
    match params.starts_with('{') {
        true => Ok(params),
        false if params == "null" => Ok("{}".to_owned()),
        false => Err(Error::usage("params must be a JSON object")),
    }
}
