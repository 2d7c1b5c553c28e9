//! Text from a server that the user will read.

use farport_core::alters_display;

/// The longest text that is shown, in characters.
const LONGEST: usize = 300;

/// Text that is safe to show: on one line, without control characters, and without characters that
/// change the order of the text or have no width.
pub(super) fn printable(text: &str) -> String {
    let spaced = text.chars().take(4 * LONGEST).map(|c| match c {
        c if c.is_whitespace() => ' ',
        c => c,
    });
    let visible: String = spaced.filter(|c| !alters_display(*c)).collect();
    let words: Vec<_> = visible.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(LONGEST).collect()
}

/// Whether text has only printable ASCII characters, at least one, and no space: what an issuer, a
/// client id and the like may consist of.
pub(super) fn is_ascii_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether text is a scope token (RFC 6749, section 3.3).
pub(super) fn is_scope(text: &str) -> bool {
    is_ascii_word(text) && !text.contains(['"', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_line_without_invisible_characters() {
        for (text, expect) in [
            ("plain text", "plain text"),
            ("größer", "größer"),
            ("a\u{1b}[31mb", "a[31mb"),
            ("a\r\n b\tc", "a b c"),
            ("a\u{202e}b\u{2066}c\u{200b}d", "abcd"),
            ("\u{9b}31m", "31m"),
            ("a\u{2028}b", "a b"),
            ("", ""),
        ] {
            assert_eq!(printable(text), expect, "{text:?}");
        }
        assert_eq!(printable(&"é".repeat(1000)).chars().count(), 300);
    }

    #[test]
    fn a_scope_is_printable_ascii() {
        for (text, good) in [
            ("notes:read", true),
            ("https://a.example/x", true),
            ("", false),
            ("a b", false),
            ("a\u{1b}", false),
            ("é", false),
            ("a\"", false),
            ("a\\", false),
        ] {
            assert_eq!(is_scope(text), good, "{text:?}");
        }
    }
}
