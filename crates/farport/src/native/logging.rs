//! The log, on standard error, which no protocol uses.

use std::{
    fmt,
    io::{self, IsTerminal, Write, stderr},
};

use farport_core::{Plain, PlainJson};
use tracing::field::Field;
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt,
    fmt::{
        FormatFields,
        format::{self, Writer},
    },
};

use farport_server::{Error, HostError, LogFormat, Settings, nearest, unknown_variables};

/// The levels of a filter.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Starts the log with [`Settings::log`] and [`Settings::log_format`], unless the program has started
/// one already. [`Server::run`](crate::Server::run) calls this. A program that calls
/// [`Server::bind`](crate::Server::bind) can call it first.
///
/// The log escapes values that a peer sent, so that they cannot control the terminal that shows it. It
/// warns about variables that begin with `FARPORT_` and have no effect.
///
/// # Errors
/// When the filter is invalid.
pub fn start_log(settings: &Settings) -> Result<(), Error> {
    // rmcp logs each peer that it creates and drops at info; here that is every call.
    let filter = EnvFilter::builder()
        .parse(format!("rmcp=warn,{}", check_filter(&settings.log)?))
        .map_err(|error| bad_filter(&settings.log, &error.to_string()))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    let started = match settings.log_format {
        LogFormat::Json => log
            .with_writer(|| JsonLines(stderr()))
            .json()
            .flatten_event(true)
            .try_init(),
        LogFormat::Text => {
            let color = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            log.with_writer(stderr)
                .fmt_fields(log_fields())
                .with_ansi(color)
                .try_init()
        }
    };
    if started.is_err() {
        tracing::debug!("the program has already started a log");
    }
    for unknown in unknown_variables() {
        tracing::warn!("{unknown}");
    }
    Ok(())
}

/// Refuses an invalid filter, and one that [`EnvFilter`] accepts although it hides the log.
pub(crate) fn check_filter(filter: &str) -> Result<&str, Error> {
    for directive in filter.split(',').map(str::trim) {
        // A single word enables all events of a crate with that name, and disables all others.
        let word = !directive.is_empty()
            && directive
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        let level = directive.to_ascii_lowercase();
        let known = LEVELS.contains(&&*level) || level.parse::<u8>().is_ok_and(|n| n <= 5);
        if word && !known {
            let suggestion = match &*level {
                "verbose" | "all" => Some("trace"),
                "none" | "quiet" | "silent" => Some("off"),
                "notice" => Some("info"),
                "fatal" | "critical" => Some("error"),
                level => nearest(level, LEVELS),
            };
            let suggestion = match suggestion {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("to log everything of a crate, write `{directive}=trace`"),
            };
            return Err(bad_filter(
                filter,
                &format!("`{directive}` is not a level; {suggestion}"),
            ));
        }
    }
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| bad_filter(filter, &error.to_string()))?;
    Ok(filter)
}

fn bad_filter(filter: &str, why: &str) -> Error {
    HostError::Setting {
        name: "log",
        value: filter.to_owned(),
        why: format!("{why} (a filter is a level, or `info,farport_http=debug`)"),
    }
    .into()
}

/// Formats the fields of a log line, and escapes everything that could control the terminal.
pub fn log_fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    format::debug_fn(
        |writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| {
            let value = Plain(Debugged(value));
            match field.name() {
                "message" => write!(writer, "{value}"),
                name => {
                    let name = name.trim_start_matches("r#");
                    if writer.has_ansi_escapes() {
                        write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{value}")
                    } else {
                        write!(writer, "{name}={value}")
                    }
                }
            }
        },
    )
    .delimited(" ")
}

/// Shows a value as `Debug` does. `tracing` also passes values logged with `%` that way.
struct Debugged<'a>(&'a dyn fmt::Debug);

impl fmt::Display for Debugged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Escapes control characters in lines of JSON.
struct JsonLines<W>(W);

impl<W: Write> Write for JsonLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The subscriber writes each line in one call.
        match std::str::from_utf8(line) {
            Ok(text) => write!(self.0, "{}", PlainJson(text))?,
            Err(_) => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const BAD: &str = "x\u{1b}[2J\u{9b}1m\nerror: \u{202e}\u{200b}";

    fn log_bad_text() {
        let error: &(dyn std::error::Error + 'static) = &io::Error::other(BAD);
        tracing::info_span!("s", name = %BAD).in_scope(|| {
            tracing::warn!(error, shown = %BAD, debugged = ?BAD, text = BAD, "said {BAD}");
        });
    }

    #[test]
    fn text_from_a_peer_cannot_control_the_terminal_that_shows_the_log() {
        let harmless = |text: &str| {
            assert!(text.contains("said x"), "{text}");
            let lines = text.lines().count();
            assert_eq!(lines, 1, "{text}");
            for bad in ['\u{1b}', '\u{9b}', '\u{202e}', '\u{200b}'] {
                assert!(!text.contains(bad), "{text}");
            }
        };
        let text = Shared::default();
        let writer = text.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .fmt_fields(log_fields())
            .finish();
        tracing::subscriber::with_default(log, log_bad_text);
        harmless(&String::from_utf8(text.0.lock().unwrap().clone()).unwrap());

        let json = Shared::default();
        let writer = json.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || JsonLines(writer.clone()))
            .json()
            .flatten_event(true)
            .finish();
        tracing::subscriber::with_default(log, log_bad_text);
        let line = String::from_utf8(json.0.lock().unwrap().clone()).unwrap();
        harmless(&line);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["shown"], BAD);
    }

    #[test]
    fn a_filter_that_would_hide_the_log_is_an_error() {
        for (filter, says) in [
            ("info", None),
            ("WARN", None),
            ("off", None),
            ("", None),
            ("info,farport_http=debug", None),
            ("my_crate::part", None),
            ("info,[span]=debug", None),
            ("inof", Some("did you mean `info`")),
            ("warning", Some("did you mean `warn`")),
            ("verbose", Some("did you mean `trace`")),
            ("my_crate", Some("`my_crate=trace`")),
            ("info,hyper=lots", Some("log")),
            ("=,=", Some("log")),
        ] {
            match (check_filter(filter), says) {
                (Ok(_), None) => {}
                (Err(error), Some(says)) => {
                    let said = format!("{error:?}");
                    assert!(
                        said.contains(says) && said.contains("FARPORT_LOG"),
                        "{said}"
                    );
                }
                (result, _) => panic!("{filter}: {result:?}"),
            }
        }
    }
}
