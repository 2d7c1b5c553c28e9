//! `cargo xtask conformance`: the official suite against the fixture server.

mod client;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::Value;

use crate::fixture::{self, Fixture};
use crate::setup::Node;
use crate::steps::{Outcome, seconds};
use crate::{console, process, project};

/// The longest one run of the suite may take.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Runs the official MCP conformance suite against the fixture server.
///
/// Without options: both releases, in every mode, compared with the number of checks that each has
/// to pass. What the suite printed and found is kept under target/conformance.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Run only this release of the suite.
    #[arg(long)]
    release: Option<Release>,
    /// Run only this scenario and show what it says, for example `tools-call-image`.
    #[arg(long, value_name = "SCENARIO")]
    only: Option<String>,
    /// With --only: the revision to run the scenario at, for example 2026-07-28.
    #[arg(long, value_name = "REVISION", requires = "only")]
    spec_version: Option<String>,
    /// Run the client mode alone: the suite's servers against the bridge of `farport connect`.
    #[arg(long)]
    client: bool,
    #[command(flatten)]
    fixture: fixture::Which,
    /// Whether the server is a Worker.
    #[arg(skip)]
    worker: bool,
}

impl Args {
    /// Against a Worker.
    pub(crate) fn of_worker(fixture: fixture::Which) -> Self {
        Self {
            fixture,
            worker: true,
            ..Self::default()
        }
    }
}

/// How many of the checks are about tasks, which a Worker has none of: docs/workers.md says why.
const ABOUT_TASKS: usize = 24;

/// A release of the suite.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Release {
    /// Knows the revisions up to 2025-11-25.
    #[value(name = "0.1.16")]
    V0_1,
    /// Knows 2026-07-28 too.
    #[value(name = "0.2.0-alpha.12")]
    V0_2,
}

impl Release {
    fn entry(self) -> &'static str {
        match self {
            Self::V0_1 => "node_modules/conformance-0.1/dist/index.js",
            Self::V0_2 => "node_modules/conformance-0.2/dist/index.js",
        }
    }
}

/// One run of the suite.
struct Mode {
    name: &'static str,
    release: Release,
    args: &'static [&'static str],
    /// The fewest checks that have to pass: a feature that is not declared is not tested.
    least: usize,
    /// Scenarios that the suite does not score, and that have to pass a check here all the same.
    unscored: &'static [&'static str],
}

const MODES: &[Mode] = &[
    Mode {
        name: "0.1.16 active",
        release: Release::V0_1,
        args: &["--suite", "active"],
        least: 40,
        unscored: &[],
    },
    Mode {
        name: "0.1.16 pending",
        release: Release::V0_1,
        args: &["--suite", "pending"],
        least: 7,
        unscored: &["json-schema-2020-12", "server-sse-polling"],
    },
    Mode {
        name: "0.2.0 for 2025-11-25",
        release: Release::V0_2,
        args: &["--requirements", "2025-11-25"],
        least: 84,
        unscored: &[
            "server-session-lifecycle",
            "server-sse-polling",
            "json-schema-2020-12",
        ],
    },
    Mode {
        name: "0.2.0 for 2026-07-28",
        release: Release::V0_2,
        args: &["--requirements", "2026-07-28"],
        least: 197,
        unscored: &[
            "http-header-validation",
            "http-custom-header-server-validation",
            "json-schema-2020-12",
            "tasks-lifecycle",
            "tasks-capability-negotiation",
            "tasks-wire-fields",
            "tasks-request-state-removal",
            "tasks-mrtr-input",
            "tasks-request-headers",
            "tasks-dispatch-and-envelope",
            "tasks-required-task-error",
            "tasks-mrtr-composition",
        ],
    },
    Mode {
        name: "0.2.0 at 2025-03-26",
        release: Release::V0_2,
        args: &["--suite", "all", "--spec-version", "2025-03-26"],
        least: 3,
        unscored: &[],
    },
    Mode {
        name: "0.2.0 at 2025-06-18",
        release: Release::V0_2,
        args: &["--suite", "all", "--spec-version", "2025-06-18"],
        least: 56,
        unscored: &[],
    },
    Mode {
        name: "0.2.0 skills directory",
        release: Release::V0_2,
        args: &["--scenario", "sep-2640-skills-directory"],
        least: 7,
        unscored: &["sep-2640-skills-directory"],
    },
    Mode {
        name: "0.2.0 skills enumeration",
        release: Release::V0_2,
        args: &["--scenario", "sep-2640-skills-enumeration"],
        least: 32,
        unscored: &["sep-2640-skills-enumeration"],
    },
    Mode {
        name: "0.2.0 skills manifest",
        release: Release::V0_2,
        args: &["--scenario", "sep-2640-skills-manifest"],
        least: 6,
        unscored: &["sep-2640-skills-manifest"],
    },
];

/// Runs every mode, or the one scenario asked for.
///
/// # Errors
/// When the fixture does not start, or a mode fails a check or passes too few.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let node = Node::ready()?;
    if args.client {
        let checks = client::run(&node, args.only.as_deref())?;
        return Outcome::passed(format!(
            "{checks} checks of the official suite's client mode"
        ));
    }
    let server = Fixture::start(&args.fixture)?;
    if let Some(scenario) = &args.only {
        return only(&node, &server.url, scenario, args);
    }
    let mut passed = 0;
    let mut failed = Vec::new();
    for mode in MODES
        .iter()
        .filter(|mode| args.release.is_none_or(|release| release == mode.release))
    {
        let start = Instant::now();
        let outcome = mode.run(&node, &server.url, args.worker);
        let took = seconds(start.elapsed());
        match outcome {
            Ok(checks) => {
                passed += checks.passed;
                let skipped = if checks.skipped == 0 {
                    String::new()
                } else {
                    format!(", {} not applicable", checks.skipped)
                };
                let least = mode.least(args.worker);
                let line = format!(
                    "{:26} {:>4} checks passed (at least {least}){skipped}, {took}",
                    mode.name, checks.passed
                );
                console::good("ok    ", &line);
            }
            Err(error) => {
                console::bad("FAILED", &format!("{:26} {error:#}, {took}", mode.name));
                failed.push(mode.name);
            }
        }
    }
    if !args.worker && args.release.is_none_or(|release| release == Release::V0_2) {
        passed += client::run(&node, None)?;
    }
    if !failed.is_empty() {
        bail!("the suite found fault with: {}", failed.join("; "));
    }
    Outcome::passed(format!("{passed} checks of the official suite"))
}

fn only(node: &Node, url: &str, scenario: &str, args: &Args) -> Result<Outcome> {
    let mut command = node.command("node");
    command.arg(args.release.unwrap_or(Release::V0_2).entry());
    command.args(["server", "--url", url, "--scenario", scenario]);
    command.args(
        args.spec_version
            .iter()
            .flat_map(|version| ["--spec-version", version]),
    );
    process::run(&mut command, LIMIT)?;
    Outcome::passed(format!("{scenario} passes"))
}

fn is_about_tasks(scenario: &str) -> bool {
    scenario.starts_with("tasks-")
}

/// What the suite found in one run.
#[derive(Default)]
struct Checks {
    passed: usize,
    skipped: usize,
    failures: Vec<String>,
    /// How many checks each scenario passed.
    scenarios: BTreeMap<String, usize>,
}

impl Mode {
    /// The fewest checks that have to pass.
    fn least(&self, worker: bool) -> usize {
        if worker && self.has_tasks() {
            self.least - ABOUT_TASKS
        } else {
            self.least
        }
    }

    fn has_tasks(&self) -> bool {
        self.unscored.iter().any(|name| is_about_tasks(name))
    }

    fn run(&self, node: &Node, url: &str, worker: bool) -> Result<Checks> {
        let folder = project::target()
            .join("conformance")
            .join(self.name.replace(' ', "-"));
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let mut command = node.command("node");
        command
            .arg(self.release.entry())
            .args(["server", "--url", url])
            .args(self.args);
        command.arg("--expected-failures").arg(project::root().join(
            if worker && self.has_tasks() {
                "conformance/workers.yml"
            } else {
                "conformance/baseline.yml"
            },
        ));
        command.arg("--output-dir").arg(&folder);
        let log = folder.join("suite.log");
        let status = process::run_logged(&mut command, &log, LIMIT)?;
        let checks = Checks::read(&folder)?;
        ensure!(
            status.success(),
            "{} failed:\n{}\nall it printed: {}",
            checks.failures.len(),
            checks.failures.join("\n"),
            log.display()
        );
        let (passed, least) = (checks.passed, self.least(worker));
        ensure!(
            passed >= least,
            "{passed} checks passed, at least {least} have to; see {}",
            log.display()
        );
        let expected = self.unscored.iter();
        for scenario in expected.filter(|name| !worker || !is_about_tasks(name)) {
            let passed = checks.scenarios.get(*scenario).copied().unwrap_or(0);
            ensure!(
                passed > 0,
                "{scenario} passed no check: is its feature declared? See {}",
                log.display()
            );
        }
        Ok(checks)
    }
}

impl Checks {
    /// Reads the `checks.json` of every scenario of a run.
    fn read(folder: &Path) -> Result<Self> {
        let mut all = Self::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let scenario = scenario(&name)
                .with_context(|| format!("a result folder of an unknown form: {name}"))?;
            let checks: Vec<Value> =
                serde_json::from_slice(&fs::read(entry.path().join("checks.json"))?)?;
            for check in &checks {
                match check["status"].as_str() {
                    Some("SUCCESS") => {
                        all.passed += 1;
                        *all.scenarios.entry(scenario.to_owned()).or_default() += 1;
                    }
                    Some("FAILURE") => {
                        let why = check["errorMessage"].as_str().unwrap_or_default();
                        all.failures.push(format!(
                            "  {scenario}: {} {why}",
                            check["id"].as_str().unwrap_or("?")
                        ));
                    }
                    Some("SKIPPED") => all.skipped += 1,
                    _ => {}
                }
            }
        }
        Ok(all)
    }
}

/// The scenario in the name of its result folder, `server-SCENARIO-2026-01-31T10-20-30-400Z`.
fn scenario(folder: &str) -> Option<&str> {
    const STAMP: usize = "-2026-01-31T10-20-30-400Z".len();
    let name = folder.strip_prefix("server-")?;
    name.get(..name.len().checked_sub(STAMP)?)
}

#[cfg(test)]
mod tests {
    use super::scenario;

    #[test]
    fn a_result_folder_names_its_scenario() {
        for (folder, expect) in [
            ("server-ping-2026-01-31T10-20-30-400Z", Some("ping")),
            (
                "server-server-sse-polling-2026-01-31T10-20-30-400Z",
                Some("server-sse-polling"),
            ),
            ("server-x", None),
        ] {
            assert_eq!(scenario(folder), expect, "{folder}");
        }
    }
}
