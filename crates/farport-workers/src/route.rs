//! Where a request is served.

use farport_core::{
    Message, Method, SessionId,
    envelope::{self, Body},
    standard_headers,
};
use http::HeaderMap;

/// Where a request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the Worker, which keeps nothing.
    Here,
    /// In the object of a session that is open.
    Session(SessionId),
    /// In the object of a session that this request opens.
    NewSession,
    /// In the store.
    Store,
    /// Its body has to be looked at first: [`opens`].
    ByBody,
}

/// What goes through the state of sign-ins.
const STORE: [&str; 8] = [
    "/authorize",
    "/authorize/sign-in",
    "/authorize/decide",
    "/callback",
    "/token",
    "/register",
    "/revoke",
    "/introspect",
];

/// Where a request is served, as far as its head tells.
pub fn place(method: &http::Method, path: &str, query: Option<&str>, headers: &HeaderMap) -> Place {
    match (method, path) {
        (&http::Method::OPTIONS, "/mcp" | "/sse" | "/sse/message") | (_, "/health") => Place::Here,
        (&http::Method::GET, "/sse") => Place::NewSession,
        (&http::Method::POST, "/sse/message") => {
            // What the service takes for the session's name, and nothing else.
            let pairs = query.unwrap_or_default().split('&');
            let named = pairs
                .filter_map(|pair| pair.strip_prefix("sessionId="))
                .next();
            named
                .and_then(SessionId::parse)
                .map_or(Place::Here, Place::Session)
        }
        (_, "/mcp") => {
            let mut named = headers.get_all(&standard_headers::SESSION_ID).iter();
            match (named.next(), named.next()) {
                (Some(name), None) => {
                    let name = name.to_str().ok();
                    // A name that is none is told what an unknown one is told.
                    name.and_then(SessionId::parse)
                        .map_or(Place::Here, Place::Session)
                }
                (Some(_), Some(_)) => Place::Here,
                (None, _) if method == http::Method::POST => Place::ByBody,
                (None, _) => Place::Here,
            }
        }
        _ if STORE.contains(&path) => Place::Store,
        // What can be said without looking anything up: that there is nothing, for most.
        _ => Place::Here,
    }
}

/// Whether a POST to `/mcp` without a session opens one.
pub fn opens(body: &[u8]) -> bool {
    // Most bodies need not be read twice. A name can also be written with escapes.
    let may = |needle: &[u8]| body.windows(needle.len()).any(|window| window == needle);
    if !may(b"initialize") && !may(b"\\u") {
        return false;
    }
    let parsed = envelope::parse(&bytes::Bytes::copy_from_slice(body));
    matches!(
        parsed,
        Ok(Body::Single(Message::Request(request))) if request.method == Method::Initialize
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const ID: &str = "000102030405060708090a0b0c0d0e0f";

    #[test]
    fn a_session_is_served_by_its_object_and_by_nobody_else() {
        let id = SessionId::parse(ID).unwrap();
        let query = format!("sessionId={ID}");
        for (method, path, query, session, expect) in [
            ("POST", "/mcp", None, Some(ID), Place::Session(id)),
            ("GET", "/mcp", None, Some(ID), Place::Session(id)),
            ("DELETE", "/mcp", None, Some(ID), Place::Session(id)),
            ("POST", "/mcp", None, None, Place::ByBody),
            ("POST", "/mcp", None, Some("nonsense"), Place::Here),
            (
                "POST",
                "/mcp",
                None,
                Some("000102030405060708090A0B0C0D0E0F"),
                Place::Here,
            ),
            ("GET", "/mcp", None, None, Place::Here),
            ("OPTIONS", "/mcp", None, Some(ID), Place::Here),
            ("GET", "/sse", None, None, Place::NewSession),
            ("POST", "/sse", None, None, Place::Here),
            (
                "POST",
                "/sse/message",
                Some(&query[..]),
                None,
                Place::Session(id),
            ),
            (
                "POST",
                "/sse/message",
                Some("sessionId=1"),
                None,
                Place::Here,
            ),
            ("POST", "/sse/message", None, None, Place::Here),
            ("GET", "/health", None, None, Place::Here),
            ("GET", "/authorize", None, None, Place::Store),
            ("POST", "/token", None, Some(ID), Place::Store),
            (
                "GET",
                "/.well-known/oauth-protected-resource/mcp",
                None,
                None,
                Place::Here,
            ),
            ("GET", "/mcp/", None, Some(ID), Place::Here),
            ("GET", "/favicon.ico", None, None, Place::Here),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(session) = session {
                headers.insert(
                    &standard_headers::SESSION_ID,
                    HeaderValue::from_static(session),
                );
            }
            let method = method.parse().unwrap();
            let found = place(&method, path, query, &headers);
            assert_eq!(found, expect, "{method} {path} {query:?} {session:?}");
        }
    }

    #[test]
    fn initialize_opens_a_session_however_it_is_written() {
        let request = |method: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{}}}}"#)
        };
        let batch = format!("[{}]", request("initialize"));
        let calls = request("tools/call").replace("{}", r#"{"name":"initialize"}"#);
        for (body, expect) in [
            (&request("initialize")[..], true),
            (&request("init\\u0069alize"), true),
            (&request("tools/list"), false),
            (&calls, false),
            // A batch may not open one, and is told so where it is.
            (&batch, false),
            ("initialize", false),
            ("", false),
        ] {
            assert_eq!(opens(body.as_bytes()), expect, "{body}");
        }
    }
}
