//! The targets other than Cloudflare Workers: farport writes files for the platform's tools, and prints
//! the commands to run next.

use std::path::PathBuf;

use serde::Serialize;

use super::plan::{Facts, Step};
use super::write::{self, File, Outcome};
use super::{Error, docker, fly, systemd};
use crate::project::Project;

/// A target that farport writes files for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileTarget {
    /// A container image.
    Docker,
    /// A Linux service.
    Systemd,
    /// Fly.io.
    Fly,
}

/// The result of a deployment to a target that farport writes files for.
#[derive(Debug, Serialize)]
pub(crate) struct Prepared {
    pub(crate) files: Vec<Written>,
    pub(crate) next: Vec<Step>,
    /// Folders of crates outside the workspace, which Docker cannot copy into the image.
    pub(crate) out_of_reach: Vec<PathBuf>,
}

/// A file and what farport did with it.
#[derive(Debug, Serialize)]
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    pub(crate) outcome: Outcome,
}

/// Writes the files for a target.
pub(crate) fn prepare(
    project: &Project,
    target: FileTarget,
    force: bool,
    dry_run: bool,
) -> Result<Prepared, Error> {
    let facts = Facts::of(project)?;
    let plan = match target {
        FileTarget::Docker => docker::plan(&facts),
        FileTarget::Systemd => systemd::plan(&facts),
        FileTarget::Fly => fly::plan(&facts),
    };
    let outcomes = write::write(&plan.files, force, dry_run)?;
    let in_image = target != FileTarget::Systemd;
    let outside = |folder: &&PathBuf| in_image && !folder.starts_with(&project.workspace);
    Ok(Prepared {
        files: plan
            .files
            .into_iter()
            .zip(outcomes)
            .map(|(File { path, .. }, outcome)| Written { path, outcome })
            .collect(),
        next: plan.next,
        out_of_reach: project.sources.iter().filter(outside).cloned().collect(),
    })
}
