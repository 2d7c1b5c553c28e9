//! Session ids.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher},
};

use crate::Runtime;

/// A session id: 128 random bits, in text 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// Creates a random id.
    pub fn random(runtime: &dyn Runtime) -> Self {
        let mut bytes = [0; 16];
        runtime.random(&mut bytes);
        Self(bytes)
    }

    /// Creates the id from the bytes that [`SessionId::to_bytes`] returned.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for a store.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Parses the text form of an id. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0; 16];
        let mut all = 0;
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            let [high, low] = pair.map(digit);
            *byte = high << 4 | low & 0xf;
            all |= high | low;
        }
        (all <= 0xf).then_some(Self(bytes))
    }
}

/// Returns the value of a hexadecimal digit, or more than 15 for any other byte. Upper case is not
/// accepted, so that each session has one text form.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => 0xff,
    }
}

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let [first, ..] = self.0.as_chunks::<8>().0 else {
            return;
        };
        hasher.write_u64(u64::from_ne_bytes(*first));
    }
}

/// Builds hashers for maps with session ids as keys. Session ids are random and chosen by the server,
/// so they need no further hashing. Do not use it for keys that a client can choose.
///
/// ```
/// use std::collections::HashMap;
/// use farport_core::{BySessionId, SessionId};
///
/// let mut sessions: HashMap<SessionId, &str, BySessionId> = HashMap::default();
/// sessions.insert(SessionId::from_bytes([7; 16]), "a session");
/// assert!(!sessions.contains_key(&SessionId::from_bytes([8; 16])));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct BySessionId;

/// The hasher of [`BySessionId`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionIdHasher(u64);

impl BuildHasher for BySessionId {
    type Hasher = SessionIdHasher;

    fn build_hasher(&self) -> SessionIdHasher {
        SessionIdHasher::default()
    }
}

impl Hasher for SessionIdHasher {
    fn write_u64(&mut self, random: u64) {
        self.0 = random;
    }

    /// Hashes other keys too, with a weak hash.
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SessionId {
    /// Writes only the first digits, because the full id in a log would give access to the session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, ..] = self.0;
        write!(f, "{first:02x}{second:02x}{third:02x}..")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_form_of_an_id_parses() {
        let id = SessionId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        let text = id.to_string();
        assert_eq!(text, "000102030405060708090a0b0c0d0eff");
        assert_eq!(SessionId::parse(&text), Some(id));
        let upper = text.to_uppercase();
        for bad in [
            "",
            "00",
            &text[1..],
            &upper,
            &format!("{text}0"),
            &text.replace('f', "g"),
        ] {
            assert_eq!(SessionId::parse(bad), None, "{bad}");
        }
        assert!(!format!("{id:?}").contains("0304"));
    }
}
