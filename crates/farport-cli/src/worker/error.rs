//! Why a Worker could not be built, deployed or managed.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::file_error::FileError;

/// Why a Worker could not be built, deployed or managed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("this crate is not a Worker: `{}` contains no wrangler.jsonc", .folder.display())]
    NoWorker { folder: PathBuf },
    #[error("cannot read `{}`: {why}", .path.display())]
    Config { path: PathBuf, why: String },
    #[error("`{}` has no `main`", .path.display())]
    NoMain { path: PathBuf },
    #[error("required tools are missing:\n{}", list(.0))]
    Missing(Vec<Missing>),
    #[error("cannot run `{}`", .program.display())]
    Start {
        program: OsString,
        #[source]
        source: io::Error,
    },
    #[error("build failed: `{}` returned {status}", .program.display())]
    Build {
        program: OsString,
        status: ExitStatus,
    },
    #[error("cannot read the output of a program")]
    Output(#[source] io::Error),
    #[error("cargo cannot read the crate's dependencies")]
    Dependencies {
        #[source]
        source: Box<cargo_metadata::Error>,
    },
    #[error("the crate does not depend on wasm-bindgen")]
    NoBindgen,
    #[error("cannot build wasm-bindgen {version}: cargo returned {status}")]
    Bindgen { version: String, status: ExitStatus },
    #[error("the crate has no library of the type `cdylib`")]
    NoModule,
    #[error("required secrets are not set: {}", .names.join(", "))]
    NoSecrets { names: Vec<String> },
    #[error("the build did not create `{}`", .path.display())]
    NothingBuilt { path: PathBuf },
    #[error("wrangler failed ({status})")]
    Wrangler { status: ExitStatus },
    #[error("wrangler reported no result")]
    NoReport,
    #[error("invalid secret name `{name}`")]
    SecretName { name: String },
    #[error("the secret is empty")]
    EmptySecret,
    #[error("cannot read the secret")]
    ReadSecret(#[source] io::Error),
    #[error("`{option}` requires `--target workers`")]
    OnlyWorkers { option: &'static str },
    #[error(transparent)]
    File(#[from] FileError),
}

/// A requirement that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The name of the tool.
    pub(crate) what: String,
    /// The command that installs it.
    pub(crate) how: String,
}

fn list(missing: &[Missing]) -> String {
    let lines = missing.iter();
    let lines: Vec<_> = lines
        .map(|Missing { what, how }| format!("  {what}\n      {how}"))
        .collect();
    lines.join("\n")
}

impl Error {
    /// What the user can do about the error.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoWorker { .. } => {
                "to create a Worker, run `farport new NAME --template worker`; to deploy this crate \
                 elsewhere, use `--target docker`, `systemd` or `fly`"
            }
            Self::NoMain { .. } => {
                "add \"main\": \"build/index.js\", which `farport deploy` creates"
            }
            Self::Missing(_) => "run the commands above, then try again",
            Self::Build { .. } => "see the compiler's errors above",
            Self::NothingBuilt { .. } => {
                "set \"main\": \"build/index.js\" in wrangler's configuration: farport creates \
                 this file"
            }
            Self::NoBindgen => {
                "add the crates `worker` and `farport-workers`, as the template `worker` does"
            }
            Self::NoModule => "add `crate-type = [\"cdylib\", \"rlib\"]` to `[lib]` in Cargo.toml",
            Self::NoSecrets { .. } => {
                "set each with `farport secret put NAME`, even before the first deployment"
            }
            Self::Bindgen { version, .. } => {
                return Some(format!(
                    "see cargo's errors above, or install it: `cargo install wasm-bindgen-cli@{version} \
                     --locked`"
                ));
            }
            Self::Wrangler { .. } | Self::NoReport => {
                "see wrangler's messages above; if a secret is missing, set it with `farport secret \
                 put NAME`, even before the first deployment"
            }
            Self::SecretName { .. } => {
                "use letters, digits and `_`, and pass the value on standard input: arguments are \
                 visible in the shell's history and the process list"
            }
            Self::EmptySecret => "pass the value on standard input, or enter it at the prompt",
            Self::OnlyWorkers { .. }
            | Self::Output(_)
            | Self::Dependencies { .. }
            | Self::Config { .. }
            | Self::Start { .. }
            | Self::ReadSecret(_)
            | Self::File(_) => return None,
        };
        Some(hint.to_owned())
    }
}
