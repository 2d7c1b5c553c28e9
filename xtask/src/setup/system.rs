//! Packages of the system, such as a browser.
//!
//! A chore installs them only if the user passes `--install`. Otherwise it reports what is missing and the
//! command that installs it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow, bail};

use super::INSTALL;
use crate::{console, process};

/// The names of Chromium and its siblings.
const CHROMIUM: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
];

/// Whether the user passed `--install`.
static PERMITTED: AtomicBool = AtomicBool::new(false);

/// Permits the chores of this process to install packages.
pub(crate) fn permit_install() {
    PERMITTED.store(true, Ordering::Relaxed);
}

fn may_install() -> bool {
    PERMITTED.load(Ordering::Relaxed)
}

/// Turns the lack of something into the reason to skip a step.
///
/// With `--install` it stays an error: a user who asks for every package expects every step to run.
///
/// # Errors
/// When `found` is an error and the user passed `--install`.
pub(crate) fn optional<T>(found: Result<T>) -> Result<Result<T, String>> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(error) if may_install() => Err(error),
        Err(error) => Ok(Err(format!("{error:#}"))),
    }
}

/// Returns the Chromium for tests with a browser: the one in `FARPORT_CHROMIUM`, or the first in `PATH`.
///
/// # Errors
/// When there is none; the message says how to get one.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("FARPORT_CHROMIUM") {
        return Ok(named.into());
    }
    if let Some(found) = CHROMIUM.into_iter().find_map(on_path) {
        return Ok(found);
    }
    install(&["chromium"]).context("no Chromium in PATH or FARPORT_CHROMIUM")?;
    let found = CHROMIUM.into_iter().find_map(on_path);
    found.context("the package chromium has no program of this name in PATH")
}

/// Checks that `PATH` has all programs, which are listed as (program, its package).
///
/// # Errors
/// When one is missing; the message says how to get it.
pub(crate) fn programs(wanted: &[(&str, &str)]) -> Result<()> {
    let missing = wanted
        .iter()
        .filter(|(program, _)| on_path(program).is_none());
    let packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    install(&packages)
}

/// Checks that all packages of Debian or Ubuntu are installed.
///
/// # Errors
/// When one is missing; the message says how to get it.
pub(crate) fn packages(wanted: &[&str]) -> Result<()> {
    let missing = wanted.iter().copied().filter(|package| !installed(package));
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

/// Installs packages, if the user permits it.
fn install(packages: &[&str]) -> Result<()> {
    let names = packages.join(" ");
    let by_hand = format!("apt-get install {names}");
    if !may_install() {
        bail!("this machine lacks {names}: run `{by_hand}`, or repeat the chore with --install");
    }
    console::note(&format!("Installing what this machine lacks: {names}"));
    let root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    // apt-get must not remove packages: a user's rustc, for example, conflicts with rustc-web.
    for args in [
        &["update", "--quiet"][..],
        &[
            "install",
            "--yes",
            "--quiet",
            "--no-remove",
            "--no-install-recommends",
        ],
    ] {
        let mut command = if root {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["--non-interactive", "apt-get"]);
            sudo
        };
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .args(args);
        if args.contains(&"install") {
            command.args(packages);
        }
        process::run(&mut command, INSTALL)
            .map_err(|error| anyhow!("{error:#}; install it by hand: {by_hand}"))?;
    }
    Ok(())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    process::output(&mut query).is_ok_and(|status| status == "installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_installed_unasked() {
        let error = programs(&[("sh", "dash"), ("no-such-program", "no-such-package")]);
        let text = format!("{:#}", error.expect_err("the program is missing"));
        assert!(text.contains("`apt-get install no-such-package`"), "{text}");
        assert!(text.contains("--install"), "{text}");
        let skipped = optional(packages(&["no-such-package"])).expect("without --install");
        assert_eq!(skipped.expect_err("the package is missing"), text);
    }
}
