//! Requests and responses, between JavaScript's and ours.

use bytes::Bytes;
use farport_core::SessionId;
use farport_http::{Body, McpService};
use futures_util::TryStreamExt;
use http::{HeaderMap, HeaderValue, header};
use http_body::Body as _;
use http_body_util::{BodyExt, BodyStream, Full};
use js_sys::Uint8Array;
use url::Url;
use web_sys::{RequestInit, RequestRedirect};
use worker::{Headers, Request, Response, ResponseBuilder};

/// Says which session an object is, and whether it may open it. From a Worker to its objects alone:
/// what a client sends under these names is dropped.
pub(crate) const SESSION: &str = "farport-object-session";
pub(crate) const OPENS: &str = "farport-object-opens";
/// Marks what a [`farport_oauth::Operation`] is in.
pub(crate) const OPERATION: &str = "farport-object-operation";

/// A request whose head has been read.
pub(crate) struct Incoming {
    pub(crate) request: Request,
    pub(crate) url: Url,
    pub(crate) method: http::Method,
    pub(crate) headers: HeaderMap,
}

impl Incoming {
    pub(crate) fn read(request: Request) -> worker::Result<Self> {
        let url = request.url()?;
        let method = request.inner().method();
        let method = method.parse().map_err(|_| format!("no method: {method}"))?;
        let mut headers = HeaderMap::from(request.headers());
        if !headers.contains_key(header::HOST)
            && let Ok(host) = HeaderValue::from_str(authority(&url))
        {
            headers.insert(header::HOST, host);
        }
        Ok(Self {
            request,
            url,
            method,
            headers,
        })
    }

    /// The body, unless it is longer than `most`; then so much of it that one can tell.
    pub(crate) async fn body(&mut self, most: usize) -> worker::Result<Bytes> {
        let length = self.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if self.request.inner().body().is_none() {
            return Ok(Bytes::new());
        }
        if length.is_some_and(|length| length <= most) {
            return Ok(self.request.bytes().await?.into());
        }
        let mut stream = self.request.stream()?;
        let mut body = Vec::new();
        while let Some(chunk) = stream.try_next().await? {
            body.extend_from_slice(&chunk);
            if body.len() > most {
                break;
            }
        }
        Ok(body.into())
    }

    /// The same request, for an object, with what it is told besides. `body` is what was read of its
    /// body, if it was.
    pub(crate) fn forwarded(
        &self,
        body: Option<&Bytes>,
        told: &[(&str, &str)],
    ) -> worker::Result<Request> {
        let original = self.request.inner();
        let init = RequestInit::new();
        // What an object answers with is the answer.
        init.set_redirect(RequestRedirect::Manual);
        let request = match body {
            None => web_sys::Request::new_with_request_and_init(original, &init)?,
            Some(body) => {
                init.set_method(self.method.as_str());
                init.set_headers(original.headers().as_ref());
                if !body.is_empty() {
                    init.set_body(&Uint8Array::from(&body[..]));
                }
                web_sys::Request::new_with_str_and_init(self.url.as_str(), &init)?
            }
        };
        let headers = request.headers();
        for name in [SESSION, OPENS, OPERATION] {
            headers.delete(name)?;
        }
        for (name, value) in told {
            headers.set(name, value)?;
        }
        Ok(request.into())
    }

    /// Has `service` answer. `session` is the one that the request may open.
    pub(crate) async fn answered_by(
        mut self,
        service: &McpService,
        body: Option<Bytes>,
        most: usize,
        session: Option<SessionId>,
    ) -> worker::Result<Response> {
        let body = match body {
            Some(body) => body,
            None => self.body(most).await?,
        };
        for name in [SESSION, OPENS, OPERATION] {
            self.headers.remove(name);
        }
        let address = self.headers.get("cf-connecting-ip");
        let address = address.and_then(|address| address.to_str().ok()?.parse().ok());
        let target = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = self.method;
        *request.uri_mut() = target.parse().map_err(|_| "no path that can be read")?;
        *request.headers_mut() = self.headers;
        if let Some(session) = session {
            request.extensions_mut().insert(session);
        }
        respond(service.handle_from(request, address).await).await
    }
}

/// The name, and the port where it stands, of a URL.
fn authority(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}

/// A response as JavaScript has it.
async fn respond(response: http::Response<Body>) -> worker::Result<Response> {
    let (parts, body) = response.into_parts();
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
    }
    let builder = ResponseBuilder::new()
        .with_status(parts.status.as_u16())
        .with_headers(headers);
    if body.is_end_stream() {
        return Ok(builder.empty());
    }
    // What is whole already needs no stream.
    if body.size_hint().exact().is_some() {
        let Ok(whole) = body.collect().await;
        return Ok(builder.fixed(whole.to_bytes().into()));
    }
    let chunks = BodyStream::new(body)
        .map_ok(|frame| Vec::from(frame.into_data().unwrap_or_default()))
        .map_err(|never| -> worker::Error { match never {} });
    builder.from_stream(chunks)
}
