//! Checks a server against the rules of the specification.
//!
//! [`check`] sends requests to a server, also ones that a well-behaved client would not send, and returns
//! what it found as data: each [`Finding`] names a [`Rule`], what the check saw, and a remedy.
//! It never calls a tool, unless [`CheckOptions::calls`] names one.

mod auth;
mod legacy;
mod limits;
mod modern;
mod peer;
mod probe;
mod process;
mod report;
mod rules;
mod schema;
mod session;
mod tools;
mod transport;
mod wire;

use std::time::Duration;

use serde_json::{Map, Value};

pub use report::{Checked, Finding, Outcome, Report, Selection};
pub use rules::{Area, RULES, Rule, Severity, Source};

use crate::Error;
use crate::connection::Command;
use crate::connection::remote::Remote;
use crate::options::Options;
use crate::store::Store;
use crate::user::User;
use probe::Probe;
use report::Ledger;

const MODERN: &str = "2026-07-28";
const SESSION_REVISIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// Receives outcomes.
pub type Progress = Box<dyn Fn(&Checked) + Send + Sync>;

/// What is checked, and how.
#[non_exhaustive]
pub struct CheckOptions {
    /// The rules. Default: all.
    pub selection: Selection,
    /// The revisions. Default: all that the server offers.
    pub revisions: Vec<String>,
    /// How long each response may take. Default: 20 s.
    pub timeout: Duration,
    /// Tools to call, with their arguments. Default: none.
    pub calls: Vec<(String, Map<String, Value>)>,
    /// Receives each outcome as soon as it is known.
    pub progress: Option<Progress>,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            revisions: Vec::new(),
            timeout: Duration::from_secs(20),
            calls: Vec::new(),
            progress: None,
        }
    }
}

impl CheckOptions {
    /// Whether a revision is checked, if the server offers it.
    fn has(&self, revision: &str) -> bool {
        self.revisions.is_empty() || self.revisions.iter().any(|one| one == revision)
    }
}

impl std::fmt::Debug for CheckOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckOptions").finish_non_exhaustive()
    }
}

/// Checks the server at a URL in every revision that it offers. If the server requires a sign-in, the
/// stored one is used, or the user signs in as `options` say.
///
/// # Errors
/// When the options are invalid. What happens on the way to the server is part of the report.
pub async fn check(
    options: &Options,
    store: Store,
    user: User,
    settings: &CheckOptions,
) -> Result<Report, Error> {
    let remote = Remote::new(options, store, user)?;
    let mut probe = Probe::new(remote, settings.timeout);
    let progress = settings.progress.as_deref();
    let ledger = Ledger::new(&settings.selection, progress);
    let mut revisions = Vec::new();
    // The future of a sign-in is large.
    let stopped = match Box::pin(auth::check(&mut probe, &ledger)).await {
        Ok(()) => check_all(&probe, &ledger, settings, &mut revisions)
            .await
            .err(),
        Err(error) => Some(error),
    };
    Ok(ledger.finish(revisions, stopped))
}

/// Checks a local server in every revision that it offers. Each revision with sessions gets its own process,
/// and the rules for HTTP, the sign-in and limits are not checked.
///
/// ```no_run
/// use farport_client::Command;
/// use farport_client::check::{CheckOptions, check_process};
///
/// # async fn example() {
/// let command = Command::new("npx").args(["-y", "some-mcp-server"]);
/// let report = check_process(&command, &CheckOptions::default()).await;
/// for finding in report.findings() {
///     println!("{}: {}", finding.rule, finding.saw);
/// }
/// # }
/// ```
pub async fn check_process(command: &Command, settings: &CheckOptions) -> Report {
    let ledger = Ledger::new(&settings.selection, settings.progress.as_deref());
    let mut revisions = Vec::new();
    let done = process::check(command, &ledger, settings, &mut revisions).await;
    ledger.finish(revisions, done.err())
}

async fn check_all(
    probe: &Probe,
    ledger: &Ledger<'_>,
    settings: &CheckOptions,
    revisions: &mut Vec<String>,
) -> Result<(), Error> {
    let modern = if settings.has(MODERN) {
        modern::open(probe, ledger).await?
    } else {
        None
    };
    let mut sessions = Vec::new();
    for revision in SESSION_REVISIONS {
        if settings.has(revision)
            && let Some(peer) = session::open(probe, ledger, revision).await?
        {
            sessions.push(peer);
        }
    }
    let all = || modern.iter().chain(&sessions);
    revisions.extend(all().map(|peer| peer.revision.to_owned()));
    if revisions.is_empty() && settings.has("2024-11-05") && legacy::check(probe, ledger).await? {
        revisions.push("2024-11-05".to_owned());
        return Ok(());
    }
    if revisions.is_empty() {
        return Err(Error::Version {
            url: crate::http::shown(probe.url()),
            why: "it answers neither `server/discover` nor `initialize`".to_owned(),
        });
    }
    if let Some(peer) = &modern {
        modern::check_messages(peer).await;
        modern::check_http(peer, sessions.is_empty()).await;
    }
    if let Some(newest) = sessions.first() {
        session::check_negotiation(probe, ledger, newest.revision).await;
    }
    if let Some(peer) = all().next() {
        tools::check(peer, &settings.calls, !sessions.is_empty()).await;
        limits::check(peer).await;
    }
    for peer in &sessions {
        peer.check_session().await;
    }
    Ok(())
}
