//! What a user pastes after signing in on another machine: the URL that the browser ended at, its
//! query, or the code alone.

use farport_oauth::parse_url;

use super::ServerMetadata;
use super::loopback::{Arrival, Reply, read};
use crate::secret::Secret;

/// What the user reads when something else was pasted.
const OTHER: &str = "That is not the address of the page the sign-in ended at. Try again:";
const ANOTHER_SIGN_IN: &str =
    "That address belongs to another sign-in. Use the page that was opened last. Try again:";
const WHOLE_ADDRESS: &str =
    "The code alone is not enough here. Paste the whole address of that page:";

/// What was pasted.
#[derive(Debug)]
pub(super) enum Pasted {
    /// The browser's answer.
    Answer(Arrival),
    /// A code alone. It may be any word: the server's refusal is no reason to end the sign-in.
    Code(Secret),
}

/// Reads what was pasted. The error is for the user.
pub(super) fn read_pasted(
    text: &str,
    server: &ServerMetadata,
    marker: &Secret,
) -> Result<Pasted, &'static str> {
    let text = stripped(text);
    if let Some(query) = query(text) {
        let (mut arrival, _) = read(&query).ok_or(OTHER)?;
        if !arrival.state.as_ref().is_some_and(|state| marker.is(state)) {
            return Err(match arrival.state {
                Some(_) => ANOTHER_SIGN_IN,
                None => WHOLE_ADDRESS,
            });
        }
        arrival.reply = Reply::nowhere();
        return Ok(Pasted::Answer(arrival));
    }
    if !is_code(text) {
        return Err(OTHER);
    }
    if server.authorization_response_iss_parameter_supported {
        // RFC 9207, section 2.4: the issuer of the answer has to be known.
        return Err(WHOLE_ADDRESS);
    }
    Ok(Pasted::Code(Secret::new(text)))
}

/// The text without the spaces, quotes and brackets that come along with copying.
fn stripped(text: &str) -> &str {
    text.trim_matches(|c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(
                c,
                '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}'
            )
            || matches!(
                c,
                '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{feff}' | '\u{200b}'
            )
    })
}

/// The query of a URL, or a text that is one. Terminals break long lines, so spaces within it go.
fn query(text: &str) -> Option<String> {
    let joined: String = text.split_whitespace().collect();
    let names = ["http://", "https://"];
    if names
        .iter()
        .any(|scheme| joined.to_ascii_lowercase().starts_with(scheme))
    {
        let url = parse_url(&joined).ok()?;
        // An address without a query is not an answer either.
        return Some(url.query().unwrap_or_default().to_owned());
    }
    let query = joined.split_once('?').map_or(&*joined, |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let first = |name: &str| query.starts_with(name) || query.contains(&format!("&{name}"));
    (first("code=") || first("error=")).then(|| query.to_owned())
}

/// Whether text looks like a code alone.
fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text.trim_end_matches('=').bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'*' | b'!' | b'#' | b'|' | b'$'
                )
        })
        && !text.contains("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_answer_is_found_and_anything_else_refused() {
        let marker = Secret::new("the-state");
        for (text, names_itself, expect) in [
            (
                "http://localhost:1/cb?code=c&state=the-state",
                true,
                "code c",
            ),
            (
                "\"http://localhost:1/cb?code=c&state=the-state\"\r\n",
                true,
                "code c",
            ),
            (
                "'http://localhost:1/cb?code=c&state=the-state'",
                true,
                "code c",
            ),
            (
                " <http://localhost:1/cb?code=c&state=the-state> ",
                true,
                "code c",
            ),
            (
                "\u{201c}http://localhost:1/cb?code=c&state=the-state\u{201d}",
                true,
                "code c",
            ),
            (
                "http://localhost:1/cb?code=c&sta\nte=the-state",
                true,
                "code c",
            ),
            (
                "HTTP://localhost:1/cb?code=c&state=the-state#_=_",
                true,
                "code c",
            ),
            ("code=c&state=the-state", true, "code c"),
            ("?code=c&state=the-state", true, "code c"),
            ("'?state=the-state&code=c'", true, "code c"),
            ("localhost:1/cb?code=c&state=the-state", true, "code c"),
            (
                "error=access_denied&state=the-state",
                true,
                "error access_denied",
            ),
            ("?code=c&state=other", false, "another sign-in"),
            (
                "http://localhost:1/cb?code=c&state=other",
                false,
                "another sign-in",
            ),
            ("?code=c", false, "whole address"),
            ("?code=c&code=d&state=the-state", false, "not the address"),
            ("http://localhost:1/cb", false, "not the address"),
            ("http://localhost:1/nothing here", false, "not the address"),
            ("two words", false, "not the address"),
            ("state=the-state", false, "not the address"),
            ("ftp://localhost/?x", false, "not the address"),
            ("\"\"", false, "not the address"),
            ("", false, "not the address"),
            ("größe", false, "not the address"),
            ("4/0Ab_c-d.e~f==", false, "alone 4/0Ab_c-d.e~f=="),
            ("\"alone\"", false, "alone alone"),
            ("alone", true, "whole address"),
        ] {
            let server = ServerMetadata {
                authorization_response_iss_parameter_supported: names_itself,
                ..ServerMetadata::default()
            };
            let read = match read_pasted(text, &server, &marker) {
                Ok(Pasted::Answer(arrival)) => match (arrival.code, arrival.error) {
                    (Some(code), _) => format!("code {code}"),
                    (None, error) => format!("error {}", error.unwrap()),
                },
                Ok(Pasted::Code(code)) => format!("alone {}", code.expose()),
                Err(why) => why.to_owned(),
            };
            assert!(read.contains(expect), "{text:?}: {read}");
        }
    }
}
