//! Builds responses.

use bytes::Bytes;
use farport_core::sse;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::{Body, form::Form, sse_body::SseBody};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The usual maximum number of headers in a client's request.
const USUAL_HEADERS: usize = 12;

/// Returns a response with a JSON body.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    // hyper parses the next request's headers into this map. With enough capacity, it does not grow.
    *response.headers_mut() = HeaderMap::with_capacity(USUAL_HEADERS);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// Returns a response with one message: a JSON body, or a stream with one event.
pub(crate) fn message(status: StatusCode, form: Form, frame: Bytes) -> Response<Body> {
    if form == Form::Json || status != StatusCode::OK {
        return json(status, frame);
    }
    messages(std::slice::from_ref(&frame))
}

/// Returns a stream of complete messages.
pub(crate) fn messages(frames: &[Bytes]) -> Response<Body> {
    let mut events = Vec::new();
    for frame in frames {
        sse::message(&mut events, None, frame);
    }
    as_stream(Body::full(Bytes::from(events)))
}

/// Returns a response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Acknowledges a message with 202. The 2024-11-05 transport also sends a text.
pub(crate) fn accepted(text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::full(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// Returns a stream of server-sent events, which proxies must not buffer or cache.
pub(crate) fn stream(body: SseBody) -> Response<Body> {
    as_stream(Body::stream(body))
}

fn as_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
