//! The CI workflow that tests and deploys a generated server on each push.

use std::path::{Path, PathBuf};

use super::Error;
use super::files::{Content, Files};

/// A CI service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Ci {
    /// GitHub Actions
    Github,
}

/// Returns whether a crate is a Cloudflare Worker.
pub(super) fn is_worker(files: &Files) -> bool {
    files.contains_key(Path::new("wrangler.jsonc"))
}

/// Adds the workflow for a Worker or for another server to the files of a crate.
pub(super) fn add(files: &mut Files, ci: Ci) -> Result<(), Error> {
    let Ci::Github = ci;
    let path = PathBuf::from(".github/workflows/deploy.yml");
    if files.contains_key(&path) {
        return Err(Error::HasWorkflow { path });
    }
    let text: &str = if is_worker(files) {
        include_str!("ci/worker.yml")
    } else {
        include_str!("ci/native.yml")
    };
    let workflow = Content::File {
        bytes: text.into(),
        executable: false,
    };
    files.insert(path, workflow);
    Ok(())
}
