//! Safe display of text from peers, files and stores in a terminal.

use std::fmt::{self, Display, Write};

/// Displays a value on one line. Escapes every character that could change how a terminal displays the
/// text around it: control characters, line breaks, and characters that reorder text or are invisible.
///
/// ```
/// # use farport_core::Plain;
/// assert_eq!(Plain("a\u{1b}[31mb\nc\u{202e}").to_string(), r"a\u{1b}[31mb\nc\u{202e}");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Plain<T>(pub T);

/// Like [`Plain`], for text with several lines. Keeps line breaks, and indents each line after the first
/// by two spaces, so that no line looks like a separate message.
///
/// ```
/// # use farport_core::PlainLines;
/// assert_eq!(PlainLines("one\nerror: two\u{7}").to_string(), "one\n  error: two\\u{7}");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PlainLines<T>(pub T);

/// Displays JSON. Escapes the same characters as [`Plain`] with JSON escapes, so the value stays the
/// same.
#[derive(Clone, Copy, Debug)]
pub struct PlainJson<T>(pub T);

impl<T: Display> Display for Plain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape::new(f, Style::Line), "{}", self.0)
    }
}

impl<T: Display> Display for PlainLines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape::new(f, Style::Lines), "{}", self.0)
    }
}

impl<T: Display> Display for PlainJson<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape::new(f, Style::Json), "{}", self.0)
    }
}

#[derive(Clone, Copy)]
enum Style {
    Line,
    Lines,
    Json,
}

/// Escapes the text written to it.
struct Escape<'a, W> {
    out: &'a mut W,
    style: Style,
    /// Whether the last character was a line break.
    at_line_start: bool,
}

impl<'a, W: Write> Escape<'a, W> {
    fn new(out: &'a mut W, style: Style) -> Self {
        Self {
            out,
            style,
            at_line_start: false,
        }
    }

    fn special(&mut self, c: char) -> fmt::Result {
        match (self.style, c) {
            (Style::Json, '\n' | '\r' | '\t') => self.out.write_char(c),
            (Style::Json, c) => {
                let mut units = [0; 2];
                let units = c.encode_utf16(&mut units).iter();
                units
                    .copied()
                    .try_for_each(|unit| write!(self.out, "\\u{unit:04x}"))
            }
            (Style::Lines, '\n') => {
                self.at_line_start = true;
                self.out.write_char('\n')
            }
            (_, '\n') => self.out.write_str("\\n"),
            (_, '\r') => self.out.write_str("\\r"),
            (_, '\t') => self.out.write_str("\\t"),
            (_, c) => write!(self.out, "{}", c.escape_unicode()),
        }
    }
}

impl<W: Write> Write for Escape<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(alters_display).unwrap_or(rest.len());
            let (plain, after) = rest.split_at(end);
            if !plain.is_empty() {
                if std::mem::take(&mut self.at_line_start) {
                    self.out.write_str("  ")?;
                }
                self.out.write_str(plain)?;
            }
            let mut after = after.chars();
            if let Some(c) = after.next() {
                if c != '\n' && std::mem::take(&mut self.at_line_start) {
                    self.out.write_str("  ")?;
                }
                self.special(c)?;
            }
            rest = after.as_str();
        }
        Ok(())
    }
}

/// Reports whether a character could change how a terminal displays the text around it: a control
/// character, or a character that reorders text or is invisible. Returns false for a space.
///
/// Use it to check or shorten text. To display text, use [`Plain`].
pub fn alters_display(c: char) -> bool {
    // C0, DEL and C1: escape sequences begin with these.
    c.is_control()
        || matches!(
            c,
            // Soft hyphen, and marks that have no width.
            '\u{ad}' | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{3164}' | '\u{ffa0}'
            // Arabic letter mark, Mongolian selectors and vowel separator.
            | '\u{61c}' | '\u{180b}'..='\u{180f}'
            // Zero-width characters and direction marks.
            | '\u{200b}'..='\u{200f}'
            // Line and paragraph separators, embeddings and overrides.
            | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, isolates and deprecated format characters.
            | '\u{2060}'..='\u{206f}'
            // The byte order mark, and interlinear annotations.
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}'
            // Tags, and the rest of the plane of invisible characters.
            | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_characters_that_alter_the_display_are_escaped() {
        for (text, shown) in [
            ("plain, héllo, 日本, 👍", "plain, héllo, 日本, 👍"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("\u{9b}31m\u{85}\u{7f}", r"\u{9b}31m\u{85}\u{7f}"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            (
                "\u{202a}\u{202e}\u{2066}\u{2069}",
                r"\u{202a}\u{202e}\u{2066}\u{2069}",
            ),
            ("\u{200e}\u{200f}\u{61c}", r"\u{200e}\u{200f}\u{61c}"),
            (
                "\u{200b}\u{200d}\u{2060}\u{feff}",
                r"\u{200b}\u{200d}\u{2060}\u{feff}",
            ),
            ("\u{2028}\u{e0041}\u{ad}", r"\u{2028}\u{e0041}\u{ad}"),
        ] {
            assert_eq!(Plain(text).to_string(), shown);
            assert_eq!(Plain(shown).to_string(), shown);
        }
    }

    #[test]
    fn lines_after_the_first_are_indented() {
        for (text, shown) in [
            ("one", "one"),
            (
                "one\nerror: two\n\n\u{1b}three\n",
                "one\n  error: two\n\n  \\u{1b}three\n",
            ),
            ("one\r\nhint: x", "one\\r\n  hint: x"),
        ] {
            assert_eq!(PlainLines(text).to_string(), shown);
        }
        // Also in pieces.
        let pieces = PlainLines(format_args!("a\n{}{}", "", "hint: b")).to_string();
        assert_eq!(pieces, "a\n  hint: b");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({"a": "\u{1b}\u{9b}\u{202e}\u{e0041}x\n", "b": ["👍"]});
        let shown = PlainJson(&value).to_string();
        assert!(!shown.contains(alters_display), "{shown}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            value
        );
    }
}
