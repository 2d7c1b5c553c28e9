//! HTML pages, with the headers that all of them have.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

use crate::Body;

/// An HTML page and the headers that differ between pages.
///
/// A page has no scripts, loads only its own style sheet and images, and cannot be framed.
pub(crate) struct Page<'a> {
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    /// The path of the style sheet.
    pub(crate) style: &'a str,
    /// The value of `Content-Security-Policy`.
    pub(crate) policy: &'static str,
    /// The value of `Cache-Control`.
    pub(crate) cache: &'static str,
    /// The value of `Referrer-Policy`.
    pub(crate) referrer: &'static str,
}

impl Page<'_> {
    /// Returns the page with this content.
    pub(crate) fn response(&self, content: &Markup) -> Response<Body> {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    title { (self.title) }
                    link rel="stylesheet" href=(self.style);
                }
                body { main { (content) } }
            }
        };
        let mut response = Response::new(Body::full(Bytes::from(markup.into_string())));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, self.policy),
            (header::CACHE_CONTROL, self.cache),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, self.referrer),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
