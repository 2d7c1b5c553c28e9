//! The folders of the user's files.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// The operating systems on which clients have different settings folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// Linux and similar systems.
    Linux,
    Macos,
    Windows,
}

impl System {
    /// The current system.
    fn current() -> Self {
        match std::env::consts::OS {
            "macos" => Self::Macos,
            "windows" => Self::Windows,
            _ => Self::Linux,
        }
    }
}

/// Environment variables that set the folder of a client.
const VARIABLES: [&str; 3] = ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "COPILOT_HOME"];

/// The folders that contain the settings of clients.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) system: System,
    pub(crate) home: PathBuf,
    /// `~/.config`, `~/Library/Application Support` or `%APPDATA%`.
    pub(crate) settings: PathBuf,
    /// `~/.config` on every system, unless `XDG_CONFIG_HOME` is set.
    pub(crate) xdg: PathBuf,
    /// The variables of clients that are set.
    variables: Vec<(&'static str, PathBuf)>,
}

impl Home {
    /// The folders of the current user. `None` if the system has no home folder.
    pub(crate) fn of_user() -> Option<Self> {
        let strategy = etcetera::base_strategy::choose_native_strategy().ok()?;
        let home = strategy.home_dir().to_owned();
        let folder = |name| {
            let set = std::env::var_os(name).map(PathBuf::from);
            set.filter(|folder| folder.is_absolute())
        };
        let mut found = Self::on(System::current(), home, strategy.config_dir());
        found.xdg = folder("XDG_CONFIG_HOME").unwrap_or(found.xdg);
        found.variables = VARIABLES
            .into_iter()
            .filter_map(|name| Some((name, folder(name)?)))
            .collect();
        Some(found)
    }

    /// The folders of a user with this home. `config` is `$XDG_CONFIG_HOME` or `%APPDATA%`.
    fn on(system: System, home: PathBuf, config: PathBuf) -> Self {
        let settings = match system {
            System::Linux | System::Windows => config,
            System::Macos => home.join("Library").join("Application Support"),
        };
        Self {
            system,
            xdg: home.join(".config"),
            home,
            settings,
            variables: Vec::new(),
        }
    }

    /// The folder in a client's variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&Path> {
        let found = self.variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, folder)| folder.as_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Client, Entry, Format};

    #[test]
    fn every_client_s_file_is_where_that_client_looks_on_each_system() {
        use System::{Linux, Macos, Windows};
        for (client, format, linux, macos, windows) in [
            (
                Client::Claude,
                Format::Json,
                "CONFIG/Claude/claude_desktop_config.json",
                "HOME/Library/Application Support/Claude/claude_desktop_config.json",
                "CONFIG/Claude/claude_desktop_config.json",
            ),
            (
                Client::ClaudeCode,
                Format::Json,
                "HOME/.claude.json",
                "HOME/.claude.json",
                "HOME/.claude.json",
            ),
            (
                Client::Cursor,
                Format::Json,
                "HOME/.cursor/mcp.json",
                "HOME/.cursor/mcp.json",
                "HOME/.cursor/mcp.json",
            ),
            (
                Client::Windsurf,
                Format::Json,
                "HOME/.codeium/windsurf/mcp_config.json",
                "HOME/.codeium/windsurf/mcp_config.json",
                "HOME/.codeium/windsurf/mcp_config.json",
            ),
            (
                Client::Vscode,
                Format::Json,
                "CONFIG/Code/User/mcp.json",
                "HOME/Library/Application Support/Code/User/mcp.json",
                "CONFIG/Code/User/mcp.json",
            ),
            (
                Client::Zed,
                Format::Json,
                "CONFIG/zed/settings.json",
                "HOME/.config/zed/settings.json",
                "CONFIG/Zed/settings.json",
            ),
            (
                Client::Codex,
                Format::Toml,
                "HOME/.codex/config.toml",
                "HOME/.codex/config.toml",
                "HOME/.codex/config.toml",
            ),
            (
                Client::Gemini,
                Format::Json,
                "HOME/.gemini/settings.json",
                "HOME/.gemini/settings.json",
                "HOME/.gemini/settings.json",
            ),
            (
                Client::Copilot,
                Format::Json,
                "HOME/.copilot/mcp-config.json",
                "HOME/.copilot/mcp-config.json",
                "HOME/.copilot/mcp-config.json",
            ),
            (
                Client::Cline,
                Format::Json,
                "CONFIG/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
                "HOME/Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
                "CONFIG/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ),
            (
                Client::ClineCli,
                Format::Json,
                "HOME/.cline/data/settings/cline_mcp_settings.json",
                "HOME/.cline/data/settings/cline_mcp_settings.json",
                "HOME/.cline/data/settings/cline_mcp_settings.json",
            ),
            (
                Client::Goose,
                Format::Yaml,
                "CONFIG/goose/config.yaml",
                "HOME/.config/goose/config.yaml",
                "CONFIG/Block/goose/config/config.yaml",
            ),
            (
                Client::LmStudio,
                Format::Json,
                "HOME/.lmstudio/mcp.json",
                "HOME/.lmstudio/mcp.json",
                "HOME/.lmstudio/mcp.json",
            ),
            (
                Client::Opencode,
                Format::Json,
                "HOME/.config/opencode/opencode.json",
                "HOME/.config/opencode/opencode.json",
                "HOME/.config/opencode/opencode.json",
            ),
            (
                Client::Jetbrains,
                Format::Json,
                "HOME/.junie/mcp/mcp.json",
                "HOME/.junie/mcp/mcp.json",
                "HOME/.junie/mcp/mcp.json",
            ),
        ] {
            assert_eq!(client.format(), format, "{client:?}");
            for (system, home, config, expect) in [
                (Linux, "/home/ada", "/home/ada/.config", linux),
                (Linux, "/home/ada", "/elsewhere", linux),
                (Macos, "/Users/ada", "/Users/ada/.config", macos),
                (
                    Windows,
                    r"C:\Users\ada",
                    r"C:\Users\ada\AppData\Roaming",
                    windows,
                ),
            ] {
                let path = client.file(&Home::on(system, home.into(), config.into()));
                let expect = expect.replace("HOME", home).replace("CONFIG", config);
                // Whatever separates folders where this runs.
                let path = path.to_string_lossy().replace('\\', "/");
                assert_eq!(path, expect.replace('\\', "/"), "{client:?} {system:?}");
            }
        }
    }

    #[test]
    fn entries_are_what_each_client_takes() {
        let url = "https://a.example/mcp";
        let program = r"C:\Program Files\farport.exe";
        for (client, remote, local) in [
            (
                Client::Claude,
                None,
                r#"{"mcpServers":{"n":{"command":"C:\\Program Files\\farport.exe","args":["connect","https://a.example/mcp"]}}}"#,
            ),
            (
                Client::ClaudeCode,
                Some(r#"{"mcpServers":{"n":{"type":"http","url":"https://a.example/mcp"}}}"#),
                r#"{"mcpServers":{"n":{"command":"C:\\Program Files\\farport.exe","args":["connect","https://a.example/mcp"]}}}"#,
            ),
            (
                Client::Windsurf,
                Some(r#"{"mcpServers":{"n":{"serverUrl":"https://a.example/mcp"}}}"#),
                r#"{"mcpServers":{"n":{"command":"C:\\Program Files\\farport.exe","args":["connect","https://a.example/mcp"]}}}"#,
            ),
            (
                Client::Vscode,
                Some(r#"{"servers":{"n":{"type":"http","url":"https://a.example/mcp"}}}"#),
                r#"{"servers":{"n":{"command":"C:\\Program Files\\farport.exe","args":["connect","https://a.example/mcp"]}}}"#,
            ),
            (
                Client::Zed,
                Some(r#"{"context_servers":{"n":{"url":"https://a.example/mcp"}}}"#),
                r#"{"context_servers":{"n":{"command":"C:\\Program Files\\farport.exe","args":["connect","https://a.example/mcp"]}}}"#,
            ),
            (
                Client::Gemini,
                Some(r#"{"mcpServers":{"n":{"httpUrl":"https://a.example/mcp"}}}"#),
                r#"{"mcpServers":{"n":{"command":"C:\\Program Files\\farport.exe","args":["connect","https://a.example/mcp"]}}}"#,
            ),
            (
                Client::Copilot,
                Some(
                    r#"{"mcpServers":{"n":{"type":"http","url":"https://a.example/mcp","tools":["*"]}}}"#,
                ),
                r#"{"mcpServers":{"n":{"type":"stdio","command":"C:\\Program Files\\farport.exe","args":["connect","https://a.example/mcp"],"tools":["*"]}}}"#,
            ),
            (
                Client::Cline,
                Some(
                    r#"{"mcpServers":{"n":{"type":"streamableHttp","url":"https://a.example/mcp"}}}"#,
                ),
                r#"{"mcpServers":{"n":{"command":"C:\\Program Files\\farport.exe","args":["connect","https://a.example/mcp"]}}}"#,
            ),
            (
                Client::Opencode,
                Some(
                    r#"{"mcp":{"n":{"type":"remote","url":"https://a.example/mcp","enabled":true}}}"#,
                ),
                r#"{"mcp":{"n":{"type":"local","command":["C:\\Program Files\\farport.exe","connect","https://a.example/mcp"],"enabled":true}}}"#,
            ),
            (
                Client::Jetbrains,
                None,
                r#"{"mcpServers":{"n":{"command":"C:\\Program Files\\farport.exe","args":["connect","https://a.example/mcp"]}}}"#,
            ),
        ] {
            let words = ["connect".to_owned(), url.to_owned()];
            let entries = [
                (Entry::remote(client, "n", url), remote),
                (
                    Some(Entry::program(client, "n", program, &words)),
                    Some(local),
                ),
            ];
            for (entry, expect) in entries {
                assert_eq!(entry.is_some(), expect.is_some(), "{client:?}");
                let (Some(entry), Some(expect)) = (entry, expect) else {
                    continue;
                };
                let text = client
                    .format()
                    .put("", client.table(), "n", &entry)
                    .unwrap();
                let read: serde_json::Value = serde_json::from_str(&text).unwrap();
                let expect: serde_json::Value = serde_json::from_str(expect).unwrap();
                assert_eq!(read, expect, "{client:?}");
            }
        }
    }

    #[test]
    fn goose_gets_an_extension() {
        let put = |entry| {
            Format::Yaml
                .put("", "extensions", "my-server", &entry)
                .unwrap()
        };
        let remote = Entry::remote(Client::Goose, "My-Server", "https://a.example/mcp").unwrap();
        assert_eq!(
            put(remote),
            "extensions:\n  my-server:\n    enabled: true\n    type: \"streamable_http\"\n    \
             name: \"My-Server\"\n    description: \"\"\n    uri: \"https://a.example/mcp\"\n    \
             timeout: 300\n"
        );
        let words = ["connect".to_owned()];
        let local = put(Entry::program(Client::Goose, "n", r"C:\f.exe", &words));
        assert!(
            local.contains("cmd: \"C:\\\\f.exe\"\n    args: [\"connect\"]\n"),
            "{local}"
        );
        assert_eq!(Client::Goose.key("My Server.x"), "myserver_x");
        assert_eq!(Client::Cursor.key("My Server.x"), "My Server.x");
    }

    #[test]
    fn projects_have_files_of_their_own_where_the_client_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = |client: Client| {
            let file = client.project_file(folder.path())?;
            let file = file.strip_prefix(folder.path()).unwrap().to_owned();
            Some(file.to_string_lossy().replace('\\', "/"))
        };
        for (client, expect) in [
            (Client::ClaudeCode, Some(".mcp.json")),
            (Client::Copilot, Some(".mcp.json")),
            (Client::Cursor, Some(".cursor/mcp.json")),
            (Client::Vscode, Some(".vscode/mcp.json")),
            (Client::Zed, Some(".zed/settings.json")),
            (Client::Codex, Some(".codex/config.toml")),
            (Client::Gemini, Some(".gemini/settings.json")),
            (Client::Opencode, Some("opencode.json")),
            (Client::Jetbrains, Some(".junie/mcp/mcp.json")),
            (Client::Claude, None),
            (Client::Windsurf, None),
            (Client::Cline, None),
            (Client::ClineCli, None),
            (Client::Goose, None),
            (Client::LmStudio, None),
        ] {
            assert_eq!(file(client).as_deref(), expect, "{client:?}");
        }
        std::fs::write(folder.path().join("opencode.jsonc"), "{}").unwrap();
        assert_eq!(file(Client::Opencode).as_deref(), Some("opencode.jsonc"));
    }
}
