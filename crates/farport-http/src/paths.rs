//! The paths of the MCP endpoints.

/// Streamable HTTP.
pub(crate) const MCP: &str = "/mcp";
/// The stream of HTTP+SSE.
pub(crate) const SSE: &str = "/sse";
/// The endpoint for POST requests of HTTP+SSE clients.
pub(crate) const SSE_MESSAGE: &str = "/sse/message";
/// The health check.
pub(crate) const HEALTH: &str = "/health";
/// The page about the server.
pub(crate) const HOME: &str = "/";
/// The page's style sheet.
pub(crate) const STYLE: &str = "/style.css";

/// The prefixes of the paths of metadata documents.
pub(crate) const WELL_KNOWN: [&str; 2] = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-authorization-server",
];

/// Returns the endpoint of a request's path. Ignores one trailing slash of MCP paths, because users and
/// clients add or remove it. Returns any other path unchanged.
///
/// ```
/// assert_eq!(farport_http::endpoint("/mcp/"), "/mcp");
/// assert_eq!(farport_http::endpoint("/other/"), "/other/");
/// ```
pub fn endpoint(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some(shorter @ (MCP | SSE | SSE_MESSAGE | HEALTH)) => shorter,
        _ => path,
    }
}

/// The other paths of the server, and prefixes of its paths.
const OTHERS: [&str; 9] = [
    STYLE,
    "/authorize/style.css",
    "/authorize/sign-in",
    "/authorize/decide",
    "/authorize/logo",
    "/callback",
    "/token",
    "/register",
    "/revoke",
];

/// Returns the path of a public URL: empty, or with a slash at the start and none at the end.
pub fn prefix(public_url: &str) -> &str {
    let rest = public_url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').and_then(|slash| rest.get(slash..));
    path.unwrap_or_default().trim_end_matches('/')
}

/// Returns the rest of `path` below `prefix`, with a slash at the start, or `None` if `path` is not below
/// it.
///
/// A proxy in front of the server may strip the path of the public URL, or keep it. The server accepts
/// both.
pub fn below<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    if prefix.is_empty() {
        return None;
    }
    match path.strip_prefix(prefix)? {
        "" => Some(HOME),
        rest => rest.starts_with('/').then_some(rest),
    }
}

/// Reports whether a path of the server starts with `prefix`. A public URL cannot have such a path, because
/// a request would mean different things behind a proxy that strips it and one that keeps it.
pub fn collides(prefix: &str) -> bool {
    let own = [MCP, SSE_MESSAGE, HEALTH, "/introspect"];
    let own = own.iter().chain(&OTHERS).chain(&WELL_KNOWN);
    let mut own = own.filter(|path| !prefix.is_empty() && path.starts_with(prefix));
    own.any(|path| path.len() == prefix.len() || below(prefix, path).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_removed_as_whole_segments() {
        for (path, expect) in [
            ("/tools/mcp", Some("/mcp")),
            ("/tools/", Some("/")),
            ("/tools", Some("/")),
            ("/toolsmcp", None),
            ("/mcp", None),
            ("/a/tools/mcp", None),
            ("/tools//mcp", Some("//mcp")),
        ] {
            assert_eq!(below("/tools", path), expect, "{path}");
            assert_eq!(below("", path), None, "{path}");
        }
    }

    #[test]
    fn a_public_url_has_the_path_after_its_host() {
        for (url, expect) in [
            ("https://example.com", ""),
            ("https://example.com/", ""),
            ("https://example.com:8443/a/tools/", "/a/tools"),
            ("https://example.com/tools", "/tools"),
            ("example.com/tools", ""),
        ] {
            assert_eq!(prefix(url), expect, "{url}");
        }
    }

    #[test]
    fn a_prefix_must_not_begin_a_path_of_the_server() {
        for (prefix, expect) in [
            ("", false),
            ("/tools", false),
            ("/mcp/github", false),
            ("/mc", false),
            ("/mcp", true),
            ("/sse", true),
            ("/sse/message", true),
            ("/authorize", true),
            ("/token", true),
            ("/tokens", false),
            ("/.well-known", true),
            ("/introspect", true),
        ] {
            assert_eq!(collides(prefix), expect, "{prefix}");
        }
    }
}
