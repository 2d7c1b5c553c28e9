//! Completes tools, arguments and their values, from the tools that an earlier command listed.

use std::ffi::OsStr;

use clap::CommandFactory;
use clap_complete::engine::CompletionCandidate;
use serde_json::Value;

use super::cache::{self, Known};
use super::schema::{Schema, Type};
use crate::cli::Cli;

/// What the shell completes.
struct Line {
    /// The words of the command before the one to complete, without options.
    words: Vec<String>,
    /// What precedes the word to complete in its argument. bash splits words at `=` and `:`.
    before: String,
}

/// The names of tools, for `farport tools URL`.
pub(crate) fn tools(current: &OsStr) -> Vec<CompletionCandidate> {
    let line = line();
    match line.words.as_slice() {
        [url] if line.before.is_empty() => names(&cache::load(url), current),
        _ => Vec::new(),
    }
}

/// The names of tools, and the arguments of one, for `farport call URL`.
pub(crate) fn call(current: &OsStr) -> Vec<CompletionCandidate> {
    let line = line();
    let [url, rest @ ..] = line.words.as_slice() else {
        return Vec::new();
    };
    let known = cache::load(url);
    let Some((tool, given)) = rest.split_first() else {
        return names(&known, current);
    };
    let tool = known.iter().find(|known| known.name == *tool);
    let current = current.to_string_lossy();
    tool.map(|tool| arguments(&tool.schema, given, &line.before, &current))
        .unwrap_or_default()
}

fn names(known: &[Known], current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let fitting = known.iter().filter(|tool| tool.name.starts_with(&*current));
    fitting
        // A name with other characters could mean something to the shell.
        .filter(|tool| {
            tool.name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        })
        .map(|tool| CompletionCandidate::new(&tool.name))
        .collect()
}

fn arguments(
    schema: &Value,
    given: &[String],
    before: &str,
    current: &str,
) -> Vec<CompletionCandidate> {
    candidates(schema, given, before, current)
        .into_iter()
        .map(CompletionCandidate::new)
        .collect()
}

/// `name=` for each argument that is not given yet, or `name=value` for each value of one.
pub(crate) fn candidates(
    schema: &Value,
    given: &[String],
    before: &str,
    current: &str,
) -> Vec<String> {
    let schema = Schema::new(schema);
    let whole = format!("{before}{current}");
    let plain = |text: &str| {
        let permitted = |c: char| c.is_ascii_alphanumeric() || "_-.+/@".contains(c);
        !text.is_empty() && text.chars().all(permitted)
    };
    let all: Vec<String> = match whole.split_once('=') {
        None => {
            let is_given = |name: &str| {
                given
                    .iter()
                    .any(|word| word.split('=').next() == Some(name))
            };
            let properties = schema.properties().into_iter();
            let open = properties.filter(|(name, _)| plain(name) && !is_given(name));
            open.map(|(name, _)| format!("{name}=")).collect()
        }
        Some((name, _)) => {
            let properties = schema.properties();
            let Some((_, property)) = properties.iter().find(|(known, _)| *known == name) else {
                return Vec::new();
            };
            let values: Vec<String> = match property.choices() {
                choices if choices.is_empty() && property.types() == [Type::Boolean] => {
                    vec!["true".to_owned(), "false".to_owned()]
                }
                choices => choices
                    .into_iter()
                    .map(|choice| {
                        choice
                            .as_str()
                            .map_or_else(|| choice.to_string(), str::to_owned)
                    })
                    .collect(),
            };
            values
                .into_iter()
                .filter(|value| plain(value))
                .map(|value| format!("{name}={value}"))
                .collect()
        }
    };
    let fitting = all.into_iter().filter(|one| one.starts_with(&whole));
    // bash replaces the word after the last `=` only.
    fitting
        .filter_map(|one| one.strip_prefix(before).map(str::to_owned))
        .collect()
}

/// The command line that a shell completes.
fn line() -> Line {
    let args = std::env::args_os().skip_while(|arg| arg != "--").skip(1);
    let args: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let index = std::env::var("_CLAP_COMPLETE_INDEX")
        .ok()
        .and_then(|index| index.parse().ok());
    let index = index.unwrap_or(args.len().saturating_sub(1));
    read(args.get(..index.min(args.len())).unwrap_or_default())
}

/// Reads the words before the one to complete.
fn read(args: &[String]) -> Line {
    let mut joined: Vec<String> = Vec::new();
    let mut glue = false;
    for arg in args {
        let is_separator = matches!(arg.as_str(), "=" | ":" | ":=");
        match joined.last_mut() {
            Some(last) if is_separator || glue => last.push_str(arg),
            _ => joined.push(arg.clone()),
        }
        glue = is_separator;
    }
    let before = if glue {
        joined.pop().unwrap_or_default()
    } else {
        String::new()
    };
    // The program and the command.
    let mut rest = joined.into_iter().skip(1);
    let command = rest.next().unwrap_or_default();
    let cli = Cli::command();
    let takes_value = |option: &str| {
        let command = cli.find_subcommand(&command);
        let mut options = command.into_iter().flat_map(clap::Command::get_arguments);
        options.any(|arg| {
            let long = option
                .strip_prefix("--")
                .is_some_and(|name| arg.get_long() == Some(name));
            let short = arg
                .get_short()
                .is_some_and(|name| option == format!("-{name}"));
            (long || short) && arg.get_action().takes_values()
        })
    };
    let mut words = Vec::new();
    while let Some(word) = rest.next() {
        if !word.starts_with('-') || word == "-" {
            words.push(word);
        } else if takes_value(&word) {
            rest.next();
        }
    }
    Line { words, before }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{candidates, read};

    #[test]
    fn the_words_of_every_shell_are_read_the_same() {
        for (words, expected, before) in [
            (
                "farport call http://a.example/mcp",
                "http://a.example/mcp",
                "",
            ),
            (
                "farport call http : //a.example/mcp add a = 1",
                "http://a.example/mcp|add|a=1",
                "",
            ),
            (
                "farport call -H x --json http : //a add unit =",
                "http://a|add",
                "unit=",
            ),
            ("farport call --timeout 5 http://a add", "http://a|add", ""),
        ] {
            let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
            let line = read(&words);
            assert_eq!(line.words.join("|"), expected);
            assert_eq!(line.before, before);
        }
    }

    #[test]
    fn arguments_and_their_values_are_completed() {
        let schema = json!({"properties": {
            "unit": {"enum": ["celsius", "kelvin", "$(reboot)"]},
            "exact": {"type": "boolean"},
            "city": {"type": "string"},
            "$(reboot)": {},
        }});
        for (given, before, current, expected) in [
            ("", "", "", "city= exact= unit="),
            ("city=x", "", "", "exact= unit="),
            ("", "", "u", "unit="),
            ("", "", "unit=", "unit=celsius unit=kelvin"),
            ("", "unit=", "", "celsius kelvin"),
            ("", "unit=", "k", "kelvin"),
            ("", "", "exact=t", "exact=true"),
            ("", "", "city=", ""),
            ("", "", "none=", ""),
        ] {
            let given: Vec<_> = given.split_whitespace().map(str::to_owned).collect();
            let mut found = candidates(&schema, &given, before, current);
            found.sort();
            assert_eq!(found.join(" "), expected, "{before}{current}");
        }
    }
}
