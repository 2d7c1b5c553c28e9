//! Settings from a file and the environment.

use std::{fmt, io, path::Path};

use serde_json::Value;

use super::{Settings, VARIABLES, nearest, words};
use crate::error::{Error, Problem};

/// Variables that are not settings: of other programs of this project, and of `farport dev`.
const OTHER_VARIABLES: &[&str] = &["FARPORT_CONFIG_DIR", "FARPORT_RELOAD"];

impl Settings {
    /// Returns the defaults, overridden by `file` if it exists, and then by the environment.
    ///
    /// # Errors
    /// When a value is invalid, or a key in the file is not a setting. The error names the file and the
    /// line, or the variable, and what was expected.
    pub fn load(file: &Path) -> Result<Self, Error> {
        let settings = match std::fs::read_to_string(file) {
            Ok(text) => Self::of_toml(&text, file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => {
                return Err(Problem::SettingsFile {
                    path: file.to_owned(),
                    line: None,
                    why: error.to_string(),
                }
                .into());
            }
        };
        settings.over_variables(|name| match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err("its value is not UTF-8".to_owned()),
        })
    }

    fn of_toml(text: &str, file: &Path) -> Result<Self, Error> {
        // Editors on Windows put a byte order mark before the text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            let before = at.and_then(|at| text.get(..at));
            let line = before.map(|before| before.matches('\n').count() + 1);
            // If the file is valid TOML, only a value is wrong, and its line has the key.
            let is_toml = toml::from_str::<toml::Table>(text).is_ok();
            let shown = line.and_then(|line| text.lines().nth(line - 1));
            Problem::SettingsFile {
                path: file.to_owned(),
                line,
                why: why(error.message(), shown.filter(|_| is_toml)),
            }
            .into()
        })
    }
}

/// Describes what is wrong, from the parser's message and its line.
fn why(message: &str, line: Option<&str>) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((key, _)) = rest.split_once('`')
    {
        return format!("unknown setting `{key}`; {}", instead(key, message));
    }
    let key = line
        .and_then(|line| line.split_once('='))
        .map(|(key, _)| key.trim());
    match key {
        Some(key) => format!("`{key}`: {}", words(message)),
        None => words(message),
    }
}

/// Suggests what the user meant by an unknown key. `message` lists the table's keys.
fn instead(key: &str, message: &str) -> String {
    let (_, listed) = message.split_once("expected").unwrap_or_default();
    let keys: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
    if let Some(near) = nearest(key, keys.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let all = serde_json::to_value(Settings::default()).unwrap_or_default();
    let has = |table: &Value| {
        table
            .as_object()
            .is_some_and(|table| table.contains_key(key))
    };
    if has(&all) {
        return format!("`{key}` belongs at the top of the file, before every `[table]`");
    }
    let mut tables = all.as_object().into_iter().flatten();
    if let Some((name, _)) = tables.find(|(_, table)| has(table)) {
        return format!("`{key}` belongs under `[{name}]`");
    }
    format!("the settings here are {}", keys.join(", "))
}

/// A variable of the environment that begins with `FARPORT_`, but has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVariable {
    name: String,
    suggestion: Option<&'static str>,
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        write!(
            f,
            "the variable {name} has no effect, because farport has no such variable"
        )?;
        match self.suggestion {
            Some(name) => write!(f, "; did you mean {name}?"),
            None => Ok(()),
        }
    }
}

/// Returns the variables of the environment that begin with `FARPORT_`, but have no effect.
pub fn unknown_variables() -> Vec<UnknownVariable> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    unknown_among(names)
}

fn unknown_among(names: impl Iterator<Item = String>) -> Vec<UnknownVariable> {
    let known = || {
        let settings = VARIABLES.iter().map(|variable| variable.name);
        settings.chain(OTHER_VARIABLES.iter().copied())
    };
    let ours = names.filter(|name| {
        let prefix = name.get(.."FARPORT_".len());
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("FARPORT_"))
            && known().all(|known| known != name)
    });
    let mut unknown: Vec<_> = ours
        .map(|name| UnknownVariable {
            suggestion: nearest(&name, known()),
            name,
        })
        .collect();
    unknown.sort_by(|one, other| one.name.cmp(&other.name));
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_line_and_what_was_expected() {
        for (text, line, says) in [
            ("prot = 1", 1, &["`prot`", "did you mean `port`?"][..]),
            (
                "port = 1\n\nalowed_hosts = []",
                3,
                &["did you mean `allowed_hosts`?"],
            ),
            (
                "provider = \"github\"",
                1,
                &["`provider` belongs under `[auth]`"],
            ),
            (
                "[auth]\nport = 1",
                2,
                &["`port` belongs at the top of the file"],
            ),
            (
                "[auth]\nproviders = \"github\"",
                2,
                &["did you mean `provider`?"],
            ),
            (
                "[auht]\nprovider = \"github\"",
                1,
                &["did you mean `auth`?"],
            ),
            (
                "\nport = \"x\"",
                2,
                &["`port`", "text \"x\"", "a whole number from 0 to 65535"],
            ),
            (
                "port = 70000",
                1,
                &["70000", "a whole number from 0 to 65535"],
            ),
            (
                "max_sessions = -1",
                1,
                &["`max_sessions`", "a whole number of at least 0"],
            ),
            (
                "behind_proxy = \"yes\"",
                1,
                &["`behind_proxy`", "true or false"],
            ),
            ("host = 1", 1, &["`host`", "expected text"]),
            (
                "allowed_hosts = 1",
                1,
                &["`allowed_hosts`", "a list of texts"],
            ),
            ("allowed_hosts = [1]", 1, &["`allowed_hosts`", "text"]),
            ("log_format = \"yaml\"", 1, &["yaml", "`text`", "`json`"]),
            ("[auth]\nprovider = \"gitlab\"", 2, &["gitlab", "`github`"]),
            ("store = \"redis\"", 1, &["`store`", "sqlite:"]),
            ("a\n[b", 1, &[]),
        ] {
            let error = Settings::of_toml(text, Path::new("farport.toml")).unwrap_err();
            let said = error.to_string();
            assert!(
                said.starts_with(&format!("farport.toml, line {line}: ")),
                "{said}"
            );
            for part in says {
                assert!(said.contains(part), "{part}\n{said}");
            }
        }
        let text = "\u{feff}port = 1\r\n";
        let settings = Settings::of_toml(text, Path::new("farport.toml")).unwrap();
        assert_eq!(settings.port, 1);
    }

    #[test]
    fn an_unknown_variable_comes_with_a_suggestion() {
        let names = [
            "FARPORT_PORT",
            "FARPORT_CONFIG_DIR",
            "FARPORT_PROT",
            "FARPORT_PUBLIC_URI",
            "farport_log",
            "FARPORT_SOMETHING_ELSE",
            "OTHER",
        ];
        let said: Vec<_> = unknown_among(names.iter().map(|name| (*name).to_owned()))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(said.len(), 4, "{said:?}");
        for (said, part) in said.iter().zip([
            "did you mean FARPORT_PORT?",
            "did you mean FARPORT_PUBLIC_URL?",
            "FARPORT_SOMETHING_ELSE has no effect",
            "did you mean FARPORT_LOG?",
        ]) {
            assert!(said.contains(part), "{said}");
        }
    }
}
