//! Where this user's files are.

use std::path::PathBuf;

use etcetera::BaseStrategy;

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
        let settings = if cfg!(target_os = "macos") {
            strategy.data_dir()
        } else {
            strategy.config_dir()
        };
        let zed = if cfg!(target_os = "macos") {
            home.join(".config/zed")
        } else if cfg!(windows) {
            settings.join("Zed")
        } else {
            settings.join("zed")
        };
        Some(Self {
            home,
            settings,
            zed,
        })
    }
}
