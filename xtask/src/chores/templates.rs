//! `cargo xtask templates`: the templates as one file, which the package of farport-cli contains.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use crate::steps::Outcome;
use crate::{process, project};

/// Writes crates/farport-cli/templates.json from the crates in templates/.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Writes the file.
///
/// # Errors
/// When a file is not text, or git does not run.
pub(crate) fn run(_: &Args) -> Result<Outcome> {
    let folder = project::root().join("templates");
    let mut list = std::process::Command::new("git");
    list.current_dir(&folder);
    list.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let mut templates = BTreeMap::<_, BTreeMap<_, _>>::new();
    let listed = process::output(&mut list)?;
    for path in listed.split_terminator('\0') {
        let Some((template, file)) = path.split_once('/') else {
            continue;
        };
        let at = folder.join(path);
        if !at.is_file() {
            continue;
        }
        let text = fs::read_to_string(&at).with_context(|| format!("cannot read {path}"))?;
        let files = templates.entry(template.to_owned()).or_default();
        files.insert(file.to_owned(), text);
    }
    let mut text = serde_json::to_string_pretty(&templates)?;
    text.push('\n');
    fs::write(
        project::root().join("crates/farport-cli/templates.json"),
        text,
    )?;
    Outcome::passed(format!("{} templates", templates.len()))
}
