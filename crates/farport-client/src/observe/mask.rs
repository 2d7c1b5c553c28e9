//! Masks secrets: by where they are, and by the text of those that are known.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use farport_oauth::join_url;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{MOST_BODY, Text};

/// The replacement for a secret.
const MASK: &str = "***";
/// The header with the id of the session.
const SESSION_ID: &str = "mcp-session-id";
/// The shortest known secret that is masked wherever it appears. Shorter ones appear by chance.
const SHORTEST: usize = 6;
/// The most known secrets. The oldest one makes room.
const MOST: usize = 512;

/// Query parameters whose values are no secrets.
const OPEN_PARAMETERS: [&str; 10] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "resource",
    "code_challenge_method",
    "iss",
    "error",
    "error_description",
    "grant_type",
];

/// Members of forms and JSON documents of OAuth whose values are secrets.
const SECRET_MEMBERS: [&str; 17] = [
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "code",
    "code_verifier",
    "client_secret",
    "client_assertion",
    "assertion",
    "subject_token",
    "actor_token",
    "device_code",
    "user_code",
    "verification_uri_complete",
    "registration_access_token",
    "password",
    "state",
];

#[derive(Default)]
pub(super) struct Masks(Mutex<Known>);

/// The secrets that are known.
#[derive(Default)]
struct Known {
    by_age: VecDeque<String>,
    /// The longest first, because one may hold another.
    by_length: BTreeSet<(Reverse<usize>, String)>,
}

impl Known {
    fn add(&mut self, secret: String) {
        let entry = (Reverse(secret.len()), secret.clone());
        if !self.by_length.insert(entry) {
            return;
        }
        self.by_age.push_back(secret);
        if self.by_age.len() > MOST
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.by_length.remove(&(Reverse(oldest.len()), oldest));
        }
    }
}

impl Masks {
    pub(super) fn hide(&self, secret: &str) {
        if secret.len() < SHORTEST {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.add(secret.to_owned());
        // The same secret in a form or a URL.
        let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        if encoded != secret {
            known.add(encoded);
        }
    }

    /// Hides the secrets that a request carries: the values of headers and parameters whose names say so. A
    /// session id is the server's own.
    pub(super) fn hide_sent(&self, url: &Url, headers: &HeaderMap) {
        for (name, value) in headers {
            if name.as_str() != SESSION_ID && (value.is_sensitive() || is_secret(name.as_str())) {
                self.hide_header(&String::from_utf8_lossy(value.as_bytes()));
            }
        }
        for (name, value) in url.query_pairs() {
            if is_secret(&name.to_ascii_lowercase()) {
                self.hide(&value);
            }
        }
    }

    /// The text without the secrets that are known.
    pub(super) fn text(&self, text: &str) -> String {
        self.apply(text).into_owned()
    }

    /// The text without the secrets that are known. Borrowed when it has none.
    pub(super) fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = Cow::Borrowed(text);
        for (_, secret) in &known.by_length {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), MASK));
            }
        }
        text
    }

    /// A message or another text.
    pub(super) fn bounded(&self, text: &str) -> Text {
        cut(&self.text(text))
    }

    /// A form or JSON document of OAuth. Any other document is masked whole.
    pub(super) fn document(&self, text: &str) -> Text {
        if text.trim().is_empty() {
            return Text::default();
        }
        if let Ok(mut value) = serde_json::from_str::<Value>(text) {
            if matches!(value, Value::Object(_) | Value::Array(_)) {
                self.mask_members(&mut value);
                return cut(&self.text(&value.to_string()));
            }
        } else if text.contains('=') && !text.contains(['<', '\n', ' ']) {
            let pairs = form_urlencoded::parse(text.as_bytes());
            let masked = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs.map(|(name, value)| {
                    let secret = SECRET_MEMBERS.contains(&&*name);
                    if secret {
                        self.hide(&value);
                    }
                    let value = if secret { MASK.into() } else { value };
                    (name, value)
                }))
                .finish();
            return cut(&self.text(&masked));
        }
        Text {
            text: MASK.to_owned(),
            length: text.len(),
        }
    }

    fn mask_members(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    if SECRET_MEMBERS.contains(&name.as_str()) && !value.is_object() {
                        if let Value::String(secret) = value {
                            self.hide(secret);
                        }
                        *value = MASK.into();
                    } else {
                        self.mask_members(value);
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|one| self.mask_members(one)),
            _ => {}
        }
    }

    /// A URL, with the values of all parameters masked that may be secret, and without its user.
    pub(super) fn url(&self, url: &Url) -> String {
        let mut url = url.clone();
        // Fails for URLs without a host, which have no user.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        if url.query().is_some() {
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            url.set_query(None);
            let mut query = url.query_pairs_mut();
            for (name, value) in &pairs {
                if OPEN_PARAMETERS.contains(&name.as_str()) {
                    query.append_pair(name, value);
                } else {
                    self.hide(value);
                    query.append_pair(name, MASK);
                }
            }
        }
        self.text(url.as_str())
    }

    /// Headers. Values that were marked as sensitive, and those of secret headers, are masked.
    pub(super) fn headers(&self, headers: &HeaderMap, base: &Url) -> HeaderMap {
        let mut masked = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            let value = if value.is_sensitive() || is_secret(name.as_str()) {
                self.hide_header(&text);
                HeaderValue::from_static(MASK)
            } else if name == http::header::LOCATION {
                let url = join_url(base, &text).map(|url| self.url(&url));
                value_of(&url.unwrap_or_else(|_| MASK.to_owned()))
            } else {
                value_of(&self.text(&text))
            };
            masked.append(name, value);
        }
        masked
    }

    /// Hides the secret of a header: all of it, and the parts that appear elsewhere alone.
    fn hide_header(&self, text: &str) {
        self.hide(text);
        // `Bearer TOKEN`, and `name=VALUE; Path=/`.
        if let Some((scheme, token)) = text.split_once(' ')
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            self.hide(token.trim());
        }
        for cookie in text.split(';') {
            if let Some((name, value)) = cookie.split_once('=')
                && !matches!(
                    name.trim().to_ascii_lowercase().as_str(),
                    "path" | "domain" | "expires" | "max-age" | "samesite"
                )
            {
                self.hide(value.trim());
            }
        }
    }
}

fn value_of(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(MASK))
}

/// Whether a header carries a secret by its name.
/// Whether a name in lower case says that its value is a secret.
fn is_secret(name: &str) -> bool {
    if name == "www-authenticate" || name == "proxy-authenticate" {
        return false;
    }
    [
        "auth",
        "cookie",
        "token",
        "secret",
        "key",
        "session",
        "password",
        "credential",
    ]
    .iter()
    .any(|word| name.contains(word))
}

fn cut(text: &str) -> Text {
    let mut end = text.len().min(MOST_BODY);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Text {
        text: text.get(..end).unwrap_or_default().to_owned(),
        length: text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_client_sent_as_a_secret_is_masked_in_a_result() {
        let masks = Masks::default();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer token-1234"),
            ("x-api-key", "key-of-the-user"),
            ("mcp-session-id", "session-1"),
            ("x-env", "staging"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let url = Url::parse("https://a.example/mcp?workspace=products&api_key=query-key").unwrap();
        masks.hide_sent(&url, &headers);
        let text = "token-1234 key-of-the-user session-1 staging products query-key";
        assert_eq!(masks.text(text), "*** *** session-1 staging products ***");
    }

    #[test]
    fn documents_of_oauth_lose_their_secrets() {
        let masks = Masks::default();
        for (document, expect) in [
            (
                r#"{"access_token":"secret-1","expires_in":60,"x":[{"id_token":"secret-2"}]}"#,
                r#"{"access_token":"***","expires_in":60,"x":[{"id_token":"***"}]}"#,
            ),
            (
                "grant_type=refresh_token&refresh_token=secret-3&resource=https%3A%2F%2Fa",
                "grant_type=refresh_token&refresh_token=***&resource=https%3A%2F%2Fa",
            ),
            ("<html>secret-4</html>", "***"),
            ("\"secret-5\"", "***"),
            ("", ""),
        ] {
            assert_eq!(masks.document(document).text, expect);
        }
        // Those that were seen once are masked everywhere.
        assert_eq!(masks.bounded("a secret-1, a secret-3").text, "a ***, a ***");
    }

    #[test]
    fn urls_and_headers_lose_their_secrets() {
        let masks = Masks::default();
        let url = Url::parse("https://u:pw@a.example/mcp?api_key=secret-1&scope=a+b#x").unwrap();
        assert_eq!(
            masks.url(&url),
            "https://a.example/mcp?api_key=***&scope=a+b"
        );
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer secret-2"),
            ("set-cookie", "sid=secret-3; Path=/"),
            ("x-api-key", "secret-4"),
            ("location", "/back?code=secret-5"),
            ("content-type", "text/plain; secret-2"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let shown = format!("{:?}", masks.headers(&headers, &url));
        assert!(!shown.contains("secret"), "{shown}");
        let text = masks
            .bounded("secret-1 secret-2 secret-3 secret-4 secret-5")
            .text;
        assert_eq!(text, "*** *** *** *** ***");
    }

    #[test]
    fn a_text_is_bounded_after_it_is_masked() {
        let masks = Masks::default();
        masks.hide("secret-1");
        let text = format!("{}secret-1", "x".repeat(MOST_BODY - 4));
        let shown = masks.bounded(&text);
        assert!(shown.is_cut() || !shown.text.contains("sec"));
        assert!(!shown.text.contains("sec"));
        assert!(shown.text.len() <= MOST_BODY);
    }
}
