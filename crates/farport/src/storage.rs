//! Where a server keeps what has to survive it.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Where a server keeps its sessions, what was said on their streams, and who granted what to
/// whom. Written `memory` or `sqlite:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// In memory: all of it ends with the process.
    Memory,
    /// In a SQLite database at this path, which is made if it is missing. The master key is in a
    /// file beside it, unless it is in the environment.
    Sqlite(PathBuf),
}

/// A text names no [`Storage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a store is `memory`, or `sqlite:` with the path of a file after it")]
pub struct NoStorage;

impl FromStr for Storage {
    type Err = NoStorage;

    fn from_str(text: &str) -> Result<Self, NoStorage> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err(NoStorage),
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

#[cfg(not(target_arch = "wasm32"))]
impl Storage {
    /// The name of a database whose folder was chosen.
    const FILE: &str = "farport.db";

    /// Where a program keeps its state if nothing else is said: in the folder that systemd made
    /// for it (`STATE_DIRECTORY`), or else in the platform's folder for the state of programs
    /// (`~/.local/state/farport/NAME` where XDG's rules hold), under the program's name.
    ///
    /// # Errors
    /// [`Error::NoStateFolder`](crate::Error::NoStateFolder) when there is neither.
    pub fn of_program() -> Result<Self, crate::Error> {
        use etcetera::BaseStrategy;

        // It may be several, with colons between them.
        if let Some(given) = std::env::var_os("STATE_DIRECTORY")
            && let Some(folder) = std::env::split_paths(&given).next()
            && folder.is_absolute()
        {
            return Ok(Self::Sqlite(folder.join(Self::FILE)));
        }
        let strategy = etcetera::choose_base_strategy().map_err(|_| crate::Error::NoStateFolder)?;
        let state = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
        let program = std::env::current_exe()?;
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
    fn a_store_is_named_by_its_kind_and_its_path() {
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
