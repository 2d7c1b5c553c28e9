//! The log, on the console, which `wrangler tail` shows.

use std::{fmt::Debug, io, str::FromStr};

use farport_core::Plain;
use tracing::{Level, Metadata, field::Field};
use tracing_subscriber::{
    field::MakeExt,
    filter::{LevelFilter, Targets},
    fmt::{
        self, FormatFields, MakeWriter,
        format::{self, Writer},
    },
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Starts the log, unless the program has started one already. `filter` has a level, and targets with
/// their levels: `info,farport_http=debug`. The default is `info`.
pub(crate) fn start(filter: Option<&str>) {
    let read = filter.map(Targets::from_str).transpose();
    let wrong = read.is_err();
    let targets = read.ok().flatten();
    let targets = targets.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    // rmcp logs each peer that it creates and drops at info; here that is every call.
    let targets = targets.with_target("rmcp", LevelFilter::WARN);
    let lines = fmt::layer()
        .without_time()
        .with_ansi(false)
        .with_writer(Console)
        .fmt_fields(plain_fields());
    let started = tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init();
    if started.is_err() {
        tracing::debug!("the program has already started a log");
    }
    if wrong {
        tracing::warn!(
            "invalid FARPORT_LOG, so the log uses `info`; write it like `info,farport_http=debug`"
        );
    }
}

/// Formats the fields of a log line, and escapes everything that could control the terminal of
/// `wrangler tail`.
fn plain_fields() -> impl for<'w> FormatFields<'w> + 'static {
    format::debug_fn(
        |writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
            let value = Plain(format_args!("{value:?}"));
            match field.name() {
                "message" => write!(writer, "{value}"),
                name => write!(writer, "{name}={value}"),
            }
        },
    )
    .delimited(" ")
}

struct Console;

/// A line of the log. Dropping it prints it.
struct Line {
    text: Vec<u8>,
    level: Level,
}

impl<'a> MakeWriter<'a> for Console {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            text: Vec::new(),
            level: Level::INFO,
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line {
            text: Vec::new(),
            level: *meta.level(),
        }
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        let text = text.trim_end();
        match self.level {
            Level::ERROR => worker::console_error!("{text}"),
            Level::WARN => worker::console_warn!("{text}"),
            Level::INFO => worker::console_log!("{text}"),
            _ => worker::console_debug!("{text}"),
        }
    }
}
