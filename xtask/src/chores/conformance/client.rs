//! The suite's client mode: its servers, against the bridge of `farport connect`.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::{LIMIT, Release};
use crate::setup::Node;
use crate::steps::seconds;
use crate::{console, process, project};

/// A revision, and the fewest checks of its scenarios that have to pass.
const REVISIONS: [(&str, usize); 2] = [("2025-11-25", 281), ("2026-07-28", 441)];

/// Scenarios that the suite does not score and that `farport connect` does not support: sign-ins with
/// the tokens of an enterprise's provider or of a workload, which another program would have to
/// supply, and tokens bound to a key, which no known server requires.
const WITHOUT: [&str; 4] = [
    "auth/enterprise-managed-authorization",
    "auth/dpop",
    "auth/dpop-nonce",
    "auth/wif-jwt-bearer",
];

/// Runs both revisions, or the one scenario asked for. How many checks passed.
///
/// # Errors
/// When the driver cannot be built, or a scenario fails.
pub(super) fn run(node: &Node, only: Option<&str>) -> Result<usize> {
    let mut build = project::cargo();
    build.args(["build", "--quiet", "--package", "farport-testkit"]);
    build.args(["--bin", "farport-conformance-client"]);
    process::run(&mut build, process::BUILD).context("the driver does not build")?;
    let driver = project::target().join("debug/farport-conformance-client");
    if let Some(scenario) = only {
        let mut command = suite(node, &driver)?;
        command.args(["--scenario", scenario]);
        process::run(&mut command, LIMIT)?;
        return Ok(1);
    }
    let mut passed = 0;
    for (revision, least) in REVISIONS {
        let start = Instant::now();
        let folder = project::target()
            .join("conformance")
            .join(format!("client-{revision}"));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let mut command = suite(node, &driver)?;
        command
            .args(["--requirements", revision, "--output-dir"])
            .arg(&folder);
        let log = folder.join("suite.log");
        let status = process::run_logged(&mut command, &log, LIMIT)?;
        let (checks, failures) = read(&fs::read_to_string(&log)?);
        let wrong: Vec<_> = failures
            .iter()
            .filter(|scenario| !WITHOUT.contains(&scenario.as_str()))
            .cloned()
            .collect();
        if !wrong.is_empty() || !status.success() {
            bail!(
                "the client failed {}; see {}",
                wrong.join(", "),
                log.display()
            );
        }
        ensure!(
            checks >= least,
            "{checks} checks passed, at least {least} have to; see {}",
            log.display()
        );
        let took = seconds(start.elapsed());
        let line = format!(
            "{:26} {checks:>4} checks passed (at least {least}), {took}",
            format!("client {revision}")
        );
        console::good("ok    ", &line);
        passed += checks;
    }
    Ok(passed)
}

fn suite(node: &Node, driver: &std::path::Path) -> Result<std::process::Command> {
    let driver = driver
        .to_str()
        .context("the target folder's path is not UTF-8")?;
    let mut command = node.command("node");
    command
        .arg(Release::V0_2.entry())
        .args(["client", "--command", driver]);
    Ok(command)
}

/// Reads the summary: how many checks of scenarios that pass passed, and the scenarios that fail.
fn read(log: &str) -> (usize, Vec<String>) {
    let mut passed = 0;
    let mut failures = Vec::new();
    let summary = log.split("SUITE SUMMARY").nth(1).unwrap_or_default();
    for line in summary.lines() {
        let mut words = line.split_whitespace();
        let (mark, scenario, count) = (words.next(), words.next(), words.next());
        let Some(scenario) = scenario.and_then(|scenario| scenario.strip_suffix(':')) else {
            continue;
        };
        match mark {
            Some("✓") => passed += count.and_then(|count| count.parse().ok()).unwrap_or(0),
            Some("✗") => failures.push(scenario.to_owned()),
            _ => {}
        }
    }
    (passed, failures)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_summary_tells_what_passed_and_what_failed() {
        let log = "noise: 9 passed\n=== SUITE SUMMARY ===\n\n✓ initialize: 1 passed, 0 failed\n\
                   ✗ auth/dpop: 9 passed, 3 failed\n✓ auth/x: 18 passed, 0 failed\n\n\
                   Total: 28 passed\n  ✗ auth/dpop (extension)\n";
        assert_eq!(read(log), (19, vec!["auth/dpop".to_owned()]));
    }
}
