//! What all targets but Cloudflare's have in common: files that the platform's tools work from,
//! and commands to go on with.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::write::{self, File, Outcome};
use super::{Error, docker, fly, systemd};
use crate::error::FileError;
use crate::project::Project;

/// Where a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A container image.
    Docker,
    /// A service of a Linux machine.
    Systemd,
    /// Fly.io.
    Fly,
}

/// What is known of a project.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) project: &'a Project,
    /// The project's folder, seen from its workspace's. Empty where they are the same.
    pub(super) folder: PathBuf,
    /// Whether there is a `farport.toml`.
    pub(super) has_settings: bool,
    /// The text of `.dev.vars.example`: variables that the server takes, without their values.
    pub(super) variables: Option<String>,
}

impl<'a> Facts<'a> {
    fn of(project: &'a Project) -> Result<Self, Error> {
        let folder = project.root.strip_prefix(&project.workspace);
        let example = project.root.join(".dev.vars.example");
        let variables = match example.is_file() {
            true => {
                Some(std::fs::read_to_string(&example).map_err(FileError::of("read", &example))?)
            }
            false => None,
        };
        Ok(Self {
            project,
            folder: folder.unwrap_or(Path::new("")).to_owned(),
            has_settings: project.root.join("farport.toml").is_file(),
            variables,
        })
    }

    /// A path of the project, seen from the workspace, with slashes.
    pub(super) fn path(&self, name: &str) -> String {
        let path = self.folder.join(name);
        path.to_string_lossy().replace('\\', "/")
    }

    /// The same from the project's own folder, for a shell whose working folder that is.
    pub(super) fn workspace_from_here(&self) -> String {
        match self.folder.components().count() {
            0 => ".".to_owned(),
            deep => vec![".."; deep].join("/"),
        }
    }
}

/// What to write, and how to go on.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) files: Vec<File>,
    pub(super) next: Vec<Step>,
}

/// A command for the user.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) command: String,
    /// What it does, or what to mind.
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

/// What was done.
#[derive(Debug, Serialize)]
pub(crate) struct Prepared {
    pub(crate) files: Vec<Written>,
    pub(crate) next: Vec<Step>,
    /// What the image cannot be built from: folders of crates outside the workspace.
    pub(crate) out_of_reach: Vec<PathBuf>,
}

/// What became of a file.
#[derive(Debug, Serialize)]
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    pub(crate) outcome: Outcome,
}

/// Writes what a place needs.
pub(crate) fn prepare(
    project: &Project,
    place: Place,
    force: bool,
    dry_run: bool,
) -> Result<Prepared, Error> {
    let facts = Facts::of(project)?;
    let plan = match place {
        Place::Docker => docker::plan(&facts),
        Place::Systemd => systemd::plan(&facts),
        Place::Fly => fly::plan(&facts),
    };
    let outcomes = write::write(&plan.files, force, dry_run)?;
    let in_image = place != Place::Systemd;
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
