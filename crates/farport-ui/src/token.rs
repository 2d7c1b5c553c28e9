//! The token that proves that a request comes from the page of this start.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::Error;

/// 256 random bits, new at each start.
pub(crate) struct Token(SecretString);

impl Token {
    pub(crate) fn random() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Compares in a time that depends only on the lengths.
    pub(crate) fn matches(&self, given: &[u8]) -> bool {
        let own = self.expose().as_bytes();
        let differences = own
            .iter()
            .zip(given)
            .fold(0, |all, (own, given)| all | (own ^ given));
        own.len() == given.len() && differences == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_matches() {
        let token = Token::random().unwrap();
        let text = token.expose().to_owned();
        assert_eq!(text.len(), 43);
        assert!(token.matches(text.as_bytes()));
        assert!(!token.matches(&text.as_bytes()[..42]));
        assert!(!token.matches(b""));
        assert!(!token.matches(format!("{text}A").as_bytes()));
        assert!(!token.matches(Token::random().unwrap().expose().as_bytes()));
    }
}
