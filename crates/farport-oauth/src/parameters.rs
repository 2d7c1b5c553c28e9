//! The parameters of a query or a form. None may be repeated.

use std::collections::HashMap;

use url::form_urlencoded;

/// Parameters by name. A parameter without a value counts as missing (RFC 6749, section 3.1).
#[derive(Default)]
pub(crate) struct Parameters {
    values: HashMap<String, String>,
    /// The repeated parameters, which have no value here.
    repeated: Vec<String>,
}

/// A query or a form cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the parameters are too long")]
    TooLong,
    #[error("there are too many parameters")]
    TooMany,
    #[error("a parameter is not valid UTF-8 text")]
    NotText,
}

/// The most accepted parameters.
const MOST: usize = 64;

/// The longest accepted query or form, in bytes.
const MOST_BYTES: usize = 64 * 1024;

impl Parameters {
    pub(crate) fn read(encoded: &[u8]) -> Result<Self, Malformed> {
        Self::read_if(encoded, |_| true)
    }

    /// Reads the parameters with these names and ignores all others.
    pub(crate) fn read_some(encoded: &[u8], names: &[&str]) -> Result<Self, Malformed> {
        Self::read_if(encoded, |name| names.contains(&name))
    }

    fn read_if(encoded: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Self, Malformed> {
        if encoded.len() > MOST_BYTES {
            return Err(Malformed::TooLong);
        }
        let mut read = Self::default();
        let pairs = form_urlencoded::parse(encoded).filter(|(name, _)| wanted(name));
        for (index, (name, value)) in pairs.enumerate() {
            if index == MOST {
                return Err(Malformed::TooMany);
            }
            // Bytes that are not UTF-8 became replacement characters.
            let text = |text: &str| !text.contains(|c: char| c.is_control() || c == '\u{fffd}');
            if !text(&name) || !text(&value) {
                return Err(Malformed::NotText);
            }
            if value.is_empty() {
                continue;
            }
            let name = name.into_owned();
            if read.repeated.contains(&name) {
                continue;
            }
            if read.values.remove(&name).is_some() {
                read.repeated.push(name);
                continue;
            }
            read.values.insert(name, value.into_owned());
        }
        Ok(read)
    }

    /// The value of a parameter that is not repeated.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether this parameter is repeated.
    pub(crate) fn repeats(&self, name: &str) -> bool {
        self.repeated.iter().any(|repeated| repeated == name)
    }

    /// The name of a repeated parameter, if there is one. Does not quote long names, which are unknown.
    pub(crate) fn repeated(&self) -> Option<&str> {
        let first = self.repeated.first()?;
        Some(if first.len() <= 64 {
            first
        } else {
            "a parameter"
        })
    }
}

/// Omits the values, which may be secrets.
impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_has_one_value() {
        let read = Parameters::read(b"a=1&b=&c=2&c=2&c=3&d=x%20y+z").expect("well formed");
        assert_eq!(read.get("a"), Some("1"));
        assert_eq!(read.get("b"), None);
        assert_eq!(read.get("c"), None);
        assert!(read.repeats("c"));
        assert_eq!(read.repeated(), Some("c"));
        assert_eq!(read.get("d"), Some("x y z"));
    }

    #[test]
    fn parameters_that_are_not_text_are_rejected() {
        for encoded in ["a=%00", "a=%ff", "a=b%0d%0aSet-Cookie", "%0a=b", "a=%c3%28"] {
            let read = Parameters::read(encoded.as_bytes()).err();
            assert_eq!(read, Some(Malformed::NotText), "{encoded}");
        }
        let long = format!("a={}", "b".repeat(MOST_BYTES));
        let read = Parameters::read(long.as_bytes()).err();
        assert_eq!(read, Some(Malformed::TooLong));
        let many = "a=1&".repeat(MOST + 1);
        let read = Parameters::read(many.as_bytes()).err();
        assert_eq!(read, Some(Malformed::TooMany));
    }
}
