//! The files of a template, in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;

use super::Error;
use crate::file_error::FileError;
use crate::system;

/// The files of a template, by their path in the template.
pub(super) type Files = BTreeMap<PathBuf, Content>;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A regular file.
    File { bytes: Vec<u8>, executable: bool },
    /// A symbolic link, with its target relative to the link. The target is in the template.
    Link { target: PathBuf },
}

/// The maximum number of files in a template.
pub(super) const MAX_FILES: usize = 5_000;
/// The maximum size of a template in bytes.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// The error for more than [`MAX_FILES`] files.
pub(super) fn too_many_files() -> Error {
    Error::TooLarge {
        limit: format!("{MAX_FILES} files"),
    }
}

/// The error for more than [`MAX_BYTES`] bytes.
pub(super) fn too_many_bytes() -> Error {
    Error::TooLarge {
        limit: format!("{} MiB", MAX_BYTES >> 20),
    }
}

/// Returns whether a path stays in its folder and outside `.git`. git would later run a hook that a template
/// places there. Some file systems ignore case, or characters at the end of a name.
pub(super) fn is_plain(path: &Path) -> bool {
    let is_git = |name: &str| {
        let ascii: String = name.chars().filter(char::is_ascii).collect();
        let ascii = ascii.trim_end_matches([' ', '.']).to_ascii_lowercase();
        ascii == ".git" || ascii.starts_with("git~")
    };
    path.components().all(|part| match part {
        Component::Normal(name) => !is_git(&name.to_string_lossy()),
        _ => false,
    })
}

/// Reads the template in a folder, except `.git` and the files that its `.gitignore` excludes.
pub(super) fn read(root: &Path) -> Result<Files, Error> {
    let root = root.canonicalize().map_err(FileError::of("find", root))?;
    let mut files = Files::new();
    let mut bytes_left = MAX_BYTES;
    let walk = WalkBuilder::new(&root)
        .hidden(false)
        .parents(false)
        .ignore(false)
        .git_global(false)
        .git_exclude(false)
        .git_ignore(true)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk {
        let entry = entry.map_err(|source| Error::Walk { source })?;
        let full = entry.path();
        let path = full.strip_prefix(&root).unwrap_or(full).to_owned();
        let content = match entry.file_type() {
            Some(kind) if kind.is_dir() => continue,
            Some(kind) if kind.is_symlink() => Content::Link {
                target: fs::read_link(full).map_err(FileError::of("read", full))?,
            },
            Some(kind) if kind.is_file() => {
                let metadata = fs::metadata(full).map_err(FileError::of("read", full))?;
                bytes_left = bytes_left
                    .checked_sub(metadata.len())
                    .ok_or_else(too_many_bytes)?;
                let bytes = fs::read(full).map_err(FileError::of("read", full))?;
                Content::File {
                    bytes,
                    executable: system::is_executable(&metadata),
                }
            }
            _ => return Err(Error::Special { path }),
        };
        files.insert(path, content);
        if files.len() > MAX_FILES {
            return Err(too_many_files());
        }
    }
    check_links(&files)?;
    Ok(files)
}

/// Rejects symbolic links that leave the template, or would leave the new crate. A link may only pass
/// through folders of the template, and must end at a file or folder in it.
pub(super) fn check_links(files: &Files) -> Result<(), Error> {
    for (link, content) in files {
        if let Content::Link { target } = content
            && !stays_inside(files, link, target)
        {
            return Err(Error::Link {
                link: link.clone(),
                target: target.clone(),
            });
        }
    }
    Ok(())
}

fn stays_inside(files: &Files, link: &Path, target: &Path) -> bool {
    let mut here = link.parent().unwrap_or(Path::new("")).to_owned();
    for part in target.components() {
        if matches!(files.get(&here), Some(Content::Link { .. })) {
            return false;
        }
        match part {
            Component::CurDir => {}
            Component::Normal(name) => here.push(name),
            Component::ParentDir => {
                if !here.pop() {
                    return false;
                }
            }
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    // A folder exists if it contains a file.
    files.keys().any(|path| path.starts_with(&here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_must_stay_in_its_folder_and_outside_git() {
        for (path, plain) in [
            ("src/main.rs", true),
            (".gitignore", true),
            (".github/workflows/ci.yml", true),
            ("../x", false),
            ("a/../../x", false),
            ("/etc/passwd", false),
            (".git/hooks/post-checkout", false),
            ("a/.GIT/config", false),
            (".git./config", false),
            (".git \u{200c}/config", false),
            (".g\u{200c}it/config", false),
            ("git~1/config", false),
        ] {
            assert_eq!(is_plain(Path::new(path)), plain, "{path:?}");
        }
    }

    #[test]
    fn a_link_must_stay_inside_the_template() {
        let file = || Content::File {
            bytes: Vec::new(),
            executable: false,
        };
        let link = |target: &str| Content::Link {
            target: target.into(),
        };
        for (target, stays) in [
            ("b.rs", true),
            ("./b.rs", true),
            ("../Cargo.toml", true),
            ("../src/b.rs", true),
            ("../src", true),
            ("..", true),
            ("deep/../b.rs", true),
            ("to_root", true),
            ("/etc/passwd", false),
            ("../../outside", false),
            ("../../template/src/b.rs", false),
            ("missing.rs", false),
            // Through the link `to_root`, the parent is no longer `src`.
            ("to_root/../template/src/b.rs", false),
            ("to_root/src/b.rs", false),
        ] {
            let files = Files::from([
                ("Cargo.toml".into(), file()),
                ("src/b.rs".into(), file()),
                ("src/deep/c.rs".into(), file()),
                ("src/template/src/b.rs".into(), file()),
                ("src/to_root".into(), link("..")),
                ("src/link".into(), link(target)),
            ]);
            assert_eq!(check_links(&files).is_ok(), stays, "{target}");
        }
    }
}
