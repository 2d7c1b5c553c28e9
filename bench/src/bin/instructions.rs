//! Calls a service in this process, a given number of times, for `cargo xtask instructions`.
//!
//! There is no socket and no second thread, so the same program executes the same instructions each time,
//! whatever else the machine does. Prints nothing. Fails if a response is not the expected one.

use std::convert::Infallible;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use calculator::Calculator;
use clap::{Parser, ValueEnum};
use farport::Server;
use farport_bench::floor;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use tower_service::Service;

#[allow(
    unreachable_pub,
    reason = "it is the public part of the generated crate"
)]
#[path = "../../../templates/authless/src/calculator.rs"]
mod calculator;

// As the generated `main.rs` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Flags {
    /// What is called
    case: Case,
    /// How often
    calls: u32,
}

/// What is measured. Each is a `tools/call` of `add`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Case {
    /// An axum handler that checks nothing, with a call of 2026-07-28.
    Floor,
    /// A call of 2026-07-28.
    Call,
    /// A call in a session of 2025-06-18.
    SessionCall,
}

const MODERN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":3},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}"#;
const SESSION: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":3}}}"#;
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let flags = Flags::parse();
    match flags.case {
        Case::Floor => {
            let floor = Router::new().route("/mcp", post(floor::add));
            call(floor, &modern(), MODERN, flags.calls).await
        }
        Case::Call => call(farport()?, &modern(), MODERN, flags.calls).await,
        Case::SessionCall => {
            let mut service = farport()?;
            let headers = open_session(&mut service).await?;
            call(service, &headers, SESSION, flags.calls).await
        }
    }
}

fn farport() -> Result<farport::McpService> {
    Server::new(|_| Calculator::new())
        .service()
        .context("the server cannot be built")
}

/// The headers that every request has.
fn headers(revision: &'static str) -> HeaderMap {
    HeaderMap::from_iter([
        (header::HOST, HeaderValue::from_static("localhost")),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (
            header::ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        ),
        (
            HeaderName::from_static("mcp-protocol-version"),
            HeaderValue::from_static(revision),
        ),
    ])
}

fn modern() -> HeaderMap {
    let mut headers = headers("2026-07-28");
    headers.insert("mcp-method", HeaderValue::from_static("tools/call"));
    headers.insert("mcp-name", HeaderValue::from_static("add"));
    headers
}

/// Opens a session, and returns the headers of requests in it.
async fn open_session(service: &mut farport::McpService) -> Result<HeaderMap> {
    let mut headers = headers("2025-06-18");
    let response = send(service, &headers, INITIALIZE).await?;
    let id = (response.headers().get("mcp-session-id")).context("initialize opened no session")?;
    headers.insert("mcp-session-id", id.clone());
    send(service, &headers, INITIALIZED).await?;
    Ok(headers)
}

async fn call<S, B>(
    mut service: S,
    headers: &HeaderMap,
    body: &'static str,
    calls: u32,
) -> Result<()>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    for _ in 0..calls {
        let response = send(&mut service, headers, body).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let sum = body.windows(10).any(|text| text == br#""text":"5""#);
        ensure!(
            status == 200 && sum,
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
    }
    Ok(())
}

async fn send<S, B>(service: &mut S, headers: &HeaderMap, body: &'static str) -> Result<Response<B>>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let mut request = Request::post("/mcp").body(Body::from(body))?;
    *request.headers_mut() = headers.clone();
    std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
    Ok(service.call(request).await?)
}
