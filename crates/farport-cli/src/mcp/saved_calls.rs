//! The file of saved calls, which the inspector writes.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Error;
use crate::file_error::FileError;

/// Where the inspector saves calls, below the current folder.
pub(crate) const PLACE: &str = ".farport/calls.json";

/// A saved call.
#[derive(Debug, Deserialize)]
pub(crate) struct SavedCall {
    /// The name that the user gave.
    pub(crate) name: String,
    /// The tool.
    pub(crate) tool: String,
    /// The arguments.
    pub(crate) arguments: Map<String, Value>,
}

#[derive(Deserialize)]
struct File {
    calls: Vec<SavedCall>,
}

/// Reads the file.
///
/// # Errors
/// When it cannot be read, or holds no saved calls.
pub(crate) fn read(path: &Path) -> Result<Vec<SavedCall>, Error> {
    let text = std::fs::read_to_string(path).map_err(FileError::of("read", path))?;
    let file: File = serde_json::from_str(&text).map_err(|source| Error::Json {
        what: "the file of saved calls",
        source,
    })?;
    Ok(file.calls)
}

/// The call with this name.
///
/// # Errors
/// When the file cannot be read, or has no such call.
pub(crate) fn find(name: &str) -> Result<SavedCall, Error> {
    let calls = read(Path::new(PLACE))?;
    let near = super::nearest(name, calls.iter().map(|call| call.name.as_str())).map(str::to_owned);
    let found = calls.into_iter().find(|call| call.name == name);
    found.ok_or_else(|| Error::NoSavedCall {
        name: name.to_owned(),
        near,
    })
}
