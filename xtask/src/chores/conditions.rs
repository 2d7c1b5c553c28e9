//! `cargo xtask conditions`: counts the conditions on targets and features in the sources, because code that
//! only some builds compile is code that most checks do not see.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::methods::collect;
use crate::steps::Outcome;
use crate::{console, project};

/// The most conditions in the sources of all crates, outside tests.
const MOST: usize = 25;

/// The crate with fixtures and suites for tests.
const TESTS: &str = "farport-testkit";

/// Checks that the crates have at most 25 conditions on targets and features, and name no module by path.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Reads the sources of all crates.
///
/// # Errors
/// When there are too many conditions, one has no reason, a module has a path, or a crate silences
/// `dead_code`.
pub(crate) fn run(_: &Args) -> Result<Outcome> {
    let crates = project::root().join("crates");
    let mut found = Vec::new();
    let mut faults = Vec::new();
    for folder in fs::read_dir(&crates)? {
        let folder = folder?;
        if folder.file_name() == TESTS {
            continue;
        }
        let mut sources = Vec::new();
        collect(&folder.path().join("src"), &mut sources)?;
        sources.sort();
        for source in sources {
            let text = fs::read_to_string(&source)
                .with_context(|| format!("cannot read {}", source.display()))?;
            let name = source.strip_prefix(project::root()).unwrap_or(&source);
            read(name, &text, &mut found, &mut faults);
        }
    }
    if found.len() > MOST {
        for condition in &found {
            console::note(condition);
        }
        faults.push(format!(
            "{} conditions, and {MOST} are allowed: choose between two modules, once for each crate",
            found.len()
        ));
    }
    for fault in &faults {
        console::note(fault);
    }
    match faults.len() {
        0 => Outcome::passed(format!("{} conditions, of {MOST}", found.len())),
        _ => bail!("the sources have conditions that they should not have"),
    }
}

/// Reads a file, up to its tests.
fn read(name: &Path, text: &str, found: &mut Vec<String>, faults: &mut Vec<String>) {
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let next = lines.get(index + 1).copied().unwrap_or_default();
        let place = || format!("{}:{}: {}", name.display(), index + 1, line.trim());
        let (line, next) = (line.trim(), next.trim());
        if line == "#[cfg(test)]" && next.starts_with("mod tests") {
            return;
        }
        if line.starts_with("//") || is_for_tests(line, next) {
            continue;
        }
        if line.starts_with("#[path") {
            faults.push(format!("{}: name the module by its file", place()));
        }
        if line.contains("#![") && (line.contains("dead_code") || next.contains("dead_code")) {
            faults.push(format!("{}: remove what is not used", place()));
        }
        if !is_condition(line) {
            continue;
        }
        found.push(place());
        if !has_reason(&lines, index) {
            faults.push(format!("{}: write the reason above it", place()));
        }
    }
}

/// Whether a line has a condition.
fn is_condition(line: &str) -> bool {
    ["#[cfg(", "#![cfg(", "cfg!(", "cfg_attr("]
        .iter()
        .any(|start| line.contains(start))
}

/// Whether a condition is about tests.
fn is_for_tests(line: &str, next: &str) -> bool {
    let whole = format!("{line}{next}");
    ["cfg(test)", "cfg(doctest)", "cfg_attr(test,"]
        .iter()
        .any(|start| whole.contains(start))
        && !line.contains("not(test")
}

/// Whether a comment is above a condition, or above the group that it belongs to.
fn has_reason(lines: &[&str], index: usize) -> bool {
    let above = lines.iter().take(index).rev();
    let mut above = above.map(|line| line.trim()).skip_while(|line| {
        // The other branches of a group come after its reason.
        line.starts_with("cfg_if::cfg_if!")
            || line.starts_with("mod ")
            || line.starts_with("use ")
            || line.starts_with("pub ")
            || line.starts_with("pub(")
            || line.starts_with("if #[cfg")
            || line.starts_with("#[cfg(")
            || line.starts_with("} else")
    });
    match above.next() {
        // The page of a module that only chooses between two.
        Some("") => above.next().is_some_and(|line| line.starts_with("//!")),
        line => line.is_some_and(|line| line.starts_with("//")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> (usize, usize) {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        read(Path::new("lib.rs"), text, &mut found, &mut faults);
        (found.len(), faults.len())
    }

    #[test]
    fn conditions_outside_tests_count_and_need_a_reason() {
        for (text, expected) in [
            ("#[cfg(unix)]\nmod unix;", (1, 1)),
            ("// Only Unix has it.\n#[cfg(unix)]\nmod unix;", (1, 0)),
            (
                "// Why.\ncfg_if::cfg_if! {\n    if #[cfg(unix)] {\n        mod a;\n    } else if #[cfg(windows)] {",
                (2, 0),
            ),
            ("let x = cfg!(windows);", (1, 1)),
            ("#[cfg(test)]\nmod tests {\n    #[cfg(unix)]", (0, 0)),
            ("#![cfg_attr(\n    test,\n    allow(dead_code)", (0, 0)),
            ("// #[cfg(unix)]", (0, 0)),
            ("#[path = \"a.rs\"]\nmod b;", (0, 1)),
            ("#![expect(dead_code)]", (0, 1)),
        ] {
            assert_eq!(faults(text), expected, "{text}");
        }
    }
}
