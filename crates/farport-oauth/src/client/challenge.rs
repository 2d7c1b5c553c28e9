//! The `WWW-Authenticate` header of a protected resource (RFC 9110, section 11.6.1), for bearer tokens.

use http::{HeaderMap, header};

/// A `Bearer` challenge (RFC 6750, section 3; RFC 9728, section 5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BearerChallenge {
    /// The error code.
    pub error: Option<String>,
    /// The error description.
    pub description: Option<String>,
    /// The required scopes.
    pub scope: Option<String>,
    /// The URL of the protected resource metadata.
    pub resource_metadata: Option<String>,
}

impl BearerChallenge {
    /// The `Bearer` challenge in the headers of a response; an empty one if there is none. Of several, the
    /// first one with the most information: the metadata URL, then the scopes.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut best: Option<Self> = None;
        for value in headers.get_all(header::WWW_AUTHENTICATE) {
            let text = String::from_utf8_lossy(value.as_bytes());
            for challenge in Self::read(&text) {
                if best
                    .as_ref()
                    .is_none_or(|best| challenge.rank() > best.rank())
                {
                    best = Some(challenge);
                }
            }
        }
        best.unwrap_or_default()
    }

    fn rank(&self) -> (bool, bool, bool) {
        (
            self.resource_metadata.is_some(),
            self.scope.is_some(),
            self.error.is_some(),
        )
    }

    /// The required scopes. Scopes with characters that RFC 6749 does not allow are ignored.
    pub fn scopes(&self) -> Vec<String> {
        let scope = self.scope.as_deref().unwrap_or_default();
        let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let scopes = scope
            .split_whitespace()
            .filter(|scope| scope.bytes().all(fits));
        scopes.map(str::to_owned).collect()
    }

    /// The challenges of the `Bearer` scheme in a header.
    fn read(text: &str) -> Vec<Self> {
        let mut rest = text;
        let mut all = Vec::new();
        // The current challenge; `None` for another scheme.
        let mut open: Option<Self> = None;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                all.extend(open);
                return all;
            }
            let end = rest.find(['=', ' ', '\t', ',']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let next = after.trim_start_matches([' ', '\t']);
            // A word without a value starts a challenge.
            let Some(value) = next.strip_prefix('=').filter(|_| !word.is_empty()) else {
                if !word.is_empty() {
                    all.extend(open.take());
                    open = word.eq_ignore_ascii_case("bearer").then(Self::default);
                }
                rest = if word.is_empty() {
                    after.get(1..).unwrap_or_default()
                } else {
                    after
                };
                continue;
            };
            let (value, after) = read_value(value.trim_start_matches([' ', '\t']));
            rest = after;
            let Some(challenge) = &mut open else {
                continue;
            };
            let field = match word.to_ascii_lowercase().as_str() {
                "error" => &mut challenge.error,
                "error_description" => &mut challenge.description,
                "scope" => &mut challenge.scope,
                "resource_metadata" => &mut challenge.resource_metadata,
                _ => continue,
            };
            field.get_or_insert(value);
        }
    }
}

/// Reads a token or a quoted string. Returns it and the rest of the text.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return (value.to_owned(), after);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_challenges_are_found_and_read() {
        for (header, expect) in [
            ("Bearer", "||"),
            (
                r#"bearer error="invalid_token", scope="a b""#,
                "invalid_token|a b|",
            ),
            (
                r#"Basic realm="x, Bearer scope=evil", Bearer scope="a",resource_metadata="https://a/x""#,
                "|a|https://a/x",
            ),
            (r#"Bearer scope = a , error=b, scope="c""#, "b|a|"),
            (
                r#"Bearer error="a \"quoted\" one", Basic error="other""#,
                "a \"quoted\" one||",
            ),
            (r#"Bearer error="open"#, "open||"),
            ("Basic realm=x", "none"),
            (", ,=,Bearer scope=a", "|a|"),
            ("", "none"),
        ] {
            let read = BearerChallenge::read(header).into_iter().next();
            let read = read.map_or("none".to_owned(), |challenge| {
                format!(
                    "{}|{}|{}",
                    challenge.error.unwrap_or_default(),
                    challenge.scope.unwrap_or_default(),
                    challenge.resource_metadata.unwrap_or_default()
                )
            });
            assert_eq!(read, expect, "{header}");
        }
    }

    #[test]
    fn the_challenge_with_the_most_information_counts() {
        for (values, expect) in [
            (
                &["Bearer", "Bearer resource_metadata=\"/x\""][..],
                Some("/x"),
            ),
            (
                &["Bearer realm=a, Bearer resource_metadata=\"/x\""],
                Some("/x"),
            ),
            (
                &["Basic realm=a", "Bearer resource_metadata=\"/x\""],
                Some("/x"),
            ),
            (
                &[
                    "Bearer resource_metadata=\"/x\"",
                    "Bearer resource_metadata=\"/y\"",
                ],
                Some("/x"),
            ),
            (&["DPoP resource_metadata=\"/x\"", "Bearer"], None),
            (
                &["Bearer error_description=\"f\u{fc}r\", resource_metadata=/x"],
                Some("/x"),
            ),
            (&["Basic"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
                headers.append(header::WWW_AUTHENTICATE, value);
            }
            let found = BearerChallenge::of(&headers).resource_metadata;
            assert_eq!(found.as_deref(), expect, "{values:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read(text in "[ ,=\"\\\\a-cBearer\t]{0,40}") {
            let _ = BearerChallenge::read(&text);
        }
    }
}
