//! The newest revision (2026-07-28): each request by itself, with headers that repeat parts of it.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;
use crate::backoff::Backoff;
use crate::bridge::Bridge;
use crate::http::Incoming;
use crate::message::{self, Id, Kind, Peek, read_or_default};
use crate::session::PROTOCOL_VERSION;
use crate::sse::Parser;
use crate::tools::header_value;

/// The member of `_meta` that makes a request one of this era.
pub(crate) const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
/// The revision that is spoken to servers of this era on behalf of older clients.
pub(crate) const REVISION: &str = "2026-07-28";

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// JSON-RPC error: header and body differ, or a header is missing.
const HEADER_MISMATCH: i64 = -32020;
/// How often a subscription that broke is asked for again without anything coming.
const MOST_RESUMES: usize = 8;

#[derive(Deserialize, Default)]
struct Params<'a> {
    #[serde(borrow, rename = "_meta", default)]
    meta: Option<&'a RawValue>,
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
}

/// The revision that a request says it is of; `None` for one of the session era.
pub(crate) fn version<'a>(peek: &Peek<'a>) -> Option<Cow<'a, str>> {
    let params: Params<'a> = peek.params();
    let meta: Meta<'a> = read_or_default(params.meta);
    meta.version
}

/// What a request is about: a tool's or prompt's name, a resource's address, a task's id.
pub(crate) fn subject(peek: &Peek<'_>) -> Option<String> {
    let params: Params<'_> = peek.params();
    let raw = match &*peek.method {
        "tools/call" | "prompts/get" => params.name,
        "resources/read" | "resources/directory/read" => params.uri,
        "tasks/get" | "tasks/update" | "tasks/cancel" => params.task,
        _ => None,
    };
    serde_json::from_str(raw?.get()).ok()
}

impl Bridge {
    /// Takes a request of a client of this era to the server.
    pub(crate) async fn modern_request(
        self: &Arc<Self>,
        id: &Id,
        text: &str,
        peek: &Peek<'_>,
    ) -> Result<(), Error> {
        if self.down.is_active() {
            return self.down_request(id, peek).await;
        }
        if peek.method == "subscriptions/listen" {
            return self.modern_listen(id, text, peek).await;
        }
        let mut response = self.modern_post(text, peek).await?;
        if response.status().is_success() {
            if peek.method == "server/discover" {
                return self.modern_discover(response, id, peek).await;
            }
            return self.modern_receive(response, id).await;
        }
        let said = response.unexpected_text().await;
        if peek.method == "tools/call"
            && error_code(&said) == Some(HEADER_MISMATCH)
            && self.learn_tools(peek).await?
        {
            let mut response = self.modern_post(text, peek).await?;
            if response.status().is_success() {
                return self.modern_receive(response, id).await;
            }
            let said = response.unexpected_text().await;
            return self.refusal(Some(id), &response, &said).await;
        }
        if self.goes_down(response.status(), &said) && self.open_downwards(peek).await? {
            return self.down_request(id, peek).await;
        }
        self.refusal(Some(id), &response, &said).await
    }

    /// Posts a request of this era, with its headers.
    pub(crate) async fn modern_post(&self, text: &str, peek: &Peek<'_>) -> Result<Incoming, Error> {
        let mut headers = HeaderMap::new();
        if let Some(version) = version(peek) {
            headers.insert(PROTOCOL_VERSION, header_value(&version));
        }
        headers.insert(METHOD, header_value(&peek.method));
        if let Some(subject) = subject(peek) {
            headers.insert(NAME, header_value(&subject));
            if peek.method == "tools/call" {
                let params: Params<'_> = peek.params();
                self.tools.mirror(&subject, params.arguments, &mut headers);
            }
        }
        self.post(headers, text).await
    }

    /// Reads the answer to a request of this era. A stream that breaks is not resumed: there is
    /// nothing to resume it by.
    pub(crate) async fn modern_receive(
        self: &Arc<Self>,
        mut response: Incoming,
        id: &Id,
    ) -> Result<(), Error> {
        match &*response.media_type() {
            "application/json" => {
                let body = response.body(self.remote.limits()).await?;
                self.deliver_body(body, Some(id)).await?;
            }
            "text/event-stream" => {
                let mut parser = Parser::new(self.remote.limits());
                while let Some(event) = self.next_event(&mut response, &mut parser).await? {
                    if event.is_message() {
                        self.deliver_body(event.data, Some(id)).await?;
                    }
                }
            }
            other => return Err(self.wrong_type(other)),
        }
        if self.is_pending(id) {
            return Err(self.broken("it ended".to_owned()));
        }
        Ok(())
    }

    /// Reads the answer to `server/discover`: a server of the session era may say that it does not
    /// know it with a status of success.
    async fn modern_discover(
        self: &Arc<Self>,
        response: Incoming,
        id: &Id,
        peek: &Peek<'_>,
    ) -> Result<(), Error> {
        let answer = self.expect(id);
        let held = self.hold(id);
        let received = self.modern_receive(response, id).await;
        self.no_longer_expect(id);
        self.release(id, held);
        received?;
        let answer = answer
            .await
            .map_err(|_| self.broken("it ended".to_owned()))?;
        if Peek::at(&answer).is_some_and(|peek| peek.result.is_some()) {
            self.down.is_not_needed();
        } else if self.goes_down(StatusCode::NOT_FOUND, &answer)
            && self.open_downwards(peek).await?
        {
            return self.down_request(id, peek).await;
        }
        self.deliver(&answer, Some(id)).await
    }

    /// Keeps a subscription: when its stream breaks, it is asked for again, and the second
    /// acknowledgement is not passed on.
    async fn modern_listen(
        self: &Arc<Self>,
        id: &Id,
        text: &str,
        peek: &Peek<'_>,
    ) -> Result<(), Error> {
        let mut backoff = Backoff::default();
        let mut acknowledged = false;
        let mut failures = 0;
        loop {
            let attempt = self.listen_once(id, text, peek, &mut acknowledged, &mut failures);
            let why = match attempt.await {
                Ok(()) if !self.is_pending(id) => return Ok(()),
                Ok(()) => self.broken("it ended".to_owned()),
                Err(error) => error,
            };
            let passing = matches!(
                why,
                Error::Broken { .. } | Error::Unreachable { .. } | Error::TimedOut { .. }
            );
            failures += 1;
            if !acknowledged || !passing || failures > MOST_RESUMES {
                return Err(why);
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    async fn listen_once(
        self: &Arc<Self>,
        id: &Id,
        text: &str,
        peek: &Peek<'_>,
        acknowledged: &mut bool,
        failures: &mut usize,
    ) -> Result<(), Error> {
        let mut response = self.modern_post(text, peek).await?;
        if !response.status().is_success() {
            let said = response.unexpected_text().await;
            if !*acknowledged
                && self.goes_down(response.status(), &said)
                && self.open_downwards(peek).await?
            {
                return self.down_request(id, peek).await;
            }
            return self.refusal(Some(id), &response, &said).await;
        }
        if response.media_type() != "text/event-stream" {
            return self.modern_receive(response, id).await;
        }
        let mut parser = Parser::new(self.remote.limits());
        while let Some(event) = self.next_event(&mut response, &mut parser).await? {
            if !event.is_message() {
                continue;
            }
            *failures = 0;
            let is_acknowledgement = Peek::at(event.data.held())
                .is_some_and(|peek| peek.method == "notifications/subscriptions/acknowledged");
            if is_acknowledgement && std::mem::replace(acknowledged, true) {
                continue;
            }
            self.deliver_body(event.data, Some(id)).await?;
        }
        Ok(())
    }

    /// Looks up the tools of a server that wants headers nobody has told the client of. Whether any
    /// were learned.
    async fn learn_tools(self: &Arc<Self>, call: &Peek<'_>) -> Result<bool, Error> {
        let params: Params<'_> = call.params();
        let Some(meta) = params.meta else {
            return Ok(false);
        };
        let id = self.our_id("tools");
        let text = message::request(&id, "tools/list", &format!(r#"{{"_meta":{}}}"#, meta.get()));
        let Some(peek) = Peek::at(&text) else {
            return Ok(false);
        };
        let answer = self.expect(&id);
        let asked = async {
            let response = self.modern_post(&text, &peek).await?;
            if response.status().is_success() {
                self.modern_receive(response, &id).await?;
            }
            Ok::<_, Error>(())
        };
        let asked = asked.await;
        self.no_longer_expect(&id);
        asked?;
        let Ok(answer) = answer.await else {
            return Ok(false);
        };
        let result = Peek::at(&answer).and_then(|peek| peek.result);
        if let Some(result) = result {
            // What it leaves out does not matter here.
            let _ = self.tools.visible(result.get(), true);
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
    let code: Code = serde_json::from_str(peek.error?.get()).ok()?;
    Some(code.code)
}
