//! The files for Fly.io.

use super::docker::{self, DOCKERFILE};
use super::plan::{Facts, Plan, Step};
use super::text::fill;
use super::write::File;

/// Returns the files, and the commands that deploy the server to Fly.io.
pub(super) fn plan(facts: &Facts<'_>) -> Plan {
    let project = facts.project;
    // Names on Fly.io are DNS labels.
    let app = project.name.to_ascii_lowercase().replace('_', "-");
    let text = fill(
        include_str!("files/fly.toml"),
        &[
            ("NAME", &project.name),
            ("APP", &app),
            ("DOCKERFILE", &facts.path(DOCKERFILE)),
        ],
    );
    // Fly.io builds in the folder of fly.toml.
    let mut files = docker::files(facts);
    files.push(File {
        path: project.workspace.join("fly.toml"),
        text,
    });
    let into = match facts.workspace_from_here() {
        here if here == "." => String::new(),
        up => format!("cd {up} && "),
    };
    let mut next = vec![
        Step::new(format!("{into}fly apps create {app}"), "only once"),
        Step::new(
            format!("fly volumes create state --app {app} --size 1"),
            "only once: the volume for sessions and sign-ins",
        ),
    ];
    if facts.variables.is_some() {
        next.push(Step::new(
            format!("fly secrets import --app {app} < .prod.vars"),
            "the variables in .dev.vars.example with values, NAME=value without quotes",
        ));
    }
    next.push(Step::new(
        format!("{into}fly deploy --ha=false"),
        "start one machine, at the URL in fly.toml",
    ));
    Plan { files, next }
}
