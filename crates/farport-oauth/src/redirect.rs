//! Redirect URIs: which are accepted, and how they are compared.
//!
//! URIs are compared as text (OAuth 2.1, section 4.1.3). Only the port of a loopback URI may differ,
//! because a native client uses any free port (RFC 8252, section 7.3).

use crate::parse_url;

/// A redirect URI is not accepted. The message follows "the redirect URI ... cannot be used: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// The URI is longer than 2,048 bytes.
    #[error("it is longer than 2048 bytes")]
    TooLong,
    /// The URI is not an absolute URI in printable ASCII.
    #[error("it is not an absolute URI in printable ASCII")]
    NotAbsolute,
    /// The URI has a fragment.
    #[error("it has a fragment")]
    Fragment,
    /// The URI contains a user name.
    #[error("it contains a user name")]
    UserInfo,
    /// Browsers handle the scheme themselves instead of opening a client.
    #[error("its scheme cannot open a client")]
    Scheme,
    /// The URI is http, and its host is not a loopback address.
    #[error("http is only accepted for localhost, 127.0.0.1 and [::1]; use https")]
    Insecure,
    /// The private-use scheme has no dot and is not in the list of accepted ones.
    #[error(
        "its scheme is not known here; use a scheme with a dot, such as com.example.app, or ask \
         the server's operator to add it to redirect_schemes"
    )]
    PrivateUse,
}

/// Which redirect URIs are accepted: https, http at loopback addresses, private-use schemes with a
/// dot (RFC 8252, section 7.1), and the listed ones without.
#[derive(Clone, Debug)]
pub struct RedirectPolicy {
    /// The accepted private-use schemes without a dot, such as `cursor` and `vscode`, in lower case.
    pub private_use_schemes: Vec<String>,
}

/// The schemes of well-known clients.
const KNOWN: [&str; 11] = [
    "claude",
    "cline",
    "cursor",
    "goose",
    "kiro",
    "lmstudio",
    "raycast",
    "vscode",
    "vscode-insiders",
    "windsurf",
    "zed",
];

impl Default for RedirectPolicy {
    fn default() -> Self {
        Self {
            private_use_schemes: KNOWN.map(str::to_owned).into(),
        }
    }
}

const LONGEST: usize = 2048;

/// Schemes that a browser or the system handles itself. Refused even where the settings allow them.
const NEVER: [&str; 28] = [
    "about",
    "android-app",
    "blob",
    "chrome",
    "chrome-extension",
    "content",
    "data",
    "edge",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "livescript",
    "mailto",
    "mhtml",
    "moz-extension",
    "ms-msdt",
    "res",
    "resource",
    "search-ms",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

impl RedirectPolicy {
    /// Checks a redirect URI.
    ///
    /// # Errors
    /// When the URI is not accepted.
    pub fn check(&self, uri: &str) -> Result<(), RedirectError> {
        if uri.len() > LONGEST {
            return Err(RedirectError::TooLong);
        }
        // Browsers replace these characters in different ways.
        let strange = |byte: u8| !byte.is_ascii_graphic() || b"\\\"<>^`{|}".contains(&byte);
        if uri.bytes().any(strange) {
            return Err(RedirectError::NotAbsolute);
        }
        let (scheme, rest) = uri.split_once(':').ok_or(RedirectError::NotAbsolute)?;
        if uri.contains('#') {
            return Err(RedirectError::Fragment);
        }
        let url = parse_url(uri).map_err(|_| RedirectError::NotAbsolute)?;
        if url.scheme() != scheme {
            return Err(RedirectError::NotAbsolute);
        }
        if NEVER.contains(&scheme) {
            return Err(RedirectError::Scheme);
        }
        let authority = rest.strip_prefix("//");
        let authority = authority.map(|rest| rest.split(['/', '?']).next().unwrap_or(rest));
        if authority.is_some_and(|authority| authority.contains('@')) {
            return Err(RedirectError::UserInfo);
        }
        match scheme {
            "https" | "http" => {
                // Parsers change `https:host` and `https:///host` into other URLs.
                if authority.is_none_or(str::is_empty) || url.host_str().is_none_or(str::is_empty) {
                    return Err(RedirectError::NotAbsolute);
                }
                if scheme == "http" && loopback(uri).is_none() {
                    return Err(RedirectError::Insecure);
                }
                Ok(())
            }
            _ if self.private_use_schemes.iter().any(|known| known == scheme) => Ok(()),
            // `client.example:8443/callback` is a host and a port without their scheme.
            _ if is_reverse_domain(scheme) && !begins_with_port(rest) => Ok(()),
            _ => Err(RedirectError::PrivateUse),
        }
    }
}

/// Whether a scheme is a domain name that the client's author controls, in reverse order.
fn is_reverse_domain(scheme: &str) -> bool {
    scheme.contains('.') && scheme.split('.').all(|label| !label.is_empty())
}

fn begins_with_port(rest: &str) -> bool {
    let first = rest.split(['/', '?']).next().unwrap_or(rest);
    !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `presented` matches a registered URI.
pub(crate) fn matches(registered: &str, presented: &str) -> bool {
    if registered == presented {
        return true;
    }
    match (loopback(registered), loopback(presented)) {
        (Some(registered), Some(presented)) => registered == presented,
        _ => false,
    }
}

/// Whether a URI leads to a program on the user's machine.
pub(crate) fn is_loopback(uri: &str) -> bool {
    loopback(uri).is_some()
}

/// The host and the part after the port of an http URI with a loopback address.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let host = ["127.0.0.1", "[::1]", "localhost"];
    let host = host.into_iter().find(|host| rest.starts_with(host))?;
    let rest = rest.strip_prefix(host)?;
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = port.split_at(digits);
            number.parse::<u16>().ok()?;
            rest
        }
    };
    matches!(rest.bytes().next(), None | Some(b'/' | b'?')).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_loopback_and_client_schemes_are_accepted() {
        let policy = RedirectPolicy::default();
        use RedirectError::*;
        for (uri, expect) in [
            ("https://client.example/callback", Ok(())),
            ("https://client.example", Ok(())),
            ("https://client.example:8443/cb?x=1", Ok(())),
            ("http://127.0.0.1/cb", Ok(())),
            ("http://127.0.0.1:33418/cb", Ok(())),
            ("http://[::1]:1/cb", Ok(())),
            ("http://localhost:9/cb", Ok(())),
            ("cursor://anysphere.cursor-mcp/oauth/callback", Ok(())),
            (
                "vscode://vscode.github-authentication/did-authenticate",
                Ok(()),
            ),
            ("http://client.example/cb", Err(Insecure)),
            ("http://127.0.0.1.evil.example/cb", Err(Insecure)),
            ("http://localhost.evil.example/cb", Err(Insecure)),
            ("http://127.0.0.1:99999/cb", Err(NotAbsolute)),
            ("http://127.1/cb", Err(Insecure)),
            ("http://0x7f000001/cb", Err(Insecure)),
            ("http://127.0.0.2/cb", Err(Insecure)),
            ("http://LOCALHOST/cb", Err(Insecure)),
            ("https://user@client.example/cb", Err(UserInfo)),
            ("https://user:pass@client.example/cb", Err(UserInfo)),
            ("https://@client.example/cb", Err(UserInfo)),
            ("https://client.example@evil.example/cb", Err(UserInfo)),
            ("https://client.example/cb#", Err(Fragment)),
            ("https://client.example/cb#frag", Err(Fragment)),
            ("https:client.example/cb", Err(NotAbsolute)),
            ("https:///client.example/cb", Err(NotAbsolute)),
            ("HTTPS://client.example/cb", Err(NotAbsolute)),
            ("https://client.example\\@evil.example/cb", Err(NotAbsolute)),
            ("https://client.example/a b", Err(NotAbsolute)),
            ("https://client.example/\u{e4}", Err(NotAbsolute)),
            ("/callback", Err(NotAbsolute)),
            ("//evil.example/callback", Err(NotAbsolute)),
            ("", Err(NotAbsolute)),
            ("javascript:alert(1)", Err(Scheme)),
            ("data:text/html,x", Err(Scheme)),
            ("file:///etc/passwd", Err(Scheme)),
            ("vbscript:x", Err(Scheme)),
            ("blob:https://client.example/x", Err(Scheme)),
            ("mailto:a@b.example", Err(Scheme)),
            ("myapp://callback", Err(PrivateUse)),
            ("ms-settings://callback", Err(PrivateUse)),
            ("com.example.app:/callback", Ok(())),
            ("com.example.app:callback", Ok(())),
            ("com.example.app://callback?x=1", Ok(())),
            ("com.example-2.app+beta:/callback", Ok(())),
            ("com.example.app:/callback#x", Err(Fragment)),
            ("com.example.app://user@callback", Err(UserInfo)),
            ("COM.example.app:/callback", Err(NotAbsolute)),
            ("client.example:8443/callback", Err(PrivateUse)),
            ("example..app:/callback", Err(PrivateUse)),
            ("example.:/callback", Err(PrivateUse)),
            ("javascript:com.example.app", Err(Scheme)),
            ("data:com.example.app", Err(Scheme)),
            ("about:blank", Err(Scheme)),
            ("view-source:https://client.example/", Err(Scheme)),
        ] {
            assert_eq!(policy.check(uri), expect, "{uri}");
        }
        let long = format!("https://client.example/{}", "a".repeat(LONGEST));
        assert_eq!(policy.check(&long), Err(TooLong));
    }

    #[test]
    fn the_schemes_of_well_known_clients_are_accepted() {
        let policy = RedirectPolicy::default();
        for scheme in [
            "cursor",
            "vscode",
            "vscode-insiders",
            "windsurf",
            "kiro",
            "goose",
            "claude",
            "cline",
            "lmstudio",
            "raycast",
        ] {
            let uri = format!("{scheme}://host/callback");
            assert_eq!(policy.check(&uri), Ok(()), "{uri}");
        }
    }

    #[test]
    fn settings_cannot_allow_schemes_that_browsers_handle() {
        let policy = RedirectPolicy {
            private_use_schemes: NEVER.map(str::to_owned).into(),
        };
        for scheme in NEVER {
            let uri = format!("{scheme}://x/y");
            assert!(policy.check(&uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn redirect_uris_match_as_text_except_for_the_port_of_loopback() {
        for (registered, presented, expect) in [
            ("https://a.example/cb", "https://a.example/cb", true),
            ("https://a.example/cb", "https://a.example/cb/", false),
            ("https://a.example/cb", "https://a.example:443/cb", false),
            ("https://a.example/cb", "https://A.example/cb", false),
            ("https://a.example/cb", "https://a.example/cb?x=1", false),
            ("https://a.example/cb", "https://a.example/cb/../cb", false),
            (
                "https://a.example/cb",
                "https://a.example.evil.example/cb",
                false,
            ),
            ("https://a.example/cb", "http://a.example/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1234/cb", true),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", true),
            ("http://[::1]:1/cb", "http://[::1]:2/cb", true),
            ("http://localhost:1/cb", "http://localhost/cb", true),
            ("http://localhost:1/cb", "http://127.0.0.1:1/cb", false),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/other", false),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb?x", false),
            (
                "http://127.0.0.1:1/cb",
                "http://127.0.0.1:2@evil.example/cb",
                false,
            ),
            (
                "http://127.0.0.1:1/cb",
                "http://127.0.0.1.evil.example/cb",
                false,
            ),
            ("http://127.0.0.1:1/cb", "https://127.0.0.1:1/cb", false),
            ("cursor://a/cb", "cursor://a/cb", true),
            ("cursor://a/cb", "cursor://a:1/cb", false),
        ] {
            assert_eq!(
                matches(registered, presented),
                expect,
                "{registered} {presented}"
            );
        }
    }
}
