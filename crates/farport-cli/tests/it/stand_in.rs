//! An HTTP server for tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The path with its query.
    pub(crate) path: String,
    /// The head in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Reads a request. Returns `None` if the client has disconnected.
    pub(crate) fn read(stream: &mut impl Read) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return None;
            }
        }
        let path = head.split(' ').nth(1)?.to_owned();
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).map_or(0, |rest| {
            rest.lines().next().unwrap().trim().parse().unwrap()
        });
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            path,
            head,
            body: String::from_utf8(body).unwrap(),
        })
    }
}

/// A status, headers (each with its line end) and a body.
pub(crate) struct Answer(pub(crate) u16, pub(crate) String, pub(crate) String);

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self(
            status,
            "content-type: application/json\r\n".to_owned(),
            body.to_string(),
        )
    }

    pub(crate) fn result(asked: &Asked, result: &Value) -> Self {
        Self::json(
            200,
            &json!({"jsonrpc": "2.0", "id": asked.json()["id"], "result": result}),
        )
    }

    pub(crate) fn status(status: u16, headers: &str) -> Self {
        Self(status, headers.to_owned(), String::new())
    }

    /// Writes the response and closes the connection.
    pub(crate) fn write(&self, stream: &mut impl Write) {
        let Self(status, headers, body) = self;
        // The client may have disconnected.
        let _ = write!(
            stream,
            "HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
    }
}

/// A server. Its threads end with the process of the test.
pub(crate) struct StandIn {
    pub(crate) origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl StandIn {
    /// Starts a server. The handler receives its origin.
    pub(crate) fn start(handler: impl Fn(&str, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (handler, own, noted) = (Arc::new(handler), origin.clone(), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (handler, own, noted) = (Arc::clone(&handler), own.clone(), Arc::clone(&noted));
                thread::spawn(move || {
                    let mut stream: TcpStream = stream.unwrap();
                    let Some(asked) = Asked::read(&mut stream) else {
                        return;
                    };
                    noted.lock().unwrap().push(asked.clone());
                    handler(&own, &asked).write(&mut stream);
                });
            }
        });
        Self { origin, asked }
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}
