//! The entry of one server in a client's configuration.

use serde_json::{Value, json};

use super::Client;

/// The members of an entry, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry(pub(super) Vec<(&'static str, Value)>);

impl Entry {
    /// Creates an entry with a URL. Returns `None` if the client only supports programs.
    pub(crate) fn remote(client: Client, name: &str, url: &str) -> Option<Self> {
        let url = json!(url);
        Some(Self(match client {
            // Only some versions of Junie support URLs; all support programs.
            Client::Claude | Client::Jetbrains => return None,
            Client::ClaudeCode | Client::Vscode => vec![("type", json!("http")), ("url", url)],
            Client::Windsurf => vec![("serverUrl", url)],
            Client::Cursor | Client::Zed | Client::Codex | Client::LmStudio => vec![("url", url)],
            Client::Gemini => vec![("httpUrl", url)],
            Client::Copilot => vec![
                ("type", json!("http")),
                ("url", url),
                ("tools", json!(["*"])),
            ],
            Client::Cline | Client::ClineCli => {
                vec![("type", json!("streamableHttp")), ("url", url)]
            }
            Client::Goose => goose("streamable_http", name, vec![("uri", url)]),
            Client::Opencode => vec![
                ("type", json!("remote")),
                ("url", url),
                ("enabled", json!(true)),
            ],
        }))
    }

    /// Creates an entry that starts a program.
    pub(crate) fn program(client: Client, name: &str, command: &str, args: &[String]) -> Self {
        let usual = || vec![("command", json!(command)), ("args", json!(args))];
        Self(match client {
            Client::Copilot => {
                let mut members = vec![("type", json!("stdio"))];
                members.extend(usual());
                members.push(("tools", json!(["*"])));
                members
            }
            Client::Goose => goose(
                "stdio",
                name,
                vec![("cmd", json!(command)), ("args", json!(args))],
            ),
            Client::Opencode => {
                let words: Vec<_> = std::iter::once(command)
                    .chain(args.iter().map(String::as_str))
                    .collect();
                vec![
                    ("type", json!("local")),
                    ("command", json!(words)),
                    ("enabled", json!(true)),
                ]
            }
            _ => usual(),
        })
    }

    /// The entry as a JSON object.
    pub(super) fn value(&self) -> Value {
        let members = self.0.iter();
        Value::Object(
            members
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }
}

fn goose(
    kind: &str,
    name: &str,
    transport: Vec<(&'static str, Value)>,
) -> Vec<(&'static str, Value)> {
    let mut members = vec![
        ("enabled", json!(true)),
        ("type", json!(kind)),
        ("name", json!(name)),
        ("description", json!("")),
    ];
    members.extend(transport);
    members.push(("timeout", json!(300)));
    members
}
