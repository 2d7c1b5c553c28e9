//! Resources and sites (RFC 8707, RFC 9728).

use std::sync::Arc;

use url::Url;

/// One address under which the server is known: as an issuer, and with its protected resources.
///
/// A server on a developer's machine has several, `localhost` and the loopback addresses; any
/// other has the one that its settings name.
#[derive(Clone, Debug)]
pub struct Site {
    issuer: Arc<str>,
    resources: Vec<Arc<str>>,
    paths: Vec<Arc<str>>,
}

/// An address that cannot be a site's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is an https URL, or an http one at a loopback address, without path and query")]
pub struct NotASite;

impl Site {
    /// The site at `base`, an origin, with a protected resource at each of `paths`.
    ///
    /// # Errors
    /// When `base` is anything else than `https://host`, or `http://` and a loopback address.
    pub fn new<'a>(base: &str, paths: impl IntoIterator<Item = &'a str>) -> Result<Self, NotASite> {
        let url = Url::parse(base).map_err(|_| NotASite)?;
        let issuer = url.origin().ascii_serialization();
        let plain = base == issuer || base.strip_suffix('/') == Some(&issuer);
        let secure = match url.scheme() {
            "https" => true,
            "http" => crate::redirect::is_loopback(&issuer),
            _ => false,
        };
        if !plain || !secure {
            return Err(NotASite);
        }
        let paths: Vec<Arc<str>> = paths.into_iter().map(Arc::from).collect();
        let resources = paths.iter().map(|path| format!("{issuer}{path}").into());
        Ok(Self {
            resources: resources.collect(),
            issuer: issuer.into(),
            paths,
        })
    }

    /// The issuer: scheme, host and port, without a slash at the end.
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// Whether it is reached through TLS.
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

    /// The resource that a `resource` parameter names. Without one, it is all of them: clients of
    /// revisions before 2025-06-18 do not send it.
    pub(crate) fn requested(&self, parameter: Option<&str>) -> Option<Arc<str>> {
        let Some(asked) = parameter else {
            return Some(self.issuer.clone());
        };
        let url = Url::parse(asked).ok()?;
        let named = !url.username().is_empty() || url.password().is_some();
        if named || url.fragment().is_some() || asked.contains(char::is_whitespace) {
            return None;
        }
        let canonical = url.as_str();
        if canonical.strip_suffix('/') == Some(&self.issuer) {
            return Some(self.issuer.clone());
        }
        self.resources
            .iter()
            .find(|resource| ***resource == *canonical)
            .cloned()
    }

    /// Whether `resource` is one of this site's, or all of it.
    pub(crate) fn holds(&self, resource: &str) -> bool {
        *resource == *self.issuer || self.resources.iter().any(|known| **known == *resource)
    }

    /// Whether a token for `audience` is good at `resource`: it was asked for there, or for the
    /// whole of the site.
    pub(crate) fn admits(&self, audience: &str, resource: &str) -> bool {
        self.holds(resource) && (audience == resource || audience == &*self.issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_an_origin_that_can_be_trusted_with_tokens() {
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
            ("https://mcp.example.com/path", None),
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
    fn a_resource_is_one_of_the_sites_or_all_of_it() {
        let site = Site::new("https://mcp.example.com", ["/mcp", "/sse"]).expect("a site");
        for (asked, expect) in [
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
            (Some("https://mcp.example.com/mcp/"), None),
            (Some("https://mcp.example.com/MCP"), None),
            (Some("https://mcp.example.com/other"), None),
            (Some("https://mcp.example.com//mcp"), None),
            (Some("https://mcp.example.com/mcp?x=1"), None),
            (Some("https://mcp.example.com/mcp#x"), None),
            (Some("https://user@mcp.example.com/mcp"), None),
            (Some("https://evil.example/mcp"), None),
            (Some("/mcp"), None),
        ] {
            let resource = site.requested(asked);
            assert_eq!(resource.as_deref(), expect, "{asked:?}");
        }
    }

    #[test]
    fn a_token_is_good_at_its_resource_only() {
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
