//! The tools that build and deploy a Worker: where they are, and how to install them.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{Error, Missing};
use crate::env_vars;

/// The compilation target of Workers.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// The version of wrangler to run with npx if the project has none.
const WRANGLER: &str = "4.164.0";
/// The oldest version of Node.js that this wrangler supports.
const OLDEST_NODE: u32 = 22;

/// What a command requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The compiler's target.
    pub(crate) build: bool,
    /// wrangler, and Node.js for it.
    pub(crate) wrangler: bool,
    /// A Cloudflare account.
    pub(crate) account: bool,
}

/// The tools, after a check that all of them are installed.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    root: PathBuf,
    /// wrangler's program, and arguments that precede wrangler's own.
    wrangler: (OsString, Vec<OsString>),
}

impl Tools {
    /// Checks that every required tool is installed.
    ///
    /// # Errors
    /// When tools are missing. The error lists all of them with the commands that install them.
    pub(crate) fn find(root: &Path, needs: Needs) -> Result<Self, Error> {
        let tools = Self {
            root: root.to_owned(),
            wrangler: find_wrangler(root),
        };
        let mut missing = Vec::new();
        if needs.build {
            missing.extend(tools.no_target()?);
        }
        if needs.wrangler {
            match tools.no_wrangler()? {
                Some(wrangler) => missing.push(wrangler),
                // Only wrangler can check the account.
                None if needs.account => missing.extend(tools.no_account()?),
                None => {}
            }
        }
        if missing.is_empty() {
            Ok(tools)
        } else {
            Err(Error::Missing(missing))
        }
    }

    /// A command that runs wrangler in the project's folder.
    pub(crate) fn wrangler(&self) -> Command {
        let (program, words) = self.wrangler_words();
        let mut command = Command::new(program);
        command.args(words).current_dir(&self.root);
        if std::env::var_os(env_vars::WRANGLER_SEND_METRICS).is_none() {
            // Without it, wrangler prompts for consent at its first run.
            command.env(env_vars::WRANGLER_SEND_METRICS, "false");
        }
        command
    }

    /// wrangler's program and first arguments, for callers that build the command themselves.
    pub(crate) fn wrangler_words(&self) -> (&OsStr, &[OsString]) {
        (&self.wrangler.0, &self.wrangler.1)
    }

    fn no_target(&self) -> Result<Option<Missing>, Error> {
        if std::env::var_os(env_vars::BUILD_STD).is_some() {
            // Cargo builds the standard library from source.
            return Ok(None);
        }
        let rustc = named(env_vars::RUSTC).unwrap_or_else(|| "rustc".into());
        let args = ["--print", "target-libdir", "--target", TARGET];
        let folder = self.query(&rustc, args)?;
        let installed = folder.is_some_and(|folder| Path::new(folder.trim()).is_dir());
        Ok((!installed).then(|| Missing {
            what: format!("the Rust target {TARGET}"),
            how: format!("rustup target add {TARGET}"),
        }))
    }

    fn no_wrangler(&self) -> Result<Option<Missing>, Error> {
        // The wrangler in WRANGLER may use its own Node.js.
        if named(env_vars::WRANGLER).is_none() {
            let node = self.query("node".as_ref(), ["--version"])?;
            let major = node.as_deref().and_then(version_in).map(|(major, _)| major);
            let missing = |what| {
                let how = format!("install Node.js {OLDEST_NODE} or newer from https://nodejs.org");
                Ok(Some(Missing { what, how }))
            };
            match major {
                None => return missing(format!("Node.js {OLDEST_NODE}, for wrangler")),
                Some(major) if major < OLDEST_NODE => {
                    return missing(format!(
                        "Node.js {OLDEST_NODE}, for wrangler (installed: {major})"
                    ));
                }
                Some(_) => {}
            }
        }
        let mut wrangler = self.wrangler();
        let version = output(wrangler.arg("--version"))?;
        let installed = version.as_deref().and_then(version_in).is_some();
        Ok((!installed).then(|| Missing {
            what: "wrangler".to_owned(),
            how: format!("npm install --save-dev wrangler@{WRANGLER}"),
        }))
    }

    fn no_account(&self) -> Result<Option<Missing>, Error> {
        if named(env_vars::CLOUDFLARE_API_TOKEN).is_some() {
            // Cloudflare checks the token when wrangler uses it.
            return Ok(None);
        }
        // If `whoami` fails, wrangler reports the reason at the next command.
        let mut whoami = self.wrangler();
        let output = ran(whoami.args(["whoami", "--json"]))?.map(|output| output.stdout);
        let account = output.and_then(|output| serde_json::from_slice::<Value>(&output).ok());
        let signed_out = account.is_some_and(|account| account["loggedIn"] == false);
        Ok(signed_out.then(|| Missing {
            what: "a Cloudflare account".to_owned(),
            how: format!(
                "npx wrangler login    (without a browser: set {} to a token from \
                 https://dash.cloudflare.com/profile/api-tokens, template \"Edit Cloudflare Workers\")",
                env_vars::CLOUDFLARE_API_TOKEN
            ),
        }))
    }

    fn query<const N: usize>(
        &self,
        program: &OsStr,
        args: [&str; N],
    ) -> Result<Option<String>, Error> {
        output(Command::new(program).args(args).current_dir(&self.root))
    }
}

/// Runs a program and returns its standard output. Returns `None` if the program does not exist or fails.
fn output(command: &mut Command) -> Result<Option<String>, Error> {
    let output = ran(command)?.filter(|output| output.status.success());
    Ok(output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Runs a program. Returns `None` if it does not exist.
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

/// Returns cargo's program.
pub(super) fn cargo() -> OsString {
    named(env_vars::CARGO).unwrap_or_else(|| "cargo".into())
}

/// Returns an environment variable that is not empty.
pub(super) fn named(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}

/// Finds wrangler: in WRANGLER, in the project, in PATH, or through npx.
fn find_wrangler(root: &Path) -> (OsString, Vec<OsString>) {
    let script = |name: &str| match std::env::consts::OS {
        "windows" => format!("{name}.cmd"),
        _ => name.to_owned(),
    };
    if let Some(program) = named(env_vars::WRANGLER) {
        return (program, Vec::new());
    }
    let name = script("wrangler");
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
            script("npx").into(),
            vec!["--yes".into(), format!("wrangler@{WRANGLER}").into()],
        ),
    }
}

/// Finds the first version in a text, as its first two numbers.
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
    fn generated_files_use_the_same_tool_versions() {
        let wrangler = format!("wrangler@{WRANGLER} ");
        assert!(include_str!("../scaffold/ci/worker.yml").contains(&wrangler));
    }

    #[test]
    fn a_version_is_found_in_each_format() {
        for (text, version) in [
            ("v24.21.0\n", Some((24, 21))),
            ("0.8.7\n", Some((0, 8))),
            ("\n \u{26c5}\u{fe0f} wrangler 4.164.0\n", Some((4, 164))),
            ("wrangler", None),
            ("", None),
        ] {
            assert_eq!(version_in(text), version, "{text:?}");
        }
    }
}
