//! Saved calls: a file in the project, which can be committed.

use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The largest file, in bytes.
const LARGEST: usize = 4 * 1024 * 1024;
/// The most calls.
const MOST: usize = 1000;
/// The longest name of a call, in characters.
const LONGEST_NAME: usize = 200;

/// A call to repeat.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    /// The name that the user gave.
    pub(crate) name: String,
    /// The tool.
    pub(crate) tool: String,
    /// The arguments, as they were written.
    pub(crate) arguments: Box<RawValue>,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) calls: Vec<Call>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read {path}: {cause}")]
    Read { path: String, cause: io::Error },
    #[error("cannot write {path}: {cause}")]
    Write { path: String, cause: io::Error },
    #[error("{path} is not a file of saved calls: {why}; correct it or move it away")]
    Invalid { path: String, why: String },
    #[error("{0}")]
    Refused(&'static str),
}

/// Reads the file. Without a file there are no calls.
pub(crate) fn read(path: &Path) -> Result<File, Error> {
    let shown = || path.display().to_string();
    let failed = |cause| Error::Read {
        path: shown(),
        cause,
    };
    match std::fs::metadata(path) {
        Ok(about) if about.len() > LARGEST as u64 => {
            return Err(Error::Invalid {
                path: shown(),
                why: "it is larger than 4 MiB".to_owned(),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) => return Err(failed(error)),
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    serde_json::from_str(&text).map_err(|error| Error::Invalid {
        path: shown(),
        why: error.to_string(),
    })
}

/// Adds a call, or replaces the one with its name.
pub(crate) fn save(path: &Path, call: Call) -> Result<File, Error> {
    let length = call.name.chars().count();
    if call.name.trim().is_empty() || length > LONGEST_NAME {
        return Err(Error::Refused(
            "give the call a name of 1 to 200 characters",
        ));
    }
    if !call.arguments.get().starts_with('{') {
        return Err(Error::Refused("the arguments must be a JSON object"));
    }
    let mut file = read(path)?;
    let full = file.calls.len() >= MOST;
    match file.calls.iter_mut().find(|one| one.name == call.name) {
        Some(one) => *one = call,
        None if full => {
            return Err(Error::Refused(
                "the file holds 1000 calls; remove one first",
            ));
        }
        None => file.calls.push(call),
    }
    write(path, &file)?;
    Ok(file)
}

/// Removes the call with this name.
pub(crate) fn remove(path: &Path, name: &str) -> Result<File, Error> {
    let mut file = read(path)?;
    file.calls.retain(|one| one.name != name);
    write(path, &file)?;
    Ok(file)
}

/// Writes the file anew, and then replaces the old one.
fn write(path: &Path, file: &File) -> Result<(), Error> {
    let failed = |cause| Error::Write {
        path: path.display().to_string(),
        cause,
    };
    let mut text =
        serde_json::to_vec_pretty(file).map_err(|error| failed(io::Error::other(error)))?;
    text.push(b'\n');
    if text.len() > LARGEST {
        return Err(Error::Refused("the file would be larger than 4 MiB"));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let temporary = path.with_extension("json.tmp");
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(&text))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &str) -> Call {
        Call {
            name: name.to_owned(),
            tool: "add".to_owned(),
            arguments: RawValue::from_string(arguments.to_owned()).unwrap(),
        }
    }

    #[test]
    fn calls_are_saved_replaced_and_removed_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".farport/calls.json");
        assert!(read(&path).unwrap().calls.is_empty());
        save(&path, call("one", r#"{"n":12345678901234567890,"f":1.0}"#)).unwrap();
        save(&path, call("two", "{}")).unwrap();
        save(&path, call("two", r#"{"z":null}"#)).unwrap();
        let file = read(&path).unwrap();
        assert_eq!(
            file.calls[0].arguments.get(),
            r#"{"n":12345678901234567890,"f":1.0}"#
        );
        assert_eq!(file.calls[1].arguments.get(), r#"{"z":null}"#);
        assert_eq!(remove(&path, "one").unwrap().calls.len(), 1);
        assert!(!path.with_extension("json.tmp").exists());
    }

    #[test]
    fn a_file_that_is_none_of_saved_calls_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.json");
        std::fs::write(&path, "[1]").unwrap();
        let error = save(&path, call("one", "{}")).unwrap_err();
        assert!(error.to_string().contains("is not a file of saved calls"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[1]");
        for refused in [call(" ", "{}"), call("one", "[]")] {
            let other = folder.path().join("other.json");
            assert!(matches!(save(&other, refused), Err(Error::Refused(_))));
            assert!(!other.exists());
        }
    }
}
