//! `cargo xtask words`: finds the phrases of `xtask/words.toml` in everything a person reads.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use toml::Table;

use crate::steps::Outcome;
use crate::{console, process, project};

const PHRASES: &str = "xtask/words.toml";
const EXTENSIONS: [&str; 14] = [
    "rs", "md", "html", "toml", "mjs", "js", "css", "yml", "yaml", "sql", "sh", "jsonc", "py",
    "lua",
];

/// Finds phrases that are hard to read, listed in xtask/words.toml.
///
/// Prints each match with its line and what to write instead, and fails when there is one.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only look at files whose path starts with this.
    #[arg(value_name = "PATH")]
    under: Option<String>,
}

/// Looks for the phrases in every file.
///
/// # Errors
/// When a file holds one.
pub(crate) fn run(args: &Args) -> Result<Outcome> {
    let rules = Rules::read(&text(PHRASES)?)?;
    let under = args.under.as_deref().unwrap_or_default();
    let mut total = 0;
    for file in tracked()?.iter().filter(|file| file.starts_with(under)) {
        // A tracked file may be deleted, or hold something that is not text.
        let Ok(text) = text(file) else { continue };
        for (line, phrase) in rules.matches(file, &text) {
            let instead = rules.instead(phrase);
            console::note(&format!("{file}:{line}: \"{phrase}\": write {instead}"));
            total += 1;
        }
    }
    match total {
        0 => Outcome::passed("no match"),
        total => bail!("{total} phrases are hard to read; rewrite their sentences"),
    }
}

fn text(file: &str) -> Result<String> {
    fs::read_to_string(project::root().join(file)).with_context(|| format!("cannot read {file}"))
}

fn tracked() -> Result<Vec<String>> {
    let mut list = Command::new("git");
    list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listed = process::output(list.current_dir(project::root()))?;
    let wanted = |file: &&str| {
        let extension = Path::new(file).extension().and_then(|end| end.to_str());
        extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
    };
    let mut files: Vec<_> = listed.lines().filter(wanted).map(str::to_owned).collect();
    files.sort();
    Ok(files)
}

/// A place where a phrase is right.
struct Exception {
    file: String,
    /// Empty for every phrase.
    phrases: Vec<String>,
}

struct Rules {
    /// A phrase as its words, with the phrase itself and its replacement.
    phrases: Vec<(Vec<String>, String, String)>,
    exceptions: Vec<Exception>,
}

impl Rules {
    fn read(text: &str) -> Result<Self> {
        let table: Table = text.parse().context(PHRASES)?;
        let listed = table.get("phrases").and_then(|phrases| phrases.as_table());
        let mut phrases = Vec::new();
        for (phrase, instead) in listed.context("no [phrases]")? {
            let instead = instead.as_str().context("a replacement is a string")?;
            let words = phrase.split(' ').map(str::to_owned).collect();
            phrases.push((words, phrase.clone(), instead.to_owned()));
        }
        let mut exceptions = Vec::new();
        let listed = table.get("exceptions").and_then(|list| list.as_array());
        for exception in listed.into_iter().flatten() {
            let of = |key: &str| exception.get(key).and_then(|value| value.as_str());
            let file = of("file").context("an exception names its file")?;
            ensure!(
                of("reason").is_some(),
                "the exception for {file} has no reason"
            );
            let named = exception.get("phrases").and_then(|list| list.as_array());
            let named = named
                .into_iter()
                .flatten()
                .filter_map(|phrase| phrase.as_str());
            exceptions.push(Exception {
                file: file.to_owned(),
                phrases: named.map(str::to_owned).collect(),
            });
        }
        Ok(Self {
            phrases,
            exceptions,
        })
    }

    fn instead(&self, phrase: &str) -> &str {
        let found = self.phrases.iter().find(|(_, known, _)| known == phrase);
        found.map_or("", |(.., instead)| instead)
    }

    /// The matches in a text: line and phrase.
    fn matches(&self, file: &str, text: &str) -> Vec<(usize, &str)> {
        let excepted = |phrase: &str| {
            let here = self.exceptions.iter().filter(|known| known.file == file);
            here.into_iter()
                .any(|known| known.phrases.is_empty() || known.phrases.iter().any(|p| p == phrase))
        };
        let words = words(text);
        let mut found = Vec::new();
        for (start, (_, line)) in words.iter().enumerate() {
            for (phrase, name, _) in &self.phrases {
                let here = words.get(start..start + phrase.len());
                let same =
                    here.is_some_and(|here| here.iter().map(|(word, _)| word).eq(phrase.iter()));
                if same && !excepted(name) {
                    found.push((*line, name.as_str()));
                }
            }
        }
        found
    }
}

/// The words of a text in lower case with their lines, identifiers taken apart. An empty word
/// stands for punctuation, which ends a phrase; a line break and a comment's marker do not.
fn words(text: &str) -> Vec<(String, usize)> {
    let mut words: Vec<(String, usize)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line
            .trim_start()
            .trim_start_matches(['/', '!', '#', '*', '>', '-']);
        let mut word = String::new();
        let mut lower_before = false;
        for character in line.chars().chain([' ']) {
            if character.is_alphabetic() || character == '\'' {
                if character.is_uppercase() && lower_before {
                    words.push((std::mem::take(&mut word), number + 1));
                }
                lower_before = character.is_lowercase();
                word.extend(character.to_lowercase());
                continue;
            }
            lower_before = false;
            if !word.is_empty() {
                words.push((std::mem::take(&mut word), number + 1));
            }
            if !character.is_whitespace() && !matches!(character, '_' | '`' | '*') {
                words.push((String::new(), number + 1));
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Rules, text};

    const RULES: &str = "[phrases]\n\"is mauve\" = \"red\"\n\"banana\" = \"fruit\"\n\
        [[exceptions]]\nfile = \"quote.md\"\nphrases = [\"banana\"]\nreason = \"a quote\"";

    #[test]
    fn a_phrase_is_found_across_lines_and_in_names() {
        let rules = Rules::read(RULES).unwrap();
        for (text, expect) in [
            ("/// The client is\n/// mauve.", 1),
            ("fn what_is_mauve() {}", 1),
            ("struct WhatIsMauve;", 1),
            ("It is `mauve`. Banana", 2),
            ("That is. Mauve", 0),
            ("is unmauve", 0),
            ("this mauve", 0),
        ] {
            assert_eq!(rules.matches("a.rs", text).len(), expect, "{text}");
        }
    }

    #[test]
    fn a_match_has_the_line_it_starts_in() {
        let rules = Rules::read(RULES).unwrap();
        assert_eq!(rules.matches("a.md", "a\nis\nmauve"), [(2, "is mauve")]);
    }

    #[test]
    fn an_exception_holds_for_its_file_and_phrases_alone() {
        let rules = Rules::read(RULES).unwrap();
        assert_eq!(rules.matches("quote.md", "banana is mauve").len(), 1);
        assert_eq!(rules.matches("other.md", "banana is mauve").len(), 2);
    }

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        let rules = "[phrases]\n[[exceptions]]\nfile = \"a.md\"";
        assert!(Rules::read(rules).is_err());
    }

    #[test]
    fn the_list_can_be_read() {
        let rules = Rules::read(&text(super::PHRASES).unwrap()).unwrap();
        assert!(rules.phrases.len() > 20);
    }
}
