//! The servers in the configurations of MCP clients, as farport can reach them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use farport_client::parse_url;
use secrecy::SecretString;
use serde_json::Value;

use super::{Client, Home, read};
use crate::terminal::shown_url;

/// Larger files are no configurations.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A server in a client's configuration.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(crate) client: Client,
    /// Whether the configuration is the project's.
    pub(crate) project: bool,
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) place: Place,
}

/// How to reach a server.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A remote server.
    Remote(Remote),
    /// A program that speaks MCP over its standard input and output.
    Program(Program),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Remote {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, SecretString)>,
    /// Headers whose values only the client knows.
    pub(crate) missing: Vec<String>,
    pub(crate) allow_http: bool,
    /// Whether the entry asks for HTTP+SSE.
    pub(crate) sse: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) variables: Vec<(String, SecretString)>,
    pub(crate) folder: Option<PathBuf>,
}

/// Looks up an environment variable.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Saved {
    /// The servers of every client that farport knows: those of the project in `folder` first, then the
    /// user's. A configuration that cannot be read has none.
    pub(crate) fn all(home: Option<&Home>, folder: &Path) -> Vec<Self> {
        let clients = Client::value_variants().iter().copied();
        let users = clients
            .clone()
            .filter_map(|client| Some((client, false, client.file(home?))));
        // In the home folder, a client's two files may be one, which is the user's.
        let of_user: HashSet<_> = users.clone().map(|(_, _, file)| file).collect();
        let projects = clients
            .filter_map(|client| Some((client, true, client.project_file(folder)?)))
            .filter(|(_, _, file)| !of_user.contains(file));
        let mut seen = HashSet::new();
        let lookup = |name: &str| std::env::var(name).ok();
        projects
            .chain(users)
            // Two clients may read one file.
            .filter(|(_, _, file)| seen.insert(file.clone()))
            .flat_map(|(client, project, file)| of_file((client, project), &file, folder, &lookup))
            .collect()
    }

    /// Identifies the server among all.
    pub(crate) fn id(&self) -> String {
        let place = if self.project { "project:" } else { "" };
        format!("{place}{}", self.qualified())
    }

    /// The name with the client's before it, as the command line takes it.
    pub(crate) fn qualified(&self) -> String {
        let client = self.client.to_possible_value();
        let client = client.as_ref().map_or("", |value| value.get_name());
        format!("{client}:{}", self.name)
    }

    /// Whether both entries reach the same server.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (Place::Remote(one), Place::Remote(two)) => one.url == two.url,
            (Place::Program(one), Place::Program(two)) => {
                (&one.command, &one.args) == (&two.command, &two.args)
            }
            _ => false,
        }
    }
}

fn of_file(
    (client, project): (Client, bool),
    file: &Path,
    folder: &Path,
    lookup: Lookup<'_>,
) -> Vec<Saved> {
    let size = std::fs::metadata(file).map(|data| data.len());
    if size.is_ok_and(|size| size > LARGEST) {
        return Vec::new();
    }
    let Ok(text) = std::fs::read_to_string(file) else {
        return Vec::new();
    };
    let mut entries = read::servers(client.format(), &text, client.table()).unwrap_or_default();
    if client == Client::ClaudeCode && !project {
        // `claude mcp add` writes an entry for one folder, which goes before the one for all.
        let local = read::servers_of_folder(&text, folder);
        entries.retain(|(name, _)| local.iter().all(|(other, _)| other != name));
        entries.splice(..0, local);
    }
    entries
        .into_iter()
        .filter_map(|(key, entry)| {
            // goose derives its keys from the names.
            let named = entry["name"].as_str().filter(|_| client == Client::Goose);
            Some(Saved {
                client,
                project,
                name: named.unwrap_or(&key).to_owned(),
                file: file.to_owned(),
                place: place(&entry, lookup)?,
            })
        })
        .collect()
}

/// Reads an entry, whichever client it is for.
fn place(entry: &Value, lookup: Lookup<'_>) -> Option<Place> {
    let text = |name: &str| entry[name].as_str();
    let url = ["url", "serverUrl", "httpUrl", "uri"]
        .into_iter()
        .find_map(text);
    if let Some(url) = url.and_then(|url| expand(url, lookup)) {
        let kind = text("type").or(text("transport")).unwrap_or_default();
        let mut remote = Remote::at(url);
        remote.sse = kind == "sse";
        for name in ["headers", "http_headers"] {
            for (name, value) in strings(&entry[name]) {
                remote.header(name, expand(value, lookup));
            }
        }
        for (name, variable) in strings(&entry["env_http_headers"]) {
            remote.header(name, lookup(variable));
        }
        if let Some(variable) = text("bearer_token_env_var") {
            let token = lookup(variable).map(|token| format!("Bearer {token}"));
            remote.header("Authorization", token);
        }
        return Some(Place::Remote(remote));
    }
    let mut words = match &entry["command"] {
        Value::String(command) => vec![command.clone()],
        // opencode writes all words into one list, older versions of Zed an object.
        Value::Array(_) => list(&entry["command"]),
        Value::Object(command) => {
            let path = command.get("path").and_then(Value::as_str)?;
            let mut words = vec![path.to_owned()];
            words.extend(command.get("args").map(list).unwrap_or_default());
            words
        }
        _ => vec![text("cmd")?.to_owned()],
    };
    words.extend(list(&entry["args"]));
    if let Some(remote) = bridged(&words, lookup) {
        return Some(Place::Remote(remote));
    }
    let mut words = words.into_iter();
    let variables = ["env", "environment", "envs"]
        .into_iter()
        .flat_map(|name| strings(&entry[name]))
        .filter_map(|(name, value)| Some((name.to_owned(), expand(value, lookup)?.into())))
        .collect();
    Some(Place::Program(Program {
        command: words.next()?,
        args: words.collect(),
        variables,
        folder: text("cwd").map(PathBuf::from),
    }))
}

/// The remote server behind `farport connect URL` or `mcp-remote URL`. `None` for another program, and
/// for options that only the bridge understands.
fn bridged(words: &[String], lookup: Lookup<'_>) -> Option<Remote> {
    let (command, args) = words.split_first()?;
    let program = Path::new(command).file_stem()?.to_str()?;
    let is_proxy = |word: &String| *word == "mcp-remote" || word.starts_with("mcp-remote@");
    let rest = match program {
        "farport" => args.strip_prefix(&["connect".to_owned()])?,
        "mcp-remote" => args,
        _ => args.get(args.iter().position(is_proxy)? + 1..)?,
    };
    let (url, rest) = rest.split_first()?;
    parse_url(url).ok().filter(|url| url.has_host())?;
    let mut remote = Remote::at(url.clone());
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let header = match word.as_str() {
            "--header" | "-H" => rest.next()?.as_str(),
            "--allow-http" => {
                remote.allow_http = true;
                continue;
            }
            "--header-file" => return None,
            other => match other.strip_prefix("--header=") {
                Some(header) => header,
                None => continue,
            },
        };
        let (name, value) = header.split_once(':')?;
        remote.header(name.trim(), expand(value.trim(), lookup));
    }
    Some(remote)
}

impl Remote {
    /// The server at `url`, without headers.
    pub(crate) fn at(url: String) -> Self {
        Self {
            url,
            ..Self::default()
        }
    }

    fn header(&mut self, name: &str, value: Option<String>) {
        match value {
            Some(value) => self.headers.push((name.to_owned(), value.into())),
            None => self.missing.push(name.to_owned()),
        }
    }
}

impl Program {
    /// The command line as it is shown: what may be a secret is masked.
    pub(crate) fn shown(&self) -> Vec<String> {
        let mut after_option = false;
        let args = self.args.iter().map(|arg| {
            let hidden = std::mem::replace(&mut after_option, arg.starts_with("--"));
            match arg.split_once('=') {
                Some((name, _)) => format!("{name}=***"),
                None if hidden && !arg.starts_with('-') => "***".to_owned(),
                None if arg.contains("://") => shown_url(arg),
                None => arg.clone(),
            }
        });
        std::iter::once(self.command.clone()).chain(args).collect()
    }
}

fn strings(value: &Value) -> impl Iterator<Item = (&str, &str)> {
    let members = value.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

fn list(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    let items = items.filter_map(Value::as_str);
    items.map(str::to_owned).collect()
}

/// Replaces the variables in the forms of all clients: `${NAME}`, `${NAME:-default}`, `${env:NAME}` and
/// `{env:NAME}`. `None` if only the client knows one, such as `${input:key}`.
fn expand(text: &str, lookup: Lookup<'_>) -> Option<String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let dollar = rest.find("${");
        let brace = rest.find("{env:");
        let start = match (dollar, brace) {
            (Some(one), Some(two)) => one.min(two),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => break,
        };
        let (before, variable) = rest.split_at_checked(start)?;
        expanded.push_str(before);
        let (variable, after) = variable.split_once('}')?;
        let name = variable.trim_start_matches(['$', '{']);
        let name = name.strip_prefix("env:").unwrap_or(name);
        let (name, default) = match name.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (name, None),
        };
        expanded.push_str(&lookup(name).or(default)?);
        rest = after;
    }
    expanded.push_str(rest);
    Some(expanded)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "KEY").then(|| "s3cret".to_owned())
    }

    fn remote(entry: &Value) -> Remote {
        match place(entry, &lookup) {
            Some(Place::Remote(remote)) => remote,
            other => panic!("{entry}: {other:?}"),
        }
    }

    #[test]
    fn an_entry_with_a_url_is_a_remote_server() {
        let url = "https://a.example/mcp";
        for entry in [
            json!({ "url": url }),
            json!({ "type": "http", "url": url, "tools": ["*"] }),
            json!({ "serverUrl": url }),
            json!({ "httpUrl": url }),
            json!({ "type": "streamable_http", "uri": url, "timeout": 300 }),
            json!({ "command": "/usr/bin/farport", "args": ["connect", url] }),
            json!({ "command": ["farport", "connect", url], "type": "local" }),
            json!({ "cmd": "farport.exe", "args": ["connect", url] }),
            json!({ "command": "npx", "args": ["-y", "mcp-remote@latest", url, "--debug"] }),
        ] {
            let found = remote(&entry);
            assert_eq!(found.url, url, "{entry}");
            assert!(!found.sse && found.headers.is_empty());
        }
        assert!(remote(&json!({ "type": "sse", "url": url })).sse);
        assert!(place(&json!({ "enabled": true }), &lookup).is_none());
    }

    #[test]
    fn headers_come_from_the_entry_and_the_environment() {
        let url = "https://a.example/mcp";
        let args = ["connect", url, "--header", "X-A: ${KEY}", "--allow-http"];
        for (entry, name, value) in [
            (
                json!({ "url": url, "headers": { "X-A": "plain" } }),
                "X-A",
                "plain",
            ),
            (
                json!({ "url": url, "headers": { "X-A": "Bearer ${env:KEY}" } }),
                "X-A",
                "Bearer s3cret",
            ),
            (
                json!({ "url": url, "headers": { "X-A": "{env:KEY}" } }),
                "X-A",
                "s3cret",
            ),
            (
                json!({ "url": url, "headers": { "X-A": "${NONE:-b}" } }),
                "X-A",
                "b",
            ),
            (
                json!({ "url": url, "http_headers": { "X-A": "c" } }),
                "X-A",
                "c",
            ),
            (
                json!({ "url": url, "env_http_headers": { "X-A": "KEY" } }),
                "X-A",
                "s3cret",
            ),
            (
                json!({ "url": url, "bearer_token_env_var": "KEY" }),
                "Authorization",
                "Bearer s3cret",
            ),
            (
                json!({ "command": "farport", "args": args }),
                "X-A",
                "s3cret",
            ),
        ] {
            let found = remote(&entry);
            let [(found_name, found_value)] = &found.headers[..] else {
                panic!("{entry}: {found:?}");
            };
            assert_eq!((&**found_name, found_value.expose_secret()), (name, value));
            assert!(!format!("{found:?}").contains("s3cret"));
        }
        let asked = json!({ "url": url, "headers": { "X-A": "${input:key}" } });
        let asked = remote(&asked);
        assert!(asked.headers.is_empty());
        assert_eq!(asked.missing, ["X-A"]);
    }

    #[test]
    fn a_program_is_shown_without_its_secrets() {
        let entry = json!({
            "command": "npx",
            "args": ["-y", "pkg", "--key", "s3cret", "--other=s3cret", "--flag", "--more",
                "postgres://u:s3cret@h/db"],
            "env": { "TOKEN": "${KEY}", "UNKNOWN": "${input:x}" },
        });
        let Some(Place::Program(program)) = place(&entry, &lookup) else {
            panic!("no program");
        };
        let shown = program.shown().join(" ");
        assert_eq!(shown, "npx -y pkg --key *** --other=*** --flag --more ***");
        assert_eq!(program.variables.len(), 1);
        assert!(!format!("{:?}", program.variables).contains("s3cret"));
        let entry = json!({ "command": "server", "args": ["postgres://u:s3cret@h/db"] });
        let Some(Place::Program(program)) = place(&entry, &lookup) else {
            panic!("no program");
        };
        assert_eq!(program.shown().join(" "), "server postgres://h/db");
    }

    #[test]
    fn claude_code_s_entries_for_a_folder_go_before_those_for_all() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".claude.json");
        let server = |url: &str| json!({ "type": "http", "url": url });
        let configuration = json!({
            "mcpServers": { "a": server("https://all.example"), "c": server("https://c.example") },
            "projects": {
                "/src/shop": { "mcpServers": { "a": server("https://shop.example") } },
                "/src/shop/api": { "mcpServers": { "b": server("https://api.example") } },
                "/src/sho": { "mcpServers": { "x": server("https://x.example") } },
                "/src": { "mcpServers": { "a": server("https://work.example") } },
                "/src/shop/api/empty": {},
                "/": 1,
            },
        });
        std::fs::write(&file, configuration.to_string()).unwrap();
        let none = |_: &str| None;
        let urls = |folder: &str| {
            let all = of_file((Client::ClaudeCode, false), &file, Path::new(folder), &none);
            let urls = all.iter().map(|saved| match &saved.place {
                Place::Remote(remote) => format!("{}={}", saved.id(), remote.url),
                Place::Program(_) => panic!("{saved:?}"),
            });
            urls.collect::<Vec<_>>().join(" ")
        };
        let c = "claude-code:c=https://c.example";
        assert_eq!(
            urls("/src/shop/api/src"),
            format!("claude-code:b=https://api.example claude-code:a=https://shop.example {c}")
        );
        assert_eq!(
            urls("/src/other"),
            format!("claude-code:a=https://work.example {c}")
        );
        assert_eq!(
            urls("/tmp"),
            format!("claude-code:a=https://all.example {c}")
        );
    }

    #[test]
    fn the_servers_of_a_project_come_first_and_a_shared_file_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write(
            ".mcp.json",
            r#"{"mcpServers": {"a": {"url": "https://a.example"}}}"#,
        );
        write(".codex/config.toml", "[mcp_servers.b]\ncommand = \"b\"\n");
        write(".cursor/mcp.json", "{ broken");
        let all = Saved::all(None, folder.path());
        let ids: Vec<String> = all.iter().map(Saved::id).collect();
        assert_eq!(ids, ["project:claude-code:a", "project:codex:b"]);
        assert_eq!(all[0].qualified(), "claude-code:a");
    }
}
