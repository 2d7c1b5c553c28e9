//! Why a crate was not generated, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::error::FileError;

use super::builtin;
use super::crate_name::Problem;

/// Why a crate was not generated. Nothing was left behind then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{name}` cannot name a crate: {problem}")]
    Name {
        name: String,
        problem: Problem,
        better: Option<String>,
    },
    #[error("`{}` does not end in a name for the crate", .path.display())]
    NoName { path: PathBuf },
    #[error("the template depends on a crate called `{name}` too")]
    NameOfDependency { name: String },

    #[error("`{}` exists and is not a folder", .path.display())]
    NotAFolder { path: PathBuf },
    #[error("the folder `{}` is not empty", .path.display())]
    NotEmpty { path: PathBuf },

    #[error(
        "there is no template `{template}`: it is neither built in, nor a folder, nor a git address"
    )]
    NoTemplate { template: String },
    #[error("the template `{template}` has no form for Cloudflare Workers")]
    NoWorkerForm { template: String },
    #[error("the template has a `{}` already", .path.display())]
    HasWorkflow { path: PathBuf },
    #[error("templates are not fetched over `{protocol}`")]
    Protocol { protocol: String },
    #[error("`{branch}` is not the name of a branch")]
    Branch { branch: String },
    #[error("`{subfolder}` does not name a folder inside the template")]
    Subfolder { subfolder: String },
    #[error("the template has no folder `{subfolder}`")]
    NoSubfolder { subfolder: String },
    #[error("`{template}` is no template: it has no `Cargo.toml` with a `[package]` and its name")]
    NotACrate { template: String },
    #[error("the template's `Cargo.toml` cannot be read")]
    Manifest {
        #[source]
        source: Box<toml_edit::TomlError>,
    },
    #[error("the template's `{}` is a link to `{}`, outside the template", .link.display(), .target.display())]
    Link { link: PathBuf, target: PathBuf },
    #[error("the template's `{}` is neither a file, nor a folder, nor a link", .path.display())]
    Special { path: PathBuf },
    #[error("the template has more than {limit}")]
    TooLarge { limit: String },
    #[error("the template's folders cannot be read")]
    Walk {
        #[source]
        source: ignore::Error,
    },

    #[error("there is no `git` program here")]
    NoGit {
        #[source]
        source: io::Error,
    },
    #[error("git could not fetch `{template}`:\n{}", indent(.said))]
    Fetch { template: String, said: String },
    #[error("git could not make a repository:\n{}", indent(.said))]
    Init { said: String },

    #[error("the checkout of farport that this command was built from is gone")]
    NoCheckout,
    #[error(transparent)]
    File(#[from] FileError),
}

fn indent(said: &str) -> String {
    said.lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Error {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name {
                better: Some(better),
                ..
            } => format!("a name that works: `{better}`"),
            Self::Name { better: None, .. } | Self::NoName { .. } => {
                "give a name of letters, digits and dashes, such as `my-mcp-server`".to_owned()
            }
            Self::NameOfDependency { name } => format!("choose another name, such as `my-{name}`"),
            Self::NotAFolder { .. } | Self::NotEmpty { .. } => {
                "choose another name, or move what is there out of the way; nothing was touched"
                    .to_owned()
            }
            Self::NoTemplate { .. } => format!(
                "built in: {}; or a folder; or a git address as URL#branch:subfolder",
                builtin::names().collect::<Vec<_>>().join(", ")
            ),
            Self::NoWorkerForm { .. } => format!(
                "built in with one: {}; a folder or a git repository is taken as it is, without \
                 `--target`",
                builtin::with_worker_form().collect::<Vec<_>>().join(", ")
            ),
            Self::HasWorkflow { .. } => "leave out `--ci`".to_owned(),
            Self::Protocol { .. } => "use https, ssh or file".to_owned(),
            Self::Branch { .. } | Self::Subfolder { .. } => {
                "a git address is URL, URL#branch, URL#branch:subfolder or URL#:subfolder"
                    .to_owned()
            }
            Self::NoSubfolder { .. } | Self::NotACrate { .. } => {
                "if the crate is in a folder further down, name it, as in URL#branch:subfolder"
                    .to_owned()
            }
            Self::TooLarge { .. } => {
                "is it the right folder? A template is one small crate".to_owned()
            }
            Self::NoGit { .. } => {
                "install git, or fetch the template yourself and name its folder".to_owned()
            }
            Self::NoCheckout => "leave out `--path-deps`, or build this command anew from a \
                                 checkout: `cargo run -- new ...`"
                .to_owned(),
            Self::Manifest { .. }
            | Self::Link { .. }
            | Self::Special { .. }
            | Self::Walk { .. }
            | Self::Fetch { .. }
            | Self::Init { .. }
            | Self::File(_) => return None,
        })
    }
}
