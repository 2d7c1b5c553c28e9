//! The findings of `farport doctor` and `farport test`: as text, JSON, JUnit and SARIF.

pub(crate) mod junit;
pub(crate) mod sarif;

use farport_client::check::{Area, Finding, Outcome, RULES, Report, Rule, Severity};
use serde_json::{Value, json};

/// Findings of one rule with one cause, in all revisions that have it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) rule: &'static Rule,
    pub(crate) revisions: Vec<String>,
    pub(crate) saw: String,
}

impl Group {
    /// The newest revision with the finding.
    pub(crate) fn newest(&self) -> Option<&str> {
        self.revisions.first().map(String::as_str)
    }
}

/// Groups findings that differ in their revision only.
pub(crate) fn groups(report: &Report) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for Finding {
        rule,
        revision,
        saw,
        ..
    } in report.findings()
    {
        // The ids of requests differ.
        let same =
            |group: &&mut Group| group.rule == rule && without_ids(&group.saw) == without_ids(&saw);
        match groups.iter_mut().find(same) {
            Some(group) => group.revisions.extend(revision),
            None => groups.push(Group {
                rule,
                revisions: revision.into_iter().collect(),
                saw,
            }),
        }
    }
    groups
}

/// A text with each run of digits replaced by one.
fn without_ids(text: &str) -> String {
    let mut short = String::new();
    for c in text.chars() {
        let c = if c.is_ascii_digit() { '0' } else { c };
        if c != '0' || !short.ends_with('0') {
            short.push(c);
        }
    }
    short
}

/// How many checks ended in which way.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) kept: usize,
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) skipped: usize,
}

/// Counts the checks of a report, and its groups of findings.
pub(crate) fn counts(report: &Report, groups: &[Group]) -> Counts {
    let mut counts = Counts::default();
    for checked in &report.checked {
        match checked.outcome {
            Outcome::Kept => counts.kept += 1,
            Outcome::Skipped(_) => counts.skipped += 1,
            _ => {}
        }
    }
    for group in groups {
        match group.rule.severity {
            Severity::Error => counts.errors += 1,
            _ => counts.warnings += 1,
        }
    }
    counts
}

/// A number with its noun: `1 error`, `2 errors`.
pub(crate) fn number(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// What was checked, on one line.
pub(crate) fn summary(report: &Report, groups: &[Group]) -> String {
    let counts = counts(report, groups);
    let revisions = if report.revisions.is_empty() {
        "no revision".to_owned()
    } else {
        report.revisions.join(", ")
    };
    format!(
        "{}, {}, {} passed, {} not applicable ({revisions})",
        number(counts.errors, "error"),
        number(counts.warnings, "warning"),
        number(counts.kept, "check"),
        counts.skipped,
    )
}

/// The findings for people.
pub(crate) fn text(groups: &[Group]) -> String {
    let blocks = groups.iter().map(|group| {
        let Rule {
            id,
            severity,
            text,
            source,
            remedy,
            ..
        } = group.rule;
        let revisions = if group.revisions.is_empty() {
            String::new()
        } else {
            format!(" ({})", group.revisions.join(", "))
        };
        let mut lines = vec![
            format!("{}: {id}{revisions}", severity.name()),
            format!("  rule    {text}"),
            format!("          {}", source.section(group.newest())),
        ];
        lines.extend(
            source
                .url(group.newest())
                .map(|url| format!("          {url}")),
        );
        lines.push(format!("  saw     {}", group.saw));
        lines.push(format!("  remedy  {remedy}"));
        lines.join("\n")
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// The report for scripts.
pub(crate) fn json(server: &str, report: &Report, groups: &[Group]) -> Value {
    let counts = counts(report, groups);
    let findings: Vec<_> = groups
        .iter()
        .map(|group| {
            json!({
                "rule": group.rule.id,
                "severity": group.rule.severity.name(),
                "area": group.rule.area.name(),
                "revisions": group.revisions,
                "text": group.rule.text,
                "section": group.rule.source.section(group.newest()),
                "url": group.rule.source.url(group.newest()),
                "saw": group.saw,
                "remedy": group.rule.remedy,
            })
        })
        .collect();
    let skipped: Vec<_> = report
        .checked
        .iter()
        .filter_map(|checked| match &checked.outcome {
            Outcome::Skipped(why) => Some(json!({
                "rule": checked.rule.id, "revision": checked.revision, "why": why,
            })),
            _ => None,
        })
        .collect();
    json!({
        "server": server,
        "revisions": report.revisions,
        "errors": counts.errors,
        "warnings": counts.warnings,
        "passed": counts.kept,
        "findings": findings,
        "skipped": skipped,
        "stopped": report.stopped.as_ref().map(ToString::to_string),
    })
}

/// The rules, for `--rules`.
pub(crate) fn rules_text() -> String {
    let mut lines = Vec::new();
    for area in Area::ALL {
        lines.push(area.name().to_owned());
        for rule in RULES.iter().filter(|rule| rule.area == area) {
            lines.push(format!(
                "  {:<20} {:<8} {}",
                rule.id,
                rule.severity.name(),
                rule.text
            ));
        }
    }
    lines.join("\n")
}

/// The rules, for `--rules --json`.
pub(crate) fn rules_json() -> Value {
    let rules = RULES.iter().map(|rule| {
        json!({
            "rule": rule.id,
            "area": rule.area.name(),
            "severity": rule.severity.name(),
            "text": rule.text,
            "section": rule.source.section(None),
            "url": rule.source.url(None),
            "remedy": rule.remedy,
        })
    });
    Value::Array(rules.collect())
}
