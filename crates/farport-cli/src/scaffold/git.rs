//! The `git` program: fetching a template, making a repository.
//!
//! A template's repository may be anybody's. git is kept to the protocols that only read, runs
//! no hook, takes no template folder of its own and fetches no submodule.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::source::GitSource;
use super::{Error, Repository};
use crate::error::FileError;

/// Protocols git may use, also when a server redirects it.
const PROTOCOLS: &str = "https:ssh:file";

/// A git that sees no repository but the one it is pointed to, and asks nothing.
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

/// Clones the newest state of a template's branch into a temporary folder.
pub(super) fn clone(source: &GitSource) -> Result<TempDir, Error> {
    let folder =
        tempfile::tempdir().map_err(FileError::of("make a folder in", &std::env::temp_dir()))?;
    let mut git = git();
    git.env("GIT_ALLOW_PROTOCOL", PROTOCOLS)
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(["-c", "core.fsmonitor=false"])
        .args([
            "clone",
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
    // git repeats the address it was given.
    let said = said(&output).replace(&source.url, &template);
    Err(Error::Fetch { template, said })
}

/// Makes a repository of `folder`, unless `around` is inside one already.
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
    match output.status.success() {
        true => Ok(Repository::New),
        false => Err(Error::Init {
            said: said(&output),
        }),
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
