//! The Content-Security-Policy of a view, from the domains that its server declares.

use serde::{Deserialize, Serialize};

/// The most domains of one kind.
const MOST_DOMAINS: usize = 64;
/// The longest domain, in bytes.
const LONGEST_DOMAIN: usize = 256;
/// The longest part of a domain that the page shows of what was refused, in characters.
const LONGEST_REFUSED: usize = 80;

/// `_meta.ui.csp` of the resource. Absent members grant nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Declared {
    connect_domains: Vec<String>,
    resource_domains: Vec<String>,
    frame_domains: Vec<String>,
    base_uri_domains: Vec<String>,
}

/// The policy of a view.
pub(super) struct Policy {
    /// The value of `Content-Security-Policy`.
    pub(super) header: String,
    /// The value of `Connection-Allowlist`, which also governs what that policy does not: preconnects
    /// and WebRTC. Browsers without it ignore it.
    pub(super) allowlist: String,
    /// The domains that the policy grants.
    pub(super) granted: Declared,
    /// The declared domains that it does not grant.
    pub(super) refused: Vec<String>,
}

/// Builds the policy. It is never wider than declared, and grants no access to the ports `own`.
pub(super) fn build(declared: &Declared, own: &[u16], pages: &str, port: u16) -> Policy {
    let mut refused = Vec::new();
    let mut pick = |domains: &[String], schemes: &[&str]| -> Vec<String> {
        let mut granted = Vec::new();
        for (at, domain) in domains.iter().enumerate() {
            if at < MOST_DOMAINS && is_source(domain, schemes, own) {
                granted.push(domain.clone());
            } else if refused.len() < MOST_DOMAINS {
                refused.push(domain.chars().take(LONGEST_REFUSED).collect());
            }
        }
        granted
    };
    let web = ["https", "http"];
    let granted = Declared {
        connect_domains: pick(&declared.connect_domains, &["https", "http", "wss", "ws"]),
        resource_domains: pick(&declared.resource_domains, &web),
        frame_domains: pick(&declared.frame_domains, &web),
        base_uri_domains: pick(&declared.base_uri_domains, &web),
    };
    let list = |fixed: &str, domains: &[String]| match (fixed, domains) {
        ("", []) => "'none'".to_owned(),
        ("", domains) => domains.join(" "),
        (fixed, []) => fixed.to_owned(),
        (fixed, domains) => format!("{fixed} {}", domains.join(" ")),
    };
    let resources = &granted.resource_domains;
    let header = format!(
        "default-src 'none'; script-src {}; style-src {}; img-src {}; font-src {}; media-src {}; \
         connect-src {}; frame-src {}; base-uri {}; object-src 'none'; form-action 'none'; \
         frame-ancestors {pages} http://localhost:{port} http://127.0.0.1:{port}; \
         sandbox allow-scripts allow-forms",
        list("'unsafe-inline'", resources),
        list("'unsafe-inline'", resources),
        list("data:", resources),
        list("data:", resources),
        list("data:", resources),
        list("", &granted.connect_domains),
        list("", &granted.frame_domains),
        list("", &granted.base_uri_domains),
    );
    let Declared {
        connect_domains,
        resource_domains,
        frame_domains,
        ..
    } = &granted;
    let all = [connect_domains, resource_domains, frame_domains];
    let patterns: Vec<_> = all.into_iter().flatten().map(|one| pattern(one)).collect();
    Policy {
        header,
        allowlist: format!("({})", patterns.join(" ")),
        granted,
        refused,
    }
}

/// A source expression as a quoted URL pattern. A path that ends with a slash includes all below.
fn pattern(source: &str) -> String {
    let web = match source.strip_prefix("ws") {
        Some(rest) => format!("http{rest}"),
        None => source.to_owned(),
    };
    let has_path = web
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('/'));
    let below = if has_path && web.ends_with('/') {
        "*"
    } else {
        ""
    };
    format!("\"{web}{below}\"")
}

/// Whether a text is one source expression (`scheme://host[:port][/path]`) and nothing else. A host
/// may start with `*.`, and is never `*` alone.
fn is_source(text: &str, schemes: &[&str], own: &[u16]) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let bare = host.strip_prefix("*.").unwrap_or(host);
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let in_path = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%".contains(&b);
    let port = match port.map(str::parse::<u16>) {
        Some(Ok(port)) => Some(port),
        Some(Err(_)) => return false,
        None => None,
    };
    let default = match scheme {
        "https" | "wss" => 443,
        _ => 80,
    };
    text.len() <= LONGEST_DOMAIN
        && schemes.contains(&scheme)
        && bare.split('.').all(label)
        && path.bytes().all(in_path)
        && !own.contains(&port.unwrap_or(default))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(domains: &[&str]) -> Policy {
        let declared = Declared {
            connect_domains: domains.iter().map(|&one| one.to_owned()).collect(),
            ..Declared::default()
        };
        build(&declared, &[4711], "http://127.0.0.1:4711", 4712)
    }

    #[test]
    fn without_a_declaration_a_view_reaches_nothing() {
        let policy = build(&Declared::default(), &[4711], "http://127.0.0.1:4711", 4712);
        for part in [
            "default-src 'none';",
            "script-src 'unsafe-inline';",
            "img-src data:;",
            "connect-src 'none';",
            "frame-src 'none';",
            "base-uri 'none';",
            "form-action 'none';",
        ] {
            assert!(policy.header.contains(part), "{part}: {}", policy.header);
        }
        assert!(policy.header.ends_with("sandbox allow-scripts allow-forms"));
        assert_eq!(policy.granted, Declared::default());
        assert_eq!(policy.allowlist, "()");
    }

    #[test]
    fn a_declared_domain_is_granted_for_its_purpose_only() {
        let policy = connect(&["https://api.example.com", "wss://*.example.com:8443/x"]);
        let wanted = "connect-src https://api.example.com wss://*.example.com:8443/x;";
        assert!(policy.header.contains(wanted), "{}", policy.header);
        assert_eq!(policy.header.matches("api.example.com").count(), 1);
        let patterns = r#"("https://api.example.com" "https://*.example.com:8443/x")"#;
        assert_eq!(policy.allowlist, patterns);
        let folder = connect(&["https://a.example/v1/"]);
        assert_eq!(folder.allowlist, r#"("https://a.example/v1/*")"#);
        assert!(policy.refused.is_empty());
    }

    #[test]
    fn a_domain_never_widens_the_policy() {
        for domain in [
            "*",
            "https:",
            "https://*",
            "data:",
            "'self'",
            "'unsafe-eval'",
            "https://a.example; script-src *",
            "https://a.example https://b.example",
            "https://a.example, default-src *",
            "https://a.example\r\nx: y",
            "https://a.*.example",
            "https://a.example:*",
            "https://user@a.example",
            "https://a.example/?q",
            "https://[::1]:4711",
            "https://",
            "//a.example",
            "javascript://a.example",
            "http://127.0.0.1:4711",
            "http://localhost:4711",
            "ws://localhost:4711/api",
        ] {
            let policy = connect(&[domain]);
            assert!(policy.header.contains("connect-src 'none';"), "{domain}");
            assert_eq!(policy.granted, Declared::default(), "{domain}");
            assert_eq!(policy.refused.len(), 1, "{domain}");
        }
    }

    #[test]
    fn the_number_of_domains_is_bounded() {
        let many: Vec<String> = (0..500).map(|n| format!("https://a{n}.example")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let policy = connect(&many);
        assert_eq!(policy.granted.connect_domains.len(), MOST_DOMAINS);
        assert_eq!(policy.refused.len(), MOST_DOMAINS);
    }
}
