//! Why a worker could not be built, deployed or reached, and what to do about it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::error::FileError;

/// Why something about a worker could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{}` is no worker: it has no wrangler.jsonc", .folder.display())]
    NoWorker { folder: PathBuf },
    #[error("`{}` cannot be read: {why}", .path.display())]
    Config { path: PathBuf, why: String },
    #[error("`{}` names no `main`", .path.display())]
    NoMain { path: PathBuf },
    #[error("this is still missing:\n{}", list(.0))]
    Missing(Vec<Missing>),
    #[error("cannot start `{}`", .program.display())]
    Start {
        program: OsString,
        #[source]
        source: io::Error,
    },
    #[error("the worker was not built: `{}` ended with {status}", .program.display())]
    Build {
        program: OsString,
        status: ExitStatus,
    },
    #[error("the build made no `{}`", .path.display())]
    NothingBuilt { path: PathBuf },
    #[error("wrangler ended with {status}")]
    Wrangler { status: ExitStatus },
    #[error("wrangler did not say what it has deployed")]
    NoReport,
    #[error("`{name}` is no name of a secret")]
    SecretName { name: String },
    #[error("the secret is empty")]
    EmptySecret,
    #[error("the secret cannot be read")]
    ReadSecret(#[source] io::Error),
    #[error("`{option}` is for `--target workers` alone")]
    OnlyWorkers { option: &'static str },
    #[error(transparent)]
    File(#[from] FileError),
}

/// Something that has to be there first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// What it is.
    pub(crate) what: String,
    /// How to get it.
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
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoWorker { .. } => {
                "`farport new my-mcp-server --template worker` makes one; elsewhere than at \
                 Cloudflare this crate runs with `farport deploy --target docker`, systemd or fly"
            }
            Self::NoMain { .. } => {
                "worker-build makes `build/index.js`: \"main\": \"build/index.js\""
            }
            Self::Missing(_) => "get what is missing as it says there, and try again",
            Self::Build { .. } => "the compiler has said why, above",
            Self::NothingBuilt { .. } => {
                "`main` in wrangler's configuration has to be what \
                                          worker-build makes: \"build/index.js\""
            }
            Self::Wrangler { .. } | Self::NoReport => {
                "wrangler has said why, above. A secret that it misses is set with `farport secret \
                 put NAME`, also before there is a worker"
            }
            Self::SecretName { .. } => {
                "say the name alone, in letters, digits and `_`; the value is read from standard \
                 input, so that neither your shell's history nor the list of processes has it"
            }
            Self::EmptySecret => "give the value on standard input, or type it when you are asked",
            Self::OnlyWorkers { .. }
            | Self::Config { .. }
            | Self::Start { .. }
            | Self::ReadSecret(_)
            | Self::File(_) => return None,
        };
        Some(hint.to_owned())
    }
}
