//! The platform's folders.

use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// The folder of farport's settings.
pub(super) fn config() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("FARPORT_CONFIG_DIR").filter(|value| !value.is_empty()) {
        return Some(folder.into());
    }
    let base = native()?;
    Some(base.join("farport"))
}

fn native() -> Option<PathBuf> {
    let strategy = etcetera::base_strategy::choose_native_strategy().ok()?;
    Some(match std::env::consts::OS {
        // `~/Library/Application Support`: `~/Library/Preferences` is for property lists.
        "macos" => strategy.data_dir(),
        _ => strategy.config_dir(),
    })
}

/// Where `mcp-remote` keeps its sign-ins.
pub(super) fn mcp_auth() -> Option<PathBuf> {
    if let Some(folder) =
        std::env::var_os("MCP_REMOTE_CONFIG_DIR").filter(|value| !value.is_empty())
    {
        return Some(folder.into());
    }
    Some(etcetera::home_dir().ok()?.join(".mcp-auth"))
}

/// Makes a folder that only this user may look into.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    crate::system::private_folders(&mut builder);
    builder.create(folder)
}
