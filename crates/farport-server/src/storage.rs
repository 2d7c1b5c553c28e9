//! The setting for where a server stores its state.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::error::Problem;

/// Where a server stores sessions, stream events and sign-ins. Settings write it as `memory` or
/// `sqlite:PATH`.
///
/// ```
/// use farport::Storage;
///
/// let storage: Storage = "sqlite:/var/lib/weather/farport.db".parse()?;
/// assert_eq!(storage, Storage::Sqlite("/var/lib/weather/farport.db".into()));
/// # Ok::<(), farport::InvalidStorage>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// In memory, until the process ends.
    Memory,
    /// In a SQLite database at this path. farport creates it if it is missing. The master key is in a
    /// file beside it, unless the environment has one.
    Sqlite(PathBuf),
}

/// A text that does not name a [`Storage`].
///
/// ```
/// assert!("redis".parse::<farport::Storage>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a store is `memory`, or `sqlite:PATH` with the path of a file")]
#[non_exhaustive]
pub struct InvalidStorage;

impl FromStr for Storage {
    type Err = InvalidStorage;

    fn from_str(text: &str) -> Result<Self, InvalidStorage> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err(InvalidStorage),
        }
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl Serialize for Storage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Storage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Storage {
    /// Returns the path of the database; `None` for memory.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Memory => None,
            Self::Sqlite(path) => Some(path),
        }
    }

    /// The file name of a database in a folder of the system.
    const FILE: &str = "farport.db";

    /// Returns the default database of this program: in the folder that systemd created for it
    /// (`STATE_DIRECTORY`), or in the platform's folder for the state of programs
    /// (`~/.local/state/farport/NAME` on Linux), under the program's name.
    ///
    /// # Errors
    /// When the platform has neither.
    pub fn of_program() -> Result<Self, crate::Error> {
        use etcetera::BaseStrategy;

        // systemd separates several folders with colons.
        if let Some(given) = std::env::var_os("STATE_DIRECTORY")
            && let Some(folder) = std::env::split_paths(&given).next()
            && folder.is_absolute()
        {
            return Ok(Self::Sqlite(folder.join(Self::FILE)));
        }
        let strategy = etcetera::choose_base_strategy().map_err(|_| Problem::NoStateFolder)?;
        let state = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
        let program = std::env::current_exe().map_err(Problem::from)?;
        let name = program.file_stem().unwrap_or("server".as_ref());
        Ok(Self::Sqlite(
            state.join("farport").join(name).join(Self::FILE),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_a_kind_and_a_path() {
        for (text, expect) in [
            ("memory", Some(Storage::Memory)),
            ("sqlite:a b/c.db", Some(Storage::Sqlite("a b/c.db".into()))),
            (
                "sqlite:C:\\state.db",
                Some(Storage::Sqlite("C:\\state.db".into())),
            ),
            ("sqlite:", None),
            ("sqlite", None),
            ("memory:x", None),
            ("redis:x", None),
            ("", None),
        ] {
            let read = text.parse::<Storage>().ok();
            assert_eq!(read, expect, "{text}");
            if let Some(read) = read {
                assert_eq!(read.to_string(), text);
            }
        }
    }
}
