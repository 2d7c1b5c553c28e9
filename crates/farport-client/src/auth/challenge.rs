//! The challenge of an MCP server, for the user.

pub(crate) use farport_oauth::client::BearerChallenge as Challenge;

use super::text::printable;

/// The reason that a challenge gives, as printable text.
pub(crate) fn reason(challenge: &Challenge) -> String {
    match (&challenge.description, &challenge.error) {
        (Some(text), _) | (None, Some(text)) => printable(text),
        (None, None) => "it gives no reason".to_owned(),
    }
}
