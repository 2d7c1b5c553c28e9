//! `cargo xtask schemas`: what goes over the wire, held against the official schemas.

mod conversation;
mod peer;
mod schema;
mod wire;

use std::fs;

use anyhow::{Result, bail};

use self::peer::Peer;
use self::schema::Schema;
use crate::fixture::{self, Fixture};
use crate::steps::Outcome;
use crate::{console, project};

/// Validates the messages of every protocol revision against the official schemas.
///
/// Talks to the fixture server in each revision over plain HTTP, and checks every message the
/// server sends, and every one sent to it: responses against the result of their method,
/// notifications and requests against their own definition. What was said is kept under
/// target/schemas. The schemas are not part of the repository: FARPORT_SCHEMA_DIR names a folder
/// with REVISION/schema.json in it, ../shared/schema by default; without it this is left out.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Speak only this revision.
    #[arg(long, value_name = "REVISION")]
    only: Option<Revision>,
    #[command(flatten)]
    fixture: fixture::Which,
}

/// A protocol revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Revision {
    /// HTTP+SSE.
    #[value(name = "2024-11-05")]
    V2024_11_05,
    /// Streamable HTTP with batches.
    #[value(name = "2025-03-26")]
    V2025_03_26,
    /// Structured output, elicitation.
    #[value(name = "2025-06-18")]
    V2025_06_18,
    /// Polling, enum schemas.
    #[value(name = "2025-11-25")]
    V2025_11_25,
    /// No sessions.
    #[value(name = "2026-07-28")]
    V2026_07_28,
}

impl Revision {
    const ALL: [Self; 5] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Whether a request carries all of its context, instead of belonging to a session.
    fn is_modern(self) -> bool {
        self >= Self::V2026_07_28
    }
}

/// Speaks every revision with the fixture.
///
/// # Errors
/// When a message does not fit its schema, or does not come.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let Some(folder) = project::schemas() else {
        return Ok(Outcome::Skipped(
            "the official schemas are not here; FARPORT_SCHEMA_DIR can name a folder with them"
                .into(),
        ));
    };
    let server = Fixture::start(&args.fixture)?;
    let records = project::target().join("schemas");
    fs::create_dir_all(&records)?;
    let (mut messages, mut failed) = (0, Vec::new());
    for revision in Revision::ALL
        .into_iter()
        .filter(|revision| args.only.is_none_or(|only| only == *revision))
    {
        let name = revision.name();
        let schema = Schema::read(&folder.join(name).join("schema.json"))?;
        let mut peer = Peer::new(revision, schema, &server)?;
        let said = conversation::hold(&mut peer);
        fs::write(records.join(format!("{name}.jsonl")), peer.record())?;
        let problems = peer.problems();
        match said {
            Ok(()) if problems.is_empty() => {
                console::good("ok    ", &format!("{name}: {}", peer.summary()));
                messages += peer.received();
            }
            Ok(()) => failed.push(format!("{name}:\n{}", problems.join("\n"))),
            Err(error) => failed.push(format!("{name}: {error:#}\n{}", problems.join("\n"))),
        }
    }
    if !failed.is_empty() {
        failed.iter().for_each(|text| console::bad("FAILED", text));
        bail!(
            "{} revisions have messages that do not fit; all messages: {}",
            failed.len(),
            records.display()
        );
    }
    Outcome::passed(format!("{messages} messages of the server"))
}
