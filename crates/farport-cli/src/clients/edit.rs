//! Adds an entry to a configuration or removes it, and keeps everything else: comments, order and spaces.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::Value;
use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::{Entry, line_ends, yaml};

/// The format of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON, in which some clients allow comments.
    Json,
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
}

impl Format {
    /// Adds the entry to `text`, or replaces the entry with this name. Returns `text` unchanged if it already
    /// has the entry. The error is the reason why `text` cannot be parsed.
    pub(crate) fn put(
        self,
        text: &str,
        table: &str,
        name: &str,
        entry: &Entry,
    ) -> Result<String, String> {
        let edited = line_ends::keeping(text, |text| {
            let edited = match self {
                Self::Json => put_json(text, table, name, entry),
                Self::Toml => put_toml(text, table, name, entry),
                Self::Yaml => yaml::put(text, table, name, entry),
            };
            edited.map(Some)
        })?;
        Ok(edited.unwrap_or_default())
    }

    /// Removes an entry from `text`. Returns `None` if there is no entry with this name.
    pub(crate) fn take(
        self,
        text: &str,
        table: &str,
        name: &str,
    ) -> Result<Option<String>, String> {
        line_ends::keeping(text, |text| match self {
            Self::Json => take_json(text, table, name),
            Self::Toml => {
                let mut document = read_toml(text)?;
                let removed = document
                    .get_mut(table)
                    .and_then(Item::as_table_like_mut)
                    .and_then(|servers| servers.remove(name));
                Ok(removed.map(|_| document.to_string()))
            }
            Self::Yaml => yaml::take(text, table, name),
        })
    }
}

fn put_json(text: &str, table: &str, name: &str, entry: &Entry) -> Result<String, String> {
    let root = read_json(text)?;
    let object = root
        .object_value_or_create()
        .ok_or_else(|| "not a JSON object".to_owned())?;
    let servers = match nested(&object, table) {
        Some(servers) => servers,
        None => object
            .object_value_or_create(table)
            .ok_or_else(|| format!("`{table}` is not an object"))?,
    };
    match servers.get(name) {
        Some(before) => {
            let same = before.value().and_then(|value| value.to_serde_value());
            if same == Some(entry.value()) {
                return Ok(text.to_owned());
            }
            before.set_value(json(&entry.value(), entry));
        }
        None => {
            servers.append(name, json(&entry.value(), entry));
        }
    }
    Ok(with_line_end(root.to_string()))
}

fn take_json(text: &str, table: &str, name: &str) -> Result<Option<String>, String> {
    let root = read_json(text)?;
    let Some(object) = root.object_value() else {
        return Ok(None);
    };
    let servers = nested(&object, table).or_else(|| object.object_value(table));
    let Some(entry) = servers.and_then(|servers| servers.get(name)) else {
        return Ok(None);
    };
    entry.remove();
    Ok(Some(root.to_string()))
}

/// Finds the servers of an opencode 2 configuration, which are one level deeper. A server with this name
/// would have a type.
fn nested(object: &CstObject, table: &str) -> Option<CstObject> {
    let outer = object.object_value(table).filter(|_| table == "mcp")?;
    let inner = outer.object_value("servers")?;
    inner.get("type").is_none().then_some(inner)
}

fn put_toml(text: &str, table: &str, name: &str, entry: &Entry) -> Result<String, String> {
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
    let wanted = toml(entry);
    let same = |item: &Item| {
        let bare = |table: &dyn toml_edit::TableLike| {
            let mut members: Vec<_> = table
                .iter()
                .map(|(name, item)| (name.to_owned(), plain(item)))
                .collect();
            members.sort();
            members
        };
        let existing = item.as_table_like();
        existing.is_some_and(|existing| bare(existing) == bare(&wanted))
    };
    if servers.get(name).is_some_and(same) {
        return Ok(text.to_owned());
    }
    servers.insert(name, Item::Table(wanted));
    Ok(with_line_end(document.to_string()))
}

/// Formats a value without the spaces and comments around it.
fn plain(item: &Item) -> String {
    let Some(value) = item.as_value() else {
        return item.to_string();
    };
    match value {
        toml_edit::Value::String(text) => format!("{:?}", text.value()),
        toml_edit::Value::Array(all) => {
            let all = all.iter().map(|one| plain(&Item::Value(one.clone())));
            format!("[{}]", all.collect::<Vec<_>>().join(","))
        }
        value => value.to_string().trim().to_owned(),
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

fn json(value: &Value, entry: &Entry) -> CstInputValue {
    match value {
        Value::Object(_) => CstInputValue::Object(
            entry
                .0
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json(value, entry)))
                .collect(),
        ),
        Value::Array(values) => {
            CstInputValue::Array(values.iter().map(|value| json(value, entry)).collect())
        }
        Value::Bool(value) => CstInputValue::Bool(*value),
        // The crate's own strings only escape quotes, and not the `\` in a Windows path. A number is written
        // unchanged.
        Value::String(_) | Value::Number(_) => CstInputValue::Number(value.to_string()),
        Value::Null => CstInputValue::Null,
    }
}

fn toml(entry: &Entry) -> Table {
    let mut table = Table::new();
    for (name, member) in &entry.0 {
        let item = match member {
            Value::String(text) => value(text),
            Value::Bool(on) => value(*on),
            Value::Array(all) => {
                let all = all.iter().filter_map(Value::as_str);
                value(all.collect::<Array>())
            }
            // Entries in TOML have no other values.
            Value::Number(_) | Value::Object(_) | Value::Null => continue,
        };
        table.insert(name, item);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry(vec![("url", "https://a.example/mcp".into())])
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
            assert_eq!(again, with, "what is there already is left as it is");
            let without = format.take(&with, "s", "new").unwrap().unwrap();
            assert!(!without.contains("a.example"), "{without}");
            assert!(without.contains("old"), "{without}");
            assert_eq!(format.take(&without, "s", "new").unwrap(), None);
        }
    }

    #[test]
    fn the_byte_order_mark_and_the_line_ends_stay() {
        for (format, text) in [
            (Format::Json, "{\n  \"s\": {\n    \"old\": {}\n  }\n}\n"),
            (
                Format::Toml,
                "# mine\nmodel = \"x\"\n\n[s.old]\ncommand = \"y\"\n",
            ),
            (Format::Yaml, "# mine\ns:\n  old:\n    x: y\n"),
        ] {
            let marked = format!("\u{feff}{}", text.replace('\n', "\r\n"));
            let with = format.put(&marked, "s", "new", &entry()).unwrap();
            assert!(with.starts_with('\u{feff}'), "{with:?}");
            assert!(!with.replace("\r\n", "").contains('\n'), "{with:?}");
            assert!(with.contains("https://a.example/mcp"), "{with:?}");
            let without = format.take(&with, "s", "new").unwrap().unwrap();
            assert!(without.starts_with('\u{feff}') && without.contains("\r\n"));
        }
    }

    #[test]
    fn opencode_2_keeps_its_servers_one_level_further_down() {
        let text = "{\"mcp\": {\"servers\": {\"old\": {\"type\": \"remote\"}}}}";
        let with = Format::Json.put(text, "mcp", "new", &entry()).unwrap();
        let read: Value = serde_json::from_str(&with).unwrap();
        assert_eq!(
            read["mcp"]["servers"]["new"]["url"],
            "https://a.example/mcp"
        );
        let without = Format::Json.take(&with, "mcp", "new").unwrap().unwrap();
        let read: Value = serde_json::from_str(&without).unwrap();
        assert_eq!(read, serde_json::from_str::<Value>(text).unwrap());
        // A server that is called so.
        let text = "{\"mcp\": {\"servers\": {\"type\": \"remote\"}}}";
        let with = Format::Json.put(text, "mcp", "new", &entry()).unwrap();
        let read: Value = serde_json::from_str(&with).unwrap();
        assert_eq!(read["mcp"]["new"]["url"], "https://a.example/mcp");
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
