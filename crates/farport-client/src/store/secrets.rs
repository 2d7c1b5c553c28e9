//! What of a sign-in rests in the keyring, and what the file then says of it.
//!
//! The file names the entries and has the digest of what is in them together. New ones are written
//! beside those of before, under the other of two names; then the file is replaced, which is when
//! the change happens; then the old ones go. A process that dies in between leaves a complete sign-in.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::keyring::Keyring;
use super::record::{Record, Tokens};
use crate::Error;
use crate::secret::Secret;

/// Where the secrets of a sign-in are, and what is known of them without reading them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    entries: Vec<String>,
    digest: String,
    pub(super) signed_in: bool,
    pub(super) renews: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<u64>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
}

/// The secrets of a record.
#[derive(Serialize, Deserialize)]
struct Secrets {
    tokens: Option<Tokens>,
    client_secret: Option<Secret>,
}

impl Place {
    /// Puts the secrets of `record` into the keyring, and takes them out of it. `before` is where
    /// those of before are, `name` what tells this sign-in from others.
    pub(super) async fn put(
        keyring: &Keyring,
        name: &str,
        before: Option<&Self>,
        record: &mut Record,
    ) -> Result<Self, Error> {
        let tokens = record.tokens.take();
        let mut place = Self {
            entries: Vec::new(),
            digest: String::new(),
            signed_in: tokens.is_some(),
            renews: tokens.as_ref().is_some_and(|one| one.refresh.is_some()),
            expires_at: tokens.as_ref().and_then(|one| one.expires_at),
            scopes: tokens
                .as_ref()
                .map(|one| one.scopes.clone())
                .unwrap_or_default(),
        };
        let secrets = Secrets {
            tokens,
            client_secret: record
                .client
                .as_mut()
                .and_then(|client| client.secret.take()),
        };
        let text = serde_json::to_string(&secrets).map(Secret::new);
        let text = text.map_err(|_| super::keyring::failed("the tokens cannot be written"))?;
        place.digest = digest(text.expose());
        // The other one of the two names than what is there now.
        let taken = |letter: &str| {
            let start = format!("{name}-{letter}");
            before
                .is_some_and(|before| before.entries.iter().any(|entry| entry.starts_with(&start)))
        };
        let letter = if taken("a") { "b" } else { "a" };
        let title = format!("farport: {}", record.server);
        for (number, piece) in pieces(text.expose(), keyring.largest_entry()).enumerate() {
            let entry = format!("{name}-{letter}{number}");
            let piece = Secret::new(piece);
            keyring.set(&entry, &title, &piece).await?;
            place.entries.push(entry);
        }
        Ok(place)
    }

    /// Puts the secrets back into `record`. Whether they were there.
    pub(super) async fn take(&self, keyring: &Keyring, record: &mut Record) -> Result<bool, Error> {
        let mut text = String::new();
        for entry in &self.entries {
            match keyring.get(entry).await? {
                Some(piece) => text.push_str(piece.expose()),
                None => return Ok(false),
            }
        }
        let text = Secret::new(text);
        if digest(text.expose()) != self.digest {
            return Ok(false);
        }
        let Ok(secrets) = serde_json::from_str::<Secrets>(text.expose()) else {
            return Ok(false);
        };
        record.tokens = secrets.tokens;
        if let Some(client) = &mut record.client {
            client.secret = secrets.client_secret;
        }
        Ok(true)
    }

    /// Takes what is there out of the keyring.
    pub(super) async fn clear(&self, keyring: &Keyring) -> Result<(), Error> {
        for entry in &self.entries {
            keyring.remove(entry).await?;
        }
        Ok(())
    }
}

/// Cuts between characters, into pieces of at most `most` bytes.
fn pieces(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len().min(most.max(4));
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// Tokens cannot be guessed, so this tells nothing of them.
fn digest(text: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_bounded_and_make_the_whole() {
        for (text, most, expect) in [
            ("", 4, vec![]),
            ("abcd", 4, vec!["abcd"]),
            ("abcde", 4, vec!["abcd", "e"]),
            ("aé€𝄞b", 4, vec!["aé", "€", "𝄞", "b"]),
            ("𝄞𝄞", 1, vec!["𝄞", "𝄞"]),
        ] {
            assert_eq!(pieces(text, most).collect::<Vec<_>>(), expect, "{text}");
        }
    }
}
