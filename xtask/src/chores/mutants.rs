//! `cargo xtask mutants`: changes the code that decides, one place at a time, and runs the tests on each
//! change.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::steps::Outcome;
use crate::{process, project};

/// The least share of changes that the tests must catch, in percent.
const LEAST_CAUGHT: u64 = 90;
/// The longest a whole run may take.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs `cargo mutants` on the code that decides: policy, tokens, redirect URIs, registration.
///
/// `.cargo/mutants.toml` names the files. A change that no test catches is listed in
/// target/mutants/mutants.out/missed.txt: write a test for the rule that it breaks, or say why it breaks
/// none. A run over all files takes hours; name the file you work on.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change only this file; repeat for more.
    #[arg(long, value_name = "PATH")]
    file: Vec<String>,
    /// Test only this part of the changes, such as 1/4.
    #[arg(long, value_name = "PART/PARTS")]
    shard: Option<String>,
    /// Leave out the changes that an earlier run caught.
    #[arg(long)]
    iterate: bool,
}

/// Changes the code, and counts what the tests caught.
///
/// # Errors
/// When cargo-mutants is missing, the tests fail on unchanged code, or catch too few changes.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    process::output(Command::new("cargo-mutants").args(["mutants", "--version"])).context(
        "cargo-mutants is needed and does not start: `cargo install --locked cargo-mutants` installs it",
    )?;
    let folder = project::target().join("mutants");
    fs::create_dir_all(&folder)?;
    let mut command = project::cargo();
    command.args(["mutants", "--package=farport-core"]);
    command.args(["--package=farport-oauth", "--output"]);
    command.arg(&folder);
    for file in &args.file {
        command.arg("--file").arg(file);
    }
    if let Some(shard) = &args.shard {
        command.arg("--shard").arg(shard);
    }
    command.args(args.iterate.then_some("--iterate"));
    // It fails where a change was missed, which the counts say better.
    let ended = process::run(&mut command, LONGEST);
    let outcomes = folder.join("mutants.out/outcomes.json");
    let counts = fs::read(&outcomes)
        .ok()
        .and_then(|text| Counts::read(&text));
    let Some(counts) = counts.filter(|counts| counts.viable() > 0) else {
        ended.context("cargo-mutants tested no change")?;
        return Ok(Outcome::Skipped("there was nothing to change".into()));
    };
    let missed = folder.join("mutants.out/missed.txt");
    ensure!(
        counts.are_enough(),
        "{counts}, and {LEAST_CAUGHT} % are needed: see {}",
        missed.display()
    );
    Outcome::passed(counts.to_string())
}

/// What became of the changes.
#[derive(Debug, PartialEq)]
struct Counts {
    caught: u64,
    timeout: u64,
    missed: u64,
    unviable: u64,
}

impl Counts {
    /// Reads the summary that cargo-mutants writes.
    fn read(outcomes: &[u8]) -> Option<Self> {
        let outcomes: Value = serde_json::from_slice(outcomes).ok()?;
        let count = |name: &str| outcomes.get(name)?.as_u64();
        Some(Self {
            caught: count("caught")?,
            timeout: count("timeout")?,
            missed: count("missed")?,
            unviable: count("unviable")?,
        })
    }

    fn viable(&self) -> u64 {
        self.caught + self.timeout + self.missed
    }

    fn are_enough(&self) -> bool {
        (self.caught + self.timeout) * 100 >= self.viable() * LEAST_CAUGHT
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            caught,
            timeout,
            unviable,
            ..
        } = self;
        write!(
            f,
            "{} of {} changes were caught, {timeout} of them by the time limit; {unviable} do not compile",
            caught + timeout,
            self.viable()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn nine_of_ten_changes_must_be_caught() {
        for (caught, timeout, missed, enough) in [
            (90, 0, 10, true),
            (89, 1, 10, true),
            (89, 0, 11, false),
            (0, 0, 1, false),
        ] {
            let outcomes = format!(
                r#"{{"outcomes":[],"total_mutants":105,"caught":{caught},"timeout":{timeout},"missed":{missed},"unviable":5}}"#
            );
            let counts = Counts::read(outcomes.as_bytes()).expect("counts");
            assert_eq!(counts.are_enough(), enough, "{counts}");
        }
        assert_eq!(Counts::read(b"{}"), None);
    }
}
