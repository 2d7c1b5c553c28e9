//! Runs wrangler and reads its reports.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::config::Build;
use super::{Config, Error, Tools};
use crate::env_vars;
use crate::file_error::FileError;
use crate::system;

/// The options of a deployment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deployment<'a> {
    /// Whether wrangler does everything except the upload.
    pub(crate) dry_run: bool,
    /// An environment in wrangler's configuration.
    pub(crate) env: Option<&'a str>,
    /// A file of secrets to set together with the Worker.
    pub(crate) secrets_file: Option<&'a Path>,
}

/// A deployment that wrangler reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployed {
    /// The name of the Worker.
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    /// The origins of the Worker: `https://` and a host.
    pub(crate) origins: Vec<String>,
}

/// A line of wrangler's output file.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    worker_name: Option<String>,
    version_id: Option<String>,
    #[serde(default)]
    targets: Option<Vec<String>>,
}

/// Uploads the build. Returns `None` for a dry run.
pub(crate) fn deploy(
    config: &Config,
    tools: &Tools,
    deployment: Deployment<'_>,
) -> Result<Option<Deployed>, Error> {
    let copy = config.with_build(&Build::Nothing)?;
    let scratch =
        tempfile::tempdir().map_err(FileError::of("create a folder in", &std::env::temp_dir()))?;
    let report = scratch.path().join("report");
    let mut wrangler = tools.wrangler();
    wrangler.arg("deploy").arg("--config").arg(copy.path());
    wrangler.args(deployment.dry_run.then_some("--dry-run"));
    if config.minify(deployment.env).is_none() {
        wrangler.arg("--minify");
    }
    select(&mut wrangler, deployment.env);
    if let Some(secrets) = deployment.secrets_file {
        let secrets = std::path::absolute(secrets).map_err(FileError::of("find", secrets))?;
        wrangler.arg("--secrets-file").arg(secrets);
    }
    run(wrangler.env(env_vars::WRANGLER_OUTPUT_FILE_PATH, &report))?;
    if deployment.dry_run {
        return Ok(None);
    }
    let report = fs::read_to_string(&report).map_err(|_| Error::NoReport)?;
    deployed(&report).map(Some).ok_or(Error::NoReport)
}

/// Finds the deployment in wrangler's output file.
fn deployed(report: &str) -> Option<Deployed> {
    let entries = report.lines();
    // Skip entries of unknown types: they may have any fields.
    let mut entries = entries.filter_map(|line| serde_json::from_str::<Entry>(line).ok());
    let entry = entries.find(|entry| entry.kind == "deploy")?;
    let targets = entry.targets.unwrap_or_default();
    Some(Deployed {
        name: entry.worker_name,
        version: entry.version_id,
        origins: targets.iter().filter_map(|target| origin(target)).collect(),
    })
}

/// Returns the origin of a deployment's target: wrangler prints a URL for a subdomain of workers.dev, and a
/// name with a suffix for a custom domain. Returns `None` for routes and schedules.
fn origin(target: &str) -> Option<String> {
    if target.starts_with("https://") {
        return Some(target.trim_end_matches('/').to_owned());
    }
    let (name, rest) = target.split_once(' ')?;
    (rest.starts_with("(custom domain") && !name.contains(['/', '*']))
        .then(|| format!("https://{name}"))
}

/// Chooses an environment.
pub(super) fn select(wrangler: &mut Command, env: Option<&str>) {
    // An empty name selects the top level.
    wrangler.arg("--env").arg(env.unwrap_or_default());
}

/// Runs wrangler. Its output goes to standard error.
fn run(wrangler: &mut Command) -> Result<(), Error> {
    let status = wrangler
        .stdout(io::stderr())
        .status()
        .map_err(cannot_start(wrangler))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Wrangler { status })
    }
}

fn cannot_start(command: &Command) -> impl FnOnce(io::Error) -> Error + use<> {
    let program = command.get_program().to_owned();
    move |source| Error::Start { program, source }
}

/// Runs wrangler with a secret on its standard input.
pub(super) fn feed(wrangler: &mut Command, secret: &SecretString) -> Result<(), Error> {
    let mut child = wrangler
        .stdin(Stdio::piped())
        .stdout(io::stderr())
        .spawn()
        .map_err(cannot_start(wrangler))?;
    if let Some(mut input) = child.stdin.take()
        && let Err(error) = input.write_all(secret.expose_secret().as_bytes())
        // wrangler has exited and printed the reason.
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(cannot_start(wrangler)(error));
    }
    let status = child.wait().map_err(cannot_start(wrangler))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Wrangler { status })
    }
}

/// Runs wrangler without input, and returns its standard output.
pub(super) fn take(wrangler: &mut Command) -> Result<String, Error> {
    let output = wrangler
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(cannot_start(wrangler))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::Wrangler {
            status: output.status,
        })
    }
}

/// Runs wrangler without input.
pub(super) fn run_without_input(wrangler: &mut Command) -> Result<(), Error> {
    run(wrangler.stdin(Stdio::null()))
}

/// Replaces this process with wrangler. Runs wrangler where the system cannot replace processes.
pub(crate) fn exec(mut wrangler: Command) -> Result<(), Error> {
    let status = system::exec(&mut wrangler).map_err(cannot_start(&wrangler))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Wrangler { status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_the_deployment() {
        let report = r#"{"type":"wrangler-session","version":1}
{"type":"deploy","version":1,"worker_name":"a","worker_tag":null,"version_id":"v","targets":["https://a.me.workers.dev","mcp.example.com (custom domain)","example.com/* (zone name: example.com)","schedule: 5 * * * *"]}
"#;
        let expected = Deployed {
            name: Some("a".to_owned()),
            version: Some("v".to_owned()),
            origins: vec![
                "https://a.me.workers.dev".to_owned(),
                "https://mcp.example.com".to_owned(),
            ],
        };
        assert_eq!(deployed(report), Some(expected));
        assert_eq!(deployed("{\"type\":\"wrangler-session\"}\nnot JSON"), None);
    }
}
