//! Checks whether a cargo workspace around a new crate includes it.

use std::fs;
use std::path::{Component, Path};

use globset::GlobBuilder;
use toml_edit::{DocumentMut, Item};

use super::Error;
use crate::file_error::FileError;

/// The workspace in a parent folder of a new crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// There is none, or it excludes the crate.
    Nothing,
    /// It includes the crate, whose profiles cargo then ignores with a warning.
    Member,
    /// It neither includes nor excludes the crate, which cargo rejects.
    Unlisted,
}

/// Finds the workspace around a folder.
pub(super) fn around(folder: &Path) -> Result<Around, Error> {
    for above in folder.ancestors().skip(1) {
        let path = above.join("Cargo.toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(_) if !path.is_file() => continue,
            Err(error) => return Err(FileError::of("read", &path)(error).into()),
        };
        // Cargo reports an invalid manifest with a better message.
        let Ok(manifest) = text.parse::<DocumentMut>() else {
            continue;
        };
        let Some(workspace) = manifest.get("workspace") else {
            continue;
        };
        let Ok(relative) = folder.strip_prefix(above) else {
            continue;
        };
        let listed = |key: &str| {
            let items = workspace
                .get(key)
                .and_then(Item::as_array)
                .into_iter()
                .flatten();
            items
                .filter_map(|item| item.as_str())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        if listed("exclude")
            .iter()
            .any(|excluded| relative.starts_with(plain(excluded)))
        {
            continue;
        }
        let members = listed("members");
        let included = members.iter().any(|member| matches(member, relative));
        return Ok(if included {
            Around::Member
        } else {
            Around::Unlisted
        });
    }
    Ok(Around::Nothing)
}

/// Removes `./` and the final slash from a path in a manifest.
fn plain(path: &str) -> std::path::PathBuf {
    Path::new(path)
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect()
}

/// Returns whether a member of a workspace, which may be a pattern such as `crates/*`, matches a folder.
fn matches(member: &str, folder: &Path) -> bool {
    GlobBuilder::new(&plain(member).to_string_lossy())
        .literal_separator(true)
        .build()
        .is_ok_and(|glob| glob.compile_matcher().is_match(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_excluded_folders_of_a_workspace_are_recognized() {
        for (manifest, folder, expected) in [
            (
                "[workspace]\nmembers = ['crates/*']",
                "crates/new",
                Around::Member,
            ),
            (
                "[workspace]\nmembers = ['./crates/*/']",
                "crates/new",
                Around::Member,
            ),
            (
                "[workspace]\nmembers = ['crates/*']",
                "crates/deep/new",
                Around::Unlisted,
            ),
            (
                "[workspace]\nmembers = ['crates/*']",
                "new",
                Around::Unlisted,
            ),
            ("[workspace]\nmembers = ['new']", "new", Around::Member),
            ("[workspace]\nexclude = ['new']", "new", Around::Nothing),
            (
                "[workspace]\nexclude = ['made']",
                "made/new",
                Around::Nothing,
            ),
            ("[workspace]\nexclude = ['ne']", "new", Around::Unlisted),
            ("[workspace]", "new", Around::Unlisted),
            ("[package]\nname = 'a'", "new", Around::Nothing),
            ("this is no toml", "new", Around::Nothing),
        ] {
            let around = tempfile::tempdir().unwrap();
            fs::write(around.path().join("Cargo.toml"), manifest).unwrap();
            let answer = super::around(&around.path().join(folder)).unwrap();
            assert_eq!(answer, expected, "{manifest} {folder}");
        }
    }
}
