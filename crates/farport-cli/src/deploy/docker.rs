//! The files for a container image.

use super::plan::{Facts, Plan, Step};
use super::text::{fill, in_shell};
use super::write::File;

/// The name of the file in the project's folder.
pub(super) const DOCKERFILE: &str = "Dockerfile";

/// Returns the files, and the commands that build and run the image.
pub(super) fn plan(facts: &Facts<'_>) -> Plan {
    let name = &facts.project.name;
    let dockerfile = match facts.folder.components().next() {
        None => String::new(),
        Some(_) => format!("-f {DOCKERFILE} "),
    };
    let context = facts.workspace_from_here();
    Plan {
        files: files(facts),
        next: vec![
            Step::new(
                format!("docker build {dockerfile}-t {name} {context}"),
                "build the image",
            ),
            Step::new(
                format!(
                    "docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
                     -p 127.0.0.1:8787:8787 -v {name}:/state --env-file .prod.vars {name}"
                ),
                "run it at http://localhost:8787/mcp; .prod.vars contains variables, NAME=value \
                 without quotes: secrets, and FARPORT_PUBLIC_URL for a public server",
            ),
        ],
    }
}

/// Returns the files that Docker builds the image from.
pub(super) fn files(facts: &Facts<'_>) -> Vec<File> {
    let project = facts.project;
    let settings = if facts.has_settings {
        format!(
            " \\\n && cp {} /image/",
            in_shell(&facts.path("farport.toml"))
        )
    } else {
        String::new()
    };
    let text = fill(
        include_str!("files/Dockerfile"),
        &[
            ("BUILD", &build_command(project)),
            ("NAME", &project.name),
            ("BINARY", &project.binary),
            ("SETTINGS", &settings),
        ],
    );
    vec![
        File {
            path: project.root.join(DOCKERFILE),
            text,
        },
        File {
            path: project.workspace.join(".dockerignore"),
            text: include_str!("files/dockerignore").to_owned(),
        },
    ]
}

fn build_command(project: &crate::project::Project) -> String {
    format!(
        "cargo build --release --locked --package {} --bin {}",
        project.name, project.binary
    )
}
