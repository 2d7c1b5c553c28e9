//! Where this user's files are.

use std::path::PathBuf;

use etcetera::BaseStrategy;

/// The systems whose clients keep their settings in places of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// Linux, and what is like it.
    Linux,
    Macos,
    Windows,
}

impl System {
    /// The one that this runs on.
    const fn here() -> Self {
        if cfg!(target_os = "macos") {
            Self::Macos
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Linux
        }
    }
}

/// The folders that clients keep their settings in.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) home: PathBuf,
    /// `~/.config`, `~/Library/Application Support` or `%APPDATA%`.
    pub(crate) settings: PathBuf,
    /// Zed has its own idea on macOS.
    pub(crate) zed: PathBuf,
}

impl Home {
    /// This user's; `None` where the system does not say.
    pub(crate) fn of_user() -> Option<Self> {
        let strategy = etcetera::base_strategy::choose_native_strategy().ok()?;
        let home = strategy.home_dir().to_owned();
        Some(Self::on(System::here(), home, strategy.config_dir()))
    }

    /// Those of a user with this home; `config` is `$XDG_CONFIG_HOME` or `%APPDATA%`.
    fn on(system: System, home: PathBuf, config: PathBuf) -> Self {
        let (settings, zed) = match system {
            System::Linux => (config.clone(), config.join("zed")),
            System::Macos => (
                home.join("Library").join("Application Support"),
                home.join(".config").join("zed"),
            ),
            System::Windows => (config.clone(), config.join("Zed")),
        };
        Self {
            home,
            settings,
            zed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Client, Format};

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
        ] {
            let words = vec!["connect".to_owned(), url.to_owned()];
            let entries = [
                (client.remote(url), remote),
                (
                    Some(crate::clients::Entry::program(program, words)),
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
}
