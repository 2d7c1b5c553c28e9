//! Responses.

use bytes::Bytes;
use farport_core::sse;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::{Body, negotiate::Form, sse_body::SseBody};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How many headers a client's request has at most, as a rule.
const USUAL_HEADERS: usize = 12;

/// A JSON body.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(body));
    *response.status_mut() = status;
    // hyper reads the next request's headers into this map: with room for those it need not grow.
    *response.headers_mut() = HeaderMap::with_capacity(USUAL_HEADERS);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// One message: a JSON body, or, for a client that would rather have that, a stream of one event.
pub(crate) fn message(status: StatusCode, form: Form, frame: Bytes) -> Response<Body> {
    if form == Form::Json || status != StatusCode::OK {
        return json(status, frame);
    }
    let mut event = Vec::new();
    sse::message(&mut event, None, &frame);
    as_stream(Body::full(Bytes::from(event)))
}

/// No body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A message was taken and nothing is owed for it. The 2024-11-05 transport says so in words.
pub(crate) fn accepted(text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::full(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// A stream of server-sent events, which nothing on the way may hold back or keep.
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
