//! What a target is deployed from, and the plan for it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Error;
use super::write::File;
use crate::file_error::FileError;
use crate::project::Project;

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
    pub(super) fn of(project: &'a Project) -> Result<Self, Error> {
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
