//! `cargo xtask fuzz`: builds the targets in fuzz/ with coverage, and runs each for a while.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, BUILD};
use crate::steps::Outcome;
use crate::{console, project, setup};

const TARGETS: [&str; 11] = [
    "envelope",
    "sse",
    "headers",
    "jwt",
    "jwks",
    "metadata",
    "challenge",
    "oauth",
    "redirect",
    "token",
    "registration",
];

/// Fewer edges than this mean that the build is not instrumented, or a target stops at once.
const LEAST_COVERAGE: u32 = 100;

/// What libFuzzer needs of the compiler: counters for its feedback, and the address sanitizer.
const FLAGS: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Zsanitizer=address",
];

/// Builds the fuzz targets and runs each for a bounded time, on the stable toolchain.
///
/// An input that fails is in fuzz/artifacts. Inputs that reach new code are in target/fuzz/corpus, where the
/// next run continues; each run also starts from fuzz/corpus. The layout is cargo-fuzz's, so with a nightly
/// toolchain `cargo fuzz run TARGET` works as well.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each target runs.
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub(crate) seconds: u64,
    /// Run only this target.
    #[arg(long, value_name = "TARGET", value_parser = TARGETS)]
    pub(crate) only: Option<String>,
}

/// Runs the targets.
///
/// # Errors
/// When one does not build, finds something, or runs without coverage.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::Skipped("the fuzz targets run on Linux".into()));
    }
    let folder = project::target().join("fuzz");
    build(&folder, args.seconds)?;
    let mut seen = Vec::new();
    for target in TARGETS
        .iter()
        .filter(|target| args.only.as_deref().is_none_or(|only| only == **target))
    {
        seen.push(fuzz(target, &folder, args.seconds)?);
    }
    Outcome::passed(format!("{} for {} s each", seen.join(", "), args.seconds))
}

/// The triple is named so that build scripts and proc macros go without instrumentation.
fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// A short run spends most of its time in the build, which takes half as long with less optimization.
const SHORT: u64 = 20;

fn build(folder: &Path, seconds: u64) -> Result<()> {
    // libFuzzer is C++.
    setup::programs(&[("c++", "g++")])?;
    let mut build = project::cargo();
    build.args([
        "build",
        "--quiet",
        "--release",
        "--bins",
        "--target",
        &triple(),
    ]);
    build
        .arg("--manifest-path")
        .arg(project::root().join("fuzz/Cargo.toml"));
    build.arg("--target-dir").arg(folder);
    build.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    if seconds <= SHORT {
        build.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        build.env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    }
    // Sanitizers are not stable yet. The variable opens them to the one compiler that is there,
    // for this build alone.
    build.env("RUSTC_BOOTSTRAP", "1");
    process::run(&mut build, BUILD).context("the fuzz targets do not build")
}

fn fuzz(target: &str, folder: &Path, seconds: u64) -> Result<String> {
    let root = project::root();
    let corpus = folder.join("corpus").join(target);
    let artifacts = root.join("fuzz/artifacts").join(target);
    let seeds = root.join("fuzz/corpus").join(target);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder)?;
    }
    let mut command = Command::new(folder.join(triple()).join("release").join(target));
    command.current_dir(root);
    command.args([
        format!("-max_total_time={seconds}"),
        "-max_len=4096".into(),
        "-print_final_stats=1".into(),
    ]);
    command
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&corpus);
    command.args(seeds.exists().then_some(&seeds));
    let log = folder.join(format!("{target}.log"));
    let status = process::run_logged(&mut command, &log, Duration::from_secs(seconds + 60))?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !status.success() {
        let found = text
            .lines()
            .filter(|line| line.contains("panicked at") || line.contains("ERROR:"));
        let found: Vec<_> = found.collect();
        let kept = text
            .lines()
            .find_map(|line| line.split_once("Test unit written to "));
        let kept = kept.map_or("no input was kept", |(_, path)| path);
        bail!(
            "{target} found something: {}\nthe input: {kept}\nall it printed: {}",
            found.join("; "),
            log.display()
        );
    }
    let covered = text.lines().rev().find_map(coverage).unwrap_or(0);
    ensure!(
        covered >= LEAST_COVERAGE,
        "{target} reached {covered} edges: is the code instrumented? {}",
        log.display()
    );
    let runs = text
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let runs = runs.map_or("an unknown number of", str::trim);
    console::good(
        "ok    ",
        &format!("{target}: {runs} inputs, {covered} edges reached"),
    );
    Ok(target.to_owned())
}

/// The number of edges in a status line of libFuzzer, such as `#2 INITED cov: 253 ft: 253 ...`.
fn coverage(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once(" cov: ")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{TARGETS, coverage};
    use crate::project;

    #[test]
    fn every_target_is_run() {
        let text = std::fs::read_to_string(project::root().join("fuzz/Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        let programs = manifest["bin"].as_array().unwrap();
        let names: Vec<_> = programs
            .iter()
            .filter_map(|bin| bin["name"].as_str())
            .collect();
        assert_eq!(names, TARGETS);
        for name in names {
            let file = format!("fuzz/fuzz_targets/{name}.rs");
            assert!(project::root().join(&file).is_file(), "{file}");
        }
    }

    #[test]
    fn the_edges_of_a_status_line_are_read() {
        for (line, expect) in [
            (
                "#412220\tDONE   cov: 1292 ft: 3247 corp: 624/47Kb lim: 598",
                Some(1292),
            ),
            ("#2\tINITED exec/s: 0 rss: 32Mb", None),
            ("INFO: Running with entropic power schedule", None),
        ] {
            assert_eq!(coverage(line), expect, "{line}");
        }
    }
}
