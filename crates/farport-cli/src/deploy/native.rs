//! The targets other than Cloudflare Workers: farport writes files for the platform's tools, and prints
//! the commands to run next.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::write::{self, File, Outcome};
use super::{Error, docker, fly, systemd};
use crate::error::FileError;
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

/// The facts about a project that the files depend on.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) project: &'a Project,
    /// The project's folder, relative to its workspace. Empty if they are the same.
    pub(super) folder: PathBuf,
    /// Whether the project has a `farport.toml`.
    pub(super) has_settings: bool,
    /// The text of `.dev.vars.example`, which lists the server's variables without values.
    pub(super) variables: Option<String>,
}

impl<'a> Facts<'a> {
    fn of(project: &'a Project) -> Result<Self, Error> {
        let folder = project.root.strip_prefix(&project.workspace);
        let example = project.root.join(".dev.vars.example");
        let variables = if example.is_file() {
            Some(std::fs::read_to_string(&example).map_err(FileError::of("read", &example))?)
        } else {
            None
        };
        Ok(Self {
            project,
            folder: folder.unwrap_or(Path::new("")).to_owned(),
            has_settings: project.root.join("farport.toml").is_file(),
            variables,
        })
    }

    /// Returns a path in the project relative to the workspace, with slashes.
    pub(super) fn path(&self, name: &str) -> String {
        let path = self.folder.join(name);
        path.to_string_lossy().replace('\\', "/")
    }

    /// Returns the path of the workspace relative to the project's folder.
    pub(super) fn workspace_from_here(&self) -> String {
        match self.folder.components().count() {
            0 => ".".to_owned(),
            deep => vec![".."; deep].join("/"),
        }
    }
}

/// The files to write, and the commands to run next.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) files: Vec<File>,
    pub(super) next: Vec<Step>,
}

/// A command for the user to run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) command: String,
    /// A short explanation. May be empty.
    pub(crate) note: &'static str,
}

impl Step {
    pub(super) fn new(command: impl Into<String>, note: &'static str) -> Self {
        Self {
            command: command.into(),
            note,
        }
    }
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
