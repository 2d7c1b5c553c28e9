//! Standard output of the commands that send a request: the result, and nothing else.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use serde_json::Value;

use super::content::Rendered;
use crate::error::Error;
use crate::file_error::FileError;
use crate::terminal::{HINT, Plain, PlainJson, PlainLines};

/// Writes text and a newline. On a terminal, characters that would control it are escaped; a pipe or a
/// file receives them as the server sent them.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn text(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let written = if out.is_terminal() {
        writeln!(out, "{}", PlainLines(text))
    } else {
        writeln!(out, "{text}")
    };
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

/// Writes JSON on one line.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn json(value: &Value) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", PlainJson(value));
    written.and_then(|()| out.flush()).map_err(Error::Output)
}

/// Writes what was rendered: the text to standard output, the notes to standard error.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn rendered(rendered: &Rendered) -> Result<(), Error> {
    if !rendered.text.is_empty() {
        text(&rendered.text)?;
    }
    for text in &rendered.notes {
        note(text);
    }
    if rendered.text.is_empty() && rendered.notes.is_empty() {
        note("the result is empty");
    }
    Ok(())
}

/// Writes a note to standard error.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("{HINT}note{HINT:#}: {}", Plain(text));
}

/// Writes the text of a tool's error to standard error.
pub(crate) fn error_text(text: &str) {
    anstream::eprintln!("{}", PlainLines(text));
}

/// Writes bytes to a file, which `-` names standard output.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if path == Path::new("-") {
        let mut out = io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        return written.map_err(Error::Output);
    }
    std::fs::write(path, bytes)
        .map_err(FileError::of("write", path))
        .map_err(super::Error::File)?;
    anstream::eprintln!("{} bytes written to {}", bytes.len(), Plain(path.display()));
    Ok(())
}
