//! Session ids.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher},
};

use crate::Runtime;

/// A session's id: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// A new id that nobody can guess.
    pub fn random(runtime: &dyn Runtime) -> Self {
        let mut bytes = [0; 16];
        runtime.random(&mut bytes);
        Self(bytes)
    }

    /// The id of these bytes, as [`SessionId::to_bytes`] gave them.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for a store.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Reads an id as it is written; anything else is `None`.
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

/// What a hexadecimal digit counts; more than 15 for any other byte. Lower case only: one session has
/// one name.
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

/// Hashes session ids by what they are: random, and chosen by the server. A map whose keys a client
/// could choose needs another one.
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

    /// Whatever is no session id is hashed all the same, if not well.
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
    /// The first digits only: a log must not be a way into a session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, ..] = self.0;
        write!(f, "{first:02x}{second:02x}{third:02x}..")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_nothing_else_does() {
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
