//! Raw HTTP exchanges with the server, as a well-behaved client would not make them.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use url::Url;

use crate::Error;
use crate::connection::exchange::{BOTH, JSON};
use crate::connection::remote::Remote;
use crate::http::{Incoming, Outgoing, Redirects, shown};
use crate::observe::Purpose;
use crate::secret::Secret;
use crate::spool::Limits;
use crate::sse::Parser;

/// The largest response, in bytes.
const LARGEST: usize = 64 * 1024 * 1024;
/// The most messages on one stream.
const MOST_MESSAGES: usize = 1000;
/// How long a stream may stay open after its response.
const STREAM_END: Duration = Duration::from_secs(2);

/// How requests reach a server.
pub(super) trait Way {
    /// Whether it is HTTP, with its statuses and headers.
    const HTTP: bool;

    /// The next request id.
    fn id(&self) -> u64;

    /// Sends a request and reads its response to the end, a stream up to the response.
    async fn send(&self, ask: Ask) -> Result<Reply, Error>;

    /// Whether the server has ended, so that no further request can be answered.
    fn has_ended(&self) -> bool;
}

/// A server at a URL, as the checks reach it.
pub(super) struct Probe {
    remote: Remote,
    timeout: Duration,
    token: Option<Secret>,
    numbers: AtomicU64,
}

/// Which token a request presents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Credential {
    /// The user's.
    #[default]
    Own,
    /// None, and none of the user's headers that could hold one.
    None,
    /// One that is invalid.
    Invalid,
}

/// A request to the server.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    /// `None`: the server's URL.
    pub(super) url: Option<Url>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) credential: Credential,
}

impl Ask {
    /// A POST with the headers of every client.
    pub(super) fn post(body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, BOTH);
        headers.insert(header::CONTENT_TYPE, JSON);
        Self {
            method: Method::POST,
            url: None,
            headers,
            body: body.into(),
            credential: Credential::Own,
        }
    }

    pub(super) fn new(method: Method) -> Self {
        Self {
            method,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            ..Self::post("")
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn with_all(mut self, headers: &HeaderMap) -> Self {
        for (name, value) in headers {
            self.headers.insert(name, value.clone());
        }
        self
    }

    pub(super) fn credential(self, credential: Credential) -> Self {
        Self { credential, ..self }
    }
}

/// The response to a request.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The address of the server; `None` behind a proxy.
    pub(super) peer: Option<IpAddr>,
    pub(super) media_type: String,
    /// The body, unless it is an event stream.
    pub(super) text: String,
    /// The messages of the body or of the stream.
    pub(super) messages: Vec<Value>,
    /// Events that are no messages.
    pub(super) strays: Vec<String>,
    /// Whether the stream ended soon after the response. True for other bodies.
    pub(super) ended: bool,
    /// Whether it came over HTTP. Otherwise, there are only messages.
    pub(super) http: bool,
}

impl Reply {
    /// Messages that did not come over HTTP.
    pub(super) fn of_messages(messages: Vec<Value>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            peer: None,
            media_type: String::new(),
            text: String::new(),
            messages,
            strays: Vec::new(),
            ended: true,
            http: false,
        }
    }

    /// Whether it has this status. Without HTTP, there is none to check.
    pub(super) fn has_status(&self, status: u16) -> bool {
        !self.http || self.status.as_u16() == status
    }

    /// The response among the messages.
    pub(super) fn response(&self) -> Option<&Value> {
        let is_response =
            |message: &&Value| message.get("result").is_some() || message.get("error").is_some();
        self.messages.iter().find(is_response)
    }

    /// The result, unless the response is an error.
    pub(super) fn result(&self) -> Option<&Value> {
        self.response()?.get("result")
    }

    /// The code of the error.
    pub(super) fn code(&self) -> Option<i64> {
        self.response()?.get("error")?.get("code")?.as_i64()
    }

    /// Whether the request was refused: by the status or with an error.
    pub(super) fn is_refused(&self) -> bool {
        self.status.is_client_error() || self.status.is_server_error() || self.code().is_some()
    }

    /// What came back, in words.
    pub(super) fn shown(&self) -> String {
        let status = format!("HTTP {}", self.status.as_u16());
        if !self.http {
            return match self.response() {
                Some(response) => match response.get("error") {
                    Some(error) => format!("the error {error}"),
                    None => format!("the result {}", response["result"]),
                },
                None => "no response".to_owned(),
            };
        }
        match self.response() {
            Some(response) if response.get("error").is_some() => {
                format!("{status} with the error {}", response["error"])
            }
            Some(response) => format!("{status} with the result {}", response["result"]),
            None if self.text.trim().is_empty() => format!("{status} without a body"),
            None => format!("{status} with the body {:?}", self.text.trim()),
        }
    }
}

impl Probe {
    pub(super) fn new(remote: Remote, timeout: Duration) -> Self {
        Self {
            remote,
            timeout,
            token: None,
            numbers: AtomicU64::new(1),
        }
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    pub(super) fn url(&self) -> &Url {
        self.remote.url()
    }

    /// Presents this token from now on.
    pub(super) fn present(&mut self, token: Option<Secret>) {
        self.token = token;
    }

    pub(super) fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }

    /// Sends a request and waits for the head of its response only.
    pub(super) async fn head(&self, ask: Ask) -> Result<Reply, Error> {
        let incoming = self.within(self.head_of(ask)).await?;
        Ok(Reply {
            status: incoming.status(),
            headers: incoming.headers().clone(),
            peer: incoming.peer(),
            media_type: incoming.media_type(),
            text: String::new(),
            messages: Vec::new(),
            strays: Vec::new(),
            ended: true,
            http: true,
        })
    }

    /// Opens an event stream; `None` when the response is none.
    pub(super) async fn events(&self, ask: Ask) -> Result<Option<Events>, Error> {
        let incoming = self.within(self.head_of(ask)).await?;
        let is_stream =
            incoming.status().is_success() && incoming.media_type() == "text/event-stream";
        Ok(is_stream.then(|| Events {
            incoming,
            parser: Parser::new(Limits::new(LARGEST, LARGEST)),
        }))
    }

    /// Gets a document of another place, without any credential.
    pub(super) async fn document(&self, url: &Url) -> Result<Reply, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, JSON);
        let request = Outgoing {
            method: Method::GET,
            url: url.clone(),
            headers,
            body: Bytes::new(),
            redirects: Redirects::SameOrigin,
            purpose: Purpose::Metadata,
            attempt: 1,
        };
        let reach = self.remote.auth().reach();
        self.within(async {
            let incoming = self.remote.http().send_within(request, reach).await?;
            read(incoming).await
        })
        .await
    }

    async fn head_of(&self, ask: Ask) -> Result<Incoming, Error> {
        let mut headers = ask.headers;
        let own = self.remote.own_headers();
        match ask.credential {
            Credential::Own => {
                for (name, value) in own {
                    headers.insert(name, value.clone());
                }
                if let Some(token) = &self.token
                    && !headers.contains_key(header::AUTHORIZATION)
                {
                    headers.insert(header::AUTHORIZATION, bearer(token)?);
                }
            }
            Credential::Invalid => {
                let invalid = HeaderValue::from_static("Bearer farport-check-invalid-token");
                headers.insert(header::AUTHORIZATION, invalid);
            }
            Credential::None => {}
        }
        let request = Outgoing {
            method: ask.method,
            url: ask.url.unwrap_or_else(|| self.url().clone()),
            headers,
            body: ask.body,
            redirects: Redirects::SameOrigin,
            purpose: Purpose::Message,
            attempt: 1,
        };
        self.remote.http().send(request).await
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(Error::TimedOut {
                url: shown(self.url()),
                after: self.timeout,
                flag: "--timeout",
            }),
        }
    }
}

impl Way for Probe {
    const HTTP: bool = true;

    fn id(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    async fn send(&self, ask: Ask) -> Result<Reply, Error> {
        self.within(async {
            let incoming = self.head_of(ask).await?;
            read(incoming).await
        })
        .await
    }

    fn has_ended(&self) -> bool {
        // The ledger notices a server that cannot be reached.
        false
    }
}

/// An open event stream.
pub(super) struct Events {
    incoming: Incoming,
    parser: Parser,
}

impl Events {
    /// The name and the data of the next event; `None` at the end of the stream.
    pub(super) async fn next(&mut self, probe: &Probe) -> Result<Option<(String, String)>, Error> {
        probe
            .within(async {
                let url = shown(self.incoming.url());
                let unreadable = |fault| Error::of_message(url.clone(), fault);
                loop {
                    let event = self.parser.next().map_err(unreadable)?;
                    if let Some(event) = event.filter(|event| !event.data.is_empty()) {
                        self.incoming.observe_event(&event);
                        let data = event.data.into_text().map_err(unreadable)?;
                        return Ok(Some((event.name, data)));
                    }
                    match self.incoming.chunk().await? {
                        Some(chunk) => self.parser.push(&chunk),
                        None => return Ok(None),
                    }
                }
            })
            .await
    }
}

fn bearer(token: &Secret) -> Result<HeaderValue, Error> {
    crate::connection::remote::authorization(token)
}

async fn read(mut incoming: Incoming) -> Result<Reply, Error> {
    let mut reply = Reply {
        status: incoming.status(),
        headers: incoming.headers().clone(),
        peer: incoming.peer(),
        media_type: incoming.media_type(),
        text: String::new(),
        messages: Vec::new(),
        strays: Vec::new(),
        ended: true,
        http: true,
    };
    let limits = Limits::new(LARGEST, LARGEST);
    if reply.media_type == "text/event-stream" {
        read_stream(&mut incoming, &mut reply, limits).await?;
        return Ok(reply);
    }
    let body = incoming.body(limits).await?;
    let url = shown(incoming.url());
    reply.text = body
        .into_text()
        .map_err(|fault| Error::of_message(url, fault))?;
    match serde_json::from_str(&reply.text) {
        Ok(Value::Array(messages)) => reply.messages = messages,
        Ok(message @ Value::Object(_)) => reply.messages.push(message),
        _ => {}
    }
    Ok(reply)
}

async fn read_stream(
    incoming: &mut Incoming,
    reply: &mut Reply,
    limits: Limits,
) -> Result<(), Error> {
    let mut parser = Parser::new(limits);
    let mut answered = false;
    loop {
        let chunk = if !answered {
            incoming.chunk().await?
        } else {
            match tokio::time::timeout(STREAM_END, incoming.chunk()).await {
                Ok(chunk) => chunk?,
                Err(_) => {
                    reply.ended = false;
                    return Ok(());
                }
            }
        };
        let Some(chunk) = chunk else { return Ok(()) };
        parser.push(&chunk);
        loop {
            let event = parser.next();
            let event = event.map_err(|fault| Error::of_message(shown(incoming.url()), fault))?;
            let Some(event) = event else { break };
            incoming.observe_event(&event);
            if event.data.is_empty() {
                // It sets the id and the time to wait.
                continue;
            }
            let named = !event.is_message();
            let text = event.data.into_text();
            let text = text.map_err(|fault| Error::of_message(shown(incoming.url()), fault))?;
            match serde_json::from_str::<Value>(&text) {
                Ok(Value::Array(messages)) if !named => reply.messages.extend(messages),
                Ok(message) if !named && message.is_object() => reply.messages.push(message),
                _ => reply.strays.push(text),
            }
        }
        answered = reply.response().is_some();
        if reply.messages.len() + reply.strays.len() > MOST_MESSAGES {
            return Err(Error::NotMcp {
                url: shown(incoming.url()),
                why: format!("it sent more than {MOST_MESSAGES} messages before its response"),
            });
        }
    }
}
