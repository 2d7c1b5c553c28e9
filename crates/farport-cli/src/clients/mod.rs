//! The configurations of MCP clients: where each keeps it, and what an entry looks like there.

mod edit;
mod file;
mod place;

use std::path::PathBuf;

use clap::ValueEnum;

pub(crate) use edit::{Entry, Format};
pub(crate) use file::{Change, Error, change};
pub(crate) use place::Home;

/// A client whose configuration is known.
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
}

impl Client {
    /// What people call it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Claude => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::Cursor => "Cursor",
            Self::Windsurf => "Windsurf",
            Self::Vscode => "Visual Studio Code",
            Self::Zed => "Zed",
            Self::Codex => "Codex",
        }
    }

    /// The file that holds its servers.
    pub(crate) fn file(self, home: &Home) -> PathBuf {
        match self {
            Self::Claude => home.settings.join("Claude/claude_desktop_config.json"),
            Self::ClaudeCode => home.home.join(".claude.json"),
            Self::Cursor => home.home.join(".cursor/mcp.json"),
            Self::Windsurf => home.home.join(".codeium/windsurf/mcp_config.json"),
            Self::Vscode => home.settings.join("Code/User/mcp.json"),
            Self::Zed => home.zed.join("settings.json"),
            Self::Codex => home.home.join(".codex/config.toml"),
        }
    }

    /// How the file is written.
    pub(crate) const fn format(self) -> Format {
        match self {
            Self::Codex => Format::Toml,
            _ => Format::Json,
        }
    }

    /// The member that holds the servers.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Vscode => "servers",
            Self::Zed => "context_servers",
            Self::Codex => "mcp_servers",
            Self::Claude | Self::ClaudeCode | Self::Cursor | Self::Windsurf => "mcpServers",
        }
    }

    /// What an entry for a server says. `None` for a client that knows no remote servers.
    pub(crate) fn remote(self, url: &str) -> Option<Entry> {
        let text = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        Some(Entry(match self {
            Self::Claude => return None,
            Self::ClaudeCode | Self::Vscode => vec![text("type", "http"), text("url", url)],
            Self::Windsurf => vec![text("serverUrl", url)],
            Self::Cursor | Self::Zed | Self::Codex => vec![text("url", url)],
        }))
    }
}
