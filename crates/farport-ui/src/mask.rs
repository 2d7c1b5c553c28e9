//! Removes known secrets from recorded text.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::target::Target;

/// The text that replaces a secret.
const MASK: &str = "***";
/// Shorter header values are not secrets, and would blank out ordinary text.
const SHORTEST: usize = 6;

/// The header values of a target, which a server may echo.
#[derive(Default)]
pub(crate) struct Mask(Vec<SecretString>);

impl Mask {
    pub(crate) fn of(target: &Target) -> Self {
        let mut secrets = Vec::new();
        for value in target.secrets() {
            let value = value.expose_secret();
            // Without its scheme, as a server may repeat it.
            let bare = value.split_once(' ').map(|(_, rest)| rest.trim());
            for text in [Some(value), bare].into_iter().flatten() {
                if text.len() >= SHORTEST {
                    secrets.push(SecretString::from(text));
                }
                // As it is spelled within a JSON string.
                let escaped = serde_json::Value::from(text).to_string();
                let escaped = escaped.trim_matches('"');
                if escaped != text && escaped.len() >= SHORTEST {
                    secrets.push(SecretString::from(escaped));
                }
            }
        }
        Self(secrets)
    }

    pub(crate) fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for secret in &self.0 {
            if masked.contains(secret.expose_secret()) {
                masked = Cow::Owned(masked.replace(secret.expose_secret(), MASK));
            }
        }
        masked
    }
}

/// Masks secrets in a JSON text, and returns whether there was one. `mask` returns `None` for a text without.
pub(crate) fn json<T>(
    json: Box<RawValue>,
    mask: impl Fn(&str) -> Option<String>,
    then: impl FnOnce(Box<RawValue>) -> T,
) -> (T, bool) {
    let Some(masked) = mask(json.get()) else {
        return (then(json), false);
    };
    let masked = RawValue::from_string(masked).unwrap_or_else(|_| {
        // It was part of a number.
        let mut value = serde_json::from_str(json.get()).unwrap_or_default();
        mask_values(&mut value, &mask);
        serde_json::value::to_raw_value(&value).unwrap_or_default()
    });
    (then(masked), true)
}

fn mask_values(value: &mut Value, mask: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| mask_values(value, mask)),
        Value::Object(members) => {
            let old = std::mem::take(members);
            for (name, mut value) in old {
                mask_values(&mut value, mask);
                members.insert(mask(&name).unwrap_or(name), value);
            }
        }
        Value::String(text) => {
            if let Some(masked) = mask(text) {
                *text = masked;
            }
        }
        Value::Number(number) => {
            if let Some(masked) = mask(&number.to_string()) {
                *value = Value::String(masked);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_json_leaves_json_also_where_it_is_a_number() {
        let mask = |text: &str| {
            text.contains("123456")
                .then(|| text.replace("123456", "***"))
        };
        for (text, expected) in [
            (
                r#"{"a": "x123456", "n": 1.0}"#,
                r#"{"a": "x***", "n": 1.0}"#,
            ),
            (
                r#"{"123456": [9123456, "123456"]}"#,
                r#"{"***":["9***","***"]}"#,
            ),
        ] {
            let raw = RawValue::from_string(text.to_owned()).unwrap();
            let (masked, found) = json(raw, mask, |json| json.get().to_owned());
            assert_eq!((masked.as_str(), found), (expected, true));
        }
        let raw = RawValue::from_string("[1e3]".to_owned()).unwrap();
        assert_eq!(
            json(raw, mask, |json| json.get().to_owned()),
            ("[1e3]".to_owned(), false)
        );
    }

    #[test]
    fn header_values_are_masked_with_and_without_their_scheme() {
        let headers = vec![
            ("Authorization".to_owned(), "Bearer s3cret-token".into()),
            ("X-Key".to_owned(), "quo\"ted-s3cret".into()),
            ("X-Flag".to_owned(), "on".into()),
        ];
        let mask = Mask::of(&Target::new("https://a.example".to_owned(), headers, false));
        for text in [
            "got Bearer s3cret-token",
            "got s3cret-token twice: s3cret-token",
            r#"{"key":"quo\"ted-s3cret"}"#,
        ] {
            assert!(!mask.apply(text).contains("s3cret"), "{text}");
        }
        assert_eq!(mask.apply("turned on"), "turned on");
    }
}
