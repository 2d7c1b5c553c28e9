//! What a chore says. Colour only where `anstream` finds a terminal that wants it.

use anstyle::{AnsiColor, Style};

const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Announces a step.
pub(crate) fn heading(text: &str) {
    anstream::println!("\n{BOLD}== {text}{BOLD:#}");
}

/// Shows a command before it runs, so that it can be repeated by hand.
pub(crate) fn command(text: &str) {
    anstream::println!("{DIM}$ {text}{DIM:#}");
}

/// One plain line.
pub(crate) fn note(text: &str) {
    anstream::println!("{text}");
}

/// One line that begins with a good word.
pub(crate) fn good(word: &str, text: &str) {
    anstream::println!("{GOOD}{word}{GOOD:#} {text}");
}

/// One line that begins with a bad word.
pub(crate) fn bad(word: &str, text: &str) {
    anstream::println!("{BAD}{word}{BAD:#} {text}");
}

/// An error with its causes, on standard error.
pub(crate) fn error(error: &anyhow::Error) {
    anstream::eprintln!("{BAD}error:{BAD:#} {error:#}");
}
