//! URLs from a peer, parsed without the one panic that `url` has in debug builds.

use url::{ParseError, Url};

/// Parses an absolute URL. Use it instead of [`Url::parse`] for any text that a peer can choose.
///
/// This workspace builds `url` without tables of Unicode, which a Worker has no room for. In that
/// build a host with characters outside ASCII, percent-encoded or not, is an error, and in debug builds
/// some of them panic (`idna_adapter` 1.0 asserts that its input has no capital letters). This function
/// answers the same error before `url` sees the host.
///
/// # Errors
///
/// Those of [`Url::parse`]; [`ParseError::IdnaError`] for a host that is not plain ASCII.
pub fn parse_url(text: &str) -> Result<Url, ParseError> {
    check_host(text)?;
    #[expect(clippy::disallowed_methods, reason = "the host is checked")]
    Url::parse(text)
}

/// Resolves a reference, such as a `Location`, against `base`. Use it instead of [`Url::join`].
///
/// # Errors
///
/// Those of [`parse_url`].
pub fn join_url(base: &Url, reference: &str) -> Result<Url, ParseError> {
    check_host(reference)?;
    #[expect(clippy::disallowed_methods, reason = "the host is checked")]
    base.join(reference)
}

fn check_host(text: &str) -> Result<(), ParseError> {
    match host(text) {
        Some(host) if !host.is_ascii() || host.contains('%') => Err(ParseError::IdnaError),
        _ => Ok(()),
    }
}

/// What `url` takes for the host, or more than that: user information that has an `@` is part of it
/// only up to the last one. `None` for a reference without a host.
fn host(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(|c: char| c <= ' ');
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (true, rest),
        _ => (false, text),
    };
    // `url` skips tabs and line breaks wherever they stand.
    let is_slash = |c: char| matches!(c, '/' | '\\' | '\t' | '\n' | '\r');
    let authority = rest.trim_start_matches(is_slash);
    let slashes = rest[..rest.len() - authority.len()]
        .chars()
        .filter(|c| matches!(c, '/' | '\\'))
        .count();
    if !scheme && slashes < 2 {
        return None;
    }
    let authority = authority.split(['/', '\\', '?', '#']).next()?;
    authority.rsplit('@').next()
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_outside_ascii_is_an_error_and_never_a_panic() {
        for text in [
            "https://Aé/",
            "https://a.b.Cé/",
            "https://A%C3%A9.b/",
            "https:\\\\Aé.b",
            "https:Aé.b",
            "ht\ttps:/\n/Aé",
            " https://user:p@Aé.b:80",
            "https://u@v@Aé",
            "http://xn--Aé/",
            "ftp://Aé/",
            "//Aé/x",
            "/\\Aé/x",
            "/\t/Aé",
        ] {
            assert_eq!(parse_url(text).ok(), None, "{text:?}");
            let base = Url::parse("https://a.example/b").unwrap();
            assert_eq!(join_url(&base, text).ok(), None, "{text:?}");
        }
    }

    #[test]
    fn other_urls_are_parsed_as_url_does() {
        for text in [
            "https://a.example/é?é#é",
            "HTTPS://A.EXAMPLE",
            "https://us%40er:p%C3%A9@a.example/",
            "http://[::1]:80/",
            "cursor://anysphere.cursor-mcp/callback",
            "mailto:a@b.example",
            "urn:ietf:wg:oauth:2.0:oob",
        ] {
            assert_eq!(parse_url(text), Url::parse(text), "{text:?}");
            assert!(parse_url(text).is_ok(), "{text:?}");
        }
        let base = Url::parse("https://a.example/b").unwrap();
        for reference in ["é", "/é", "?é", "c:d/é", "../x"] {
            assert_eq!(join_url(&base, reference), base.join(reference));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[hHtTpPsS:/\\\\@é%C3A9.?#\t\n ü]{0,24}") {
            let base = Url::parse("https://a.example/b").unwrap();
            let _ = parse_url(&text);
            let _ = parse_url(&format!("https:{text}"));
            let _ = join_url(&base, &text);
        }
    }
}
