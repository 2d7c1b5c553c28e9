//! The configurations of MCP clients: their files, and the format of their entries.

mod edit;
mod entry;
mod file;
mod home;
mod line_ends;
mod lock;
mod read;
mod saved;
mod yaml;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

pub(crate) use edit::Format;
pub(crate) use entry::Entry;
pub(crate) use file::{Applied, Error, apply, plan};
pub(crate) use home::Home;
use home::System;
pub(crate) use saved::{Place, Program, Remote, Saved};

/// A client that farport can configure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// Claude Desktop
    Claude,
    /// Claude Code
    ClaudeCode,
    /// Cursor
    Cursor,
    /// Windsurf
    Windsurf,
    /// Visual Studio Code
    Vscode,
    /// Zed
    Zed,
    /// Codex
    Codex,
    /// Gemini CLI
    #[value(alias = "gemini-cli")]
    Gemini,
    /// GitHub Copilot CLI
    #[value(alias = "copilot-cli")]
    Copilot,
    /// Cline (extension for Visual Studio Code)
    Cline,
    /// Cline CLI
    ClineCli,
    /// goose
    Goose,
    /// LM Studio
    LmStudio,
    /// opencode
    Opencode,
    /// Junie (JetBrains)
    #[value(alias = "junie")]
    Jetbrains,
}

impl Client {
    /// The client's name as its vendor writes it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Claude => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::Cursor => "Cursor",
            Self::Windsurf => "Windsurf",
            Self::Vscode => "Visual Studio Code",
            Self::Zed => "Zed",
            Self::Codex => "Codex",
            Self::Gemini => "Gemini CLI",
            Self::Copilot => "GitHub Copilot CLI",
            Self::Cline => "Cline",
            Self::ClineCli => "Cline CLI",
            Self::Goose => "goose",
            Self::LmStudio => "LM Studio",
            Self::Opencode => "opencode",
            Self::Jetbrains => "JetBrains Junie",
        }
    }

    /// The file with the user's servers.
    pub(crate) fn file(self, home: &Home) -> PathBuf {
        let folder = |variable: &str, usual: &str| {
            let set = home.variable(variable).map(Path::to_owned);
            set.unwrap_or_else(|| home.home.join(usual))
        };
        match self {
            Self::Claude => home.settings.join("Claude/claude_desktop_config.json"),
            Self::ClaudeCode => folder("CLAUDE_CONFIG_DIR", "").join(".claude.json"),
            Self::Cursor => home.home.join(".cursor/mcp.json"),
            Self::Windsurf => home.home.join(".codeium/windsurf/mcp_config.json"),
            Self::Vscode => home.settings.join("Code/User/mcp.json"),
            Self::Zed => match home.system {
                System::Linux => home.settings.join("zed/settings.json"),
                System::Macos => home.home.join(".config/zed/settings.json"),
                System::Windows => home.settings.join("Zed/settings.json"),
            },
            Self::Codex => folder("CODEX_HOME", ".codex").join("config.toml"),
            Self::Gemini => home.home.join(".gemini/settings.json"),
            Self::Copilot => folder("COPILOT_HOME", ".copilot").join("mcp-config.json"),
            Self::Cline => home.settings.join(
                "Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
            ),
            Self::ClineCli => home
                .home
                .join(".cline/data/settings/cline_mcp_settings.json"),
            Self::Goose => match home.system {
                System::Linux => home.settings.join("goose/config.yaml"),
                System::Macos => home.home.join(".config/goose/config.yaml"),
                System::Windows => home.settings.join("Block/goose/config/config.yaml"),
            },
            Self::LmStudio => home.home.join(".lmstudio/mcp.json"),
            Self::Opencode => json_or_jsonc(&home.xdg.join("opencode/opencode.json")),
            Self::Jetbrains => home.home.join(".junie/mcp/mcp.json"),
        }
    }

    /// The file with the servers of the project in `folder`. `None` if the client has no such file.
    pub(crate) fn project_file(self, folder: &Path) -> Option<PathBuf> {
        let file = match self {
            // Copilot reads Claude Code's file.
            Self::ClaudeCode | Self::Copilot => ".mcp.json",
            Self::Cursor => ".cursor/mcp.json",
            Self::Vscode => ".vscode/mcp.json",
            Self::Zed => ".zed/settings.json",
            Self::Codex => ".codex/config.toml",
            Self::Gemini => ".gemini/settings.json",
            Self::Opencode => return Some(json_or_jsonc(&folder.join("opencode.json"))),
            Self::Jetbrains => ".junie/mcp/mcp.json",
            Self::Claude
            | Self::Windsurf
            | Self::Cline
            | Self::ClineCli
            | Self::Goose
            | Self::LmStudio => return None,
        };
        Some(folder.join(file))
    }

    /// The files and folders that show that the client is installed. At least one of them exists after the
    /// client has started.
    fn traces(self, home: &Home) -> Vec<PathBuf> {
        let file = self.file(home);
        match self {
            Self::ClaudeCode => vec![file, home.home.join(".claude")],
            Self::Cline => file
                .ancestors()
                .nth(2)
                .into_iter()
                .map(Into::into)
                .collect(),
            Self::ClineCli => vec![home.home.join(".cline")],
            Self::Jetbrains => vec![home.home.join(".junie"), home.settings.join("JetBrains")],
            _ => file.parent().into_iter().map(Into::into).collect(),
        }
    }

    /// Returns a path that would exist if the client were installed, or `None` if it is.
    pub(crate) fn missing(self, home: &Home) -> Option<PathBuf> {
        let traces = self.traces(home);
        let absent = traces.iter().all(|trace| !trace.exists());
        absent.then(|| traces.into_iter().next()).flatten()
    }

    /// The format of the file.
    pub(crate) const fn format(self) -> Format {
        match self {
            Self::Codex => Format::Toml,
            Self::Goose => Format::Yaml,
            _ => Format::Json,
        }
    }

    /// The member that contains the servers.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Vscode => "servers",
            Self::Zed => "context_servers",
            Self::Codex => "mcp_servers",
            Self::Goose => "extensions",
            Self::Opencode => "mcp",
            _ => "mcpServers",
        }
    }

    /// The key of a server's entry. goose derives it from the server's name.
    pub(crate) fn key(self, name: &str) -> String {
        if self != Self::Goose {
            return name.to_owned();
        }
        let kept = name.chars().filter(|c| !c.is_whitespace());
        let kept = kept.map(|c| match c {
            c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') => c.to_ascii_lowercase(),
            _ => '_',
        });
        kept.collect()
    }
}

/// Returns `file`, or the `.jsonc` file next to it if only that exists.
fn json_or_jsonc(file: &Path) -> PathBuf {
    let with_comments = file.with_extension("jsonc");
    if !file.exists() && with_comments.exists() {
        with_comments
    } else {
        file.to_owned()
    }
}
