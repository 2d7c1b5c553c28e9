//! What `farport dev` says. It says it on standard error, beside cargo and the server.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::machine::Message;
use crate::terminal::{ERROR, GOOD, HEADING, WARNING};

/// Says something. `took` is the time since the change, or since the start.
pub(super) fn tell(message: &Message, root: &Path, took: Duration) {
    anstream::eprintln!("{}", wording(message, root, took));
}

fn wording(message: &Message, root: &Path, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match message {
        Message::Changed(paths) => {
            format!("{HEADING}Changed{HEADING:#} {}", list(paths, root))
        }
        Message::Serving { reloaded: false } => {
            format!("{GOOD}Watching{GOOD:#} for changes; ctrl-c stops")
        }
        Message::Serving { reloaded: true } => {
            format!("{GOOD}Reloaded{GOOD:#} in {seconds:.1} s")
        }
        Message::NothingNew => "Nothing to reload".to_owned(),
        Message::BuildFailed { serving: true } => format!(
            "{ERROR}Build failed{ERROR:#}; the server from before goes on answering. Waiting for a change"
        ),
        Message::BuildFailed { serving: false } => {
            format!("{ERROR}Build failed{ERROR:#}; waiting for a change")
        }
        Message::NotReady => format!(
            "{WARNING}Not ready{WARNING:#} after {seconds:.0} s: still waiting for the server to \
             accept connections. Does `main` run `farport::Server`?"
        ),
        Message::EndedAtStart { how, serving: true } => format!(
            "{ERROR}The new server ended{ERROR:#} before it was ready ({how}); the one from \
             before goes on answering. Waiting for a change"
        ),
        Message::EndedAtStart {
            how,
            serving: false,
        } => format!(
            "{ERROR}The server ended{ERROR:#} before it was ready ({how}); waiting for a change"
        ),
        Message::Ended { how } => format!(
            "{ERROR}The server ended{ERROR:#} ({how}); connections wait until it is back. \
             Waiting for a change"
        ),
    }
}

/// The first few of some paths, relative to the project where they are in it.
fn list(paths: &[PathBuf], root: &Path) -> String {
    const SHOWN: usize = 3;
    let mut line = String::new();
    for path in paths.iter().take(SHOWN) {
        let path = path.strip_prefix(root).unwrap_or(path);
        let comma = if line.is_empty() { "" } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(line, "{comma}{}", path.display());
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
    fn every_message_is_understandable_without_colour() {
        let took = Duration::from_millis(1234);
        let how = || "exit status: 1".to_owned();
        for (message, part) in [
            (Message::Serving { reloaded: true }, "Reloaded in 1.2 s"),
            (Message::BuildFailed { serving: true }, "goes on answering"),
            (
                Message::EndedAtStart {
                    how: how(),
                    serving: false,
                },
                "(exit status: 1)",
            ),
            (Message::Ended { how: how() }, "connections wait"),
        ] {
            let plain =
                anstream::adapter::strip_str(&wording(&message, Path::new("/"), took)).to_string();
            assert!(plain.contains(part), "{plain}");
        }
    }
}
