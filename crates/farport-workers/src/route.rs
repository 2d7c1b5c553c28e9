//! Chooses where a request is served.

use farport_core::{
    Message, Method, SessionId,
    envelope::{self, Body},
    standard_headers,
};
use http::HeaderMap;

/// Where a request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// In the Worker itself, which has no state.
    Worker,
    /// In the object of an open session.
    Session(SessionId),
    /// In the object of the session that this request opens.
    NewSession,
    /// In the object of the OAuth store.
    Store,
    /// The body decides: see [`opens`].
    ByBody,
}

/// The paths that use the OAuth store.
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

/// Returns where a request is served, from its head.
pub fn target(
    method: &http::Method,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Target {
    match (method, farport_http::endpoint(path)) {
        (&http::Method::OPTIONS, "/mcp" | "/sse" | "/sse/message") | (_, "/health") => {
            Target::Worker
        }
        (&http::Method::GET, "/sse") => Target::NewSession,
        (&http::Method::POST, "/sse/message") => {
            // The same parameter that the service reads the session id from.
            let pairs = query.unwrap_or_default().split('&');
            let named = pairs
                .filter_map(|pair| pair.strip_prefix("sessionId="))
                .next();
            named
                .and_then(SessionId::parse)
                .map_or(Target::Worker, Target::Session)
        }
        (_, "/mcp") => {
            let mut named = headers.get_all(&standard_headers::SESSION_ID).iter();
            match (named.next(), named.next()) {
                (Some(name), None) => {
                    let name = name.to_str().ok();
                    // The Worker refuses an invalid id like an unknown one.
                    name.and_then(SessionId::parse)
                        .map_or(Target::Worker, Target::Session)
                }
                (Some(_), Some(_)) => Target::Worker,
                (None, _) if method == http::Method::POST => Target::ByBody,
                (None, _) => Target::Worker,
            }
        }
        _ if STORE.contains(&path) => Target::Store,
        // The Worker answers these without state, most of them with 404.
        _ => Target::Worker,
    }
}

/// Whether the body of a POST to `/mcp` without a session opens one.
pub fn opens(body: &[u8]) -> bool {
    // Most bodies are parsed only once. A method name may contain escapes.
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
    fn only_the_object_of_a_session_serves_it() {
        let id = SessionId::parse(ID).unwrap();
        let query = format!("sessionId={ID}");
        for (method, path, query, session, expect) in [
            ("POST", "/mcp", None, Some(ID), Target::Session(id)),
            ("GET", "/mcp", None, Some(ID), Target::Session(id)),
            ("DELETE", "/mcp", None, Some(ID), Target::Session(id)),
            ("POST", "/mcp", None, None, Target::ByBody),
            ("POST", "/mcp", None, Some("nonsense"), Target::Worker),
            (
                "POST",
                "/mcp",
                None,
                Some("000102030405060708090A0B0C0D0E0F"),
                Target::Worker,
            ),
            ("GET", "/mcp", None, None, Target::Worker),
            ("OPTIONS", "/mcp", None, Some(ID), Target::Worker),
            ("GET", "/sse", None, None, Target::NewSession),
            ("POST", "/sse", None, None, Target::Worker),
            (
                "POST",
                "/sse/message",
                Some(&query[..]),
                None,
                Target::Session(id),
            ),
            (
                "POST",
                "/sse/message",
                Some("sessionId=1"),
                None,
                Target::Worker,
            ),
            ("POST", "/sse/message", None, None, Target::Worker),
            ("GET", "/health", None, None, Target::Worker),
            ("GET", "/authorize", None, None, Target::Store),
            ("POST", "/token", None, Some(ID), Target::Store),
            (
                "GET",
                "/.well-known/oauth-protected-resource/mcp",
                None,
                None,
                Target::Worker,
            ),
            ("GET", "/mcp/", None, Some(ID), Target::Session(id)),
            ("POST", "/mcp/", None, None, Target::ByBody),
            ("GET", "/sse/", None, None, Target::NewSession),
            (
                "POST",
                "/sse/message/",
                Some(&query[..]),
                None,
                Target::Session(id),
            ),
            ("GET", "/", None, None, Target::Worker),
            ("GET", "/favicon.ico", None, None, Target::Worker),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(session) = session {
                headers.insert(
                    &standard_headers::SESSION_ID,
                    HeaderValue::from_static(session),
                );
            }
            let method = method.parse().unwrap();
            let found = target(&method, path, query, &headers);
            assert_eq!(found, expect, "{method} {path} {query:?} {session:?}");
        }
    }

    #[test]
    fn initialize_opens_a_session_in_any_spelling() {
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
            // A batch cannot open a session. The Worker refuses it.
            (&batch, false),
            ("initialize", false),
            ("", false),
        ] {
            assert_eq!(opens(body.as_bytes()), expect, "{body}");
        }
    }
}
