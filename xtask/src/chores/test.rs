//! `cargo xtask test`: the README's test command, and what CI runs.

use std::process::Command;

use anyhow::Result;

mod slowest;

use super::{clients, conformance, dist, fuzz, instructions, models, ui, wasm, worker};
use crate::process::{self, TESTS};
use crate::steps::{Outcome, Steps};
use crate::{console, project, setup};

/// Runs every test, one step after the other, and sums them up.
///
/// Installs npm packages, Python packages and a newer Node under target/, and with --install also
/// packages of the system. All steps run, whether or not an earlier one failed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Test Workers alone: the same as `cargo xtask worker`.
    #[arg(long, conflicts_with = "all")]
    worker: bool,
    /// Take longer: more rounds in races, more cases in property tests, longer fuzzing.
    #[arg(long)]
    all: bool,
}

/// How long each fuzz target runs, in seconds: by default, and with `--all`.
const FUZZ_SECONDS: [u64; 2] = [5, 120];

/// Runs all steps.
///
/// # Errors
/// When one failed.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    if args.worker {
        return worker::run(&worker::Args::default());
    }
    let mut steps = Steps::default();
    let all = args.all;
    steps.step("workspace tests", "cargo test --workspace", || {
        workspace_tests(all)
    });
    steps.step(
        "documentation tests",
        "cargo test --workspace --doc",
        || {
            process::run(
                project::cargo().args(["test", "--workspace", "--doc", "--quiet"]),
                TESTS,
            )?;
            Outcome::passed("every example in the documentation")
        },
    );
    steps.step(
        "slow tests",
        "cargo test -p farport-cli --test it -- --ignored",
        || slow_tests(all),
    );
    steps.step("conformance", "cargo xtask conformance", || {
        conformance::run(&conformance::Args::default())
    });
    steps.step("real clients", "cargo xtask clients", || {
        clients::run(&clients::Args::default())
    });
    steps.step("inspector", "cargo xtask ui", || {
        ui::run(&ui::Args::default())
    });
    if all {
        steps.step("real model", "cargo xtask models", || {
            models::run(&models::Args::default())
        });
        steps.step("packages", "cargo xtask dist --trial", || {
            dist::run(&dist::Args::trial())
        });
    }
    steps.step("wasm", "cargo xtask wasm", || {
        wasm::run(&wasm::Args::default())
    });
    steps.step("workers", "cargo xtask worker", || {
        worker::run(&worker::Args::default())
    });
    steps.step("instructions", "cargo xtask instructions", || {
        instructions::run(&instructions::Args::default())
    });
    let [short, long] = FUZZ_SECONDS;
    let seconds = if all { long } else { short };
    steps.step("fuzz", "cargo xtask fuzz --seconds 5", || {
        fuzz::run(&fuzz::Args {
            seconds,
            only: None,
        })
    });
    steps.finish()
}

/// Unit and integration tests.
fn workspace_tests(all: bool) -> Result<Outcome> {
    let shells = [
        ("bash", "bash"),
        ("zsh", "zsh"),
        ("fish", "fish"),
        ("script", "bsdutils"),
    ];
    let shells = setup::optional(setup::programs(&shells))?;
    let (mut command, how) = match nextest() {
        Some(command) => (command, "by cargo nextest"),
        None => {
            let mut command = project::cargo();
            command.args(["test", "--workspace", "--no-fail-fast"]);
            command.args(["--lib", "--bins", "--tests"]);
            (command, "by cargo test")
        }
    };
    match shells {
        Ok(()) => _ = command.env("FARPORT_SHELLS", "required"),
        Err(why) => console::note(&format!("Completion is not tested in every shell: {why}")),
    }
    if all {
        command.env("FARPORT_LONG_TESTS", "1");
        command.env("PROPTEST_CASES", "4096");
    }
    process::run(&mut command, TESTS)?;
    slowest::print();
    Outcome::passed(how)
}

/// The tests of the command that generate, build and run whole crates, one at a time.
fn slow_tests(all: bool) -> Result<Outcome> {
    let mut command = match nextest() {
        Some(mut command) => {
            // Of all packages, so that nothing is built anew with other features.
            command.args(["--run-ignored", "only", "--test-threads", "1"]);
            command.arg("--filterset");
            command.arg("package(farport-cli) and binary(it)");
            command
        }
        None => {
            let mut command = project::cargo();
            command.args(["test", "--package", "farport-cli", "--test", "it"]);
            command.args(["--", "--ignored"]);
            command
        }
    };
    if all {
        command.env("FARPORT_LONG_TESTS", "1");
    }
    process::run(&mut command, TESTS)?;
    Outcome::passed("the templates build, pass their tests and run")
}

/// A run of every package's tests by cargo-nextest, where it is installed.
pub(super) fn nextest() -> Option<Command> {
    process::output(project::cargo().args(["nextest", "--version"])).ok()?;
    let mut command = project::cargo();
    command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    command.args(["--status-level", "fail", "--final-status-level", "fail"]);
    Some(command)
}
