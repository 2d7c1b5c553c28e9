//! A template's files, read into memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;

use super::Error;
use crate::error::FileError;

/// A template's files by their path inside it.
pub(super) type Files = BTreeMap<PathBuf, Content>;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A file and its bytes.
    File { bytes: Vec<u8>, executable: bool },
    /// A link and where it points, relative to the link, inside the template.
    Link { target: PathBuf },
}

/// The most files a template has. Beyond, somebody named the wrong folder.
const MAX_FILES: usize = 5_000;
/// The most bytes a template has.
const MAX_BYTES: u64 = 64 << 20;

/// Reads the template in a folder, without what its `.gitignore` leaves out and without `.git`.
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
                bytes_left =
                    bytes_left
                        .checked_sub(metadata.len())
                        .ok_or_else(|| Error::TooLarge {
                            limit: format!("{} MiB", MAX_BYTES >> 20),
                        })?;
                let bytes = fs::read(full).map_err(FileError::of("read", full))?;
                Content::File {
                    bytes,
                    executable: is_executable(&metadata),
                }
            }
            _ => return Err(Error::Special { path }),
        };
        files.insert(path, content);
        if files.len() > MAX_FILES {
            return Err(Error::TooLarge {
                limit: format!("{MAX_FILES} files"),
            });
        }
    }
    check_links(&files)?;
    Ok(files)
}

/// Refuses a link that leaves the template, or would leave the crate made of it: the way to its
/// end passes through the template's own folders only, and ends at something in it.
fn check_links(files: &Files) -> Result<(), Error> {
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
    // A folder is there when something is in it.
    files.keys().any(|path| path.starts_with(&here))
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_inside_whichever_way_it_is_followed() {
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
