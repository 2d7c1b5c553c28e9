//! The files for a Linux service.

use super::plan::{Facts, Plan, Step};
use super::text::fill;
use super::write::File;

/// Returns the files, and the commands that install the service.
pub(super) fn plan(facts: &Facts<'_>) -> Plan {
    let project = facts.project;
    let (name, binary) = (&*project.name, &*project.binary);
    let values = [("NAME", name), ("BINARY", binary)];
    let mut variables = fill(include_str!("files/env.example"), &values);
    if let Some(own) = &facts.variables {
        variables.push('\n');
        variables.push_str(&without_first_paragraph(own));
    }
    let target = format!("{}/target", facts.workspace_from_here());
    let target = target.strip_prefix("./").unwrap_or(&target);
    let mut next = vec![
        Step::new(
            "cargo build --release",
            "on a machine with the same system as the server's",
        ),
        Step::new(
            format!("sudo install -D {target}/release/{binary} /usr/local/bin/{binary}"),
            "",
        ),
        Step::new(
            format!("sudo install -D -m 600 {name}.env.example /etc/{name}/env"),
            "only once; then edit the file",
        ),
    ];
    if facts.has_settings {
        let install = format!("sudo install -m 644 farport.toml /etc/{name}/farport.toml");
        next.push(Step::new(install, ""));
    }
    next.extend([
        Step::new(
            format!("sudo install -m 644 {name}.service /etc/systemd/system/"),
            "",
        ),
        Step::new("sudo systemctl daemon-reload", ""),
        Step::new(
            format!("sudo systemctl enable {name} && sudo systemctl restart {name}"),
            "start the service at http://localhost:8787/mcp",
        ),
        Step::new(format!("journalctl -u {name} -f"), "show the log"),
    ]);
    Plan {
        files: vec![
            File {
                path: project.root.join(format!("{name}.service")),
                text: fill(include_str!("files/unit.service"), &values),
            },
            File {
                path: project.root.join(format!("{name}.env.example")),
                text: variables,
            },
        ],
        next,
    }
}

/// Removes the first paragraph of `.dev.vars.example`, which explains where to copy it.
fn without_first_paragraph(example: &str) -> String {
    match example.split_once("\n\n") {
        Some((first, rest)) if first.lines().all(|line| line.starts_with('#')) => rest.to_owned(),
        _ => example.to_owned(),
    }
}
