//! Sites and their protected resources (RFC 8707, RFC 9728).

use crate::parse_url;
use std::sync::Arc;

/// One address of the server: its issuer and its protected resources.
///
/// A server on a developer's machine has several sites: `localhost` and the loopback addresses. Any
/// other server has the one in its settings.
#[derive(Clone, Debug)]
pub struct Site {
    issuer: Arc<str>,
    /// The length of the issuer's origin. The rest of the issuer is its path.
    origin: usize,
    resources: Vec<Arc<str>>,
    paths: Vec<Arc<str>>,
}

/// A URL that cannot be the issuer of a site.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an issuer must be an https URL, or an http URL with a loopback address, without a query; its path \
     can have letters, digits, `-`, `.`, `_`, `~` and single slashes"
)]
pub struct InvalidSite;

impl Site {
    /// Creates the site with the issuer `base`, an origin with an optional path, and a protected
    /// resource at each of `paths` below it.
    ///
    /// # Errors
    /// When `base` is neither an https URL nor an http URL with a loopback address, or when it has a
    /// query, a fragment, a user, or a path with other characters than RFC 3986 calls unreserved.
    pub fn new<'a>(
        base: &str,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidSite> {
        let url = parse_url(base).map_err(|_| InvalidSite)?;
        let origin = url.origin().ascii_serialization();
        let issuer = base.strip_suffix('/').unwrap_or(base);
        let plain = issuer.strip_prefix(&origin).is_some_and(is_plain_path);
        let secure = match url.scheme() {
            "https" => true,
            "http" => crate::redirect::is_loopback(&origin),
            _ => false,
        };
        if !plain || !secure {
            return Err(InvalidSite);
        }
        let paths: Vec<Arc<str>> = paths.into_iter().map(Arc::from).collect();
        let resources = paths.iter().map(|path| format!("{issuer}{path}").into());
        Ok(Self {
            resources: resources.collect(),
            issuer: issuer.into(),
            origin: origin.len(),
            paths,
        })
    }

    /// The issuer: scheme, host, port and path without a slash at the end.
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// The host, with its port if the URL names one.
    pub fn host(&self) -> &str {
        let origin = self.issuer.get(..self.origin).unwrap_or_default();
        origin.split_once("://").map_or(origin, |(_, host)| host)
    }

    /// The path of the issuer: empty, or with a slash at the start and none at the end.
    pub fn path(&self) -> &str {
        self.issuer.get(self.origin..).unwrap_or_default()
    }

    /// Whether the site uses https.
    pub fn is_secure(&self) -> bool {
        self.issuer.starts_with("https:")
    }

    /// The protected resources.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<str>> {
        self.resources.iter()
    }

    /// The resource at `path`, if there is one.
    pub fn resource(&self, path: &str) -> Option<&Arc<str>> {
        let mut all = self.paths.iter().zip(&self.resources);
        all.find(|(known, _)| ***known == *path)
            .map(|(_, resource)| resource)
    }

    /// The resource that a `resource` parameter names. Without one it is the whole site, because clients
    /// of MCP revisions before 2025-06-18 do not send it.
    pub(crate) fn requested(&self, parameter: Option<&str>) -> Option<Arc<str>> {
        let Some(parameter) = parameter else {
            return Some(self.issuer.clone());
        };
        let url = parse_url(parameter).ok()?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.fragment().is_some() || parameter.contains(char::is_whitespace) {
            return None;
        }
        let canonical = url.as_str();
        // Users and clients add a slash to the server's URL. It names the same resource.
        let plain = canonical.strip_suffix('/').unwrap_or(canonical);
        if *plain == *self.issuer {
            return Some(self.issuer.clone());
        }
        self.resources
            .iter()
            .find(|resource| ***resource == *plain)
            .cloned()
    }

    /// Whether `resource` is one of this site, or the whole site.
    pub(crate) fn holds(&self, resource: &str) -> bool {
        *resource == *self.issuer || self.resources.iter().any(|known| **known == *resource)
    }

    /// Whether a token with this audience is valid for `resource`: the audience is the resource or the
    /// whole site.
    pub(crate) fn admits(&self, audience: &str, resource: &str) -> bool {
        self.holds(resource) && (audience == resource || audience == &*self.issuer)
    }
}

/// Whether a path has a form that a URL, a cookie's name and a page can repeat unchanged.
fn is_plain_path(path: &str) -> bool {
    let unreserved = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    let plain =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.chars().all(unreserved);
    match path.strip_prefix('/') {
        Some(segments) => segments.split('/').all(plain),
        None => path.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_a_secure_origin_with_a_plain_path() {
        for (base, expect) in [
            ("https://mcp.example.com", Some("https://mcp.example.com")),
            ("https://mcp.example.com/", Some("https://mcp.example.com")),
            (
                "https://mcp.example.com:8443",
                Some("https://mcp.example.com:8443"),
            ),
            ("http://localhost:8787", Some("http://localhost:8787")),
            ("http://127.0.0.1:1", Some("http://127.0.0.1:1")),
            ("http://[::1]:1", Some("http://[::1]:1")),
            ("http://mcp.example.com", None),
            (
                "https://example.com/tools",
                Some("https://example.com/tools"),
            ),
            (
                "https://example.com/a/b-1.2_~/",
                Some("https://example.com/a/b-1.2_~"),
            ),
            ("https://example.com//", None),
            ("https://example.com/a//b", None),
            ("https://example.com/a//", None),
            ("https://example.com/a/../b", None),
            ("https://example.com/a;b", None),
            ("https://example.com/a%20b", None),
            ("https://example.com/ä", None),
            ("https://example.com/a?x", None),
            ("https://example.com/a#x", None),
            ("https://mcp.example.com?x", None),
            ("https://mcp.example.com#x", None),
            ("https://user@mcp.example.com", None),
            ("https://MCP.example.com", None),
            ("ftp://mcp.example.com", None),
            ("mcp.example.com", None),
        ] {
            let site = Site::new(base, ["/mcp"]).ok();
            let issuer = site.as_ref().map(|site| &**site.issuer());
            assert_eq!(issuer, expect, "{base}");
        }
    }

    #[test]
    fn a_resource_parameter_names_a_resource_or_the_whole_site() {
        let site = Site::new("https://mcp.example.com", ["/mcp", "/sse"]).expect("a site");
        for (parameter, expect) in [
            (None, Some("https://mcp.example.com")),
            (
                Some("https://mcp.example.com"),
                Some("https://mcp.example.com"),
            ),
            (
                Some("https://mcp.example.com/"),
                Some("https://mcp.example.com"),
            ),
            (
                Some("https://mcp.example.com/mcp"),
                Some("https://mcp.example.com/mcp"),
            ),
            (
                Some("HTTPS://MCP.example.com:443/mcp"),
                Some("https://mcp.example.com/mcp"),
            ),
            (
                Some("https://mcp.example.com/sse"),
                Some("https://mcp.example.com/sse"),
            ),
            (
                Some("https://mcp.example.com/mcp/"),
                Some("https://mcp.example.com/mcp"),
            ),
            (Some("https://mcp.example.com/mcp//"), None),
            (Some("https://mcp.example.com/MCP"), None),
            (Some("https://mcp.example.com/other"), None),
            (Some("https://mcp.example.com//mcp"), None),
            (Some("https://mcp.example.com/mcp?x=1"), None),
            (Some("https://mcp.example.com/mcp#x"), None),
            (Some("https://user@mcp.example.com/mcp"), None),
            (Some("https://evil.example/mcp"), None),
            (Some("/mcp"), None),
        ] {
            let resource = site.requested(parameter);
            assert_eq!(resource.as_deref(), expect, "{parameter:?}");
        }
    }

    #[test]
    fn a_site_below_a_path_has_its_resources_there() {
        let site = Site::new("https://example.com:8443/a/tools/", ["/mcp"]).expect("a site");
        assert_eq!(site.host(), "example.com:8443");
        assert_eq!(site.path(), "/a/tools");
        let mcp = "https://example.com:8443/a/tools/mcp";
        for (parameter, expect) in [
            (None, Some("https://example.com:8443/a/tools")),
            (
                Some("https://example.com:8443/a/tools/"),
                Some("https://example.com:8443/a/tools"),
            ),
            (Some(mcp), Some(mcp)),
            (Some("https://example.com:8443/a/tools/mcp/"), Some(mcp)),
            (Some("https://example.com:8443/mcp"), None),
            (Some("https://example.com:8443/"), None),
            (Some("https://example.com:8443/a/toolsmcp"), None),
        ] {
            assert_eq!(
                site.requested(parameter).as_deref(),
                expect,
                "{parameter:?}"
            );
        }
        assert!(site.admits("https://example.com:8443/a/tools", mcp));
        assert!(!site.admits("https://example.com:8443", mcp));
        let plain = Site::new("https://example.com/", ["/mcp"]).expect("a site");
        assert_eq!((plain.host(), plain.path()), ("example.com", ""));
    }

    #[test]
    fn a_token_is_valid_only_for_its_resource() {
        let site = Site::new("https://mcp.example.com", ["/mcp", "/sse"]).expect("a site");
        let mcp = "https://mcp.example.com/mcp";
        for (audience, expect) in [
            (mcp, true),
            ("https://mcp.example.com", true),
            ("https://mcp.example.com/sse", false),
            ("https://evil.example/mcp", false),
            ("", false),
        ] {
            assert_eq!(site.admits(audience, mcp), expect, "{audience}");
        }
        let elsewhere = "https://evil.example/mcp";
        assert!(!site.admits(elsewhere, elsewhere));
    }
}
