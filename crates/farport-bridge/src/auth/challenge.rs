//! `WWW-Authenticate` (RFC 9110, section 11.6.1), as far as bearer tokens use it.

use http::{HeaderMap, header};

/// What a 401 or 403 says of the token it wants (RFC 6750, RFC 9728).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) error: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) resource_metadata: Option<String>,
}

impl Challenge {
    /// The first challenge of the `Bearer` scheme; an empty one where there is none.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(Self::read)
            .unwrap_or_default()
    }

    /// The scopes that are asked for.
    pub(crate) fn scopes(&self) -> Vec<String> {
        let scope = self.scope.as_deref().unwrap_or_default();
        scope.split_whitespace().map(str::to_owned).collect()
    }

    /// What it says, for people.
    pub(crate) fn said(&self) -> String {
        match (&self.description, &self.error) {
            (Some(description), _) => description.clone(),
            (None, Some(error)) => error.clone(),
            (None, None) => "it gives no reason".to_owned(),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut found: Option<Self> = None;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return found;
            }
            let end = rest.find(['=', ' ', '\t', ',']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let next = after.trim_start_matches([' ', '\t']);
            // A word without a value opens a challenge.
            let Some(value) = next.strip_prefix('=').filter(|_| !word.is_empty()) else {
                if found.is_some() {
                    return found;
                }
                if word.eq_ignore_ascii_case("bearer") {
                    found = Some(Self::default());
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
            let Some(challenge) = &mut found else {
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

/// A token or a quoted string, and what comes after it.
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
    fn the_bearer_challenge_is_found_and_read() {
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
            let read = Challenge::read(header).map_or("none".to_owned(), |challenge| {
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

    proptest::proptest! {
        #[test]
        fn any_header_is_read(text in "[ ,=\"\\\\a-cBearer\t]{0,40}") {
            let _ = Challenge::read(&text);
        }
    }
}
