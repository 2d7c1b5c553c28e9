//! `cargo xtask api`: the public API of each library, as a list in api/.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use public_api::{Builder, MINIMUM_NIGHTLY_RUST_VERSION};

use crate::process::{self, BUILD};
use crate::steps::Outcome;
use crate::{console, project};

/// The libraries that other crates may depend on.
const CRATES: [&str; 9] = [
    "farport",
    "farport-client",
    "farport-core",
    "farport-http",
    "farport-oauth",
    "farport-rmcp",
    "farport-server",
    "farport-store",
    "farport-workers",
];

/// The compiler whose rustdoc wrote the lists. Others print some types differently.
const COMPILER: &str = "rustc 1.95.";

/// Lists the public API of each library in api/, one item per line.
///
/// A change of the public API is then visible in the change of these files.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Compare instead of writing.
    #[arg(long)]
    check: bool,
}

impl Args {
    /// What `cargo xtask lint` does.
    pub(crate) fn check() -> Self {
        Self { check: true }
    }
}

/// Writes or compares the lists.
///
/// # Errors
/// If a crate does not compile, or if a list differs.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let compiler = process::output(project::rustc().arg("--version"))?;
    if !compiler.starts_with(COMPILER) {
        let why = format!("the lists are those of {COMPILER}x, and this is {compiler}");
        return Ok(Outcome::Skipped(why));
    }
    let rustdoc = rustdoc()?;
    let mut changed = Vec::new();
    let mut items = 0;
    for name in CRATES {
        let list = list(name, &rustdoc)?;
        items += list.lines().count();
        let path = project::root().join("api").join(format!("{name}.txt"));
        let before = fs::read_to_string(&path).unwrap_or_default();
        if before == list {
            continue;
        }
        for line in difference(&before, &list) {
            console::note(&format!("{name}: {line}"));
        }
        if !args.check {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            fs::write(&path, list).with_context(|| format!("cannot write {}", path.display()))?;
        }
        changed.push(name);
    }
    if args.check && !changed.is_empty() {
        bail!(
            "the public API changed: {}; `cargo xtask api` writes the lists anew",
            changed.join(", ")
        );
    }
    Outcome::passed(format!("{items} items of {} libraries", CRATES.len()))
}

/// A rustdoc with unstable options. `RUSTC_BOOTSTRAP` is set for rustdoc alone: as a variable of cargo,
/// it makes build scripts run again.
fn rustdoc() -> Result<PathBuf> {
    let folder = project::target().join("tools");
    fs::create_dir_all(&folder)?;
    let path = folder.join("rustdoc-json");
    let script = "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n";
    fs::write(&path, script)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(path)
}

fn list(name: &str, rustdoc: &Path) -> Result<String> {
    let mut doc = project::cargo();
    doc.args(["rustdoc", "--quiet", "--lib", "--package", name]);
    doc.args(["--", "-Zunstable-options", "--output-format", "json"]);
    process::run(doc.env("RUSTDOC", rustdoc), BUILD)?;
    let json = project::target().join(format!("doc/{}.json", name.replace('-', "_")));
    let api = Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| format!("rustdoc of {MINIMUM_NIGHTLY_RUST_VERSION} or later is needed"))?;
    Ok(api.items().map(|item| format!("{item}\n")).collect())
}

/// The lines that only one of the lists has: `-` for those that are missing now, `+` for new ones.
fn difference(before: &str, now: &str) -> Vec<String> {
    let only = |these: &str, those: &str, sign: char| -> Vec<String> {
        let those: std::collections::HashSet<_> = those.lines().collect();
        let lines = these.lines().filter(|line| !those.contains(line));
        lines.map(|line| format!("{sign} {line}")).collect()
    };
    [only(before, now, '-'), only(now, before, '+')].concat()
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_difference_names_what_went_and_what_came() {
        assert_eq!(difference("a\nb\n", "b\nc\n"), ["- a", "+ c"]);
        assert!(difference("a\n", "a\n").is_empty());
    }
}
