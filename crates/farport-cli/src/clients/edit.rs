//! One entry put into a configuration, or taken out, with everything else left as it was: comments,
//! order and spaces too.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use toml_edit::{Array, DocumentMut, Item, Table, value};

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON, in which some clients allow comments.
    Json,
    /// TOML.
    Toml,
}

/// The members of an entry. `args` is a list, all others are texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry(pub(crate) Vec<(String, Vec<String>)>);

impl Entry {
    /// An entry that starts a program.
    pub(crate) fn program(command: &str, args: Vec<String>) -> Self {
        Self(vec![
            ("command".to_owned(), vec![command.to_owned()]),
            ("args".to_owned(), args),
        ])
    }
}

impl Format {
    /// `text` with the entry in it, in place of one of that name. The error says why `text` cannot be
    /// read.
    pub(crate) fn put(
        self,
        text: &str,
        table: &str,
        name: &str,
        entry: &Entry,
    ) -> Result<String, String> {
        match self {
            Self::Json => {
                let root = read_json(text)?;
                let servers = root
                    .object_value_or_create()
                    .and_then(|object| object.object_value_or_create(table))
                    .ok_or_else(|| format!("`{table}` is not an object"))?;
                match servers.get(name) {
                    Some(before) => before.set_value(json(entry)),
                    None => {
                        servers.append(name, json(entry));
                    }
                }
                Ok(with_line_end(root.to_string()))
            }
            Self::Toml => {
                let mut document = read_toml(text)?;
                let servers = document
                    .entry(table)
                    .or_insert_with(|| {
                        let mut table = Table::new();
                        table.set_implicit(true);
                        Item::Table(table)
                    })
                    .as_table_like_mut()
                    .ok_or_else(|| format!("`{table}` is not a table"))?;
                servers.insert(name, Item::Table(toml(entry)));
                Ok(with_line_end(document.to_string()))
            }
        }
    }

    /// `text` without an entry; `None` where there is none of that name.
    pub(crate) fn take(
        self,
        text: &str,
        table: &str,
        name: &str,
    ) -> Result<Option<String>, String> {
        match self {
            Self::Json => {
                let root = read_json(text)?;
                let entry = root
                    .object_value()
                    .and_then(|object| object.object_value(table))
                    .and_then(|servers| servers.get(name));
                let Some(entry) = entry else { return Ok(None) };
                entry.remove();
                Ok(Some(root.to_string()))
            }
            Self::Toml => {
                let mut document = read_toml(text)?;
                let removed = document
                    .get_mut(table)
                    .and_then(Item::as_table_like_mut)
                    .and_then(|servers| servers.remove(name));
                Ok(removed.map(|_| document.to_string()))
            }
        }
    }
}

fn with_line_end(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn read_json(text: &str) -> Result<CstRootNode, String> {
    CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| error.to_string())
}

fn read_toml(text: &str) -> Result<DocumentMut, String> {
    text.parse()
        .map_err(|error: toml_edit::TomlError| error.to_string().trim().to_owned())
}

fn json(entry: &Entry) -> CstInputValue {
    // A string of the crate's own has its quotes escaped and nothing else, not the `\` of a path on
    // Windows; a number is taken as the literal that it is.
    let text =
        |value: &String| CstInputValue::Number(serde_json::Value::from(value.as_str()).to_string());
    let members = entry.0.iter().map(|(name, values)| {
        let value = match (&**name, values.first()) {
            ("args", _) => CstInputValue::Array(values.iter().map(text).collect()),
            (_, Some(value)) => text(value),
            (_, None) => CstInputValue::Null,
        };
        (name.clone(), value)
    });
    CstInputValue::Object(members.collect())
}

fn toml(entry: &Entry) -> Table {
    let mut table = Table::new();
    for (name, values) in &entry.0 {
        match (&**name, values.first()) {
            ("args", _) => {
                table.insert(name, value(values.iter().collect::<Array>()));
            }
            (_, Some(text)) => {
                table.insert(name, value(text));
            }
            (_, None) => {}
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry(vec![(
            "url".to_owned(),
            vec!["https://a.example/mcp".to_owned()],
        )])
    }

    #[test]
    fn what_was_there_stays_and_goes_back_to_what_it_was() {
        for (format, text) in [
            (
                Format::Json,
                "{\n  // mine\n  \"theme\": \"dark\",\n  \"s\": {\n    \"old\": {\"command\": \"x\"}, // keep\n  },\n}\n",
            ),
            (Format::Json, "{\n  \"s\": {\n    \"old\": {}\n  }\n}\n"),
            (
                Format::Toml,
                "# mine\nmodel = \"x\"\n\n[s.old]\ncommand = \"y\" # keep\n",
            ),
        ] {
            let with = format.put(text, "s", "new", &entry()).unwrap();
            for line in text.lines().map(str::trim).filter(|line| line.len() > 3) {
                assert!(with.contains(line.trim_end_matches(',')), "{line}\n{with}");
            }
            assert!(with.contains("https://a.example/mcp"), "{with}");
            let again = format.put(&with, "s", "new", &entry()).unwrap();
            assert_eq!(again.matches("https://a.example/mcp").count(), 1, "{again}");
            let without = format.take(&with, "s", "new").unwrap().unwrap();
            assert!(!without.contains("a.example"), "{without}");
            assert!(without.contains("old"), "{without}");
            assert_eq!(format.take(&without, "s", "new").unwrap(), None);
        }
    }

    #[test]
    fn an_empty_file_becomes_a_configuration() {
        for (format, expect) in [(Format::Json, r#""s""#), (Format::Toml, "[s.new]")] {
            let with = format.put("", "s", "new", &entry()).unwrap();
            assert!(with.contains(expect), "{with}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_touched() {
        for (format, text) in [
            (Format::Json, "{\"s\": "),
            (Format::Json, "[]"),
            (Format::Json, "{\"s\": 1}"),
            (Format::Toml, "s = ["),
            (Format::Toml, "s = 1"),
        ] {
            assert!(format.put(text, "s", "new", &entry()).is_err(), "{text}");
        }
    }
}
