//! The files that the pages load.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::{Body, respond, theme::Theme};

/// Returns the style sheet.
pub(crate) fn style_sheet(theme: &Theme) -> Response<Body> {
    let css = HeaderValue::from_static("text/css; charset=utf-8");
    asset(css, Bytes::from(theme.style_sheet()))
}

/// Returns a file that caches may store for five minutes.
pub(crate) fn asset(media_type: HeaderValue, bytes: Bytes) -> Response<Body> {
    let mut response = respond::empty(StatusCode::OK);
    *response.body_mut() = Body::full(bytes);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type);
    let five_minutes = HeaderValue::from_static("public, max-age=300");
    headers.insert(header::CACHE_CONTROL, five_minutes);
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
