//! JSON text that farport passes on without parsing it.

use std::{borrow::Cow, fmt};

use bytestring::ByteString;
use memchr::memchr;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// Returns the value of a JSON string, or `None` for any other JSON. Most strings have no escapes and
/// need no parser.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    match memchr(b'\\', inner.as_bytes()) {
        None => Some(Cow::Borrowed(inner)),
        Some(_) => serde_json::from_str(raw.get()).ok().map(Cow::Owned),
    }
}

/// JSON text, shared and never serialized again: the receiver reads exactly what the sender wrote,
/// including unknown members and number formats.
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(ByteString);

impl RawJson {
    /// Returns the part of `body` that `raw` borrows.
    pub(crate) fn slice(body: &ByteString, raw: &RawValue) -> Self {
        Self(body.slice_ref(raw.get()))
    }

    /// Returns the part of this text that `raw` borrows.
    pub(crate) fn part(&self, raw: &RawValue) -> Self {
        Self::slice(&self.0, raw)
    }

    /// Returns the text.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Parses the text as a `T` that borrows from it.
    ///
    /// # Errors
    /// If the text is not a `T`.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// Parses the text as an owned `T`.
    ///
    /// # Errors
    /// If the text is not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// Returns a copy that shares no memory with the message it came from.
    pub fn detached(&self) -> Self {
        Self(ByteString::from(&*self.0))
    }
}

/// Returns `{}`.
impl Default for RawJson {
    fn default() -> Self {
        Self(ByteString::from_static("{}"))
    }
}

impl From<String> for RawJson {
    fn from(json: String) -> Self {
        Self(ByteString::from(json))
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RawJson {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = self.read().map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}
