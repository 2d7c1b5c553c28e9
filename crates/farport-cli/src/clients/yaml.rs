//! Adds an entry to a YAML file or removes it, line by line, and keeps all other lines. Also reads entries.
//!
//! It only edits the form that goose writes: nested block mappings. It rejects any other YAML.

use serde_json::{Map, Value};

use super::Entry;

/// Adds the entry under `table`, or replaces the entry with this name.
pub(super) fn put(text: &str, table: &str, key: &str, entry: &Entry) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let found = Table::find(&lines, table)?;
    let Some(found) = found else {
        lines.push(format!("{table}:"));
        lines.extend(render(2, key, entry));
        return Ok(whole(&lines));
    };
    let block = render(found.indent, key, entry);
    match found.entry(&lines, key)? {
        Some(range) => {
            lines.splice(range, block);
        }
        None => {
            if let Some(line) = lines.get_mut(found.at) {
                *line = format!("{table}:");
            }
            lines.splice(found.end..found.end, block);
        }
    }
    Ok(whole(&lines))
}

/// Removes an entry. Returns `None` if there is no entry with this name.
pub(super) fn take(text: &str, table: &str, key: &str) -> Result<Option<String>, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(found) = Table::find(&lines, table)? else {
        return Ok(None);
    };
    let Some(range) = found.entry(&lines, key)? else {
        return Ok(None);
    };
    let only = found.entries == 1;
    lines.drain(range);
    if only && let Some(line) = lines.get_mut(found.at) {
        *line = format!("{table}: {{}}");
    }
    Ok(Some(whole(&lines)))
}

/// Reads the entries under `table`. What goose does not write, such as an anchor, is read as text.
pub(super) fn read(text: &str, table: &str) -> Result<Option<Value>, String> {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(found) = Table::find(&lines, table)? else {
        return Ok(None);
    };
    let inside = lines.get(found.at + 1..found.end).unwrap_or_default();
    let inside: Vec<&str> = inside
        .iter()
        .map(String::as_str)
        .filter(|line| is_content(line))
        .collect();
    Ok((!inside.is_empty()).then(|| block(&inside)))
}

/// The value of the lines of a block: a mapping, or a list of scalars.
fn block(lines: &[&str]) -> Value {
    let depth = lines.iter().map(|line| indent(line)).min().unwrap_or(0);
    if lines.iter().all(|line| line.trim_start().starts_with("- ")) {
        let items = lines.iter().filter_map(|line| line.trim_start().get(2..));
        return items.map(|item| scalar(uncommented(item.trim()))).collect();
    }
    let mut all = Map::new();
    let mut rest = lines;
    while let Some((line, below)) = rest.split_first() {
        // A list may stand as deep as its key.
        let nested = |line: &&&str| indent(line) > depth || line.trim_start().starts_with("- ");
        let nested = below.iter().take_while(nested).count();
        let (inner, next) = below.split_at(nested);
        rest = next;
        let Some(key) = key_of(line.trim_start()) else {
            continue;
        };
        let value = match line.trim_start().get(key_length(line.trim_start(), &key)..) {
            Some(text) if !uncommented(text.trim()).is_empty() => scalar(uncommented(text.trim())),
            _ if inner.is_empty() => Value::Null,
            _ => block(inner),
        };
        all.insert(key, value);
    }
    Value::Object(all)
}

/// The length of a key with its quotes and its colon.
fn key_length(line: &str, key: &str) -> usize {
    let quotes = if line.starts_with(['"', '\'']) { 2 } else { 0 };
    let end = key.len() + quotes;
    let colon = line.get(end..).and_then(|rest| rest.find(':'));
    colon.map_or(line.len(), |colon| end + colon + 1)
}

/// A value without the comment after it.
fn uncommented(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    if value.starts_with(['"', '\'', '[', '{']) {
        value
    } else {
        value.split(" #").next().unwrap_or_default().trim_end()
    }
}

/// A scalar, or a value in JSON's form.
fn scalar(text: &str) -> Value {
    if let Some(quoted) = text.strip_prefix('\'') {
        let end = quoted.rfind('\'').unwrap_or(quoted.len());
        return quoted
            .get(..end)
            .unwrap_or(quoted)
            .replace("''", "'")
            .into();
    }
    // The first value of the text: a comment may follow.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) if text.starts_with(['"', '[', '{']) => value,
        Some(Ok(value)) if values.byte_offset() == text.len() => value,
        _ => text.into(),
    }
}

/// A block mapping under a key at the top of the file.
struct Table {
    /// The line of the key.
    at: usize,
    /// The line after the last entry.
    end: usize,
    /// The indentation of the entries.
    indent: usize,
    /// The number of entries.
    entries: usize,
}

impl Table {
    fn find(lines: &[String], table: &str) -> Result<Option<Self>, String> {
        let refused = |why: &str| format!("farport cannot edit this form of YAML: {why}");
        let tabbed = |line: &String| line.trim_start_matches(' ').starts_with('\t');
        if lines.iter().any(|line| is_content(line) && tabbed(line)) {
            return Err(refused("the file is indented with tabs"));
        }
        let content = |line: &&String| is_content(line);
        if lines
            .iter()
            .skip(1)
            .any(|line| line.starts_with("---") || line.starts_with("..."))
        {
            return Err(refused("the file contains several documents"));
        }
        let top = lines
            .iter()
            .filter(content)
            .filter(|line| indent(line) == 0);
        for line in top.filter(|line| !line.starts_with("---")) {
            if key_of(line).is_none() {
                return Err(refused("the top level is not a block mapping"));
            }
        }
        let is_table = |line: &String| indent(line) == 0 && key_of(line).as_deref() == Some(table);
        let mut at = lines.iter().enumerate().filter(|(_, line)| is_table(line));
        let Some((at, line)) = at.next().map(|(at, line)| (at, line.clone())) else {
            return Ok(None);
        };
        let value = value_of(&line);
        let empty = matches!(value, "{}" | "null" | "~");
        if !value.is_empty() && !empty {
            return Err(refused(&format!("`{table}` is not a block mapping")));
        }
        let below = || lines.iter().enumerate().skip(at + 1);
        let past = below().find(|(_, line)| is_content(line) && indent(line) == 0);
        let past = past.map_or(lines.len(), |(at, _)| at);
        let inside = || {
            below()
                .take(past - at - 1)
                .filter(|(_, line)| is_content(line))
        };
        let depth = inside().map(|(_, line)| indent(line)).min();
        let entries = inside().filter(|(_, line)| Some(indent(line)) == depth);
        let mut count = 0;
        for (_, line) in entries {
            count += 1;
            if key_of(line.trim_start()).is_none() {
                return Err(refused(&format!("`{table}` is not a block mapping")));
            }
        }
        if empty && count > 0 {
            return Err(refused(&format!("`{table}` has a value and entries")));
        }
        Ok(Some(Self {
            at,
            end: inside().next_back().map_or(at + 1, |(at, _)| at + 1),
            indent: depth.unwrap_or(2),
            entries: count,
        }))
    }

    /// The lines of an entry.
    fn entry(&self, lines: &[String], key: &str) -> Result<Option<std::ops::Range<usize>>, String> {
        let inside = || lines.iter().enumerate().take(self.end).skip(self.at + 1);
        let is_entry = |line: &String| is_content(line) && indent(line) == self.indent;
        let named = |line: &String| key_of(line.trim_start()).as_deref() == Some(key);
        let Some((first, _)) = inside().find(|(_, line)| is_entry(line) && named(line)) else {
            return Ok(None);
        };
        let next = inside()
            .skip_while(|(at, _)| *at <= first)
            .find(|(_, line)| is_entry(line));
        let next = next.map_or(self.end, |(at, _)| at);
        // Comments and blank lines before the next entry belong to it.
        let last = inside().rfind(|(at, line)| *at < next && is_content(line));
        let end = last.map_or(first + 1, |(at, _)| at + 1);
        let range = lines.get(first..end).unwrap_or_default();
        if range.iter().any(|line| value_of(line).starts_with('&')) {
            return Err(format!(
                "`{key}` has an anchor that other entries may refer to"
            ));
        }
        Ok(Some(first..end))
    }
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The key of a line in a block mapping.
fn key_of(line: &str) -> Option<String> {
    let (key, rest) = match line.chars().next()? {
        quote @ ('"' | '\'') => {
            let (key, rest) = line.get(1..)?.split_once(quote)?;
            (key, rest.trim_start())
        }
        '-' | '[' | '{' | '?' | '&' | '*' | '!' | '|' | '>' | '%' | '@' => return None,
        _ => {
            let at = line.match_indices(':').map(|(at, _)| at).find(|at| {
                line.get(at + 1..)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
            })?;
            (line.get(..at)?.trim_end(), line.get(at..)?)
        }
    };
    rest.starts_with(':').then(|| key.to_owned())
}

/// The value in a line, without a comment.
fn value_of(line: &str) -> &str {
    let value = line.split_once(':').map_or("", |(_, value)| value.trim());
    if value.starts_with('#') {
        ""
    } else {
        value.split(" #").next().unwrap_or_default().trim_end()
    }
}

/// The lines of an entry. JSON values are valid YAML.
fn render(indent: usize, key: &str, entry: &Entry) -> Vec<String> {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic()) && !words.contains(&key);
    let key = if plain {
        key.to_owned()
    } else {
        serde_json::Value::from(key).to_string()
    };
    let members = entry.0.iter();
    let members = members.map(|(name, value)| format!("{:1$}{name}: {value}", "", indent + 2));
    std::iter::once(format!("{:indent$}{key}:", ""))
        .chain(members)
        .collect()
}

fn whole(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BEFORE: &str = "\
# mine
GOOSE_PROVIDER: anthropic # keep
extensions:
  developer:
    enabled: true
    type: builtin

  # about the next
  'memory':
    enabled: false
    description: |
      several
      lines: here
GOOSE_MODEL: x
";

    fn entry(uri: &str) -> Entry {
        Entry(vec![
            ("enabled", json!(true)),
            ("uri", json!(uri)),
            ("args", json!(["a: b"])),
        ])
    }

    #[test]
    fn an_entry_comes_and_goes_and_the_rest_stays() {
        let with = put(BEFORE, "extensions", "new", &entry("https://a")).unwrap();
        let block = "  new:\n    enabled: true\n    uri: \"https://a\"\n    args: [\"a: b\"]\n";
        assert_eq!(
            with,
            BEFORE.replace("GOOSE_MODEL", &format!("{block}GOOSE_MODEL"))
        );
        assert_eq!(
            put(&with, "extensions", "new", &entry("https://a")).unwrap(),
            with
        );
        let other = put(&with, "extensions", "new", &entry("https://b")).unwrap();
        assert_eq!(other, with.replace("https://a", "https://b"));
        assert_eq!(take(&with, "extensions", "new").unwrap().unwrap(), BEFORE);
        let without = take(BEFORE, "extensions", "memory").unwrap().unwrap();
        assert!(!without.contains("several") && without.contains("# about the next"));
        let without = take(BEFORE, "extensions", "developer").unwrap().unwrap();
        assert!(
            without.contains("extensions:\n\n  # about the next\n  'memory':"),
            "{without}"
        );
        assert_eq!(take(BEFORE, "extensions", "missing").unwrap(), None);
        assert_eq!(take("a: b\n", "extensions", "missing").unwrap(), None);
    }

    #[test]
    fn a_file_without_entries_gets_its_first() {
        for (text, begins) in [
            ("", "extensions:\n  new:\n"),
            ("a: b", "a: b\nextensions:\n  new:\n"),
            (
                "a: b\nextensions: {}\nc: d\n",
                "a: b\nextensions:\n  new:\n",
            ),
            ("extensions: # none\n", "extensions:\n  new:\n"),
            ("---\nextensions: null\n", "---\nextensions:\n  new:\n"),
            (
                "extensions:\n    old:\n        x: 1\n",
                "extensions:\n    old:\n        x: 1\n    new:\n",
            ),
        ] {
            let with = put(text, "extensions", "new", &entry("https://a")).unwrap();
            assert!(with.starts_with(begins), "{text}\n{with}");
        }
        let with = put("extensions: {}\n", "extensions", "123", &entry("u")).unwrap();
        assert!(with.contains("  \"123\":\n"), "{with}");
        let without = take(&with, "extensions", "123").unwrap();
        assert_eq!(without.unwrap(), "extensions: {}\n");
    }

    #[test]
    fn a_form_that_is_not_understood_is_refused() {
        for text in [
            "{extensions: {}}\n",
            "- a\n- b\n",
            "extensions: {a: {b: c}}\n",
            "extensions:\n  - a\n",
            "extensions:\n\ta: b\n",
            "a: 1\n---\nextensions:\n",
            "extensions: &x\n  a: 1\n",
            "just text\n",
        ] {
            assert!(
                put(text, "extensions", "new", &entry("u")).is_err(),
                "{text}"
            );
        }
        let text = "extensions:\n  a: &x\n    b: 1\n  c: *x\n";
        assert!(take(text, "extensions", "a").is_err());
    }
}
