//! Builds with cargo. Cargo's progress and diagnostics go to the terminal.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use cargo_metadata::{Artifact, Message, TargetKind};
use clap::ColorChoice;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::machine::Binary;
use super::server::Stop;
use super::{Error, guard};
use crate::env_vars;
use crate::project::Project;

/// The build options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Profile {
    pub(super) release: bool,
    pub(super) color: ColorChoice,
}

/// Builds the project's binary. Returns `None` if the build failed or was stopped; cargo prints the reason.
pub(super) async fn build(
    project: &Project,
    profile: Profile,
    stop: &mut Stop,
) -> Result<Option<Binary>, Error> {
    let cargo = std::env::var_os(env_vars::CARGO).unwrap_or_else(|| "cargo".into());
    let mut child = guard::command(&cargo, false)
        .args([
            "build",
            "--message-format=json-render-diagnostics",
            "--bin",
            &project.binary,
        ])
        .arg(format!("--color={}", profile.color))
        .arg("--manifest-path")
        .arg(project.root.join("Cargo.toml"))
        .args(profile.release.then_some("--release"))
        .current_dir(&project.root)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|source| Error::Start {
            program: cargo.clone(),
            source,
        })?;
    let cannot_read = |source| Error::Start {
        program: cargo.clone(),
        source,
    };

    let mut binary = None;
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output).lines();
        loop {
            let line = tokio::select! {
                line = lines.next_line() => line.map_err(cannot_read)?,
                () = stop.requested() => {
                    guard::terminate_group(&child);
                    break;
                }
            };
            match line.as_deref().map(serde_json::from_str) {
                Some(Ok(Message::CompilerArtifact(artifact))) => {
                    binary = executable(&artifact, &project.binary).or(binary);
                }
                // Other messages, and the output of build scripts.
                Some(_) => {}
                None => break,
            }
        }
    }
    let status = child.wait().await.map_err(cannot_read)?;
    Ok(binary.filter(|_| status.success()))
}

fn executable(artifact: &Artifact, name: &str) -> Option<Binary> {
    let target = &artifact.target;
    let path: &Path = artifact.executable.as_ref()?.as_std_path();
    let written = fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()?;
    (target.name == name && target.kind.contains(&TargetKind::Bin)).then(|| Binary {
        path: path.to_owned(),
        written,
    })
}
