//! Scopes (RFC 6749, section 3.3).

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A set of scopes. Its text form is space-separated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scopes(BTreeSet<Arc<str>>);

/// A string is not a valid list of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope must be printable ASCII without spaces, quotes and backslashes")]
pub struct InvalidScope;

impl Scopes {
    /// The most scopes in one string.
    pub const MOST: usize = 100;

    /// No scope.
    pub fn none() -> Self {
        Self::default()
    }

    /// Parses a space-separated list.
    ///
    /// # Errors
    /// When a scope contains an invalid character, or there are more than [`Scopes::MOST`] scopes.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let mut scopes = BTreeSet::new();
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            if !scope.bytes().all(fits) || scopes.len() == Self::MOST {
                return Err(InvalidScope);
            }
            scopes.insert(Arc::from(scope));
        }
        Ok(Self(scopes))
    }

    /// Whether the set contains `scope`.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// Whether the set contains all of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// The scopes in both sets.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// The scopes in either set.
    #[must_use]
    pub fn either(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }
}

impl<S: Into<Arc<str>>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        Self(scopes.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_only_the_characters_of_rfc_6749() {
        for (text, expect) in [
            ("", Some("")),
            ("b  a b", Some("a b")),
            ("todos:write", Some("todos:write")),
            ("a\"b", None),
            ("a\\b", None),
            ("a\tb", None),
            ("ä", None),
        ] {
            let read = Scopes::parse(text).ok().map(|scopes| scopes.to_string());
            assert_eq!(read.as_deref(), expect, "{text:?}");
        }
    }
}
