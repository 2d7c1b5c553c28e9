//! Redirect URIs: which may be registered, and which one matches which.
//!
//! A URI is compared as text (OAuth 2.1, section 4.1.3). Only the port of a loopback URI may
//! differ, because a native client takes whichever is free (RFC 8252, section 7.3).

use url::Url;

/// Why a redirect URI cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// It is longer than 2,048 bytes.
    #[error("it is too long")]
    TooLong,
    /// It is no absolute URI in printable ASCII.
    #[error("it is not an absolute URI")]
    NotAbsolute,
    /// It has a fragment.
    #[error("it has a fragment")]
    Fragment,
    /// It has user information.
    #[error("it names a user")]
    UserInfo,
    /// Its scheme runs or shows something instead of leading back to a client.
    #[error("its scheme is not one that leads to a client")]
    Scheme,
    /// It is http, and not loopback.
    #[error("http is for loopback addresses alone")]
    Insecure,
    /// Its private-use scheme is not on the list of those that are allowed.
    #[error("its private-use scheme is not allowed here")]
    PrivateUse,
}

/// Which redirect URIs are accepted.
#[derive(Clone, Debug)]
pub struct RedirectPolicy {
    /// The private-use schemes that lead to clients: `cursor`, `vscode`. In lower case.
    pub private_use_schemes: Vec<String>,
}

impl Default for RedirectPolicy {
    fn default() -> Self {
        let schemes = ["cursor", "vscode", "vscode-insiders", "windsurf", "zed"];
        Self {
            private_use_schemes: schemes.map(str::to_owned).into(),
        }
    }
}

const LONGEST: usize = 2048;

/// Schemes that a browser treats as something else than a way to a client. Refused even if
/// somebody allows them.
const NEVER: [&str; 16] = [
    "about",
    "blob",
    "chrome",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "resource",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

impl RedirectPolicy {
    /// Checks a URI that a client wants codes to be sent to.
    ///
    /// # Errors
    /// When it must not be used.
    pub fn check(&self, uri: &str) -> Result<(), RedirectError> {
        if uri.len() > LONGEST {
            return Err(RedirectError::TooLong);
        }
        // What browsers mend, each in its own way, is refused before anybody parses it.
        let strange = |byte: u8| !byte.is_ascii_graphic() || b"\\\"<>^`{|}".contains(&byte);
        if uri.bytes().any(strange) {
            return Err(RedirectError::NotAbsolute);
        }
        let (scheme, rest) = uri.split_once(':').ok_or(RedirectError::NotAbsolute)?;
        if uri.contains('#') {
            return Err(RedirectError::Fragment);
        }
        let url = Url::parse(uri).map_err(|_| RedirectError::NotAbsolute)?;
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
                // `https:host` and `https:///host` are mended into something else.
                if authority.is_none_or(str::is_empty) || url.host_str().is_none_or(str::is_empty) {
                    return Err(RedirectError::NotAbsolute);
                }
                if scheme == "http" && loopback(uri).is_none() {
                    return Err(RedirectError::Insecure);
                }
                Ok(())
            }
            _ if self.private_use_schemes.iter().any(|known| known == scheme) => Ok(()),
            _ => Err(RedirectError::PrivateUse),
        }
    }
}

/// Whether `presented` is the URI that was `registered`.
pub(crate) fn matches(registered: &str, presented: &str) -> bool {
    if registered == presented {
        return true;
    }
    match (loopback(registered), loopback(presented)) {
        (Some(registered), Some(presented)) => registered == presented,
        _ => false,
    }
}

/// Whether a URI leads to a program on the user's own machine.
pub(crate) fn is_loopback(uri: &str) -> bool {
    loopback(uri).is_some()
}

/// The host, and everything after the port, of an http URI at a loopback address.
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
    fn only_https_loopback_and_allowed_schemes_lead_to_clients() {
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
            ("com.example.app:/callback", Err(PrivateUse)),
        ] {
            assert_eq!(policy.check(uri), expect, "{uri}");
        }
        let long = format!("https://client.example/{}", "a".repeat(LONGEST));
        assert_eq!(policy.check(&long), Err(TooLong));
    }

    #[test]
    fn a_scheme_that_never_leads_to_a_client_cannot_be_allowed() {
        let policy = RedirectPolicy {
            private_use_schemes: NEVER.map(str::to_owned).into(),
        };
        for scheme in NEVER {
            let uri = format!("{scheme}://x/y");
            assert!(policy.check(&uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn redirect_uris_match_as_text_but_for_the_port_of_loopback() {
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
