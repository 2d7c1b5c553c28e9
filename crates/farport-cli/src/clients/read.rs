//! Reads the servers of a configuration.

use std::path::Path;

use serde_json::Value;

use super::{Format, yaml};

/// The servers in a configuration: their names and entries.
///
/// # Errors
/// The reason why `text` cannot be read.
pub(super) fn servers(
    format: Format,
    text: &str,
    table: &str,
) -> Result<Vec<(String, Value)>, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut servers = match format {
        Format::Json => {
            let parsed = jsonc_parser::parse_to_serde_value(text, &Default::default());
            let whole: Option<Value> = parsed.map_err(|error| error.to_string())?;
            whole.map(|mut whole| whole[table].take())
        }
        Format::Toml => {
            let whole: Value = toml::from_str(text).map_err(|error| error.to_string())?;
            whole.get(table).cloned()
        }
        Format::Yaml => yaml::read(text, table)?,
    }
    .unwrap_or_default();
    // opencode 2 has its servers one level deeper.
    if table == "mcp"
        && let Some(inner) = servers.get_mut("servers")
        && inner.get("type").is_none()
    {
        servers = inner.take();
    }
    match servers {
        Value::Object(all) => Ok(all.into_iter().filter(|(_, one)| one.is_object()).collect()),
        Value::Null => Ok(Vec::new()),
        _ => Err(format!("`{table}` is not an object")),
    }
}

/// The servers that Claude Code's configuration has for a folder: `projects.<path>.mcpServers`, of the folder
/// itself first, then of those above it. A name counts once.
pub(super) fn servers_of_folder(text: &str, folder: &Path) -> Vec<(String, Value)> {
    let text = text.trim_start_matches('\u{feff}');
    let parsed = jsonc_parser::parse_to_serde_value(text, &Default::default());
    let Ok(Some(Value::Object(mut whole))) = parsed else {
        return Vec::new();
    };
    let Some(Value::Object(mut projects)) = whole.remove("projects") else {
        return Vec::new();
    };
    let mut servers: Vec<(String, Value)> = Vec::new();
    for above in folder.ancestors() {
        let path = projects.keys().find(|path| Path::new(path) == above);
        let Some(path) = path.cloned() else { continue };
        let Some(Value::Object(entries)) = projects
            .get_mut(&path)
            .and_then(|project| project.get_mut("mcpServers"))
            .map(Value::take)
        else {
            continue;
        };
        for (name, entry) in entries {
            if entry.is_object() && servers.iter().all(|(other, _)| *other != name) {
                servers.push((name, entry));
            }
        }
    }
    servers
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_format_is_read() {
        let expected = vec![
            ("a b".to_owned(), json!({ "url": "https://a.example/mcp" })),
            (
                "c".to_owned(),
                json!({ "command": "x", "args": ["-y", "p: q"], "env": { "K": "v" } }),
            ),
        ];
        for (format, text) in [
            (
                Format::Json,
                "\u{feff}{ // mine\n \"s\": {\"a b\": {\"url\": \"https://a.example/mcp\"},\n \
                 \"c\": {\"command\": \"x\", \"args\": [\"-y\", \"p: q\"], \"env\": {\"K\": \"v\"}},}}",
            ),
            (
                Format::Toml,
                "[s.\"a b\"]\nurl = \"https://a.example/mcp\"\n[s.c]\ncommand = \"x\"\n\
                 args = [\"-y\", \"p: q\"]\n[s.c.env]\nK = \"v\"\n",
            ),
            (
                Format::Yaml,
                "x: 1\ns:\n  'a b':\n    url: https://a.example/mcp # here\n\n  c:\n    \
                 command: \"x\"\n    args:\n      - -y\n      - 'p: q'\n    env:\n      K: v\n",
            ),
            (
                Format::Yaml,
                "s:\n  a b:\n    url: https://a.example/mcp\n  c:\n    command: x\n    \
                 args: [\"-y\", \"p: q\"]\n    env:\n      K: v\ny: 2\n",
            ),
        ] {
            assert_eq!(servers(format, text, "s").unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_configuration_without_servers_has_none() {
        for (format, text) in [
            (Format::Json, ""),
            (Format::Json, "{}"),
            (Format::Json, "{\"s\": {\"a\": 1}}"),
            (Format::Toml, "x = 1"),
            (Format::Yaml, "x: 1\ns: {}\n"),
            (Format::Yaml, "s:\n"),
        ] {
            assert_eq!(servers(format, text, "s").unwrap(), [], "{text}");
        }
        for (format, text) in [
            (Format::Json, "{"),
            (Format::Json, "{\"s\": [1]}"),
            (Format::Toml, "s = ["),
            (Format::Yaml, "s:\n  - a\n"),
        ] {
            assert!(servers(format, text, "s").is_err(), "{text}");
        }
    }

    #[test]
    fn opencode_2_is_read() {
        let text = "{\"mcp\": {\"servers\": {\"a\": {\"type\": \"remote\"}}}}";
        let read = servers(Format::Json, text, "mcp").unwrap();
        assert_eq!(read, [("a".to_owned(), json!({ "type": "remote" }))]);
        let text = "{\"mcp\": {\"servers\": {\"type\": \"remote\"}}}";
        let read = servers(Format::Json, text, "mcp").unwrap();
        assert_eq!(read[0].0, "servers");
    }
}
