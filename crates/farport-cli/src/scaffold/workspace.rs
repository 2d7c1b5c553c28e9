//! Whether a cargo workspace around a new crate takes it in.

use std::fs;
use std::path::{Component, Path};

use globset::GlobBuilder;
use toml_edit::{DocumentMut, Item};

use super::Error;
use crate::error::FileError;

/// Whether cargo would refuse a crate in this folder, because a workspace further up neither
/// takes it in nor leaves it out by name.
pub(super) fn is_left_out(folder: &Path) -> Result<bool, Error> {
    for above in folder.ancestors().skip(1) {
        let path = above.join("Cargo.toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(_) if !path.is_file() => continue,
            Err(error) => return Err(FileError::of("read", &path)(error).into()),
        };
        // What cargo cannot read it says itself, and better.
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

/// A path of a manifest, without `./` and a slash at the end.
fn plain(path: &str) -> std::path::PathBuf {
    Path::new(path)
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect()
}

/// Whether a member, maybe a pattern as in `crates/*`, means this folder.
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
    fn a_workspace_around_takes_in_its_members_and_leaves_out_what_it_excludes() {
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
