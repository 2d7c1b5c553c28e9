//! What a check found.

use std::sync::{Mutex, PoisonError};

use super::rules::{Area, RULES, Rule, Severity};
use crate::Error;

/// The most characters of a server's text in a finding.
const MOST_SHOWN: usize = 300;
/// After so many checks without a response, the server counts as unreachable.
const MOST_TIMEOUTS: u32 = 5;
/// The most findings of one rule in one revision.
const MOST_OF_ONE: usize = 20;

/// A rule that the server breaks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The revision in which it is broken; `None` where revisions do not matter.
    pub revision: Option<String>,
    /// What the check saw. Text of the server is shortened.
    pub saw: String,
}

/// How one rule was checked in one revision.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checked {
    /// The rule.
    pub rule: &'static Rule,
    /// The revision.
    pub revision: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The server keeps it.
    Kept,
    /// The server breaks it: what the check saw, at least once.
    Broken(Vec<String>),
    /// It could not be checked, and why.
    Skipped(String),
}

/// What a check found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The revisions that the server offers, newest first.
    pub revisions: Vec<String>,
    /// What was checked, in the order of the checks.
    pub checked: Vec<Checked>,
    /// Why the check ended early.
    pub stopped: Option<Error>,
}

impl Report {
    /// The findings, errors first.
    pub fn findings(&self) -> Vec<Finding> {
        let broken = self.checked.iter().filter_map(|checked| {
            let Outcome::Broken(saw) = &checked.outcome else {
                return None;
            };
            let finding = |saw: &String| Finding {
                rule: checked.rule,
                revision: checked.revision.clone(),
                saw: saw.clone(),
            };
            Some(saw.iter().map(finding).collect::<Vec<_>>())
        });
        let mut findings: Vec<_> = broken.flatten().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.rule.severity));
        findings
    }

    /// Whether a rule of the severity `error` is broken.
    pub fn has_errors(&self) -> bool {
        self.findings()
            .iter()
            .any(|finding| finding.rule.severity == Severity::Error)
    }
}

/// Which rules are checked.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    only: Vec<&'static Rule>,
    skip: Vec<&'static Rule>,
}

impl Selection {
    /// Selects rules by their ids or the names of their areas. Without `only`, all rules are selected.
    ///
    /// # Errors
    /// When there is no such rule or area: its name.
    pub fn new(only: &[String], skip: &[String]) -> Result<Self, String> {
        Ok(Self {
            only: rules_of(only)?,
            skip: rules_of(skip)?,
        })
    }

    /// Whether a rule is selected.
    pub fn has(&self, rule: &Rule) -> bool {
        let listed = |rules: &[&'static Rule]| rules.contains(&rule);
        (self.only.is_empty() || listed(&self.only)) && !listed(&self.skip)
    }

    /// Whether any rule of an area is selected.
    pub(super) fn has_any(&self, area: Area) -> bool {
        RULES.iter().any(|rule| rule.area == area && self.has(rule))
    }
}

fn rules_of(names: &[String]) -> Result<Vec<&'static Rule>, String> {
    let mut all = Vec::new();
    for name in names {
        let before = all.len();
        let named = |rule: &&&'static Rule| rule.id == name || rule.area.name() == name;
        all.extend(RULES.iter().filter(named).copied());
        if all.len() == before {
            return Err(name.clone());
        }
    }
    Ok(all)
}

/// What one check of a rule says.
pub(super) enum Verdict {
    Kept,
    Broken(String),
    /// Several places break the rule.
    Several(Vec<String>),
    Skipped(&'static str),
}

impl Verdict {
    /// Broken, unless `kept`.
    pub(super) fn of(kept: bool, saw: impl FnOnce() -> String) -> Self {
        if kept {
            Self::Kept
        } else {
            Self::Broken(saw())
        }
    }
}

/// Collects what is checked.
pub(super) struct Ledger<'a> {
    pub(super) selection: &'a Selection,
    progress: Option<&'a (dyn Fn(&Checked) + Send + Sync)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    checked: Vec<Checked>,
    /// The checks that got no response in time.
    timeouts: u32,
    /// The server can no longer be reached.
    lost: Option<Error>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        selection: &'a Selection,
        progress: Option<&'a (dyn Fn(&Checked) + Send + Sync)>,
    ) -> Self {
        Self {
            selection,
            progress,
            state: Mutex::default(),
        }
    }

    /// Checks a rule, if it is selected and the server can still be reached. An error of the check means
    /// that no usable response came.
    pub(super) async fn rule(
        &self,
        rule: &'static Rule,
        revision: Option<&str>,
        work: impl Future<Output = Result<Verdict, Error>>,
    ) {
        if !self.selection.has(rule) || self.lock().lost.is_some() {
            return;
        }
        let verdict = match work.await {
            Ok(verdict) => verdict,
            Err(error @ Error::Unreachable { .. }) => {
                self.lock().lost = Some(error);
                return;
            }
            Err(error @ Error::TimedOut { .. }) => {
                let mut state = self.lock();
                state.timeouts += 1;
                if state.timeouts == MOST_TIMEOUTS {
                    state.lost = Some(error);
                    return;
                }
                Verdict::Broken(error.to_string())
            }
            Err(error) => Verdict::Broken(error.to_string()),
        };
        self.record(rule, revision, verdict);
    }

    /// Records a verdict, if the rule is selected.
    pub(super) fn record(&self, rule: &'static Rule, revision: Option<&str>, verdict: Verdict) {
        if !self.selection.has(rule) {
            return;
        }
        let outcome = match verdict {
            Verdict::Kept => Outcome::Kept,
            Verdict::Broken(saw) => Outcome::Broken(vec![shortened(&saw)]),
            Verdict::Several(all) if all.is_empty() => Outcome::Kept,
            Verdict::Several(all) => {
                let more = all.len().saturating_sub(MOST_OF_ONE);
                let mut shown: Vec<_> = all
                    .iter()
                    .take(MOST_OF_ONE)
                    .map(|saw| shortened(saw))
                    .collect();
                if more > 0 {
                    shown.push(format!("{more} more places"));
                }
                Outcome::Broken(shown)
            }
            Verdict::Skipped(why) => Outcome::Skipped(why.to_owned()),
        };
        let checked = Checked {
            rule,
            revision: revision.map(str::to_owned),
            outcome,
        };
        if let Some(progress) = self.progress {
            progress(&checked);
        }
        self.lock().checked.push(checked);
    }

    pub(super) fn finish(self, revisions: Vec<String>, stopped: Option<Error>) -> Report {
        let state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        Report {
            revisions,
            checked: state.checked,
            stopped: state.lost.or(stopped),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
