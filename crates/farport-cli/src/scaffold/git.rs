//! Runs `git` to fetch a template and to create a repository.
//!
//! A template's repository is untrusted. farport limits git to protocols that only read, and disables hooks,
//! template folders and submodules. It reads files from git's objects instead of a checkout, so that the
//! repository's attributes run no filters and its links are not followed.

use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::files::{self, Content, Files};
use super::git_source::GitSource;
use super::{Error, Repository};
use crate::file_error::FileError;
use crate::system;

/// The protocols that git may use, including redirects.
const PROTOCOLS: &str = "https:ssh:file";

/// The maximum size of a list of files in bytes. A tree can contain itself many times.
const MAX_LIST: u64 = 16 << 20;

/// A git command that only uses the given repository, and does not prompt.
fn git() -> Command {
    let mut git = Command::new("git");
    for variable in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_COMMON_DIR",
    ] {
        git.env_remove(variable);
    }
    git.stdin(Stdio::null());
    git
}

fn run(git: &mut Command) -> Result<Output, Error> {
    git.output().map_err(|source| Error::NoGit { source })
}

/// A git command that reads objects of a clone, without the user's configuration.
fn reader(clone: &Path) -> Command {
    let mut git = git();
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_CONFIG") {
            git.env_remove(name);
        }
    }
    git.env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", system::NO_FILE)
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .arg("--git-dir")
        .arg(clone);
    git
}

/// One file in a tree.
struct Listed {
    mode: String,
    object: String,
    size: u64,
    path: PathBuf,
}

/// Reads the files of a template.
pub(super) fn read(source: &GitSource) -> Result<Files, Error> {
    let clone = clone(source)?;
    let listed = list(clone.path(), source.subfolder.as_deref())?;
    let mut left = files::MAX_BYTES;
    for file in &listed {
        let size = left.checked_sub(file.size);
        left = size.ok_or_else(files::too_many_bytes)?;
    }
    let mut objects = tempfile::tempfile().map_err(FileError::of("write in", clone.path()))?;
    let written = listed
        .iter()
        .try_for_each(|file| writeln!(objects, "{}", file.object))
        .and_then(|()| objects.rewind());
    written.map_err(FileError::of("write in", clone.path()))?;
    let output = run(reader(clone.path())
        .args(["cat-file", "--batch"])
        .stdin(objects))?;
    let mut rest = output.stdout.as_slice();
    let mut read = Files::new();
    for file in listed {
        let unreadable = || Error::Unreadable {
            path: file.path.clone(),
        };
        // Each object starts with a line: its id, its type and its size.
        let head = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(unreadable)?;
        let size = usize::try_from(file.size).map_err(|_| unreadable())?;
        let bytes = rest.get(head + 1..head + 1 + size).ok_or_else(unreadable)?;
        let expected = format!("{} blob {size}", file.object);
        if rest.get(..head) != Some(expected.as_bytes()) {
            return Err(unreadable());
        }
        rest = rest.get(head + size + 2..).unwrap_or_default();
        let content = match &*file.mode {
            "120000" => Content::Link {
                target: system::path_of(bytes).ok_or_else(unreadable)?,
            },
            mode => Content::File {
                bytes: bytes.to_owned(),
                executable: mode == "100755",
            },
        };
        read.insert(file.path, content);
    }
    files::check_links(&read)?;
    Ok(read)
}

/// Lists the files below a folder in the latest commit.
fn list(clone: &Path, folder: Option<&Path>) -> Result<Vec<Listed>, Error> {
    let shown = folder.map(|folder| folder.display().to_string().replace('\\', "/"));
    let tree = match &shown {
        None => "HEAD^{tree}".to_owned(),
        Some(folder) => format!("HEAD:{folder}"),
    };
    let mut child = reader(clone)
        .args(["ls-tree", "-r", "-l", "-z", "--full-tree", &tree])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| Error::NoGit { source })?;
    let mut list = Vec::new();
    let output = child.stdout.take().map(|output| output.take(MAX_LIST));
    let read = output.map_or(Ok(0), |mut output| output.read_to_end(&mut list));
    let whole = read.is_ok() && (list.len() as u64) < MAX_LIST;
    if !whole {
        // The output may be endless.
        let _ = child.kill();
    }
    let ended = child.wait().map_err(|source| Error::NoGit { source })?;
    if !whole {
        return Err(files::too_many_files());
    }
    if !ended.success() {
        let subfolder = shown.unwrap_or_default();
        return Err(Error::NoSubfolder { subfolder });
    }
    let mut listed = Vec::new();
    for entry in list
        .split(|byte| *byte == 0)
        .filter(|entry| !entry.is_empty())
    {
        let odd = || Error::Unreadable {
            path: String::from_utf8_lossy(entry).into_owned().into(),
        };
        let tab = entry
            .iter()
            .position(|byte| *byte == b'\t')
            .ok_or_else(odd)?;
        let (head, path) = entry.split_at(tab);
        let path = path.get(1..).and_then(system::path_of).ok_or_else(odd)?;
        let head = String::from_utf8_lossy(head);
        let mut words = head.split_whitespace();
        let (Some(mode), Some(_), Some(object), Some(size)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(odd());
        };
        // Skip submodules.
        if mode == "160000" {
            continue;
        }
        if !files::is_plain(&path) {
            return Err(Error::Outside { path });
        }
        listed.push(Listed {
            mode: mode.to_owned(),
            object: object.to_owned(),
            size: size.parse().map_err(|_| odd())?,
            path,
        });
        if listed.len() > files::MAX_FILES {
            return Err(files::too_many_files());
        }
    }
    Ok(listed)
}

/// Clones the latest commit of a template's branch into a temporary folder, without a checkout.
fn clone(source: &GitSource) -> Result<TempDir, Error> {
    let folder =
        tempfile::tempdir().map_err(FileError::of("create a folder in", &std::env::temp_dir()))?;
    let mut git = git();
    git.env("GIT_ALLOW_PROTOCOL", PROTOCOLS)
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(["-c", "core.fsmonitor=false"])
        .args([
            "clone",
            "--bare",
            "--quiet",
            "--depth=1",
            "--single-branch",
            "--no-tags",
        ])
        .args(["--no-recurse-submodules", "--template="]);
    if let Some(branch) = &source.branch {
        git.arg(format!("--branch={branch}"));
    }
    git.arg("--").arg(&source.url).arg(folder.path());
    let output = run(&mut git)?;
    if output.status.success() {
        return Ok(folder);
    }
    let template = source.to_string();
    // git's message contains the URL, which may contain credentials.
    let output = message(&output).replace(&source.url, &template);
    Err(Error::Fetch { template, output })
}

/// Creates a repository in `folder`, unless `around` is already in one.
pub(super) fn init(folder: &Path, around: &Path) -> Result<Repository, Error> {
    let inside = match run(git()
        .arg("-C")
        .arg(around)
        .args(["rev-parse", "--is-inside-work-tree"]))
    {
        Ok(output) => output.status.success() && output.stdout.starts_with(b"true"),
        Err(Error::NoGit { source }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(Repository::NoProgram);
        }
        Err(error) => return Err(error),
    };
    if inside {
        return Ok(Repository::Around);
    }
    let output = run(git().args(["init", "--quiet", "--"]).arg(folder))?;
    if output.status.success() {
        Ok(Repository::New)
    } else {
        Err(Error::Init {
            output: message(&output),
        })
    }
}

/// Runs git in a folder. Returns its output, or `None` if it fails.
pub(super) fn query(folder: &Path, args: &[&str]) -> Option<String> {
    let output = run(git().arg("-C").arg(folder).args(args)).ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
