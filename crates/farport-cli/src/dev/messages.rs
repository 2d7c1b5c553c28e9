//! The messages of `farport dev`, on standard error together with the output of cargo and the server.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::machine::Message;
use crate::terminal::{ERROR, GOOD, Plain, WARNING, say};

/// Prints a message. `changed` lists the files of the last change, and `took` is the time since then or
/// since the start.
pub(super) fn print(message: &Message, changed: &str, took: Duration) {
    say(text(message, changed, took));
}

/// The text of a message, with color.
pub(super) fn text(message: &Message, changed: &str, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match message {
        Message::Serving { reloaded: false } => {
            format!("{GOOD}Watching{GOOD:#} for changes. Press Ctrl-C to stop.")
        }
        Message::Serving { reloaded: true } => {
            format!("{GOOD}Reloaded{GOOD:#} in {seconds:.1} s after a change in {changed}")
        }
        Message::Unchanged => format!("Nothing to reload after a change in {changed}"),
        Message::BuildFailed { serving: true } => {
            format!("{ERROR}Build failed.{ERROR:#} Still serving the previous version.")
        }
        Message::BuildFailed { serving: false } => {
            format!("{ERROR}Build failed.{ERROR:#} Waiting for changes.")
        }
        Message::NotReady => format!(
            "{WARNING}Not ready{WARNING:#} after {seconds:.0} s: the server does not accept \
             connections. Does `main` run `farport::Server`?"
        ),
        Message::StartFailed { why, serving: true } => format!(
            "{ERROR}The new server did not start{ERROR:#} ({why}). Still serving the previous version."
        ),
        Message::StartFailed {
            why,
            serving: false,
        } => format!("{ERROR}The server did not start{ERROR:#} ({why}). Waiting for changes."),
        Message::Ended { how } => format!(
            "{ERROR}The server exited{ERROR:#} ({how}). It starts again at the next change; until \
             then, connections wait."
        ),
    }
}

/// Lists the first paths, relative to the project if they are in it.
pub(super) fn list(paths: &[PathBuf], root: &Path) -> String {
    const SHOWN: usize = 3;
    let mut line = String::new();
    for path in paths.iter().take(SHOWN) {
        let path = path.strip_prefix(root).unwrap_or(path);
        let comma = if line.is_empty() { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(line, "{comma}{}", Plain(path.display()));
    }
    if let Some(more) = paths.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = write!(line, " and {more} more");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_paths_are_listed_briefly() {
        let root = Path::new("/p");
        for (paths, listed) in [
            (vec!["/p/src/a.rs"], "src/a.rs"),
            (vec!["/p/a", "/elsewhere/b"], "a, /elsewhere/b"),
            (
                vec!["/p/a", "/p/b", "/p/c", "/p/d", "/p/e"],
                "a, b, c and 2 more",
            ),
        ] {
            let paths: Vec<_> = paths.into_iter().map(PathBuf::from).collect();
            assert_eq!(list(&paths, root), listed);
        }
    }

    #[test]
    fn every_message_is_understandable_without_color() {
        let took = Duration::from_millis(1234);
        let status = || "exit status: 1".to_owned();
        for (message, expected) in [
            (
                Message::Serving { reloaded: false },
                "Watching for changes. Press Ctrl-C to stop.",
            ),
            (
                Message::Serving { reloaded: true },
                "Reloaded in 1.2 s after a change in src/a.rs",
            ),
            (
                Message::Unchanged,
                "Nothing to reload after a change in src/a.rs",
            ),
            (
                Message::BuildFailed { serving: true },
                "Build failed. Still serving the previous version.",
            ),
            (
                Message::BuildFailed { serving: false },
                "Build failed. Waiting for changes.",
            ),
            (
                Message::StartFailed {
                    why: status(),
                    serving: true,
                },
                "The new server did not start (exit status: 1). Still serving the previous version.",
            ),
            (
                Message::StartFailed {
                    why: status(),
                    serving: false,
                },
                "The server did not start (exit status: 1). Waiting for changes.",
            ),
            (
                Message::Ended { how: status() },
                "The server exited (exit status: 1). It starts again at the next change; until then, \
                 connections wait.",
            ),
        ] {
            let text = text(&message, "src/a.rs", took);
            assert_eq!(anstream::adapter::strip_str(&text).to_string(), expected);
        }
    }
}
