//! Styles for terminal output. Every message is understandable without color.
//!
//! Print text from a peer, a file or a store through [`Plain`], [`PlainLines`] or [`PlainJson`], so that
//! it cannot control the terminal or imitate farport's messages.

use std::fmt::Display;
use std::io::{Write, stderr};

use farport_client::Url;
use farport_client::parse_url;
pub(crate) use farport_core::{Plain, PlainJson, PlainLines};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use clap::builder::Styles;

/// The word `error`.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word `warning`.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The word `hint`.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// A successful step.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Text to copy: a command, a path, a URL.
pub(crate) const COPY: Style = AnsiColor::Cyan.on_default();
/// A heading.
pub(crate) const HEADING: Style = Style::new().bold();

/// The styles of `--help`.
pub(crate) const HELP: Styles = Styles::styled()
    .header(HEADING)
    .usage(HEADING)
    .literal(COPY)
    .placeholder(Style::new())
    .error(ERROR)
    .valid(GOOD)
    .invalid(ERROR);

/// Formats the URL of a server without the parts that may contain secrets: user, password, query and
/// fragment. An ellipsis marks a removed query.
pub(crate) fn shown_url(url: &str) -> String {
    let mut shown = match parse_url(url) {
        Ok(parsed) if is_bare(&parsed) => url.to_owned(),
        Ok(parsed) if parsed.has_host() => {
            let mut bare = parsed;
            // Both fail only for URLs that cannot have a user.
            let _ = bare.set_username("");
            let _ = bare.set_password(None);
            bare.set_query(None);
            bare.set_fragment(None);
            bare.to_string()
        }
        _ => {
            let bare = url.split(['?', '#']).next().unwrap_or_default();
            let (scheme, rest) = bare.split_once("://").unwrap_or(("", bare));
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            match scheme {
                "" => format!("{host}{path}"),
                scheme => format!("{scheme}://{host}{path}"),
            }
        }
    };
    if url.split('#').next().unwrap_or_default().contains('?') {
        shown.push_str("?…");
    }
    Plain(shown).to_string()
}

/// Returns whether a URL has no part that may contain a secret.
fn is_bare(url: &Url) -> bool {
    let user = !url.username().is_empty() || url.password().is_some();
    url.has_host() && !user && url.query().is_none() && url.fragment().is_none()
}

/// Applies `--color` to everything written through `anstream`. `auto` depends on the terminal and the
/// environment (`NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`).
pub(crate) fn use_color(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Prints lines on standard error, where other processes print as well: the servers and builds of
/// `farport dev`. One write carries all of it, so their output cannot end up inside a line.
pub(crate) fn say(text: impl Display) {
    let colored = anstream::AutoStream::choice(&stderr()) != anstream::ColorChoice::Never;
    // Standard error may be closed.
    let _ = write_lines(&mut anstream::stderr(), &text.to_string(), colored);
}

fn write_lines(out: &mut impl Write, text: &str, colored: bool) -> std::io::Result<()> {
    let line = if colored {
        format!("{text}\n")
    } else {
        format!("{}\n", anstream::adapter::strip_str(text))
    };
    out.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Collects each write.
    #[derive(Default)]
    struct Writes(Vec<String>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_one_write() {
        let text = format!("{GOOD}Reloaded{GOOD:#} in 1 s\n     and {COPY}more{COPY:#}");
        for (colored, expected) in [
            (false, "Reloaded in 1 s\n     and more\n".to_owned()),
            (true, format!("{text}\n")),
        ] {
            let mut writes = Writes::default();
            write_lines(&mut writes, &text, colored).unwrap();
            assert_eq!(writes.0, [expected]);
        }
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("https://a.example/mcp", "https://a.example/mcp"),
            (
                "https://a.example/mcp?key=s3cret",
                "https://a.example/mcp?…",
            ),
            (
                "https://a.example/mcp?s3cret#s3cret",
                "https://a.example/mcp?…",
            ),
            (
                "https://s3cret:s3cret@a.example/mcp#s3cret?x",
                "https://a.example/mcp",
            ),
            ("s3cret@a.example/mcp?s3cret", "a.example/mcp?…"),
            ("x://s3cret@/mcp?s3cret", "x:///mcp?…"),
            ("https://s3cret@a b/\u{1b}[2J", r"https://a b/\u{1b}[2J"),
        ] {
            assert_eq!(shown_url(url), shown, "{url}");
        }
    }
}
