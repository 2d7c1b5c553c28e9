//! `cargo xtask test`: the README's test command, and what CI runs.

use anyhow::Result;

use super::{clients, conformance, fuzz, schemas, wasm};
use crate::process::{self, TESTS};
use crate::project;
use crate::steps::{Outcome, Steps};

/// Runs every test, one step after the other, and sums them up.
///
/// Installs what the steps need: npm packages and a newer Node under target/, Debian packages
/// where they are missing. All steps run, whether or not an earlier one failed.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs all steps.
///
/// # Errors
/// When one failed.
pub(crate) fn run(_: &Args) -> Result<Outcome> {
    let mut steps = Steps::default();
    steps.step("workspace tests", "cargo test --workspace", || {
        cargo_tests(&["--workspace"], &[])
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
        "templates",
        "FARPORT_SLOW_TESTS=1 cargo test -p farport-cli",
        || {
            cargo_tests(
                &["--package", "farport-cli"],
                &[("FARPORT_SLOW_TESTS", "1")],
            )
        },
    );
    steps.step("conformance", "cargo xtask conformance", || {
        conformance::run(&conformance::Args::default())
    });
    steps.step("real clients", "cargo xtask clients", || {
        clients::run(&clients::Args::default())
    });
    steps.step("schemas", "cargo xtask schemas", || {
        schemas::run(&schemas::Args::default())
    });
    steps.step("wasm", "cargo xtask wasm", || {
        wasm::run(&wasm::Args::default())
    });
    steps.step("fuzz", "cargo xtask fuzz --seconds 10", || {
        fuzz::run(&fuzz::Args {
            seconds: 10,
            only: None,
        })
    });
    steps.finish()
}

/// Unit and integration tests, by cargo-nextest where it is installed.
fn cargo_tests(which: &[&str], env: &[(&str, &str)]) -> Result<Outcome> {
    let nextest = process::output(project::cargo().args(["nextest", "--version"])).is_ok();
    let mut command = project::cargo();
    command.envs(env.iter().copied());
    if nextest {
        command
            .args([
                "nextest",
                "run",
                "--status-level",
                "fail",
                "--final-status-level",
                "fail",
            ])
            .args(which);
    } else {
        command
            .arg("test")
            .args(which)
            .args(["--lib", "--bins", "--tests", "--no-fail-fast"]);
    }
    process::run(&mut command, TESTS)?;
    Outcome::passed(if nextest {
        "by cargo nextest"
    } else {
        "by cargo test"
    })
}
