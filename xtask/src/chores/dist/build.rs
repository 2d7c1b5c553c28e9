//! The programs: static, and equal for equal sources.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::target::Target;
use crate::steps::Outcome;
use crate::{process, project};

/// The longest a build of one program may take: a fat link is slow.
const BUILD: Duration = Duration::from_secs(60 * 60);
const INSTALL: Duration = Duration::from_secs(10 * 60);

/// The folder with the program of a target.
pub(super) fn folder(target: &Target) -> PathBuf {
    project::target().join("dist/bin").join(target.triple)
}

/// Builds the program for each target.
pub(super) fn run(targets: &[&'static Target], profile: &str) -> Result<Outcome> {
    let mut rustup = Command::new("rustup");
    rustup.current_dir(project::root()).args(["target", "add"]);
    rustup.args(targets.iter().map(|target| target.triple));
    process::run(&mut rustup, INSTALL).context("rustup cannot install the standard libraries")?;
    for target in targets {
        let output = project::target().join("dist-build");
        let mut command = compiler(target)?;
        command.args(["--locked", "--package", "farport-cli"]);
        command.args(["--features", "release", "--profile", profile]);
        command.args(["--target", target.triple]);
        command.env("CARGO_TARGET_DIR", &output);
        reproducible(&mut command)?;
        process::run(&mut command, BUILD)?;
        let built = output
            .join(target.triple)
            // Cargo's `dev` profile writes to `debug`.
            .join(if profile == "dev" { "debug" } else { profile })
            .join(target.program());
        let folder = folder(target);
        fs::create_dir_all(&folder)?;
        fs::copy(&built, folder.join(target.program()))
            .with_context(|| format!("cannot copy {}", built.display()))?;
    }
    Outcome::passed(format!("{} programs", targets.len()))
}

/// The command that builds: cargo's own on a Mac, and elsewhere cargo-zigbuild, which links for every other
/// platform and compiles the C of SQLite and ring for it.
fn compiler(target: &Target) -> Result<Command> {
    if target.is_macos() {
        let mut cargo = project::cargo();
        cargo.arg("build");
        return Ok(cargo);
    }
    let tools = zig()?;
    let mut command = Command::new(tools.join("bin/cargo-zigbuild"));
    command.arg("zigbuild").current_dir(project::root());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(tools.join("bin")).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(folders)?);
    command.env("PYTHONPATH", &tools);
    command.env("CARGO_ZIGBUILD_ZIG_PATH", tools.join("bin/python-zig"));
    Ok(command)
}

/// zig and cargo-zigbuild from PyPI, checked against the digests in `xtask/zig.txt`.
fn zig() -> Result<PathBuf> {
    let folder = project::target().join("tools/zig");
    let wanted = project::root().join("xtask/zig.txt");
    let (lock, installed) = (fs::read(&wanted)?, folder.join(".farport-lock.txt"));
    if fs::read(&installed).is_ok_and(|before| before == lock) {
        return Ok(folder);
    }
    let mut install = Command::new("python3");
    install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]);
    install.args(["--only-binary=:all:", "--require-hashes", "--target"]);
    install.arg(&folder).arg("--requirement").arg(wanted);
    process::run(&mut install, INSTALL).context("pip cannot install zig")?;
    fs::write(installed, lock)?;
    Ok(folder)
}

/// Keeps the paths of this machine and the time of the build out of the program.
fn reproducible(command: &mut Command) -> Result<()> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => std::env::home_dir()
            .context("no home folder")?
            .join(".cargo"),
    };
    let mut rust = Vec::<OsString>::new();
    let mut c = Vec::<OsString>::new();
    for (path, instead) in [
        (project::root().to_owned(), "/farport"),
        (home, "/cargo"),
        (project::target(), "/target"),
    ] {
        let map = |flag: &str| {
            let mut text = OsString::from(flag);
            text.push("=");
            text.push(&path);
            text.push("=");
            text.push(instead);
            text
        };
        rust.push(map("--remap-path-prefix"));
        c.push(map("-ffile-prefix-map"));
    }
    // Build identifiers and the names of symbols must not depend on the folder either.
    command.env("CARGO_ENCODED_RUSTFLAGS", rust.join("\u{1f}".as_ref()));
    command.env("CFLAGS", c.join(" ".as_ref()));
    command.env("CARGO_INCREMENTAL", "0");
    command.env("SOURCE_DATE_EPOCH", super::release::epoch()?.to_string());
    Ok(())
}
