//! `cargo xtask instructions`: how many instructions one call executes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::process::{self, BUILD};
use crate::steps::Outcome;
use crate::{console, project, setup};

/// Where the counts are kept.
const FILE: &str = "bench/instructions.toml";
/// By how many percent a count may be above the one in the file.
const TOLERANCE: u64 = 2;
/// What `bench-instructions` can call. The first is what the others are compared with.
const CASES: [&str; 3] = ["floor", "call", "session-call"];
/// The difference between the two numbers of calls counts, so that the start of the program does not.
const CALLS: [u32; 2] = [200, 1200];
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Counts the instructions of a tool call with valgrind, and fails if a count is more than 2 % above the one
/// in bench/instructions.toml.
///
/// The calls run in one thread without a socket, so the counts do not depend on the machine's load. They depend
/// on the compiler: with another release than the file's, the counts are only printed.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Write the counts into the file
    #[arg(long)]
    update: bool,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Counts {
    /// The compiler that the counts belong to, as `rustc --version` prints it.
    rustc: String,
    /// Instructions of one call, by case.
    instructions: BTreeMap<String, u64>,
}

/// Counts, and compares.
///
/// # Errors
/// When valgrind is missing, the program does not build, or a count has grown.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    setup::programs(&[("valgrind", "valgrind")])?;
    let mut build = project::cargo();
    build.args(["build", "--quiet", "--profile", "instructions", "--package"]);
    build.args(["farport-bench", "--bin", "bench-instructions"]);
    process::run(&mut build, BUILD)?;
    let program = project::target().join("instructions/bench-instructions");
    let mut instructions = BTreeMap::new();
    for case in CASES {
        let [few, many] = CALLS;
        let more = count(&program, case, many)?.checked_sub(count(&program, case, few)?);
        let one = more.context("more calls took fewer instructions")? / u64::from(many - few);
        instructions.insert(case.to_owned(), one);
    }
    let found = Counts {
        rustc: process::output(project::rustc().arg("--version"))?
            .trim()
            .to_owned(),
        instructions,
    };
    let file = project::root().join(FILE);
    if args.update {
        fs::write(&file, toml::to_string(&found)?)?;
        return Outcome::passed(format!("{}; written to {FILE}", found.shown()));
    }
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {FILE}"))?;
    let kept: Counts = toml::from_str(&text).with_context(|| format!("{FILE} is not valid"))?;
    if kept.rustc != found.rustc {
        return Outcome::passed(format!(
            "{}; not compared, because {FILE} is of {}",
            found.shown(),
            kept.rustc
        ));
    }
    found.compare(&kept)?;
    Outcome::passed(found.shown())
}

impl Counts {
    fn shown(&self) -> String {
        let each = |case: &&str| Some(format!("{case} {}", self.instructions.get(*case)?));
        CASES.iter().filter_map(each).collect::<Vec<_>>().join(", ")
    }

    /// # Errors
    /// When a count is above the one in `kept` by more than the tolerance.
    fn compare(&self, kept: &Self) -> Result<()> {
        let mut grown = Vec::new();
        for (case, found) in &self.instructions {
            let before = *(kept.instructions.get(case))
                .with_context(|| format!("{FILE} has no count of {case}; run with --update"))?;
            let line = format!("{case}: {found} instructions, {before} before");
            if found * 100 > before * (100 + TOLERANCE) {
                grown.push(line);
            } else {
                console::note(&line);
            }
        }
        ensure!(
            grown.is_empty(),
            "{}. If that is right, run `cargo xtask instructions --update`",
            grown.join("; ")
        );
        Ok(())
    }
}

/// The instructions that the program executes for `calls` calls.
fn count(program: &Path, case: &str, calls: u32) -> Result<u64> {
    let log: PathBuf = project::target().join("instructions.log");
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([case, &calls.to_string()]);
    let status = process::run_logged(&mut command, &log, LIMIT)?;
    let text = fs::read_to_string(&log)?;
    ensure!(
        status.success(),
        "`{}` failed: {text}",
        process::shown(&command)
    );
    collected(&text).with_context(|| format!("valgrind printed no count: {text}"))
}

/// The number after `Collected :` in what callgrind prints.
fn collected(text: &str) -> Option<u64> {
    let (_, after) = text.rsplit_once("Collected :")?;
    after.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(call: u64) -> Counts {
        Counts {
            rustc: "rustc 1.0.0".to_owned(),
            instructions: BTreeMap::from([("call".to_owned(), call)]),
        }
    }

    #[test]
    fn a_count_may_grow_by_two_percent() {
        for (found, passes) in [(900, true), (1000, true), (1020, true), (1021, false)] {
            assert_eq!(
                counts(found).compare(&counts(1000)).is_ok(),
                passes,
                "{found}"
            );
        }
    }

    #[test]
    fn the_count_is_read_from_what_callgrind_prints() {
        let text = "==1== Events    : Ir\n==1== Collected : 123456\n==1==\n";
        assert_eq!(collected(text), Some(123_456));
        assert_eq!(collected("==1== no count"), None);
    }
}
