//! Validates the name of a new crate.

use std::fmt;
use std::path::Path;

use super::Error;

/// A name that cargo, rustc, crates.io and every file system accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CrateName(String);

/// Why a name is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {MAX_LENGTH} characters")]
    TooLong,
    #[error("it contains `{0}`")]
    Character(char),
    #[error("it does not start with a letter")]
    Start,
    #[error("it is a Rust keyword")]
    Keyword,
    #[error("it is a crate of the standard library")]
    Standard,
    #[error("cargo uses this name in its build folder")]
    BuildFolder,
    #[error("it is a reserved name on Windows")]
    Device,
}

/// The longest name crates.io accepts.
const MAX_LENGTH: usize = 64;

/// Strict, reserved and weak keywords of edition 2024 that cannot name a crate.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

const STANDARD: &[&str] = &["alloc", "core", "proc_macro", "std", "test"];

const BUILD_FOLDERS: &[&str] = &["build", "deps", "examples", "incremental"];

const DEVICES: &[&str] = &[
    "aux", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "con", "lpt1",
    "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9", "nul", "prn",
];

impl CrateName {
    /// The crate name for a folder.
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        let Some(name) = folder.file_name() else {
            return Err(Error::NoName {
                path: folder.to_owned(),
            });
        };
        let name = name.to_string_lossy();
        Self::parse(&name).map_err(|problem| Error::Name {
            name: name.clone().into_owned(),
            problem,
            better: suggest(&name),
        })
    }

    fn parse(name: &str) -> Result<Self, Problem> {
        let ident = name.replace('-', "_");
        let is_in = |words: &[&str]| words.contains(&ident.as_str());
        let foreign = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let problem = if name.is_empty() {
            Problem::Empty
        } else if let Some(character) = name.chars().find(foreign) {
            Problem::Character(character)
        } else if name.len() > MAX_LENGTH {
            Problem::TooLong
        } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            Problem::Start
        } else if is_in(KEYWORDS) {
            Problem::Keyword
        } else if is_in(STANDARD) {
            Problem::Standard
        } else if is_in(BUILD_FOLDERS) {
            Problem::BuildFolder
        } else if DEVICES.contains(&name.to_ascii_lowercase().as_str()) {
            Problem::Device
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(problem)
    }

    /// The name in `Cargo.toml`.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in Rust code.
    pub(super) fn ident(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for CrateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Suggests a valid name that is similar to an invalid one.
fn suggest(name: &str) -> Option<String> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let plain = words.join("-");
    let plain = plain.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    [plain.to_owned(), format!("{plain}-server")]
        .into_iter()
        .find(|name| CrateName::parse(name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_names_are_accepted() {
        for name in [
            "a",
            "my-mcp-server",
            "my_mcp_server",
            "Weather2",
            "x-",
            "testing",
            "asynchronous",
        ] {
            assert_eq!(
                CrateName::parse(name),
                Ok(CrateName(name.to_owned())),
                "{name}"
            );
        }
        assert!(CrateName::parse(&"a".repeat(MAX_LENGTH)).is_ok());
    }

    #[test]
    fn invalid_names_are_rejected_with_the_reason() {
        for (name, problem) in [
            ("", Problem::Empty),
            ("my server", Problem::Character(' ')),
            ("my.server", Problem::Character('.')),
            ("a/b", Problem::Character('/')),
            ("w\u{e4}rme", Problem::Character('\u{e4}')),
            ("\u{43c}\u{438}\u{440}", Problem::Character('\u{43c}')),
            ("a\0b", Problem::Character('\0')),
            ("$(id)", Problem::Character('$')),
            ("2fast", Problem::Start),
            ("-x", Problem::Start),
            ("_x", Problem::Start),
            ("fn", Problem::Keyword),
            ("async", Problem::Keyword),
            ("gen", Problem::Keyword),
            ("test", Problem::Standard),
            ("proc-macro", Problem::Standard),
            ("deps", Problem::BuildFolder),
            ("NUL", Problem::Device),
            ("com1", Problem::Device),
        ] {
            assert_eq!(CrateName::parse(name), Err(problem), "{name:?}");
        }
        assert_eq!(
            CrateName::parse(&"a".repeat(MAX_LENGTH + 1)),
            Err(Problem::TooLong)
        );
    }

    #[test]
    fn an_invalid_name_comes_with_a_valid_suggestion() {
        for (name, better) in [
            ("My Server", Some("my-server")),
            ("2fast", Some("fast")),
            ("test", Some("test-server")),
            ("a.b/c", Some("a-b-c")),
            ("42", None),
            ("\u{43c}", None),
        ] {
            let better = better.map(str::to_owned);
            assert_eq!(suggest(name), better, "{name:?}");
        }
    }
}
