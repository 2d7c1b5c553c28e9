//! What `farport doctor` finds: the rules of the specification that the server breaks.

use std::sync::Arc;
use std::time::Duration;

use farport_client::check::{CheckOptions, Outcome, check};
use farport_client::{NoBrowser, Target as Client};
use serde_json::{Value, json};

use crate::live::Refused;
use crate::person::person;
use crate::state::State;

/// The longest that all checks together may take.
const LIMIT: Duration = Duration::from_secs(180);

/// Checks the server over separate connections. The connection of the page stays open.
pub(crate) async fn doctor(state: &Arc<State>) -> Result<Value, Refused> {
    state.live()?;
    let target = state.target().ok_or(Refused::Closed)?;
    let stopped = |why: String| json!({ "stopped": why, "findings": [], "skipped": [] });
    let client = match target.to_client(None) {
        Ok(Client::Http(options)) => options,
        Ok(_) => return Err(Refused::Process),
        Err(error) => return Ok(stopped(state.masked(&error.with_hint()))),
    };
    // A stored sign-in is used. Nothing opens a browser.
    let user = person(state, Arc::new(NoBrowser));
    let options = CheckOptions::default();
    let checking = Box::pin(check(&client, state.store().clone(), user, &options));
    let report = match tokio::time::timeout(LIMIT, checking).await {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => return Ok(stopped(state.masked(&error.with_hint()))),
        Err(_) => {
            let why = format!("the checks took longer than {} s", LIMIT.as_secs());
            return Ok(stopped(why));
        }
    };
    let findings: Vec<_> = report
        .findings()
        .into_iter()
        .map(|finding| {
            let revision = finding.revision.as_deref();
            json!({
                "id": finding.rule.id,
                "area": finding.rule.area.name(),
                "severity": finding.rule.severity.name(),
                "rule": finding.rule.text,
                "section": finding.rule.source.section(revision),
                "url": finding.rule.source.url(revision),
                "remedy": finding.rule.remedy,
                "revision": revision,
                "saw": state.masked(&finding.saw),
            })
        })
        .collect();
    let kept = report
        .checked
        .iter()
        .filter(|checked| checked.outcome == Outcome::Kept)
        .count();
    let skipped: Vec<_> = report
        .checked
        .iter()
        .filter_map(|checked| match &checked.outcome {
            Outcome::Skipped(why) => Some(json!({
                "rule": checked.rule.text, "revision": checked.revision, "why": state.masked(why),
            })),
            _ => None,
        })
        .collect();
    Ok(json!({
        "revisions": report.revisions,
        "kept": kept,
        "findings": findings,
        "skipped": skipped,
        "stopped": report.stopped.map(|error| state.masked(&error.with_hint())),
    }))
}
