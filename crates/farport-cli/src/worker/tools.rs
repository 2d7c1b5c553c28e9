//! The programs that a worker is built and deployed with: whether they are there, and how to get
//! them.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{Error, Missing};
use crate::env_vars;

/// The target that workers are compiled for.
const TARGET: &str = "wasm32-unknown-unknown";
/// The release of worker-build to install.
const WORKER_BUILD: &str = "0.8.7";
/// The oldest release of worker-build that knows what farport's workers export.
const OLDEST_WORKER_BUILD: (u32, u32) = (0, 8);
/// The wrangler that npx is asked for where the project has none.
const WRANGLER: &str = "4.164.0";
/// The oldest Node that this wrangler runs on.
const OLDEST_NODE: u32 = 22;

/// What is to be done with the tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The compiler's target and worker-build.
    pub(crate) build: bool,
    /// Someone to deploy for.
    pub(crate) account: bool,
}

/// The programs, all of them there.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    root: PathBuf,
    pub(super) worker_build: OsString,
    /// wrangler, and the words that stand before its own.
    wrangler: (OsString, Vec<OsString>),
}

impl Tools {
    /// Looks whether everything that is needed is there. If not, the error says how to get each.
    pub(crate) fn find(root: &Path, needs: Needs) -> Result<Self, Error> {
        let tools = Self {
            root: root.to_owned(),
            worker_build: named(env_vars::WORKER_BUILD).unwrap_or_else(|| "worker-build".into()),
            wrangler: find_wrangler(root),
        };
        let mut missing = Vec::new();
        if needs.build {
            missing.extend(tools.no_target()?);
            missing.extend(tools.no_worker_build()?);
        }
        match tools.no_wrangler()? {
            Some(wrangler) => missing.push(wrangler),
            // Without wrangler, nobody can tell.
            None if needs.account => missing.extend(tools.no_account()?),
            None => {}
        }
        match missing.is_empty() {
            true => Ok(tools),
            false => Err(Error::Missing(missing)),
        }
    }

    /// wrangler, to be run in the project's folder.
    pub(crate) fn wrangler(&self) -> Command {
        let (program, words) = &self.wrangler;
        let mut command = Command::new(program);
        command.args(words).current_dir(&self.root);
        if std::env::var_os(env_vars::WRANGLER_SEND_METRICS).is_none() {
            // It asks about this on its first run otherwise.
            command.env(env_vars::WRANGLER_SEND_METRICS, "false");
        }
        command
    }

    /// wrangler's program and first words, for those who start it in their own way.
    #[cfg(unix)]
    pub(crate) fn wrangler_words(&self) -> (&OsStr, &[OsString]) {
        (&self.wrangler.0, &self.wrangler.1)
    }

    /// worker-build.
    #[cfg(unix)]
    pub(crate) fn worker_build(&self) -> &OsStr {
        &self.worker_build
    }

    fn no_target(&self) -> Result<Option<Missing>, Error> {
        if std::env::var_os(env_vars::BUILD_STD).is_some() {
            // The standard library is compiled along.
            return Ok(None);
        }
        let rustc = named(env_vars::RUSTC).unwrap_or_else(|| "rustc".into());
        let args = ["--print", "target-libdir", "--target", TARGET];
        let folder = self.ask(&rustc, args)?;
        let there = folder.is_some_and(|folder| Path::new(folder.trim()).is_dir());
        Ok((!there).then(|| Missing {
            what: format!("the Rust target {TARGET}"),
            how: format!("rustup target add {TARGET}"),
        }))
    }

    fn no_worker_build(&self) -> Result<Option<Missing>, Error> {
        let how = || format!("cargo install worker-build@{WORKER_BUILD} --locked");
        let version = self.ask(&self.worker_build, ["--version"])?;
        Ok(match version.as_deref().map(version_in) {
            Some(Some(version)) if version >= OLDEST_WORKER_BUILD => None,
            Some(Some((major, minor))) => Some(Missing {
                what: format!("worker-build {WORKER_BUILD} (there is {major}.{minor})"),
                how: how(),
            }),
            Some(None) | None => Some(Missing {
                what: "worker-build".to_owned(),
                how: how(),
            }),
        })
    }

    fn no_wrangler(&self) -> Result<Option<Missing>, Error> {
        // A wrangler that was named may bring its own Node.
        if named(env_vars::WRANGLER).is_none() {
            let node = self.ask("node".as_ref(), ["--version"])?;
            let major = node.as_deref().and_then(version_in).map(|(major, _)| major);
            let missing = |what| {
                let how = format!("https://nodejs.org has Node {OLDEST_NODE} and newer");
                Ok(Some(Missing { what, how }))
            };
            match major {
                None => return missing("Node.js, which wrangler runs on".to_owned()),
                Some(major) if major < OLDEST_NODE => {
                    return missing(format!(
                        "Node.js {OLDEST_NODE}, which wrangler runs on (there is {major})"
                    ));
                }
                Some(_) => {}
            }
        }
        let mut wrangler = self.wrangler();
        let answered = output(wrangler.arg("--version"))?;
        let there = answered.as_deref().and_then(version_in).is_some();
        Ok((!there).then(|| Missing {
            what: "wrangler, Cloudflare's command".to_owned(),
            how: format!("npm install --save-dev wrangler@{WRANGLER}"),
        }))
    }

    fn no_account(&self) -> Result<Option<Missing>, Error> {
        if named(env_vars::CLOUDFLARE_API_TOKEN).is_some() {
            // Whether it is good, Cloudflare says when it is used.
            return Ok(None);
        }
        // Where it does not answer at all, it will say why when it is used.
        let mut whoami = self.wrangler();
        let answer = ran(whoami.args(["whoami", "--json"]))?.map(|answer| answer.stdout);
        let answer = answer.and_then(|answer| serde_json::from_slice::<Value>(&answer).ok());
        let nobody = answer.is_some_and(|answer| answer["loggedIn"] == false);
        Ok(nobody.then(|| Missing {
            what: "an account at Cloudflare".to_owned(),
            how: format!(
                "npx wrangler login    (without a browser: a token in {}, from \
                 https://dash.cloudflare.com/profile/api-tokens, template \"Edit Cloudflare Workers\")",
                env_vars::CLOUDFLARE_API_TOKEN
            ),
        }))
    }

    fn ask<const N: usize>(
        &self,
        program: &OsStr,
        args: [&str; N],
    ) -> Result<Option<String>, Error> {
        output(Command::new(program).args(args).current_dir(&self.root))
    }
}

/// What a program prints. `None` where there is no such program, or it fails.
fn output(command: &mut Command) -> Result<Option<String>, Error> {
    let output = ran(command)?.filter(|output| output.status.success());
    Ok(output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// What came of running a program. `None` where there is no such program.
fn ran(command: &mut Command) -> Result<Option<Output>, Error> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Start {
            program: command.get_program().to_owned(),
            source,
        }),
    }
}

/// A variable that says something.
fn named(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}

/// The wrangler that was named, or that of the project, or the one on the path, or whichever npx
/// gets.
fn find_wrangler(root: &Path) -> (OsString, Vec<OsString>) {
    let of_windows = |name: &str| match cfg!(windows) {
        true => format!("{name}.cmd"),
        false => name.to_owned(),
    };
    if let Some(program) = named(env_vars::WRANGLER) {
        return (program, Vec::new());
    }
    let name = of_windows("wrangler");
    let of_project = root
        .ancestors()
        .map(|folder| folder.join("node_modules/.bin").join(&name))
        .find(|program| program.is_file());
    let path = std::env::var_os(env_vars::PATH).unwrap_or_default();
    let on_path = || {
        std::env::split_paths(&path)
            .map(|folder| folder.join(&name))
            .find(|program| program.is_file())
    };
    match of_project.or_else(on_path) {
        Some(program) => (program.into(), Vec::new()),
        None => (
            of_windows("npx").into(),
            vec!["--yes".into(), format!("wrangler@{WRANGLER}").into()],
        ),
    }
}

/// The first version in a text, as its first two numbers.
fn version_in(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.trim_start_matches('v').split('.');
        let mut number = || numbers.next()?.parse().ok();
        Some((number()?, number()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_generated_takes_the_same_releases_of_the_tools() {
        let wrangler = format!("wrangler@{WRANGLER} ");
        assert!(include_str!("../scaffold/ci/worker.yml").contains(&wrangler));
        let worker_build = format!("worker-build@{WORKER_BUILD}");
        for text in [
            include_str!("../../../../templates/worker/build.sh"),
            include_str!("../../../../docs/workers.md"),
            include_str!("../../../../docs/cli.md"),
        ] {
            assert!(text.contains(&worker_build));
        }
    }

    #[test]
    fn a_version_is_found_however_it_is_said() {
        for (text, version) in [
            ("v24.21.0\n", Some((24, 21))),
            ("0.8.7\n", Some((0, 8))),
            ("\n \u{26c5}\u{fe0f} wrangler 4.164.0\n", Some((4, 164))),
            ("worker-build", None),
            ("", None),
        ] {
            assert_eq!(version_in(text), version, "{text:?}");
        }
    }
}
