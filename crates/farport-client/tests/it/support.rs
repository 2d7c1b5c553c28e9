//! A scripted server, and a client on a pipe.

pub(crate) mod provider;

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use farport_client::{
    CancellationToken, Command, Error, Opener, Options, Reporter, Store, Url, User, connect,
    connect_process,
};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn form(&self, name: &str) -> String {
        let url = Url::parse(&format!("http://x/?{}", self.body)).unwrap();
        url.query_pairs()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }
}

/// A status, headers and a body.
pub(crate) struct Answer(
    pub(crate) u16,
    pub(crate) Vec<(&'static str, String)>,
    pub(crate) String,
);

impl Answer {
    pub(crate) fn json(body: &Value) -> Self {
        Self(
            200,
            vec![("content-type", "application/json".into())],
            body.to_string(),
        )
    }

    pub(crate) fn events(body: &str) -> Self {
        Self(
            200,
            vec![("content-type", "text/event-stream".into())],
            body.to_owned(),
        )
    }

    pub(crate) fn status(status: u16) -> Self {
        Self(status, Vec::new(), String::new())
    }

    /// No response: the connection closes.
    pub(crate) fn dropped() -> Self {
        Self(0, Vec::new(), String::new())
    }

    pub(crate) fn result(request: &Seen, result: &Value) -> Self {
        Self::json(&json!({"jsonrpc": "2.0", "id": request.json()["id"], "result": result}))
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.1.push((name, value.into()));
        self
    }
}

/// A response whose body may be anything, and may still be open.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: UnsyncBoxBody<Bytes, Infallible>,
}

impl From<Answer> for Reply {
    fn from(Answer(status, headers, body): Answer) -> Self {
        Self::bytes(status, headers, body.into_bytes())
    }
}

impl Reply {
    pub(crate) fn bytes(
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: impl Into<Bytes>,
    ) -> Self {
        let body = Full::new(body.into()).boxed_unsync();
        Self {
            status,
            headers,
            body,
        }
    }

    /// An event stream that is open for as long as its feed lives.
    pub(crate) fn stream(status: u16) -> (Self, Feed) {
        let (sender, receiver) = mpsc::unbounded_channel::<Bytes>();
        let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
            let piece = receiver.recv().await?;
            Some((Ok(Frame::data(piece)), receiver))
        });
        let reply = Self {
            status,
            headers: vec![("content-type", "text/event-stream".into())],
            body: StreamBody::new(pieces).boxed_unsync(),
        };
        (reply, Feed(sender))
    }
}

/// Writes to an open stream.
#[derive(Clone)]
pub(crate) struct Feed(mpsc::UnboundedSender<Bytes>);

impl Feed {
    pub(crate) fn send(&self, text: impl Into<String>) {
        // The client may have closed the stream.
        let _ = self.0.send(Bytes::from(text.into()));
    }

    pub(crate) fn event(&self, message: &Value) {
        self.send(format!("data: {message}\n\n"));
    }

    /// Whether the client has closed the stream.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

/// A server. It ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) origin: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Starts a server. The handler receives its own origin.
    pub(crate) async fn start<F, R>(handler: F) -> Self
    where
        F: Fn(&str, &Seen) -> R + Send + Sync + 'static,
        R: Into<Reply>,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (handler, address, noted) = (Arc::new(handler), origin.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (handler, address, noted) =
                    (Arc::clone(&handler), address.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    let service =
                        service_fn(move |request: http::Request<hyper::body::Incoming>| {
                            let (handler, address, noted) =
                                (Arc::clone(&handler), address.clone(), Arc::clone(&noted));
                            async move {
                                let (head, body) = request.into_parts();
                                let body = body.collect().await.unwrap().to_bytes();
                                let seen = Seen {
                                    method: head.method.to_string(),
                                    path: head.uri.path_and_query().unwrap().to_string(),
                                    headers: head.headers,
                                    body: String::from_utf8(body.to_vec()).unwrap(),
                                };
                                noted.lock().unwrap().push(seen.clone());
                                let reply: Reply = handler(&address, &seen).into();
                                if reply.status == 0 {
                                    return Err(io::Error::other("a dropped connection"));
                                }
                                let mut response = http::Response::builder().status(reply.status);
                                for (name, value) in reply.headers {
                                    response = response.header(name, value);
                                }
                                Ok(response.body(reply.body).unwrap())
                            }
                        });
                    // A client that goes away in the middle is none of the test's.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { origin, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests with an HTTP method it saw.
    pub(crate) fn verbs(&self, method: &str) -> usize {
        self.seen()
            .iter()
            .filter(|seen| seen.method == method)
            .count()
    }

    /// How many requests of a JSON-RPC method it saw.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.seen()
            .iter()
            .filter(|seen| seen.json()["method"] == method)
            .count()
    }
}

/// Keeps the messages to the user.
#[derive(Clone, Default)]
pub(crate) struct Reports(pub(crate) Arc<Mutex<Vec<String>>>);

impl Reporter for Reports {
    fn report(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

/// A browser whose user says yes.
#[derive(Clone, Copy)]
pub(crate) struct Visitor;

impl Opener for Visitor {
    fn open(&self, url: &Url) -> io::Result<()> {
        let url = url.clone();
        tokio::spawn(async move {
            let browser = reqwest::Client::builder().no_proxy().build().unwrap();
            browser.get(url).send().await.unwrap();
        });
        Ok(())
    }
}

/// A client that speaks to the bridge.
pub(crate) struct Client {
    pub(crate) lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    pub(crate) writer: WriteHalf<DuplexStream>,
    pub(crate) bridge: JoinHandle<Result<(), Error>>,
    pub(crate) reports: Reports,
    number: u64,
}

pub(crate) fn options(url: &str) -> Options {
    Options::new(url, false).unwrap()
}

impl Client {
    pub(crate) fn new(options: Options, store: Store) -> Self {
        let stop = CancellationToken::new();
        Self::of(|user, input, output| connect(options, store, user, input, output, stop))
    }

    /// A client of a server that is a child process.
    pub(crate) fn at_process(command: Command) -> Self {
        Self::of(|user, input, output| async move {
            let stop = CancellationToken::new();
            connect_process(&command, user, input, output, stop).await
        })
    }

    /// A client of the bridge that `start` returns.
    fn of<F>(
        start: impl FnOnce(User, BufReader<ReadHalf<DuplexStream>>, WriteHalf<DuplexStream>) -> F,
    ) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(far);
        let reports = Reports::default();
        let user = User::new(reports.clone(), Visitor);
        let bridge = tokio::spawn(start(user, BufReader::new(input), output));
        let (reader, writer) = tokio::io::split(near);
        Self {
            lines: BufReader::new(reader).lines(),
            writer,
            bridge,
            reports,
            number: 0,
        }
    }

    /// Closes the client's end, and waits for the end of the bridge.
    pub(crate) async fn leave(mut self) {
        self.writer.shutdown().await.unwrap();
        let ended = tokio::time::timeout(SOON, self.bridge).await;
        ended.expect("the bridge ends in time").unwrap().unwrap();
    }

    pub(crate) async fn write(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).await.unwrap();
        self.writer.write_all(b"\n").await.unwrap();
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(SOON, self.lines.next_line()).await;
        let line = line
            .expect("a message in time")
            .unwrap()
            .expect("a message");
        let message: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    /// Asks, and reads on to the answer.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.answer(&id).await
    }

    /// Asks, and returns the id of the request.
    pub(crate) async fn begin(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let id = json!(self.number);
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.write(&request.to_string()).await;
        id
    }

    /// Reads on to the answer to a request.
    pub(crate) async fn answer(&mut self, id: &Value) -> Value {
        loop {
            let message = self.next().await;
            if message["id"] == *id && message.get("method").is_none() {
                return message;
            }
        }
    }

    /// Opens a session.
    pub(crate) async fn open(&mut self) -> Value {
        let answer = self.ask("initialize", initialize()).await;
        self.write(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
            .await;
        answer
    }
}

pub(crate) fn initialize() -> Value {
    json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}, "roots": {}},
        "clientInfo": {"name": "test", "version": "1"},
    })
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + SOON;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
