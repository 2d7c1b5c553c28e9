//! The master key file.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{files, system};
use crate::keys::{KeyError, LENGTH, MasterKey, MasterKeys};

impl MasterKeys {
    /// Reads the keys in the file at `path`: one per line, the current key first. Lines that start
    /// with `#` are comments. Creates the file with a new key and mode 0600 if it is missing. When
    /// several processes create it at the same time, all of them get the same key.
    ///
    /// # Errors
    /// When the file cannot be read or created, or contains anything else.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        match read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
            Err(cause) => return Err(failed(path, cause)),
            Ok(content) => return Self::from_content(&content, path),
        }
        let content = read(path).map_err(|cause| failed(path, cause))?;
        Self::from_content(&content, path)
    }

    fn from_content(
        (text, file): &(Zeroizing<String>, File),
        path: &Path,
    ) -> Result<Self, KeyError> {
        let keys = Self::from_text(text, path)?;
        // Only after the content turned out to be keys: any other file keeps its permissions.
        files::restrict(file, path).map_err(|cause| failed(path, cause))?;
        Ok(keys)
    }

    fn from_text(text: &str, path: &Path) -> Result<Self, KeyError> {
        let lines = (1..).zip(text.lines());
        let keys = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let mut keys = keys.map(|(number, line): (usize, _)| {
            MasterKey::parse(line).ok_or_else(|| KeyError::InvalidKey {
                location: format!("{}, line {number},", path.display()),
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

fn read(path: &Path) -> io::Result<(Zeroizing<String>, File)> {
    let mut file = File::open(path)?;
    let mut text = Zeroizing::new(String::new());
    io::Read::read_to_string(&mut file, &mut text)?;
    Ok((text, file))
}

/// Creates the file under a temporary name, then renames it, unless another process has created it.
fn create(path: &Path) -> Result<(), KeyError> {
    files::create_folder(path).map_err(|error| failed(path, io::Error::other(error)))?;
    let mut secret = Zeroizing::new([0; LENGTH]);
    getrandom::fill(&mut *secret).map_err(|_| KeyError::Randomness)?;
    let key = Zeroizing::new(BASE64_STANDARD.encode(*secret));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let create = || {
        // `tempfile` creates files with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        writeln!(
            file,
            "# farport's master key. Keep it secret: it decrypts the sign-ins in the database."
        )?;
        writeln!(file, "{}", *key)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => system::sync_folder(folder),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    };
    create().map_err(|cause: io::Error| failed(path, cause))
}

fn failed(path: &Path, cause: io::Error) -> KeyError {
    KeyError::File {
        path: path.to_owned(),
        cause,
    }
}
