//! The log: the console, which `wrangler tail` shows.

use std::{io, str::FromStr};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Starts logging, unless the program has done so itself. `filter` has levels, and targets with
/// theirs: `info,farport_http=debug`. `info` unless set.
pub(crate) fn start(filter: Option<&str>) {
    let read = filter.map(Targets::from_str).transpose();
    let wrong = read.is_err();
    let targets = read.ok().flatten();
    let targets = targets.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    // rmcp reports each peer that is made and dropped at info; here that is every call.
    let targets = targets.with_target("rmcp", LevelFilter::WARN);
    let lines = fmt::layer()
        .without_time()
        .with_ansi(false)
        .with_writer(Console);
    let started = tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init();
    if started.is_err() {
        tracing::debug!("logging was started by the program");
    }
    if wrong {
        tracing::warn!("FARPORT_LOG is no filter, as `info,farport_http=debug` is one");
    }
}

struct Console;

/// A line that is being written.
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
