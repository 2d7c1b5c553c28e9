//! The workflow that tests and deploys a generated server on each push.

use std::path::{Path, PathBuf};

use super::Error;
use super::files::{Content, Files};

/// Who runs the workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Ci {
    /// GitHub Actions
    Github,
}

/// Whether a crate can be a worker of Cloudflare's.
pub(super) fn is_worker(files: &Files) -> bool {
    files.contains_key(Path::new("wrangler.jsonc"))
}

/// Adds the workflow to a crate's files: one for a worker, another for anything else.
pub(super) fn add(files: &mut Files, ci: Ci) -> Result<(), Error> {
    let Ci::Github = ci;
    let path = PathBuf::from(".github/workflows/deploy.yml");
    if files.contains_key(&path) {
        return Err(Error::HasWorkflow { path });
    }
    let text: &str = match is_worker(files) {
        true => include_str!("ci/worker.yml"),
        false => include_str!("ci/native.yml"),
    };
    let workflow = Content::File {
        bytes: text.into(),
        executable: false,
    };
    files.insert(path, workflow);
    Ok(())
}
