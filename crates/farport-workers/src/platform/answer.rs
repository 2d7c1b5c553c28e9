//! Converts requests and responses between JavaScript and Rust.

use std::net::IpAddr;

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

/// Headers from a Worker to its objects: the session of an object, and whether the request may open it.
/// The Worker removes them from clients' requests.
pub(crate) const SESSION: &str = "farport-object-session";
pub(crate) const OPENS: &str = "farport-object-opens";
/// The header of a request that carries a [`farport_oauth::Operation`].
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
        let method = method
            .parse()
            .map_err(|_| format!("invalid method: {method}"))?;
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

    /// Reads the body. It stops after more than `most` bytes.
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

    /// Returns the same request for an object, with more headers. `body` is the body, if it has been
    /// read.
    pub(crate) fn forwarded(
        &self,
        body: Option<&Bytes>,
        more: &[(&str, &str)],
    ) -> worker::Result<Request> {
        let original = self.request.inner();
        let init = RequestInit::new();
        // A redirect from an object is a response for the client.
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
        for (name, value) in more {
            headers.set(name, value)?;
        }
        Ok(request.into())
    }

    /// Returns the client's address, which the platform reports.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let address = self.headers.get("cf-connecting-ip")?;
        address.to_str().ok()?.parse().ok()
    }

    /// Handles the request with `service`. `session` is the session that it may open.
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
        let address = self.address();
        let target = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = self.method;
        *request.uri_mut() = target.parse().map_err(|_| "invalid path")?;
        *request.headers_mut() = self.headers;
        if let Some(session) = session {
            request.extensions_mut().insert(session);
        }
        respond(service.handle_from(request, address).await).await
    }
}

/// Returns the host of a URL, with the port if the URL has one.
fn authority(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}

/// Converts a response for JavaScript.
pub(crate) async fn respond(response: http::Response<Body>) -> worker::Result<Response> {
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
    // A complete body needs no stream.
    if body.size_hint().exact().is_some() {
        let Ok(whole) = body.collect().await;
        return Ok(builder.fixed(whole.to_bytes().into()));
    }
    let chunks = BodyStream::new(body)
        .map_ok(|frame| Vec::from(frame.into_data().unwrap_or_default()))
        .map_err(|never| -> worker::Error { match never {} });
    builder.from_stream(chunks)
}
