//! What wrangler is told to do, and what it says it has done.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::config::Build;
use super::{Config, Error, Tools};
use crate::env_vars;
use crate::error::FileError;

/// What a deployment is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deployment<'a> {
    /// Everything but sending it.
    pub(crate) dry_run: bool,
    /// An environment of wrangler's configuration.
    pub(crate) env: Option<&'a str>,
    /// Secrets to set along with it.
    pub(crate) secrets_file: Option<&'a Path>,
}

/// What wrangler says it has deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployed {
    /// The worker's name.
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    /// Where it can be reached: `https://` and a host.
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

/// Uploads what was built. `None` for a dry run.
pub(crate) fn deploy(
    config: &Config,
    tools: &Tools,
    deployment: Deployment<'_>,
) -> Result<Option<Deployed>, Error> {
    let copy = config.with_build(&Build::Nothing)?;
    let scratch =
        tempfile::tempdir().map_err(FileError::of("make a folder in", &std::env::temp_dir()))?;
    let report = scratch.path().join("report");
    let mut wrangler = tools.wrangler();
    wrangler.arg("deploy").arg("--config").arg(copy.path());
    wrangler.args(deployment.dry_run.then_some("--dry-run"));
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

/// What the output file says was deployed.
fn deployed(report: &str) -> Option<Deployed> {
    let entries = report.lines();
    // Entries of kinds to come may look like anything.
    let mut entries = entries.filter_map(|line| serde_json::from_str::<Entry>(line).ok());
    let entry = entries.find(|entry| entry.kind == "deploy")?;
    let targets = entry.targets.unwrap_or_default();
    Some(Deployed {
        name: entry.worker_name,
        version: entry.version_id,
        origins: targets.iter().filter_map(|target| origin(target)).collect(),
    })
}

/// The origin that a target of a deployment is, if it is one: a subdomain of workers.dev is its URL,
/// a custom domain its name and what it is. Routes and schedules are none.
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
    // Empty is the top level, said aloud.
    wrangler.arg("--env").arg(env.unwrap_or_default());
}

/// Runs wrangler to its end. What it says goes to standard error.
fn run(wrangler: &mut Command) -> Result<(), Error> {
    let status = wrangler
        .stdout(io::stderr())
        .status()
        .map_err(cannot_start(wrangler))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::Wrangler { status }),
    }
}

fn cannot_start(command: &Command) -> impl FnOnce(io::Error) -> Error + use<> {
    let program = command.get_program().to_owned();
    move |source| Error::Start { program, source }
}

/// Runs wrangler with something on its standard input that nobody else sees.
pub(super) fn feed(wrangler: &mut Command, secret: &SecretString) -> Result<(), Error> {
    let mut child = wrangler
        .stdin(Stdio::piped())
        .stdout(io::stderr())
        .spawn()
        .map_err(cannot_start(wrangler))?;
    if let Some(mut input) = child.stdin.take()
        && let Err(error) = input.write_all(secret.expose_secret().as_bytes())
        // Then it has ended already, and says why.
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        return Err(cannot_start(wrangler)(error));
    }
    let status = child.wait().map_err(cannot_start(wrangler))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::Wrangler { status }),
    }
}

/// Runs wrangler without input, and takes what it prints to standard output.
pub(super) fn take(wrangler: &mut Command) -> Result<String, Error> {
    let output = wrangler
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(cannot_start(wrangler))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Error::Wrangler {
            status: output.status,
        }),
    }
}

/// Runs wrangler without input.
pub(super) fn run_silently_fed(wrangler: &mut Command) -> Result<(), Error> {
    run(wrangler.stdin(Stdio::null()))
}

/// Becomes wrangler; where that is not possible, runs it.
pub(crate) fn become_it(mut wrangler: Command) -> Result<(), Error> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        let source = wrangler.exec();
        Err(cannot_start(&wrangler)(source))
    }
    #[cfg(not(unix))]
    {
        let status = wrangler.status().map_err(cannot_start(&wrangler))?;
        match status.success() {
            true => Ok(()),
            false => Err(Error::Wrangler { status }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deployed_is_read_from_the_report() {
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
