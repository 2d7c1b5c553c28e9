//! The newest revision (2026-07-28): each request by itself, with headers that repeat parts of it.

use std::borrow::Cow;
use std::sync::Arc;

use farport_core::{Method, SubjectField};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use tokio::time::Instant;

use super::exchange::PROTOCOL_VERSION;
use super::link::Link;
use super::session::is_transient;
use crate::Error;
use crate::backoff::Backoff;
use crate::http::Incoming;
use crate::message::{self, Id, Kind, Peek, read_or_default};
use crate::spool::Body;
use crate::sse::Parser;
use crate::tools::header_value;

/// The member of `_meta` that makes a request one of this era.
pub(crate) const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
pub(crate) const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";
pub(crate) const INFO_KEY: &str = "io.modelcontextprotocol/clientInfo";
/// The revision that is spoken to servers of this era on behalf of older clients.
pub(crate) const REVISION: &str = "2026-07-28";

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// JSON-RPC error: header and body differ, or a header is missing.
const HEADER_MISMATCH: i64 = -32020;
/// How often a subscription that broke is requested again without a message in between.
const MOST_RESUMES: usize = 8;

/// The parameters of a request that its headers repeat.
#[derive(Deserialize, Default)]
pub(crate) struct Params<'a> {
    #[serde(borrow, rename = "_meta", default)]
    pub(crate) meta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    uri: Option<&'a RawValue>,
    #[serde(borrow, rename = "taskId", default)]
    task: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion", default)]
    version: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "progressToken", default)]
    token: Option<&'a RawValue>,
}

/// The revision that a request says it is of, and its progress token.
pub(crate) fn version_and_token<'a>(peek: &Peek<'a>) -> (Option<Cow<'a, str>>, Option<Id>) {
    let params: Params<'a> = peek.params();
    let meta = params.meta();
    (meta.version, meta.token.and_then(Id::of))
}

/// What a request is about: a tool's or prompt's name, a resource's address, a task's id.
pub(crate) fn subject(peek: &Peek<'_>) -> Option<String> {
    let params: Params<'_> = peek.params();
    params.subject(&peek.method)
}

impl<'a> Params<'a> {
    fn meta(&self) -> Meta<'a> {
        read_or_default(self.meta.map(RawValue::get))
    }

    /// What the request is about.
    pub(crate) fn subject(&self, method: &str) -> Option<String> {
        let method = Method::parse(method);
        let raw = match SubjectField::of(&method) {
            Some(SubjectField::Name) => self.name,
            Some(SubjectField::Uri) => self.uri,
            Some(SubjectField::TaskId) => self.task,
            // A method of the skills extension. farport's servers do not require the header.
            None if method == Method::ResourcesDirectoryRead => self.uri,
            None => None,
        };
        serde_json::from_str(raw?.get()).ok()
    }
}

/// Requests of this era.
pub(crate) struct Modern {
    link: Arc<Link>,
}

/// What the server did with a request.
pub(crate) enum Outcome {
    /// The response has been delivered.
    Delivered,
    /// The response has been read but not delivered yet: a success with a JSON-RPC error.
    Failed(String),
    /// The status is no success.
    Refused {
        /// The HTTP response.
        response: Box<Incoming>,
        /// Its body.
        said: String,
    },
}

fn refused(response: Incoming, said: String) -> Outcome {
    let response = Box::new(response);
    Outcome::Refused { response, said }
}

impl Modern {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Sends a request and delivers its response.
    pub(crate) async fn request(
        &self,
        id: &Id,
        text: &str,
        peek: &Peek<'_>,
    ) -> Result<Outcome, Error> {
        let mut response = self.post(text, peek).await?;
        if response.status().is_success() {
            self.receive(response, id).await?;
            return Ok(Outcome::Delivered);
        }
        let mut said = response.unexpected_text().await;
        if peek.method == "tools/call"
            && error_code(&said) == Some(HEADER_MISMATCH)
            && self.learn_tools(peek).await?
        {
            response = self.post(text, peek).await?;
            if response.status().is_success() {
                self.receive(response, id).await?;
                return Ok(Outcome::Delivered);
            }
            said = response.unexpected_text().await;
        }
        Ok(refused(response, said))
    }

    /// Posts a request of this era, with its headers.
    pub(crate) async fn post(&self, text: &str, peek: &Peek<'_>) -> Result<Incoming, Error> {
        let mut headers = HeaderMap::new();
        let params: Params<'_> = peek.params();
        if let Some(version) = params.meta().version {
            headers.insert(PROTOCOL_VERSION, header_value(&version));
        }
        headers.insert(METHOD, header_value(&peek.method));
        if let Some(subject) = params.subject(&peek.method) {
            headers.insert(NAME, header_value(&subject));
            if peek.method == "tools/call" {
                self.link
                    .tools
                    .mirror(&subject, params.arguments, &mut headers);
            }
        }
        self.link.post(headers, text).await
    }

    /// Reads the response to a request of this era. A stream that breaks is not resumed: its events have
    /// no ids.
    pub(crate) async fn receive(&self, mut response: Incoming, id: &Id) -> Result<(), Error> {
        let nothing = |why: &str| Error::NoResponse {
            url: self.link.remote.shown(),
            why: why.to_owned(),
        };
        match &*response.media_type() {
            "application/json" => {
                let body = response.body(self.link.remote.limits()).await?;
                if matches!(&body, Body::Held(text) if text.trim_ascii().is_empty()) {
                    return Err(nothing("its body is empty"));
                }
                self.link.hub.deliver_body(body, Some(id)).await?;
                if self.link.hub.calls.is_pending(id) {
                    return Err(Error::NotMcp {
                        url: self.link.remote.shown(),
                        why: "its response does not have the id of the request".to_owned(),
                    });
                }
            }
            "text/event-stream" => {
                let mut parser = Parser::new(self.link.remote.limits());
                while let Some(event) = self.link.next_event(&mut response, &mut parser).await? {
                    if event.is_message() {
                        self.link.hub.deliver_body(event.data, Some(id)).await?;
                    }
                }
                if self.link.hub.calls.is_pending(id) {
                    return Err(self
                        .link
                        .broken("the stream ended without a response".to_owned()));
                }
            }
            "" if response.unexpected_text().await.trim().is_empty() => {
                return Err(nothing("its body is empty"));
            }
            other => return Err(self.link.wrong_type(other)),
        }
        Ok(())
    }

    /// Sends `server/discover`. A server of the session era may refuse it with a status of success.
    pub(crate) async fn discover(
        &self,
        id: &Id,
        text: &str,
        peek: &Peek<'_>,
    ) -> Result<Outcome, Error> {
        let mut response = self.post(text, peek).await?;
        if !response.status().is_success() {
            let said = response.unexpected_text().await;
            return Ok(refused(response, said));
        }
        let mut captured = self.link.hub.calls.capture(id);
        self.receive(response, id).await?;
        let answer = captured.received().ok_or_else(|| {
            self.link
                .broken("the server did not answer server/discover".to_owned())
        })?;
        drop(captured);
        if Peek::at(&answer).is_some_and(|peek| peek.result.is_some()) {
            self.link.deliver(&answer, Some(id)).await?;
            return Ok(Outcome::Delivered);
        }
        Ok(Outcome::Failed(answer))
    }

    /// Keeps a subscription: when its stream breaks, it is requested again, and the second
    /// acknowledgement is not delivered.
    pub(crate) async fn listen(
        &self,
        id: &Id,
        text: &str,
        peek: &Peek<'_>,
    ) -> Result<Outcome, Error> {
        let mut backoff = Backoff::default();
        let mut acknowledged = false;
        let mut failures = 0;
        loop {
            let opened_at = Instant::now();
            let attempt = self.listen_once(id, text, peek, &mut acknowledged, &mut failures);
            let why = match attempt.await {
                Ok(Outcome::Refused { response, said }) if !acknowledged => {
                    return Ok(Outcome::Refused { response, said });
                }
                Ok(Outcome::Refused { response, said }) => {
                    match self.link.refusal(Some(id), &response, &said).await {
                        Ok(()) => return Ok(Outcome::Delivered),
                        Err(error) => error,
                    }
                }
                Ok(_) if !self.link.hub.calls.is_pending(id) => return Ok(Outcome::Delivered),
                Ok(_) => self.link.broken("the stream ended".to_owned()),
                Err(error) => error,
            };
            let after = match &why {
                Error::Broken { .. } | Error::Unreachable { .. } | Error::TimedOut { .. } => None,
                Error::Status {
                    status,
                    retry_after,
                    ..
                } if StatusCode::from_u16(*status).is_ok_and(is_transient) => *retry_after,
                _ => return Err(why),
            };
            failures += 1;
            if !acknowledged || failures > MOST_RESUMES {
                return Err(why);
            }
            if matches!(why, Error::Broken { .. }) {
                // The stream lasted for as long as the attempt did.
                backoff.succeeded(opened_at);
            }
            let wait = backoff.failed(Instant::now());
            tokio::time::sleep(wait.max(after.unwrap_or_default())).await;
        }
    }

    async fn listen_once(
        &self,
        id: &Id,
        text: &str,
        peek: &Peek<'_>,
        acknowledged: &mut bool,
        failures: &mut usize,
    ) -> Result<Outcome, Error> {
        let mut response = self.post(text, peek).await?;
        if !response.status().is_success() {
            let said = response.unexpected_text().await;
            return Ok(refused(response, said));
        }
        if response.media_type() != "text/event-stream" {
            self.receive(response, id).await?;
            return Ok(Outcome::Delivered);
        }
        let mut parser = Parser::new(self.link.remote.limits());
        while let Some(event) = self.link.next_event(&mut response, &mut parser).await? {
            if !event.is_message() {
                continue;
            }
            *failures = 0;
            let is_acknowledgement = Peek::at(event.data.held())
                .is_some_and(|peek| peek.method == "notifications/subscriptions/acknowledged");
            if is_acknowledgement && std::mem::replace(acknowledged, true) {
                continue;
            }
            self.link.hub.deliver_body(event.data, Some(id)).await?;
        }
        Ok(Outcome::Delivered)
    }

    /// Lists the tools of a server that requires headers which the client has not learned yet. Returns
    /// whether it learned any.
    async fn learn_tools(&self, call: &Peek<'_>) -> Result<bool, Error> {
        let params: Params<'_> = call.params();
        let Some(meta) = params.meta else {
            return Ok(false);
        };
        let id = self.link.our_id("tools");
        let text = message::request(&id, "tools/list", &format!(r#"{{"_meta":{}}}"#, meta.get()));
        let Some(peek) = Peek::at(&text) else {
            return Ok(false);
        };
        let expected = self.link.hub.calls.expect(&id);
        let response = self.post(&text, &peek).await?;
        if response.status().is_success() {
            self.receive(response, &id).await?;
        }
        let Some(answer) = expected.received() else {
            return Ok(false);
        };
        let result = Peek::at(&answer).and_then(|peek| peek.result);
        if let Some(result) = result {
            // Only the annotations matter here, not the filtered list.
            let _ = self.link.tools.visible(result, true);
        }
        Ok(result.is_some())
    }
}

/// The code of a JSON-RPC error.
pub(crate) fn error_code(text: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Code {
        code: i64,
    }
    let peek = Peek::at(text).filter(|peek| matches!(peek.kind, Kind::Response(_)))?;
    let code: Code = serde_json::from_str(peek.error?).ok()?;
    Some(code.code)
}
