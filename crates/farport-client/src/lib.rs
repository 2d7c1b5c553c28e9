//! An MCP client for Rust that speaks every revision, signs in, resumes, and survives restarts.
//!
//! [`Connection`] reaches one server over streamable HTTP, HTTP+SSE or as a child process:
//!
//! ```
//! use farport_client::{Browser, Connection, ConnectionOptions, Options, Store, User};
//!
//! async fn add(url: &str, store: Store) -> Result<String, farport_client::Error> {
//!     let user = User::new(|text: &str| eprintln!("{text}"), Browser);
//!     let options = ConnectionOptions::new(store, user);
//!     let connection = Connection::open(Options::new(url, false)?, options).await?;
//!     for tool in connection.list_tools().await? {
//!         println!("{}", tool.name);
//!     }
//!     let sum = connection.call_tool("add", &serde_json::json!({"a": 2, "b": 3})).await?;
//!     connection.close().await;
//!     Ok(sum.text())
//! }
//! # use std::io::{BufRead, BufReader, Read, Write};
//! # use serde_json::{Value, json};
//! #
//! # fn answer(mut stream: std::net::TcpStream) -> std::io::Result<()> {
//! #     let mut reader = BufReader::new(stream.try_clone()?);
//! #     let mut length = 0;
//! #     loop {
//! #         let mut line = String::new();
//! #         reader.read_line(&mut line)?;
//! #         let line = line.trim().to_lowercase();
//! #         if let Some(value) = line.strip_prefix("content-length:") {
//! #             length = value.trim().parse().unwrap();
//! #         } else if line.is_empty() {
//! #             break;
//! #         }
//! #     }
//! #     let mut body = vec![0; length];
//! #     reader.read_exact(&mut body)?;
//! #     let request: Value = serde_json::from_slice(&body)?;
//! #     let params = &request["params"];
//! #     let result = match request["method"].as_str().unwrap() {
//! #         "server/discover" => json!({"supportedVersions": ["2026-07-28"], "capabilities": {}}),
//! #         "tools/list" => json!({"tools": [{"name": "add", "inputSchema": {}}]}),
//! #         _ => {
//! #             let sum = params["arguments"]["a"].as_i64().unwrap()
//! #                 + params["arguments"]["b"].as_i64().unwrap();
//! #             json!({"content": [{"type": "text", "text": sum.to_string()}]})
//! #         }
//! #     };
//! #     let body = json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string();
//! #     write!(
//! #         stream,
//! #         "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
//! #          content-length: {}\r\n\r\n{body}",
//! #         body.len(),
//! #     )
//! # }
//! #
//! # #[tokio::main]
//! # async fn main() {
//! #     let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
//! #     let url = format!("http://{}/mcp", listener.local_addr().unwrap());
//! #     std::thread::spawn(move || {
//! #         for stream in listener.incoming() {
//! #             answer(stream.unwrap()).unwrap();
//! #         }
//! #     });
//! #     let folder = tempfile::tempdir().unwrap();
//! #     assert_eq!(add(&url, Store::at(folder.path())).await.unwrap(), "5");
//! # }
//! ```
//!
//! [`Store::of_user`] is the store that `farport login` and `farport connect` use, so a sign-in made in one
//! works in the other.
//!
//! [`connect`] puts a client that speaks stdio onto a server over HTTP, and [`connect_process`] onto a child
//! process. They translate between the eras of the protocol with a [`Dialect`](dialect::Dialect).
//! Everything uses the same code on the way to the server:
//!
//! 1. A message is read once (kind, id, method), and its text stays as it is.
//! 2. It is sent in its era: within a session, or alone with the headers of the newest revision.
//! 3. A 401 or 403 leads to a sign-in, and the request is repeated.
//! 4. The response comes as JSON or as events. A stream that breaks is resumed; a session that the
//!    server no longer knows is opened again.
//!
//! Sign-ins rest in a [`Store`] that processes share. The [`User`] receives messages through a
//! [`Reporter`] and sees the sign-in page through an [`Opener`]. An [`Observer`] receives each JSON-RPC
//! message, each HTTP exchange and each step of a sign-in as data, with secrets masked.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "tests choose their URLs")
)]

mod auth;
mod backoff;
pub mod check;
mod clock;
mod connection;
pub mod dialect;
mod error;
mod fetch;
mod http;
mod identity;
mod lines;
mod members;
mod message;
mod observe;
mod opener;
mod options;
pub mod schema;
mod secret;
mod sign_in;
mod spool;
mod sse;
mod stdio;
mod store;
mod system;
mod tools;
mod user;

pub use auth::{Flow, Gate, NextStep, SignInError, SignInOptions, StaticClient};
pub use connection::{
    Call, Command, Connection, ConnectionOptions, EraChoice, RequestId, ResponseError,
    ServerMessage, Target, TokenContents, Tool, ToolResult,
};
pub use error::Error;
pub use farport_core::Era;
pub use farport_oauth::parse_url;
pub use fetch::{HttpClient, HttpResponse, HttpStreamEvent};
pub use http::{HttpOptions, Timeouts};
pub use keyring_core::CredentialStore;
pub use observe::{ClientSource, Direction, HttpEvent, Observer, Purpose, SignInStep, Text};
pub use opener::{Browser, NoBrowser, Opener, command};
pub use options::{Options, Protocol, TransportOrder};
pub use sign_in::{LoggedOut, log_in, log_out};
pub use stdio::{connect, connect_process};
pub use store::{ApiKey, ApiKeys, Keyring, Store, Summary};
pub use tokio_util::sync::CancellationToken;
pub use url::Url;
pub use user::{Reporter, User};

/// Tests the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
