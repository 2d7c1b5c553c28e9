//! Checks whether a cargo workspace around a new crate includes it.

use std::fs;
use std::path::{Component, Path};

use globset::GlobBuilder;
use toml_edit::{DocumentMut, Item};

use super::Error;
use crate::error::FileError;

/// Returns whether cargo would reject a crate in this folder, because a workspace in a parent folder neither
/// includes nor excludes it.
pub(super) fn is_left_out(folder: &Path) -> Result<bool, Error> {
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
        return Ok(!listed("members")
            .iter()
            .any(|member| matches(member, relative)));
    }
    Ok(false)
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
        for (manifest, folder, left_out) in [
            ("[workspace]\nmembers = ['crates/*']", "crates/new", false),
            (
                "[workspace]\nmembers = ['./crates/*/']",
                "crates/new",
                false,
            ),
            (
                "[workspace]\nmembers = ['crates/*']",
                "crates/deep/new",
                true,
            ),
            ("[workspace]\nmembers = ['crates/*']", "new", true),
            ("[workspace]\nmembers = ['new']", "new", false),
            ("[workspace]\nexclude = ['new']", "new", false),
            ("[workspace]\nexclude = ['made']", "made/new", false),
            ("[workspace]\nexclude = ['ne']", "new", true),
            ("[workspace]", "new", true),
            ("[package]\nname = 'a'", "new", false),
            ("this is no toml", "new", false),
        ] {
            let around = tempfile::tempdir().unwrap();
            fs::write(around.path().join("Cargo.toml"), manifest).unwrap();
            let answer = is_left_out(&around.path().join(folder)).unwrap();
            assert_eq!(answer, left_out, "{manifest} {folder}");
        }
    }
}
