//! The file of master keys.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{KeyError, LENGTH, MasterKey, MasterKeys};
use crate::files;

impl MasterKeys {
    /// The keys in the file at `path`: one a line, the one that seals first; lines that begin with
    /// `#` are for people. Where there is no such file, one is made, with a new key, for its owner
    /// alone. Of several processes that make it at the same time, all get the same key.
    ///
    /// # Errors
    /// When the file can be neither read nor made, or holds something else.
    pub fn of_file(path: &Path) -> Result<Self, KeyError> {
        match read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
            Err(source) => return Err(failed(path, source)),
            Ok(text) => return Self::of_text(&text, path),
        }
        let text = read(path).map_err(|source| failed(path, source))?;
        Self::of_text(&text, path)
    }

    fn of_text(text: &str, path: &Path) -> Result<Self, KeyError> {
        let lines = (1..).zip(text.lines());
        let keys = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let mut keys = keys.map(|(number, line): (usize, _)| {
            MasterKey::parse(line).ok_or_else(|| KeyError::NoKey {
                place: format!("{}, line {number},", path.display()),
            })
        });
        let current = keys.next().ok_or_else(|| KeyError::Empty {
            path: path.to_owned(),
        })??;
        Ok(Self {
            current,
            previous: keys.collect::<Result<_, _>>()?,
        })
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut file = OpenOptions::new().read(true).open(path)?;
    files::restrict(&file, path)?;
    let mut text = Zeroizing::new(String::new());
    io::Read::read_to_string(&mut file, &mut text)?;
    Ok(text)
}

/// Makes the file whole, then gives it its name, which somebody else may have taken meanwhile.
fn make(path: &Path) -> Result<(), KeyError> {
    files::make_folder(path).map_err(|error| failed(path, io::Error::other(error)))?;
    let mut secret = Zeroizing::new([0; LENGTH]);
    getrandom::fill(&mut *secret).map_err(|_| KeyError::Randomness)?;
    let key = Zeroizing::new(BASE64_STANDARD.encode(*secret));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let make = || {
        // Its owner's alone from the beginning, as the crate has it.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(
            file,
            "# farport's master key. Whoever has it can open what it sealed."
        )?;
        writeln!(file, "{}", *key)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => sync_folder(folder),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    };
    make().map_err(|source: io::Error| failed(path, source))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

/// Elsewhere a folder is no file that could be synchronised.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> KeyError {
    KeyError::File {
        path: path.to_owned(),
        source,
    }
}
