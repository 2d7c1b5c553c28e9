//! HTTP/1.1 by hand: the test controls every byte that it sends.

use std::{io, net::SocketAddr};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{events::Events, soon};

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    read: BytesMut,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: BytesMut::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    /// Sends to a server that may close the connection.
    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        soon(self.stream.write_all(bytes.as_ref())).await
    }

    /// Reads the head of a response; `None` when the connection closes first.
    pub(crate) async fn response(mut self) -> Option<Response> {
        let (status, headers) = self.head().await?;
        let framing = Framing::of(status, &headers);
        Some(Response {
            status,
            headers,
            framing,
            wire: self,
        })
    }

    async fn head(&mut self) -> Option<(u16, HeaderMap)> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Response::new(&mut fields);
            if let httparse::Status::Complete(length) = head.parse(&self.read).unwrap() {
                let status = head.code.unwrap();
                let mut headers = HeaderMap::new();
                for field in head.headers.iter() {
                    let name = HeaderName::from_bytes(field.name.as_bytes()).unwrap();
                    headers.append(name, HeaderValue::from_bytes(field.value).unwrap());
                }
                self.read.advance(length);
                return Some((status, headers));
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Reads more bytes. Returns false at the end of the connection or on an error.
    async fn fill(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.read).await, Ok(count) if count > 0)
    }

    /// Waits for the server to close the connection. Returns false if it sends something
    /// instead.
    pub(crate) async fn closes(mut self) -> bool {
        !self.fill().await
    }

    /// Reads a line without its end; `None` when the connection closes first.
    async fn line(&mut self) -> Option<Bytes> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.read.split_to(end).freeze();
                self.read.advance(2);
                return Some(line);
            }
            if !self.fill().await {
                return None;
            }
        }
    }
}

/// How a body ends.
#[derive(Debug)]
enum Framing {
    Length(usize),
    Chunks,
    Ended,
}

impl Framing {
    fn of(status: u16, headers: &HeaderMap) -> Self {
        if status == 204 || status == 304 {
            return Self::Ended;
        }
        if let Some(length) = headers.get("content-length") {
            return Self::Length(length.to_str().unwrap().parse().unwrap());
        }
        assert_eq!(headers["transfer-encoding"], "chunked");
        Self::Chunks
    }
}

/// The next part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Data(Bytes),
    /// The body is complete.
    End,
    /// The connection closed before the end of the body.
    Cut,
}

/// A response whose body is not read yet.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    framing: Framing,
    wire: Wire,
}

impl Response {
    pub(crate) async fn piece(&mut self) -> Piece {
        match self.framing {
            Framing::Ended | Framing::Length(0) => Piece::End,
            Framing::Length(left) => {
                if self.wire.read.is_empty() && !self.wire.fill().await {
                    return Piece::Cut;
                }
                let most = left.min(self.wire.read.len());
                self.framing = Framing::Length(left - most);
                Piece::Data(self.wire.read.split_to(most).freeze())
            }
            Framing::Chunks => self.chunk().await.unwrap_or(Piece::Cut),
        }
    }

    async fn chunk(&mut self) -> Option<Piece> {
        let size = self.wire.line().await?;
        let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap(), 16).unwrap();
        if size == 0 {
            assert_eq!(self.wire.line().await?, "");
            self.framing = Framing::Ended;
            return Some(Piece::End);
        }
        while self.wire.read.len() < size + 2 {
            if !self.wire.fill().await {
                return None;
            }
        }
        let data = self.wire.read.split_to(size).freeze();
        self.wire.read.advance(2);
        Some(Piece::Data(data))
    }

    /// Reads the whole body. Returns it with the connection, for another request.
    pub(crate) async fn whole(mut self) -> (Bytes, Wire) {
        let mut body = BytesMut::new();
        loop {
            match soon(self.piece()).await {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::End => return (body.freeze(), self.wire),
                Piece::Cut => panic!("the body is cut after {body:?}"),
            }
        }
    }

    pub(crate) async fn text(self) -> String {
        String::from_utf8(self.whole().await.0.to_vec()).unwrap()
    }

    /// Returns the body, which must be JSON with that Content-Type.
    pub(crate) async fn json(self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Returns the code of the JSON-RPC error in the body.
    pub(crate) async fn error_code(self) -> i64 {
        let body = self.json().await;
        assert_eq!(body["jsonrpc"], "2.0");
        body["error"]["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("{body}"))
    }

    /// Returns the body as events, which must have that Content-Type.
    pub(crate) fn events(self) -> Events {
        assert_eq!(self.status, 200);
        assert_eq!(self.header("content-type"), Some("text/event-stream"));
        Events::new(self)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A builder for a request. It starts with the headers of a usual client.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    fn new(method: &'static str, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: vec![("host".into(), "localhost".into())],
            body: Vec::new(),
        }
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new("POST", path)
            .with("content-type", "application/json")
            .with("accept", "application/json, text/event-stream")
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path).with("accept", "text/event-stream")
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new("DELETE", path)
    }

    /// Changes the path.
    pub(crate) fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// Sets a header, and removes an earlier one with that name.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    /// Adds a header.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, message: &Value) -> Self {
        self.body(message.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the head, with a Content-Length of `length` unless another header has the
    /// length.
    pub(crate) fn head(&self, length: usize) -> String {
        use std::fmt::Write;
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let framed = ["content-length", "transfer-encoding"];
        let announced = self
            .headers
            .iter()
            .any(|(name, _)| framed.contains(&&**name));
        if self.method == "POST" && !announced {
            write!(head, "content-length: {length}\r\n").unwrap();
        }
        head + "\r\n"
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head(self.body.len()).into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it on a new connection. Returns `None` without a response.
    pub(crate) async fn try_to(&self, address: SocketAddr) -> Option<Response> {
        let mut wire = Wire::connect(address).await;
        // A server that refuses the head may close the connection before it has read the
        // body.
        let _ = wire.try_send(self.bytes()).await;
        soon(wire.response()).await
    }

    pub(crate) async fn to(&self, address: SocketAddr) -> Response {
        self.try_to(address).await.expect("no response")
    }

    /// Like [`Self::to`], as a future without a borrow.
    pub(crate) async fn sent_to(self, address: SocketAddr) -> Response {
        self.to(address).await
    }

    pub(crate) async fn status(&self, address: SocketAddr) -> u16 {
        self.to(address).await.status
    }
}
