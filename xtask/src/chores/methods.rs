//! `cargo xtask methods`: checks that no type has methods in too many files, because such a type has
//! more than one job.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::steps::Outcome;
use crate::{console, project};

/// The most files with methods of one type. Implementations of traits do not count.
const MOST_FILES: usize = 4;

/// Types with more, as crate and type, and why.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "farport-testkit",
    "Fixture",
    "rmcp wants one handler for all features",
)];

/// Checks that no type has methods in more than four files.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Reads the sources of all crates.
///
/// # Errors
/// When a type has methods in too many files, or an exception is no longer needed.
pub(crate) fn run(_: &Args) -> Result<Outcome> {
    let crates = project::root().join("crates");
    let mut faults = Vec::new();
    let mut unused: BTreeSet<_> = EXCEPTIONS
        .iter()
        .map(|(of, name, _)| (*of, *name))
        .collect();
    for folder in fs::read_dir(&crates)? {
        let folder = folder?;
        let of = folder.file_name().to_string_lossy().into_owned();
        let mut sources = Vec::new();
        collect(&folder.path().join("src"), &mut sources)?;
        let mut methods = Methods::default();
        for source in sources {
            let text = fs::read_to_string(&source)
                .with_context(|| format!("cannot read {}", source.display()))?;
            methods.read(&source, &text);
        }
        for (name, files) in methods.spread() {
            let excepted = |(a, b): &&(&str, &str)| *a == of && *b == name;
            let exception = unused.iter().find(excepted).copied();
            if !exception.is_some_and(|exception| unused.remove(&exception)) {
                faults.push(format!("{of}: `{name}` has methods in {files} files"));
            }
        }
    }
    for (of, name) in unused {
        faults.push(format!("{of}: `{name}` needs no exception any more"));
    }
    for fault in &faults {
        console::note(fault);
    }
    match faults.len() {
        0 => Outcome::passed("no type has methods in more than four files"),
        _ => bail!(
            "split a type by its roles, so that each has methods in at most {MOST_FILES} files"
        ),
    }
}

/// Finds the Rust files in a folder.
pub(super) fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push(path);
        }
    }
    Ok(())
}

/// The types of a crate, by name. Two modules may define types with the same name.
#[derive(Default)]
struct Methods {
    /// The files with methods.
    files: BTreeMap<String, BTreeSet<PathBuf>>,
    /// The files with definitions.
    definitions: BTreeMap<String, BTreeSet<PathBuf>>,
}

impl Methods {
    /// Reads a file. Only items at the start of a line count, which excludes tests.
    fn read(&mut self, file: &Path, text: &str) {
        for line in text.lines() {
            let (into, name) = match (implemented(line), defined(line)) {
                (Some(name), _) => (&mut self.files, name),
                (None, Some(name)) => (&mut self.definitions, name),
                (None, None) => continue,
            };
            let files = into.entry(name.to_owned()).or_default();
            files.insert(file.to_owned());
        }
    }

    /// The types with methods in too many files, and the number of files.
    fn spread(&self) -> impl Iterator<Item = (&str, usize)> {
        self.files.iter().filter_map(|(name, files)| {
            let definitions = self.definitions.get(name);
            // A file with a definition and methods is about its own type.
            let own = |file: &&PathBuf| definitions.is_some_and(|all| all.contains(*file));
            let count = match files.iter().filter(own).count() {
                0 => files.len(),
                own => files.len() - own + 1,
            };
            (count > MOST_FILES).then_some((name.as_str(), count))
        })
    }
}

/// The type of `impl Type {`; `None` for the implementation of a trait.
fn implemented(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(generics) => after_generics(generics)?,
        None => rest.strip_prefix(' ')?,
    };
    if rest.contains(" for ") {
        None
    } else {
        Some(identifier(rest.trim_start())).filter(|name| !name.is_empty())
    }
}

/// The text after the `>` that closes generics.
fn after_generics(text: &str) -> Option<&str> {
    let mut depth = 1;
    let mut previous = ' ';
    for (index, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // Not the arrow of `Fn() -> T`.
            '>' if previous != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(index + 1..);
        }
        previous = c;
    }
    None
}

/// The type that a line defines.
fn defined(line: &str) -> Option<&str> {
    let rest = match line.strip_prefix("pub") {
        Some(rest) => rest.split_once(' ')?.1,
        None => line,
    };
    let rest = ["struct ", "enum ", "union "]
        .iter()
        .find_map(|keyword| rest.strip_prefix(keyword))?;
    Some(identifier(rest))
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    text.get(..end.unwrap_or(text.len())).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_inherent_implementations_count() {
        for (line, expected) in [
            ("impl Server {", Some("Server")),
            ("impl<T> Server<T> {", Some("Server")),
            ("impl<F: Fn() -> Vec<u8>> Server<F>", Some("Server")),
            ("impl fmt::Debug for Server {", None),
            ("impl<T> From<T> for Server {", None),
            ("    impl Server {", None),
            ("implement", None),
        ] {
            assert_eq!(implemented(line), expected, "{line}");
        }
        for (line, expected) in [
            ("pub struct Server<T> {", Some("Server")),
            ("pub(crate) enum Stage {", Some("Stage")),
            ("struct Server(u8);", Some("Server")),
            ("pub fn structure() {", None),
        ] {
            assert_eq!(defined(line), expected, "{line}");
        }
    }

    #[test]
    fn types_with_one_name_count_apart() {
        let mut methods = Methods::default();
        for n in 0..6 {
            let text = "pub enum Error {}\nimpl Error {\n}\n";
            methods.read(Path::new(&format!("{n}.rs")), text);
            methods.read(Path::new(&format!("{n}.rs")), "impl Server {\n}\n");
        }
        let spread: Vec<_> = methods.spread().collect();
        assert_eq!(spread, [("Server", 6)]);
    }
}
