//! Named steps, one after the other, and their summary.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::console;
use crate::process::Failed;

/// How a step ended, unless it failed.
pub(crate) enum Outcome {
    /// It did what it is for; the text says what was seen.
    Passed(String),
    /// It was left out; the text says why.
    Skipped(String),
}

impl Outcome {
    /// Passed, with what was seen.
    pub(crate) fn passed(seen: impl Into<String>) -> Result<Self> {
        Ok(Self::Passed(seen.into()))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(seen) => f.write_str(seen),
            Self::Skipped(why) => write!(f, "left out: {why}"),
        }
    }
}

struct Done {
    name: &'static str,
    alone: &'static str,
    outcome: Result<Outcome>,
    took: Duration,
}

/// Steps that run whether or not an earlier one failed.
#[derive(Default)]
pub(crate) struct Steps(Vec<Done>);

impl Steps {
    /// Runs one step under a heading. `alone` is the command that runs only this step.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        alone: &'static str,
        step: impl FnOnce() -> Result<Outcome>,
    ) {
        console::heading(name);
        let start = Instant::now();
        let outcome = step();
        let done = Done {
            name,
            alone,
            outcome,
            took: start.elapsed(),
        };
        done.tell(0);
        if done.outcome.is_err() {
            console::note(&format!("Run it alone: {alone}"));
        }
        self.0.push(done);
    }

    /// Prints the summary. Its last line counts the steps.
    ///
    /// # Errors
    /// When a step failed.
    pub(crate) fn finish(self) -> Result<Outcome> {
        console::heading("summary");
        let width = self.0.iter().map(|done| done.name.len()).max().unwrap_or(0);
        self.0.iter().for_each(|done| done.tell(width));
        let total = self.0.iter().map(|done| done.took).sum();
        let failed: Vec<_> = self.0.iter().filter(|done| done.outcome.is_err()).collect();
        let skipped = self
            .0
            .iter()
            .filter(|done| matches!(done.outcome, Ok(Outcome::Skipped(_))))
            .count();
        let passed = self.0.len() - failed.len() - skipped;
        console::note(&format!("in {}", seconds(total)));
        for done in &failed {
            done.last_lines();
            console::note(&format!("{} alone: {}", done.name, done.alone));
        }
        let count = format!(
            "{passed} passed, {} failed, {skipped} skipped",
            failed.len()
        );
        if failed.is_empty() {
            return Outcome::passed(count);
        }
        console::note(&count);
        bail!("{} of {} steps failed", failed.len(), self.0.len());
    }
}

impl Done {
    /// What the command of a failed step printed last.
    fn last_lines(&self) {
        let Err(error) = &self.outcome else { return };
        let failed = error.chain().find_map(|one| one.downcast_ref::<Failed>());
        for line in failed.into_iter().flat_map(|failed| &failed.lines) {
            console::note(&format!("    {line}"));
        }
    }

    fn tell(&self, width: usize) {
        let line = format!("{:width$} {:>8}", self.name, seconds(self.took));
        match &self.outcome {
            Ok(Outcome::Passed(seen)) => console::good("ok     ", &format!("{line}  {seen}")),
            Ok(Outcome::Skipped(why)) => console::note(&format!("skipped {line}  {why}")),
            Err(error) => console::bad("FAILED ", &format!("{line}  {error:#}")),
        }
    }
}

/// A duration as people read it: `0.4 s`, `2 min 5 s`.
pub(crate) fn seconds(took: Duration) -> String {
    match took.as_secs() {
        0..60 => format!("{:.1} s", took.as_secs_f64()),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}
