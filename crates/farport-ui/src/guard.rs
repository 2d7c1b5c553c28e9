//! The checks before every route: only this start's page reaches the API.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::token::Token;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Nothing from elsewhere loads, no frame may show the page, and no text becomes markup. Frames show
/// the proxy of MCP Apps only.
fn content_security_policy(apps: u16) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; \
         img-src 'self' data: blob:; media-src data: blob:; connect-src 'self'; \
         frame-src http://localhost:{apps}/proxy http://127.0.0.1:{apps}/proxy; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// What the checks compare with.
pub(crate) struct Guard {
    port: u16,
    token: Token,
    policy: HeaderValue,
}

impl Guard {
    /// `apps` is the port of the views of MCP Apps.
    pub(crate) fn new(port: u16, apps: u16, token: Token) -> Self {
        let policy = HeaderValue::try_from(content_security_policy(apps))
            .unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self {
            port,
            token,
            policy,
        }
    }

    /// Checks a request for the API: it needs every proof.
    fn admit_api(&self, method: &Method, headers: &HeaderMap) -> Result<(), StatusCode> {
        let host = self.host(headers)?;
        let origin = one(headers, &header::ORIGIN).ok_or(StatusCode::FORBIDDEN)?;
        let site = one(headers, &FETCH_SITE).ok_or(StatusCode::FORBIDDEN)?;
        if origin.strip_prefix("http://") != Some(host) || site != "same-origin" {
            return Err(StatusCode::FORBIDDEN);
        }
        let token = one(headers, &header::AUTHORIZATION)
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or(StatusCode::UNAUTHORIZED)?;
        if !self.token.matches(token.as_bytes()) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        if method != Method::POST {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        if one(headers, &header::CONTENT_TYPE) != Some("application/json") {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        Ok(())
    }

    /// Checks a request for the static page, which holds no secret. No other site may load it.
    fn admit_page(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let host = self.host(headers)?;
        let foreign_origin = headers.contains_key(header::ORIGIN)
            && one(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"))
                != Some(host);
        let foreign_site = headers.contains_key(&FETCH_SITE)
            && !matches!(one(headers, &FETCH_SITE), Some("none" | "same-origin"));
        if foreign_origin || foreign_site {
            return Err(StatusCode::FORBIDDEN);
        }
        Ok(())
    }

    /// The request's host, which must be a loopback name with this port: a foreign name may have
    /// been pointed to this machine.
    fn host<'a>(&self, headers: &'a HeaderMap) -> Result<&'a str, StatusCode> {
        let host = one(headers, &header::HOST).ok_or(StatusCode::FORBIDDEN)?;
        let (name, port) = host.rsplit_once(':').ok_or(StatusCode::FORBIDDEN)?;
        let loopback = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
        if !loopback || port != self.port.to_string() {
            return Err(StatusCode::FORBIDDEN);
        }
        Ok(host)
    }
}

/// The value of a header that occurs once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Refuses requests that do not come from the page.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let api = request.uri().path().starts_with("/api/");
    let admitted = if api {
        guard.admit_api(request.method(), headers)
    } else {
        guard.admit_page(headers)
    };
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(status) => (status, explain(status)).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, guard.policy.clone());
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn explain(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => {
            "the token is missing or from another start; open the address that `farport inspect` printed"
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "the body must be application/json",
        StatusCode::METHOD_NOT_ALLOWED => "the API takes POST requests only",
        _ => "only the inspector's own page may send this request",
    }
}
