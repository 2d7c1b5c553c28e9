//! Removes known secrets from recorded text.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};

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

#[cfg(test)]
mod tests {
    use super::*;

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
